/* One question to a control socket, one answer. */
#ifndef CLI_SOCKET_H
#define CLI_SOCKET_H

#include "base/buf.h"

/* Connects to the Unix socket, sends one frame, reads one. answer: initialised by the caller with its
 * maximum. 0, -errno of the connection, FAULT_CLOSED, FAULT_LIMIT, FAULT_TIMEOUT. */
must_check int socket_ask(const char *path, struct span question, struct buf *answer);

#endif
