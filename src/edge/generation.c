#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/slice.h"
#include "edge/client.h"
#include "edge/health.h"
#include "edge/pool.h"

struct generation *generation_ref(struct generation *g)
{
    g->refs++;
    return g;
}

void generation_unref(struct generation *g)
{
    if (g == NULL || --g->refs > 0)
        return;
    for (size_t i = 0; g->first != NULL && i < g->first[g->snapshot->route_count]; i++)
        pool_unref(g->pools[i]);
    for (size_t i = 0; g->demands != NULL && i < g->snapshot->listener_count; i++)
        demands_unref(g->demands[i]);
    free(g->demands);
    free(g->first);
    free(g->pools);
    policy_free(g->policy);
    snapshot_free(g->snapshot);
    free(g);
}

/* What the TLS upstreams of a route have in common, or NULL when it has none. */
static int make_client(struct edge *e, const struct snapshot *s, const struct route_def *r,
                       struct tls_client **ret)
{
    enum upstream_trust trust = route_trust(r);
    uint8_t pins[16][TLS_PIN_SIZE];
    struct span fixed = SPAN_NONE, rest = span_str(r->upstream_host);
    *ret = NULL;
    if (trust == TRUST_NONE)
        return 0;
    if (r->upstream_pins.count > countof(pins))
        return FAULT_LIMIT;
    for (size_t i = 0; i < r->upstream_pins.count; i++) {
        struct span text =
            span_sub(span_str(r->upstream_pins.name[i]), strlen("sha256/"), SIZE_MAX);
        if (text_unb64(text, pins[i], TLS_PIN_SIZE) != TLS_PIN_SIZE)
            return FAULT_FORMAT;
    }
    const char *own = r->authorities[0] != 0 ? r->authorities : r->upstream_ca;
    /* A console that compares the name of the handshake with Host gets the same in both. */
    if (r->host_policy == HOST_FIXED)
        (void)span_cut(&rest, ':', &fixed);
    struct tls_client_conf conf = {
        .authorities = trust == TRUST_CA       ? span_str(own)
                       : trust == TRUST_SYSTEM ? span_str(s->system_trust)
                                               : SPAN_NONE,
        .shared = trust == TRUST_SYSTEM,
        .pins = (const uint8_t(*)[TLS_PIN_SIZE])pins,
        .pin_count = r->upstream_pins.count,
        .sni = r->upstream_sni[0] != 0 ? span_str(r->upstream_sni) : fixed,
        .name = span_str(r->upstream_name),
        .certificate = r->upstream_certificate,
        .signer = &e->signer,
    };
    return tls_client_new(&conf, ret);
}

static bool drains(const struct route_def *r, const char *url)
{
    for (size_t i = 0; i < r->upstream_drain.count; i++)
        if (strcmp(r->upstream_drain.name[i], url) == 0)
            return true;
    return false;
}

static int add_pool(struct edge *e, struct generation *g, const struct route_def *r, size_t k,
                    struct tls_client *client)
{
    const struct upstream_def *def = &r->upstreams[k];
    size_t last = g->first[g->snapshot->route_count];
    struct pool *p =
        pool_find(e, r, def, def->scheme == UPSTREAM_HTTPS ? client : NULL, &g->snapshot->limits);
    if (p == NULL)
        return -ENOMEM;
    g->pools[last] = p;
    g->first[g->snapshot->route_count] = last + 1;
    return 0;
}

static int make_pools(struct edge *e, struct generation *g)
{
    const struct snapshot *s = g->snapshot;
    size_t all = 0;
    for (size_t i = 0; i < s->route_count; i++)
        all += s->routes[i].upstream_count;
    g->first = calloc(s->route_count + 1, sizeof(*g->first));
    g->pools = calloc(all + 1, sizeof(*g->pools));
    if (g->pools == NULL || g->first == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < s->route_count; i++) {
        const struct route_def *r = &s->routes[i];
        struct tls_client *client;
        int rc = make_client(e, s, r, &client);
        g->first[i] = g->first[s->route_count];
        for (size_t k = 0; k < r->upstream_count && rc == 0; k++)
            rc = add_pool(e, g, r, k, client);
        tls_client_unref(client);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int generation_apply(struct generation *g)
{
    const struct snapshot *s = g->snapshot;
    int rc = 0;
    for (size_t i = 0; i < s->route_count; i++) {
        const struct route_def *r = &s->routes[i];
        for (size_t k = g->first[i]; k < g->first[i + 1]; k++) {
            struct pool *p = g->pools[k];
            pool_moves(p, &r->upstreams[k - g->first[i]]);
            p->alone = r->upstream_count == 1;
            p->draining = drains(r, p->url);
            p->slow_ms = (uint64_t)r->slow_start * 1000;
            if (probe_set(p, r) < 0)
                rc = -ENOMEM;
        }
    }
    return rc;
}

int generation_make(struct edge *e, struct span slice, struct generation **ret)
{
    static uint32_t last_serial;
    struct generation *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return -ENOMEM;
    g->refs = 1;
    if (++last_serial == 0)
        last_serial = 1;
    g->serial = last_serial;
    int rc = slice_decode(slice, SLICE_EDGE, &g->snapshot);
    if (rc == 0)
        rc = policy_new(g->snapshot, &g->policy);
    if (rc == 0) {
        g->hsts = snapshot_sends_hsts(g->snapshot);
        rc = make_pools(e, g);
    }
    if (rc == 0)
        rc = generation_demands(e, g);
    if (rc < 0) {
        generation_unref(g);
        return rc;
    }
    *ret = g;
    return 0;
}

struct pool *const *generation_pools(const struct generation *g, const struct route_def *route)
{
    return &g->pools[g->first[route - g->snapshot->routes]];
}
