/* One connection to a console, with or without TLS.
 *
 *   CONNECTING ─▶ BUSY ─▶ IDLE ─▶ BUSY …          any ─▶ CLOSED
 *
 * CONNECTING lasts until the first byte of a request may be written, so it includes the handshake.
 * An idle connection that says anything but what TLS says of itself is closed: it is no answer. The
 * end of the stream counts as an orderly one under TLS only when the console said so
 * (close_notify), else a cut answer would look complete. */
#ifndef EDGE_UPSTREAM_H
#define EDGE_UPSTREAM_H

#include "edge/edge.h"
#include "net/tlsclient.h"

enum upstream_state { UPSTREAM_CONNECTING, UPSTREAM_BUSY, UPSTREAM_IDLE, UPSTREAM_CLOSED };

/* Bytes that wait for an upstream that does not take them. */
#define UPSTREAM_OUT_MAX (EDGE_SCRATCH * 2 + 4096)

struct pool;

struct upstream_tls {
    struct wire wire;
    struct tls_peer peer;
};

struct upstream {
    struct pool *pool; /* a reference */
    struct list link;  /* in pool->idle while IDLE */
    enum upstream_state state;
    int fd; /* -1 while the supervisor makes the connection; it stands in edge->dials then */
    uint32_t serial;
    int error; /* of that */
    struct watch watch;
    struct deadline deadline;  /* while IDLE */
    struct exchange *exchange; /* whom it serves, or NULL */
    struct probe *probe;       /* a health check that it serves, or NULL */
    struct upstream_tls *tls;  /* NULL: plain */
    struct buf in;             /* part of a response head */
    struct buf out;            /* request bytes that the socket did not take; plain only */
    uint32_t addr_serial;      /* of the pool's addresses when it was made */
    bool readable, writable;
    bool connected; /* the socket is; the handshake may not be over */
    bool eof;       /* it will send no more */
    bool broken;    /* it takes no more */
    bool reused;    /* it served an exchange before the present one */
    bool received;  /* any byte for the present exchange */
};

/* A connection that is CONNECTING to the pool's endpoint, for nobody yet. 0 or -errno. */
must_check int upstream_open(struct pool *p, struct upstream **ret);
/* The supervisor's answer to a dial: a connection (taken), or -1 and why not. */
void upstream_dialled(struct edge *e, uint32_t serial, int fd, int error);
/* The edge ends: nobody waits for such answers any more. */
void upstreams_forget(struct edge *e);
/* A connection for x: an idle one unless fresh, else a new one that is connecting. 0, FAULT_LIMIT
 * when the pool is full, or -errno. */
must_check int upstream_take(struct pool *p, struct exchange *x, bool fresh, struct upstream **ret);
/* The exchange is done with it and it is good for another. */
void upstream_give(struct upstream *u);
/* Ends it at once; it leaves its exchange or probe. */
void upstream_retire(struct upstream *u);

/* After an event while CONNECTING: 1 connected, 0 not yet, -errno, or FAULT_CLOSED or FAULT_CRYPTO
 * when no handshake will come of it. */
must_check int upstream_connected(struct upstream *u);
/* Sends, keeping what the socket does not take. 0, or a fault: broken. */
must_check int upstream_write(struct upstream *u, struct span bytes);
must_check int upstream_flush(struct upstream *u);
static inline bool upstream_blocked(const struct upstream *u)
{
    return buf_len(&u->out) > 0 || (u->tls != NULL && wire_blocked(&u->tls->wire));
}
/* One read. >0 bytes, 0 nothing now, FAULT_CLOSED at the orderly end, -errno when reset or cut. */
must_check int upstream_read(struct upstream *u, uint8_t *into, size_t cap);
/* No more request bytes: half-closes. */
void upstream_finish(struct upstream *u);
/* Registers interest. */
void upstream_arm(struct upstream *u, bool read);
/* Why a connection failed with rc, in a few words for logs and administrators. May borrow from
 * static memory until the next call. */
const char *upstream_why(const struct upstream *u, int rc);

#endif
