/* One question to a control socket, one answer. */
#ifndef CLI_SOCKET_H
#define CLI_SOCKET_H

#include "base/buf.h"

/* Connects to the Unix socket, sends one frame, reads one. answer: initialised by the caller with
 * its maximum. The supervisor holds the sockets, so a connection says nothing about who would
 * answer: `still` (or NULL) is called every few seconds without an answer, and false ends the wait.
 * 0, -errno of the connection, FAULT_CLOSED, FAULT_LIMIT, FAULT_TIMEOUT. */
must_check int socket_ask(const char *path, struct span question, struct buf *answer,
                          bool (*still)(void *context), void *context);

/* The two halves, for who keeps the connection: a descriptor or -errno; then as above. */
must_check int socket_connect(const char *path);
must_check int socket_exchange(int fd, struct span question, struct buf *answer,
                               bool (*still)(void *context), void *context);

#endif
