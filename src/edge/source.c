#include "edge/source.h"

#include <stdlib.h>

#include "edge/conn.h"
#include "edge/listener.h"
#include "edge/rate.h"

/* How many of those that rest are looked at whenever one is added. */
#define SWEEP_STEPS 4

/* One household of IPv6 addresses is a /64: it counts as one. */
static struct source_key source_key(const struct addr *a, const struct listener *l, bool own)
{
    struct source_key key = {.addr = *a};
    if (!addr_is_v4(a))
        memset(key.addr.byte + 8, 0, 8);
    if (own)
        memcpy(key.listener, l->name, sizeof(key.listener));
    return key;
}

static void forget(struct edge *e, struct source *s)
{
    list_remove(&s->rest);
    e->resting_count--;
    (void)map_remove(&e->sources, span_of(&s->key, sizeof(s->key)));
    free(s);
}

static bool is_fresh(const struct source *s, uint64_t now_us)
{
    return rate_is_full(s->handshakes, now_us) && rate_is_full(s->requests, now_us);
}

static void sweep(struct edge *e)
{
    uint64_t now_us = edge_now(e) * 1000;
    for (int i = 0; i < SWEEP_STEPS && !list_empty(&e->resting); i++) {
        struct source *s = container_of(e->resting.next, struct source, rest);
        if (is_fresh(s, now_us) || e->resting_count > SOURCES_RESTING_MAX) {
            forget(e, s);
        } else {
            list_remove(&s->rest);
            list_push(&e->resting, &s->rest);
        }
    }
}

static void put_to_rest(struct edge *e, struct source *s)
{
    list_push(&e->resting, &s->rest);
    e->resting_count++;
    sweep(e);
}

/* Resting when it is new. */
static struct source *source_find(struct edge *e, const struct source_key *key)
{
    struct source *s = map_find(&e->sources, span_of(key, sizeof(*key)));
    if (s != NULL)
        return s;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->key = *key;
    list_init(&s->rest);
    if (map_put(&e->sources, span_of(&s->key, sizeof(s->key)), s) < 0) {
        free(s);
        return NULL;
    }
    list_push(&e->resting, &s->rest);
    e->resting_count++;
    return s;
}

struct source *source_enter(struct listener *l, const struct addr *a)
{
    struct edge *e = l->edge;
    const struct limits *limits = &e->generation->snapshot->limits;
    uint32_t own = listener_def(l)->connections_per_source;
    uint32_t max = own != 0 ? own : limits->connections_per_source;
    struct source_key key = source_key(a, l, own != 0);
    struct source *s = source_find(e, &key);
    if (s == NULL)
        return NULL;
    if (s->open >= max) {
        e->count.refused_limit++;
        return NULL;
    }
    if (!rate_take(&s->handshakes, edge_now(e) * 1000, limits->handshakes_per_source)) {
        e->count.refused_rate++;
        return NULL;
    }
    if (s->open++ == 0) {
        list_remove(&s->rest);
        e->resting_count--;
    }
    sweep(e);
    return s;
}

void source_leave(struct edge *e, struct source *s)
{
    if (s != NULL && --s->open == 0)
        put_to_rest(e, s);
}

bool source_may_ask(struct exchange *x)
{
    struct edge *e = x->edge;
    const struct conn *c = x->conn->carrier != NULL ? x->conn->carrier : x->conn;
    struct source *s = c->source;
    /* Behind a proxy each request is somebody's. */
    if (s == NULL) {
        struct source_key key = source_key(&x->source, c->listener, false);
        s = source_find(e, &key);
        sweep(e);
    }
    if (s == NULL || rate_take(&s->requests, edge_now(e) * 1000,
                               x->generation->snapshot->limits.requests_per_source))
        return true;
    e->count.refused_requests++;
    return false;
}

void sources_fini(struct edge *e)
{
    while (!list_empty(&e->resting))
        forget(e, container_of(e->resting.next, struct source, rest));
    map_fini(&e->sources);
}
