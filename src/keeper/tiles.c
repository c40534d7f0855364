#include "keeper/tiles.h"

#include "keeper/keeper.h"

bool tile_may(const struct call *c, const struct route_def *route)
{
    /* What no browser can open is no tile. */
    return route->kind == ROUTE_HTTP &&
           live_may_reach(c->keeper->live, route, span_str(c->actor.user), c->actor.groups,
                          SPAN_NONE);
}

void tile_url(const struct live *l, const struct route_def *route, struct buf *out)
{
    const struct snapshot *s = live_snapshot(l);
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener_def *d = &s->listeners[i];
        /* A console by name is on every port; the one that the portal has is the person's own. */
        if (route->port != 0 ? d->port != route->port : !snapshot_serves_portal(s, d)) {
            continue;
        }
        (void)buf_text(out, "https://");
        if (route->host[0] != '\0') {
            (void)buf_text(out, route->host);
        } else {
            char text[ADDR_TEXT_SIZE];
            addr_format(&d->addr, text);
            (void)buf_printf(out, addr_is_v4(&d->addr) ? "%s" : "[%s]", text);
        }
        if (listener_public_port(d) != 443) {
            (void)buf_printf(out, ":%u", listener_public_port(d));
        }
        (void)buf_text(out, route->path);
        (void)buf_text(out, route->start[0] != '\0' ? route->start : "/");
        return;
    }
}

/* The line of one edge about the route: "up" or "down", and the rest. */
static bool edge_says(const struct peer *edge, const char *route, struct span *state,
                      struct span *detail)
{
    struct span text = span_str(edge->upstreams), line;
    while (span_cut(&text, '\n', &line)) {
        struct span name;
        if (span_cut(&line, '\t', &name) && span_is(name, route)) {
            *state = SPAN_NONE;
            (void)span_cut(&line, '\t', state);
            *detail = line;
            return true;
        }
    }
    return false;
}

static const char *worst(const struct keeper *k, const char *route, struct span *detail)
{
    const char *health = "unknown";
    *detail = SPAN_NONE;
    if (!k->looped) {
        return health;
    }
    list_each(at, &k->edges)
    {
        struct span state, said;
        if (!edge_says(container_of(at, struct peer, link), route, &state, &said)) {
            continue;
        }
        if (!span_is(state, "up")) {
            *detail = said;
            return "down";
        }
        health = "up";
        *detail = said;
    }
    return health;
}

const char *tile_health(const struct keeper *k, const char *route)
{
    struct span detail;
    return worst(k, route, &detail);
}

struct span tile_detail(const struct keeper *k, const char *route)
{
    struct span detail;
    (void)worst(k, route, &detail);
    return detail;
}
