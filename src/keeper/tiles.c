#include "keeper/tiles.h"

#include "keeper/keeper.h"

bool tile_may(const struct call *c, const struct route_def *route)
{
    /* What no browser can open is no tile. */
    return route->kind == ROUTE_HTTP &&
           live_may_reach(c->keeper->live, route, span_str(c->actor.user), c->actor.groups,
                          SPAN_NONE, c->actor.emergency, NULL);
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

/* One line of an edge: about an endpoint of a route. */
struct said {
    struct span route, state, detail, endpoint;
};

static bool next_said(struct span *text, struct said *ret)
{
    struct span line;
    if (!span_cut(text, '\n', &line)) {
        return false;
    }
    *ret = (struct said){0};
    (void)span_cut(&line, '\t', &ret->route);
    (void)span_cut(&line, '\t', &ret->state);
    (void)span_cut(&line, '\t', &ret->detail);
    ret->endpoint = line;
    return true;
}

/* What one edge says of the route, or of one endpoint of it: "down" when nothing of it works. */
static const char *edge_says(const struct peer *edge, const char *route, const char *endpoint,
                             struct span *detail)
{
    struct span text = span_str(edge->upstreams);
    struct said said;
    const char *health = "unknown";
    while (next_said(&text, &said)) {
        if (!span_is(said.route, route) ||
            (endpoint != NULL && !span_is(said.endpoint, endpoint))) {
            continue;
        }
        if (!span_is(said.state, "down")) {
            *detail = said.detail;
            return "up";
        }
        health = "down";
        *detail = said.detail;
    }
    return health;
}

static const char *worst(const struct keeper *k, const char *route, const char *endpoint,
                         struct span *detail)
{
    const char *health = "unknown";
    *detail = SPAN_NONE;
    if (!k->looped) {
        return health;
    }
    list_each(at, &k->edges)
    {
        struct span said = SPAN_NONE;
        const struct peer *edge = container_of(at, struct peer, link);
        const char *state = edge_says(edge, route, endpoint, &said);
        if (strcmp(state, "down") == 0) {
            *detail = said;
            return "down";
        }
        if (strcmp(state, "up") == 0) {
            health = "up";
            *detail = said;
        }
    }
    return health;
}

const char *tile_health(const struct keeper *k, const char *route)
{
    struct span detail;
    return worst(k, route, NULL, &detail);
}

const char *tile_endpoint(const struct keeper *k, const char *route, const char *endpoint,
                          struct span *detail)
{
    return worst(k, route, endpoint, detail);
}
