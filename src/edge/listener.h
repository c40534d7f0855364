/* Listening sockets and the early gate: whom we accept at all, before anything is allocated or
 * encrypted for him. */
#ifndef EDGE_LISTENER_H
#define EDGE_LISTENER_H

#include "edge/edge.h"

struct listener {
    struct list link; /* in edge->listeners */
    struct edge *edge;
    struct watch watch;
    struct deadline retry; /* after descriptors ran out */
    int fd;
    uint16_t port;
    unsigned refs;
    bool paused, closed;
    char name[65];
};

/* Open connections from one source: an IPv4 address or an IPv6 /64. */
struct source {
    struct addr key;
    uint32_t open;
};

/* Takes fd. Accepting starts with listener_resume. */
must_check int listener_new(struct edge *e, int fd, struct span name);
void listener_unref(struct listener *l);
/* Accept from now on, once there is a generation and an identity. */
void listeners_resume(struct edge *e);
/* Accept no more, for good. */
void listeners_close(struct edge *e);
void source_leave(struct edge *e, struct source *s);

#endif
