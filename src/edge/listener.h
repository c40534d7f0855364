/* Listening sockets and the early gate: whom we accept at all, before anything is allocated or
 * encrypted for him. */
#ifndef EDGE_LISTENER_H
#define EDGE_LISTENER_H

#include "edge/conn.h"

struct listener {
    struct list link; /* in edge->listeners */
    struct edge *edge;
    struct watch watch;
    struct deadline retry; /* after descriptors ran out */
    int fd;
    uint16_t port;
    unsigned refs;
    uint32_t open; /* connections */
    bool paused, closed;
    bool asks; /* its connections tell their interface */
    char name[65];
    char interface[INTERFACE_SIZE]; /* that the socket is bound to, or "" */
    const struct listener_def *def; /* of the generation with this serial */
    uint32_t def_serial;
};

/* Takes fd. Accepting starts with listener_resume. */
must_check int listener_new(struct edge *e, int fd, struct span name);
void listener_unref(struct listener *l);
/* Is there an identity to show, and does the configuration in force still name it? */
bool listener_serves(struct listener *l);
/* A connection of this one: admitted and opened, or closed. Takes fd. */
void listener_admit(struct listener *l, int fd, const struct arrived *who);
/* What the generation in force says of it; NULL when it no longer names it. */
const struct listener_def *listener_def(struct listener *l);
/* Seconds: the listener's own, or those of the limits. */
uint32_t listener_handshake_timeout(struct listener *l);
uint32_t listener_header_timeout(struct listener *l);
/* A connection begins and ends. */
void listener_join(struct listener *l);
void listener_leave(struct listener *l);
/* Accept from now on, once there is a generation and an identity. */
void listeners_resume(struct edge *e);
/* Accept no more, for good. */
void listeners_close(struct edge *e);

#endif
