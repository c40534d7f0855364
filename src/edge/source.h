/* Where connections and requests come from: an IPv4 address or an IPv6 /64, and what it may take.
 *
 * A source is known while a connection from it is open, and afterwards until its buckets are full
 * again: who closes and comes back at once finds them as he left them. Those that are only
 * remembered are bounded; when there are too many the oldest are forgotten, which is to their
 * advantage. Listeners with a limit of their own count by themselves, the others together. */
#ifndef EDGE_SOURCE_H
#define EDGE_SOURCE_H

#include "base/addr.h"
#include "base/list.h"

struct edge;
struct exchange;
struct listener;

#define SOURCES_RESTING_MAX 8192u

struct source {
    struct source_key {
        struct addr addr;
        uint8_t listener[65]; /* its name, or nothing */
    } key;
    uint32_t open;                 /* connections */
    uint64_t handshakes, requests; /* buckets, see rate.h */
    struct list rest;              /* in edge->resting while nothing is open */
};

/* A connection from there to l: counted, or NULL when a limit is reached. */
struct source *source_enter(struct listener *l, const struct addr *a);
/* It has ended. NULL is nothing. */
void source_leave(struct edge *e, struct source *s);
/* May this client make another request now? */
bool source_may_ask(struct exchange *x);
void sources_fini(struct edge *e);

#endif
