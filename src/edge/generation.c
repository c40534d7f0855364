#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "conf/slice.h"
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
    if (g->pools != NULL) {
        for (size_t i = 0; i < g->snapshot->route_count; i++)
            pool_unref(g->pools[i]);
    }
    free(g->pools);
    policy_free(g->policy);
    snapshot_free(g->snapshot);
    free(g);
}

static int make_pools(struct edge *e, struct generation *g)
{
    const struct snapshot *s = g->snapshot;
    g->pools = calloc(s->route_count > 0 ? s->route_count : 1, sizeof(*g->pools));
    if (g->pools == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < s->route_count; i++) {
        g->pools[i] = pool_find(e, &s->routes[i], &s->limits);
        if (g->pools[i] == NULL)
            return -ENOMEM;
    }
    return 0;
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
    if (rc == 0)
        rc = make_pools(e, g);
    if (rc < 0) {
        generation_unref(g);
        return rc;
    }
    *ret = g;
    return 0;
}

struct pool *generation_pool(const struct generation *g, const struct route_def *route)
{
    return g->pools[route - g->snapshot->routes];
}
