#include "edge/pool.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/log.h"
#include "conf/upstream.h"
#include "edge/health.h"

/* A request that tries an endpoint that was down may take so long; then another may try. */
#define TRIAL_MS 5000u

/* ---- finding ---- */

static struct pool *find(struct edge *e, const char *route, struct span url,
                         const struct tls_client *tls)
{
    uint64_t id = balance_hash(url.at, url.len);
    list_each(it, &e->pools)
    {
        struct pool *p = container_of(it, struct pool, link);
        if (p->id == id && strcmp(p->route, route) == 0 && span_is(url, p->url) &&
            tls_client_same(p->tls, tls))
            return p;
    }
    return NULL;
}

static void pool_free(struct pool *p)
{
    probe_free(p->probe);
    tls_client_unref(p->tls);
    SSL_SESSION_free(p->session);
    free(p->route);
    free(p->url);
    free(p->host);
    free(p->path);
    free(p);
}

static struct pool *pool_new(struct edge *e, const char *route, struct span url,
                             const struct upstream_def *def, struct tls_client *tls)
{
    struct pool *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->edge = e;
    p->route = strdup(route);
    p->url = strndup((const char *)url.at, url.len);
    p->host = strdup(def->host);
    p->path = strdup(def->path);
    p->scheme = def->scheme;
    p->port = def->port;
    p->id = balance_hash(url.at, url.len);
    p->tls = tls_client_ref(tls);
    p->pause_ms = POOL_PAUSE_MS;
    list_init(&p->idle);
    if (p->route == NULL || p->url == NULL || p->host == NULL || p->path == NULL) {
        pool_free(p);
        return NULL;
    }
    list_push(&e->pools, &p->link);
    return p;
}

static void take_addresses(struct pool *p, const struct upstream_def *def)
{
    size_t count = def->addr_count < UPSTREAM_ADDRS_MAX ? def->addr_count : UPSTREAM_ADDRS_MAX;
    p->addr_count = count;
    if (count > 0)
        memcpy(p->addrs, def->addrs, count * sizeof(*p->addrs));
    p->addr_at = 0;
    p->addr_serial++;
}

void pool_moves(struct pool *p, const struct upstream_def *def)
{
    bool same = p->addr_count == def->addr_count &&
                (p->addr_count == 0 ||
                 memcmp(p->addrs, def->addrs, p->addr_count * sizeof(*p->addrs)) == 0);
    if (same)
        return;
    take_addresses(p, def);
    pool_flush(p);
}

struct pool *pool_find(struct edge *e, const struct route_def *route,
                       const struct upstream_def *def, struct tls_client *tls,
                       const struct limits *limits)
{
    struct buf url;
    buf_init(&url, 1024);
    if (upstream_def_write(def, &url) < 0) {
        buf_fini(&url);
        return NULL;
    }
    struct pool *p = find(e, route->name, buf_view(&url), tls);
    if (p == NULL) {
        p = pool_new(e, route->name, buf_view(&url), def, tls);
        if (p != NULL)
            take_addresses(p, def);
    }
    buf_fini(&url);
    if (p == NULL)
        return NULL;
    p->refs++;
    p->idle_ms = (uint64_t)limits->upstream_idle * 1000;
    p->max = limits->upstream_connections;
    return p;
}

void pool_unref(struct pool *p)
{
    if (p == NULL || --p->refs > 0)
        return;
    list_remove(&p->link);
    pool_free(p);
}

void pool_flush(struct pool *p)
{
    p->refs++;
    while (!list_empty(&p->idle))
        upstream_retire(container_of(p->idle.next, struct upstream, link));
    pool_unref(p);
}

void pool_close(struct pool *p)
{
    p->refs++;
    probe_free(p->probe);
    p->probe = NULL;
    pool_flush(p);
    pool_unref(p);
}

/* ---- health ---- */

static void tell(struct pool *p, enum log_level level, const char *event)
{
    struct buf line;
    log_line(&line, level, event);
    log_text(&line, "route", p->route);
    log_text(&line, "upstream", p->url);
    if (p->health == POOL_DOWN)
        log_text(&line, "why", p->down_why);
    log_end(&line);
    status_upstreams(p->edge);
}

/* Three quarters to five quarters: edges that saw the same failure do not return together. */
static uint64_t with_jitter(struct edge *e, uint64_t ms)
{
    uint8_t byte;
    edge_random(e, &byte, 1);
    return ms * 3 / 4 + ms / 2 * byte / 255;
}

static void goes_up(struct pool *p)
{
    bool was_down = p->health == POOL_DOWN;
    p->health = POOL_UP;
    p->failures = 0;
    p->pause_ms = POOL_PAUSE_MS;
    p->trial_until = 0;
    if (was_down)
        p->up_since = edge_now(p->edge);
    /* The first success is for the pages that show health; only a return is worth a line. */
    if (was_down)
        tell(p, LOG_LEVEL_NOTICE, "upstream_up");
    else
        status_upstreams(p->edge);
}

void pool_says_up(struct pool *p)
{
    if (p->health == POOL_UP) {
        p->failures = 0;
        return;
    }
    /* Where there is a health check, one answer to a request that found nothing better proves less
     * than it asks for. */
    if (p->health == POOL_UNKNOWN || p->probe == NULL)
        goes_up(p);
}

static void goes_down(struct pool *p, const char *why)
{
    uint64_t now = edge_now(p->edge);
    bool was_down = p->health == POOL_DOWN;
    bool same = was_down && strncmp(p->down_why, why, sizeof(p->down_why) - 1) == 0;
    if (was_down && now >= p->down_until && p->pause_ms < POOL_PAUSE_MAX_MS)
        p->pause_ms = p->pause_ms * 2 < POOL_PAUSE_MAX_MS ? p->pause_ms * 2 : POOL_PAUSE_MAX_MS;
    if (!was_down || now >= p->down_until)
        p->down_until = now + with_jitter(p->edge, p->pause_ms);
    p->health = POOL_DOWN;
    (void)snprintf(p->down_why, sizeof(p->down_why), "%s", why);
    /* Connections that were made before the failure are not better than the next one. */
    pool_flush(p);
    if (!same)
        tell(p, LOG_LEVEL_WARN, "upstream_down");
}

void pool_says_down(struct pool *p, const char *why, bool now)
{
    p->failed++;
    p->edge->count.upstream_failed++;
    p->failed_at = edge_now(p->edge);
    p->failures++;
    if (p->addr_count > 1)
        p->addr_at = (p->addr_at + 1) % p->addr_count;
    if (now || p->failures >= POOL_FAILURES || p->health == POOL_DOWN)
        goes_down(p, why);
}

void pool_says_refused(struct pool *p, const struct tls_peer *peer)
{
    char pin[TLS_PIN_TEXT], why[160];
    tls_peer_pin(peer, pin);
    (void)snprintf(why, sizeof(why), "%s, seen %s", tls_peer_why(peer), pin);
    bool known = p->health == POOL_DOWN && strncmp(p->down_why, why, sizeof(p->down_why) - 1) == 0;
    if (!known) {
        struct buf line;
        log_line(&line, LOG_LEVEL_ERROR, "upstream_refused");
        log_text(&line, "route", p->route);
        log_text(&line, "upstream", p->url);
        log_text(&line, "why", tls_peer_why(peer));
        log_text(&line, "seen", pin);
        log_end(&line);
    }
    pool_says_down(p, why, true);
}

void pool_says_checked(struct pool *p, bool good, const char *why)
{
    if (good && p->health != POOL_UP)
        goes_up(p);
    else if (!good)
        goes_down(p, why);
}

/* ---- choosing ---- */

static uint32_t share_of(const struct pool *p, uint64_t now)
{
    uint64_t age = now - p->up_since;
    if (p->up_since == 0 || p->slow_ms == 0 || age >= p->slow_ms)
        return BALANCE_WHOLE;
    return (uint32_t)(age * BALANCE_WHOLE / p->slow_ms) + 1;
}

size_t pool_choose(struct pool *const *pools, size_t count, enum balance balance, uint64_t key,
                   uint64_t tried)
{
    struct balance_candidate c[ROUTE_UPSTREAMS_MAX];
    if (count == 1)
        return (tried & 1) == 0 ? 0 : SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct pool *p = pools[i];
        uint64_t now = edge_now(p->edge);
        bool trial = p->probe == NULL && now >= p->down_until && now >= p->trial_until;
        c[i] = (struct balance_candidate){
            .id = p->id,
            .share = share_of(p, now),
            .barred = p->draining || (tried & UINT64_C(1) << i) != 0,
            .down = p->health == POOL_DOWN && !trial,
            .failed_at = p->failed_at,
        };
    }
    size_t at = balance_choose(balance, c, count, key);
    if (at != SIZE_MAX && pools[at]->health == POOL_DOWN)
        pools[at]->trial_until = edge_now(pools[at]->edge) + TRIAL_MS;
    return at;
}
