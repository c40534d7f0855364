/* Health checks: a GET of a route's health_path now and then, from each edge to each endpoint.
 *
 * 2xx and 3xx are good. Two good answers bring an endpoint that was down back, three bad ones take
 * it out. A check has a connection of its own that ends with it, and no session: it proves that the
 * console answers, not that anybody may use it. */
#ifndef EDGE_HEALTH_H
#define EDGE_HEALTH_H

#include "base/macros.h"
#include "conf/snapshot.h"

struct pool;
struct probe;

#define HEALTH_GOOD 2u
#define HEALTH_BAD 3u
#define HEALTH_TIMEOUT_MS 5000u

/* Begins, changes or (health_path "") ends the checks of a pool. 0 or -ENOMEM. */
must_check int probe_set(struct pool *p, const struct route_def *route);
void probe_free(struct probe *probe);
/* Its connection has news. */
void probe_step(struct probe *probe);

#endif
