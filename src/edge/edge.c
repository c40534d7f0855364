#include "edge/edge.h"
#include "edge/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "edge/access.h"
#include "edge/arrival.h"
#include "edge/conn.h"
#include "edge/events.h"
#include "edge/gate.h"
#include "edge/h2.h"
#include "edge/keeper.h"
#include "edge/listener.h"
#include "edge/pool.h"
#include "edge/proxy.h"
#include "edge/source.h"

/* How long a draining edge waits for another request on a connection that is kept alive. Clients
 * that poll come back within it and are told to close; for the others closing an idle connection is
 * what any server may do. */
#define DRAIN_IDLE_MS 10000u

/* WebSockets are told so much before the end, so that a page connects again to those that stay. */
#define DRAIN_WORD_MS 1000u

static void tell_tunnels(struct edge *e)
{
    list_each_safe(it, &e->conns)
    {
        struct conn *c = container_of(it, struct conn, link);
        if (c->exchange != NULL && c->exchange->state == EXCHANGE_TUNNEL)
            tunnel_end(c->exchange, STREAM_GATEWAY, CLOSE_GOING_AWAY, "This gateway goes away.");
    }
}

static void on_drain_due(struct deadline *d)
{
    struct edge *e = container_of(d, struct edge, drain_due);
    if (!e->drain_told) {
        e->drain_told = true;
        deadline_set(&e->deadlines, &e->drain_due, e->drain_until);
        tell_tunnels(e);
        return;
    }
    log_event(LOG_LEVEL_WARN, "drain_cut");
    arrivals_close(e);
    while (!list_empty(&e->conns))
        conn_retire(container_of(e->conns.next, struct conn, link));
    edge_drained(e);
}

int edge_init(struct edge *e, uv_loop_t *loop, uint32_t id)
{
    *e = (struct edge){.loop = loop, .id = id, .reserve_fd = -1};
    e->control.fd = e->signer.channel.fd = -1;
    list_init(&e->listeners);
    list_init(&e->arrivals);
    list_init(&e->conns);
    list_init(&e->again);
    list_init(&e->streams);
    list_init(&e->pools);
    list_init(&e->dials);
    list_init(&e->resting);
    clienttrusts_init(&e->trusts, tls_library_context());
    map_init(&e->sources, 1u << 20);
    pressure_init(e);
    buf_init(&e->build, EDGE_BUILD_MAX);
    jwks_init(&e->jwks);
    deadline_init(&e->drain_due, on_drain_due);
    e->scratch = malloc(EDGE_SCRATCH);
    if (e->scratch == NULL)
        return -ENOMEM;
    int rc = wire_stage_init(&e->stage);
    if (rc == 0)
        rc = deadlines_init(&e->deadlines, loop);
    if (rc == 0)
        rc = uv_idle_init(loop, &e->busy);
    e->busy.data = e;
    if (rc == 0)
        rc = access_init(e);
    if (rc == 0)
        rc = h2_init(e);
    if (rc == 0)
        rc = keeper_init(e);
    if (rc == 0)
        rc = gate_init(e);
    /* Something that needs no file: a copy of what is open anyway. */
    e->reserve_fd = fcntl(2, F_DUPFD_CLOEXEC, 3);
    return rc;
}

void edge_fini(struct edge *e)
{
    listeners_close(e);
    while (!list_empty(&e->conns))
        conn_retire(container_of(e->conns.next, struct conn, link));
    access_flush(e);
    list_each_safe(it, &e->pools) pool_close(container_of(it, struct pool, link));
    upstreams_forget(e);
    keeper_flush_activity(e);
    generation_unref(e->generation);
    generation_unref(e->prepared);
    e->generation = e->prepared = NULL;
    h2_fini(e);
    gate_fini(e);
    keeper_link_fini(e);
    access_fini(e);
    uv_close((uv_handle_t *)&e->busy, NULL);
    deadlines_fini(&e->deadlines);
    SSL_CTX_free(e->tls);
    SSL_CTX_free(e->prepared_tls);
    while (e->spare_count > 0) {
        struct exchange *x = e->spare[--e->spare_count];
        arena_fini(&x->arena);
        free(x);
    }
    sources_fini(e);
    buf_fini(&e->build);
    jwks_fini(&e->jwks);
    wire_stage_fini(&e->stage);
    free(e->scratch);
    if (e->reserve_fd >= 0)
        (void)close(e->reserve_fd);
}

uint64_t edge_wall_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* IMF-fixdate (RFC 9110 section 5.6.7). The names are written out because strftime would take them
 * from a locale. */
const char *edge_date(struct edge *e)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint64_t second = edge_wall_ms() / 1000;
    if (second == e->date_second)
        return e->date;
    time_t t = (time_t)second;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL)
        return e->date;
    e->date_second = second;
    (void)snprintf(e->date, sizeof(e->date), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                   days[tm.tm_wday % 7], tm.tm_mday, months[tm.tm_mon % 12], tm.tm_year + 1900,
                   tm.tm_hour, tm.tm_min, tm.tm_sec);
    return e->date;
}

void edge_random(struct edge *e, uint8_t *at, size_t len)
{
    if (e->random_left < len) {
        e->random_left = rng_fill(e->random, sizeof(e->random)) == 0 ? sizeof(e->random) : 0;
        if (e->random_left < len) {
            memset(at, 0, len);
            return;
        }
    }
    e->random_left -= len;
    memcpy(at, e->random + e->random_left, len);
}

void edge_commit(struct edge *e, struct generation *g, SSL_CTX *tls)
{
    struct generation *old = e->generation;
    e->generation = g;
    if (generation_apply(g) < 0)
        log_event(LOG_LEVEL_ERROR, "no_memory_for_health_checks");
    if (tls != NULL) {
        SSL_CTX_free(e->tls);
        e->tls = tls;
    }
    (void)snprintf(e->via, sizeof(e->via), "postern-%s", g->snapshot->portal_host);
    if (e->phase == EDGE_STARTING)
        e->phase = EDGE_SERVING;
    if (old != NULL) {
        e->revoking_us = clock_mono_us();
        (void)clients_recheck(e);
        (void)gate_recheck(e);
        e->revoking_us = 0;
    }
    generation_unref(old);
    listeners_resume(e);
}

void edge_drain(struct edge *e, uint32_t seconds)
{
    if (e->phase == EDGE_DRAINING)
        return;
    e->phase = EDGE_DRAINING;
    listeners_close(e);
    uint64_t limit = (uint64_t)seconds * 1000;
    e->idle_until = limit > DRAIN_IDLE_MS ? edge_now(e) + DRAIN_IDLE_MS : 0;
    e->drain_until = edge_now(e) + limit;
    uint64_t word = limit > 2 * DRAIN_WORD_MS ? DRAIN_WORD_MS : limit / 2;
    deadline_set(&e->deadlines, &e->drain_due, e->drain_until - word);
    /* Who listens finds the edges that stay. */
    events_end_all(e);
    list_each_safe(it, &e->conns) conn_drain(container_of(it, struct conn, link));
    edge_drained(e);
}

void edge_drained(struct edge *e)
{
    if (e->phase == EDGE_DRAINING && e->conn_count == 0)
        uv_stop(e->loop);
}
