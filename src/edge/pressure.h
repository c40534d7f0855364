/* What gives way when there is too much: too many connections, too much memory, no descriptor.
 *
 * Connections that serve nobody at the moment stand in three rings: fresh ones, whose client has
 * not shown that he may do anything (a handshake, a first request that does not come, a login
 * page); idle ones without a session; idle ones whose last request a session was good for. When
 * room is needed they end in this order, the oldest first; a connection with a request under way
 * never does. So whoever holds many connections open loses them to newcomers, who can still log in,
 * and those who work notice nothing. */
#ifndef EDGE_PRESSURE_H
#define EDGE_PRESSURE_H

#include <stdint.h>

#include "base/list.h"

struct conn;
struct edge;

enum pressure_ring { RING_FRESH, RING_IDLE, RING_KNOWN, RING_COUNT };

struct pressure {
    struct list ring[RING_COUNT]; /* struct conn by its spare */
    uint64_t memory;              /* in use, when last looked at; bytes */
    uint64_t looked_ms;
};

void pressure_init(struct edge *e);
/* The connection begins or ends to serve nobody, or is gone. */
void pressure_note(struct conn *c);
void pressure_leave(struct conn *c);
/* Ends the one that is missed least. False: everybody is at work. */
bool pressure_relieve(struct edge *e);
/* Makes room for a new connection, if need be. False: there is none. */
bool pressure_admits(struct edge *e);

#endif
