/* Connections to upstreams: a pool per route, kept alive between exchanges.
 *
 * An upstream connection is CONNECTING, BUSY with one exchange, or IDLE in its pool; an idle one
 * that says anything is closed. Pools are found by route name and address, so that a new snapshot
 * keeps the connections of unchanged routes. Generations and connections hold references to a pool.
 */
#ifndef EDGE_POOL_H
#define EDGE_POOL_H

#include "edge/edge.h"

enum upstream_state { UPSTREAM_CONNECTING, UPSTREAM_BUSY, UPSTREAM_IDLE, UPSTREAM_CLOSED };

/* Bytes that wait for an upstream that does not take them. */
#define UPSTREAM_OUT_MAX (EDGE_SCRATCH * 2 + 4096)

struct upstream {
    struct pool *pool; /* a reference */
    struct list link;  /* in pool->idle while IDLE */
    enum upstream_state state;
    int fd;
    struct watch watch;
    struct deadline deadline;  /* while IDLE */
    struct exchange *exchange; /* whom it serves, or NULL */
    struct buf in;             /* part of a response head */
    struct buf out;            /* request bytes that the socket did not take */
    bool readable, writable;
    bool eof;      /* it will send no more */
    bool broken;   /* it takes no more */
    bool reused;   /* it served an exchange before the present one */
    bool received; /* any byte for the present exchange */
};

struct pool {
    struct list link; /* in edge->pools */
    struct edge *edge;
    unsigned refs;
    char *route;
    struct addr addr;
    uint16_t port;
    struct list idle; /* most recently used last */
    uint32_t open;    /* connections in any state */
    uint64_t idle_ms;
    uint32_t max;
    bool down;  /* the last attempt to connect failed */
    bool known; /* there was an attempt */
    char down_why[64];
    uint64_t opened, reused, failed;
};

/* A reference to the pool of this route, made when there is none. NULL without memory. */
struct pool *pool_find(struct edge *e, const struct route_def *route, const struct limits *limits);
void pool_unref(struct pool *p);
/* Closes every idle connection. */
void pool_flush(struct pool *p);
void pool_says_up(struct pool *p);
void pool_says_down(struct pool *p, int fault);

/* A connection for x: an idle one unless fresh, else a new one that is connecting. 0, FAULT_LIMIT
 * when the pool is full, or -errno. */
must_check int upstream_take(struct pool *p, struct exchange *x, bool fresh, struct upstream **ret);
/* The exchange is done with it and it is good for another. */
void upstream_give(struct upstream *u);
/* Ends it at once; it leaves its exchange. */
void upstream_retire(struct upstream *u);

/* After a writable event while CONNECTING: 1 connected, 0 not yet, -errno. */
must_check int upstream_connected(struct upstream *u);
/* Sends, keeping what the socket does not take. 0, or a fault: broken. */
must_check int upstream_write(struct upstream *u, struct span bytes);
must_check int upstream_flush(struct upstream *u);
static inline bool upstream_blocked(const struct upstream *u)
{
    return buf_len(&u->out) > 0;
}
/* One read. >0 bytes, 0 nothing now, FAULT_CLOSED at the end, -errno when reset. */
must_check int upstream_read(struct upstream *u, uint8_t *into, size_t cap);
/* No more request bytes: half-closes. */
void upstream_finish(struct upstream *u);
/* Registers interest. */
void upstream_arm(struct upstream *u, bool read);

#endif
