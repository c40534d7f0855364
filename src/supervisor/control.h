/* supervisor.sock: one word in, one JSON text out.
 *
 * Frames are a big-endian u32 length and that many bytes. Only root and the service's own account
 * are answered; both are asked of the kernel (SO_PEERCRED), because the socket's mode can be
 * changed by a mistake. A call may be answered later; a client that leaves before takes its call
 * along. */
#ifndef SUPERVISOR_CONTROL_H
#define SUPERVISOR_CONTROL_H

#include <sys/types.h>
#include <uv.h>

#include "base/list.h"
#include "base/span.h"

#define CONTROL_REQUEST_MAX 64u
#define CONTROL_CLIENTS_MAX 32u

struct control_call; /* one client and what it waits for */

struct control {
    uv_pipe_t pipe;
    struct list clients;
    unsigned count;
    uid_t owner;
    void (*on_word)(void *arg, struct control_call *call, struct span word);
    void (*on_gone)(void *arg, struct control_call *call);
    void *arg;
    bool open;
};

/* Binds a stream socket at this path: mode 0660, owned by uid:gid when we are root; removes a stale
 * file of the same name first. The descriptor, or -errno. */
must_check int control_bind(const char *path, uid_t uid, gid_t gid);
/* Takes fd. */
must_check int control_start(struct control *c, uv_loop_t *loop, int fd, uid_t owner);
/* The descriptor of the client, borrowed. */
int control_fd(const struct control_call *call);
/* A client of the program before this one, who waits for an answer. Takes fd. NULL: it is gone. */
struct control_call *control_adopt(struct control *c, int fd);
/* Answers; the call is over. */
void control_answer(struct control_call *call, struct span text);
void control_stop(struct control *c);

#endif
