/* An edge: one loop, its listeners and connections, and its links to the other processes.
 *
 * Single-threaded; every part of it recovers the edge from its own object. There is one per
 * process, made by main.c. It holds no key, no hash and no file: what it knows came as messages. */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include <uv.h>

#include "base/map.h"
#include "edge/deadline.h"
#include "edge/exchange.h"
#include "edge/jwks.h"
#include "edge/latency.h"
#include "edge/pressure.h"
#include "edge/watch.h"
#include "edge/wire.h"
#include "net/tls.h"
#include "pki/clienttrust.h"

struct access_log;
struct gate;
struct h2_shared;
struct keeper;
struct views;

/* Plain-text bytes that pass through in one step. */
#define EDGE_SCRATCH (64u * 1024)
/* The largest thing that is built before it is written: an answer from memory, or one scratch in
 * chunks behind a response head. */
#define EDGE_BUILD_MAX (256u * 1024)

#define EDGE_SPARE 64u

enum edge_phase { EDGE_STARTING, EDGE_SERVING, EDGE_DRAINING };

/* What happened since the start; shown by status. */
struct edge_counters {
    uint64_t accepted, refused_source, refused_limit, refused_rate, refused_requests, shed, slow;
    uint64_t refused_descriptors, refused_proxy;
    uint64_t handshakes, handshakes_failed;
    uint64_t exchanges, malformed, timeouts;
    uint64_t upstream_opened, upstream_reused, upstream_failed, upstream_retried;
    uint64_t tunnels, revoked, client_gone;
    uint64_t bytes_in, bytes_out;
    uint64_t h2_connections, h2_streams;
    uint64_t h2_resets; /* streams that we reset */
    uint64_t h2_calmed; /* connections that were ended because they cost too much */
};

struct edge {
    uv_loop_t *loop;
    uint32_t id;
    enum edge_phase phase;
    struct deadlines deadlines; /* every wait of connections and upstreams */
    uv_idle_t busy;             /* active while `again` is not empty: the loop does not wait then */

    /* To the supervisor. */
    struct channel control;
    struct watch control_watch;

    /* To the signer. `tls` is NULL while there is no identity: connections are closed then. */
    struct tls_signer signer;
    struct watch *signer_watch; /* NULL while there is no link */
    SSL_CTX *tls;
    struct clienttrusts trusts; /* of clients' certificates, in all generations */

    struct keeper *keeper; /* keeper.h */
    struct views *views;   /* view.h, made by gate_init */
    struct gate *gate;     /* gate.h */
    struct jwks jwks;
    struct h2_shared *h2; /* h2.c */

    struct generation *generation; /* in force; NULL before the first commit */
    struct generation *prepared;
    SSL_CTX *prepared_tls;
    char via[300]; /* our pseudonym in Via (RFC 9110 section 7.6.3) */

    struct list listeners;
    struct map sources;  /* struct source by its key, see source.h */
    struct list resting; /* those without a connection */
    size_t resting_count;
    struct pressure pressure;
    struct list arrivals; /* connections of which the PROXY header is still to come (arrival.h) */
    struct list conns;    /* struct conn by its link */
    uint32_t conn_count, tunnel_count, exchange_count;
    struct list streams; /* struct events, of those who listen */
    uint32_t stream_count;
    struct list again;                  /* conns that must step once more before the loop waits */
    struct list pools;                  /* struct pool */
    struct list dials;                  /* struct upstream that the supervisor connects */
    uint64_t turn;                      /* counts requests of routes that take turns */
    struct exchange *spare[EDGE_SPARE]; /* finished ones, kept with their first arena block */
    unsigned spare_count;
    int reserve_fd; /* given up when descriptors run out, so that one can be accepted and closed */
    struct deadline drain_due;
    uint64_t drain_until; /* ms */
    bool drain_told;      /* tunnels have heard of it */
    uint64_t idle_until;  /* ms: while draining, connections without a request end then */

    struct wire_stage stage; /* ciphertext on its way out, one connection at a time */
    uint8_t *scratch;        /* EDGE_SCRATCH plain-text bytes, good within one step */
    struct buf build;        /* heads and answers are built here */
    struct access_log *access;
    struct edge_counters count;
    uint64_t proxy_said_at;    /* ms: when the log last heard of a refused proxy */
    uint64_t revoking_us;      /* while streams are being ended: when that was decided; else 0 */
    struct latency revocation; /* from there until each of them had ended */

    uint8_t random[1024]; /* for request ids: they are names, not secrets */
    size_t random_left;
    uint64_t date_second;
    char date[40]; /* IMF-fixdate of date_second */
};

/* Everything but the links and the generation. 0 or a fault. */
must_check int edge_init(struct edge *e, uv_loop_t *loop, uint32_t id);
/* Ends what is left, connections too; the loop must run until it is empty afterwards. */
void edge_fini(struct edge *e);
/* The loop's idea of now: milliseconds of the monotonic clock, no system call. */
static inline uint64_t edge_now(const struct edge *e)
{
    return uv_now(e->loop);
}
/* Wall milliseconds, a few ms coarse, no system call. */
uint64_t edge_wall_ms(void);
/* The present Date header, made anew once a second. */
const char *edge_date(struct edge *e);
void edge_random(struct edge *e, uint8_t *at, size_t len);

/* The generation and its identity are in force from now on; takes both references. */
void edge_commit(struct edge *e, struct generation *g, SSL_CTX *tls);
/* Accept nothing new, finish what runs, at most so long. When there is time, a connection without a
 * request is kept a little longer: its client may be about to send one, and would find it cut. */
void edge_drain(struct edge *e, uint32_t seconds);
/* Draining, and nothing is left: the loop is told to stop. */
void edge_drained(struct edge *e);

/* The supervisor's messages (control.c). Takes fd. */
must_check int control_init(struct edge *e, int fd);
void control_fini(struct edge *e);
/* The signer has not answered in time, or is gone: its channel ends here, and handshakes fail until
 * the supervisor sends another. Once per channel. */
void control_signer_lost(struct edge *e);
/* Tells the supervisor that the channel to this peer is of no use any more: it makes a new one. */
void control_say_lost(struct edge *e, enum ipc_role role);
/* Asks the supervisor for a connection to a socket in the file system; upstream_dialled() gets the
 * answer with this serial. 0 or a fault. */
must_check int control_dial(struct edge *e, struct span path, uint32_t *serial);
/* Tells the supervisor that the sandbox is on. */
must_check int control_ready(struct edge *e, struct span report);

/* "key=value\n" lines about this edge. */
void status_write(const struct edge *e, struct buf *out);
/* The health of the upstreams has changed: tells the keeper. */
void status_upstreams(struct edge *e);

/* From a sealed slice of a snapshot (SLICE_EDGE). 0 or a fault. */
must_check int generation_make(struct edge *e, struct span slice, struct generation **ret);
/* It is in force from now on: what its routes say of their pools holds. -ENOMEM: some are not
 * checked. */
must_check int generation_apply(struct generation *g);
/* The pools of a route, as many as it has upstreams and in their order. */
struct pool *const *generation_pools(const struct generation *g, const struct route_def *route);

#endif
