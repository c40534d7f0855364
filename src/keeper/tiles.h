/* The consoles as a person sees them: which, where, and whether they answer. */
#ifndef KEEPER_TILES_H
#define KEEPER_TILES_H

#include "keeper/call.h"
#include "keeper/live.h"

/* Could any rule admit the caller to the route? The host's owner and other owners see what is
 * theirs to use, not everything: the page for running postern lists all routes. */
bool tile_may(const struct call *c, const struct route_def *route);
/* Where the tile leads; empty when no listener serves the route. */
void tile_url(const struct live *l, const struct route_def *route, struct buf *out);
/* "up", "down" or "unknown": the worst that an edge says. A route is up while one of its upstreams
 * is. */
const char *tile_health(const struct keeper *k, const char *route);
/* The same of one upstream, by its text; *detail is what the edge said of it, for owners. */
const char *tile_endpoint(const struct keeper *k, const char *route, const char *endpoint,
                          struct span *detail);

#endif
