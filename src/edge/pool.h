/* Endpoints of routes: their idle connections, and whether they work.
 *
 * A pool is one endpoint of one route as one edge sees it. Pools are found by route, place and
 * trust, so that a new snapshot keeps the connections of what did not change. Generations and
 * connections hold references to a pool.
 *
 *   UNKNOWN ─▶ UP ─▶ DOWN ─▶ UP …
 *
 * Three failures in a row (no connection, no handshake, no answer) make it DOWN; a certificate that
 * is not trusted does so at once, and so does a connection that fails to a route's only endpoint,
 * for which DOWN is what people see and nothing else. DOWN lasts ten seconds, then one request
 * tries it; each time that fails the pause doubles, to a minute. With a health check, its answers
 * and nobody's request bring it back. An answer of any status is a success. */
#ifndef EDGE_POOL_H
#define EDGE_POOL_H

#include "edge/balance.h"
#include "edge/upstream.h"

enum pool_health { POOL_UNKNOWN, POOL_UP, POOL_DOWN };

#define POOL_FAILURES 3u
#define POOL_PAUSE_MS 10000u
#define POOL_PAUSE_MAX_MS 60000u

struct pool {
    struct list link; /* in edge->pools */
    struct edge *edge;
    unsigned refs;
    char *route, *url;
    uint64_t id; /* of the endpoint: the same on every edge */
    enum upstream_scheme scheme;
    char *host, *path;
    struct addr addrs[UPSTREAM_ADDRS_MAX];
    size_t addr_count, addr_at; /* the one that is dialled */
    uint32_t addr_serial;       /* of this set of them */
    uint16_t port;
    struct tls_client *tls; /* a reference; NULL: plain */
    SSL_SESSION *session;   /* for the next handshake, or NULL */
    struct list idle;       /* most recently used last */
    uint32_t open;          /* connections in any state */
    uint64_t idle_ms;
    uint32_t max;
    bool alone;       /* its route has no other */
    bool draining;    /* gets nothing new */
    uint64_t slow_ms; /* how long its share grows after it came back */
    struct probe *probe;

    enum pool_health health;
    unsigned failures; /* in a row */
    uint64_t failed_at, down_until, trial_until, pause_ms;
    uint64_t up_since; /* of its last return; 0: it was never down */
    char down_why[128];
    uint64_t opened, reused, failed;
};

/* A reference to the pool of this endpoint, made when there is none. `tls` is what it is trusted
 * by, or NULL. NULL without memory. */
struct pool *pool_find(struct edge *e, const struct route_def *route,
                       const struct upstream_def *def, struct tls_client *tls,
                       const struct limits *limits);
void pool_unref(struct pool *p);
/* Does a generation still use it? Otherwise connections would be kept for nobody. */
static inline bool pool_is_wanted(const struct pool *p)
{
    return p->refs > p->open;
}
/* The endpoint's name has these addresses from now on: idle connections to others end, and busy
 * ones are not kept. */
void pool_moves(struct pool *p, const struct upstream_def *def);
/* Closes every idle connection. */
void pool_flush(struct pool *p);

/* The edge ends: no health checks either. */
void pool_close(struct pool *p);

/* It answered. */
void pool_says_up(struct pool *p);
/* It failed; `now`: what failed is no accident, it is down from this moment. */
void pool_says_down(struct pool *p, const char *why, bool now);
/* It showed a certificate that is not trusted: down, and told with what was seen. */
void pool_says_refused(struct pool *p, const struct tls_peer *peer);
/* A health check has come to a result. */
void pool_says_checked(struct pool *p, bool good, const char *why);

/* The endpoint for a request among those of its route; `tried`: a bit for each that had its chance.
 * `key` is the same for all requests of one session. SIZE_MAX: none is left. */
size_t pool_choose(struct pool *const *pools, size_t count, enum balance balance, uint64_t key,
                   uint64_t tried);

#endif
