#include "edge/companion.h"

#include "base/buf.h"

/* Does this host answer on this listener, by its own name? A port route answers any name, and so
 * proves nothing about this one. */
static bool answers(const struct policy *p, const struct listener_def *l, struct span host)
{
    if (l->kind != LISTENER_TLS)
        return false;
    if (policy_is_portal(p, host))
        return policy_serves_portal(p, l);
    struct route_list routes = policy_routes(p, l->port, host);
    return routes.count > 0 && routes.at[0]->host[0] != '\0';
}

/* The port under which clients reach the first listener where this host answers; 0: none. */
static uint16_t port_of(const struct generation *g, struct span host)
{
    const struct snapshot *s = g->snapshot;
    for (size_t i = 0; i < s->listener_count; i++)
        if (answers(g->policy, &s->listeners[i], host))
            return listener_public_port(&s->listeners[i]);
    return 0;
}

/* "https://HOST[:PORT]" and the target, in the arena; empty without memory. */
static struct span place_of(struct exchange *x, uint16_t port, struct span target)
{
    struct buf url;
    buf_init(&url, 65536);
    (void)buf_text(&url, "https://");
    (void)buf_append(&url, x->request.host);
    if (port != 443)
        (void)buf_printf(&url, ":%u", port);
    (void)buf_append(&url, target);
    struct span copy = url.bad ? SPAN_NONE : arena_copy(&x->arena, buf_view(&url));
    buf_fini(&url);
    return copy;
}

static void refuse(struct exchange *x, unsigned status, const char *cause, const char *detail)
{
    x->outcome = ACCESS_DENIED;
    answer_error(x, status, cause, detail);
}

static void lead(struct exchange *x, uint16_t port)
{
    struct answer a = {.status = 308};
    struct span to = place_of(x, port, x->request.target);
    if (to.len == 0) {
        refuse(x, 500, "There was not enough memory.", NULL);
        return;
    }
    answer_add(&a, "Location", to);
    answer_send(x, &a);
}

static void send_health(struct exchange *x)
{
    struct answer a = {.status = 200, .type = "text/plain; charset=utf-8", .body = SPAN("ok")};
    answer_send(x, &a);
}

/* A program hears what to do, and that what it sent was not private. */
static void explain(struct exchange *x, uint16_t port)
{
    struct span to = place_of(x, port, SPAN("/"));
    const char *cause = arena_printf(&x->arena,
                                     "This port speaks plain HTTP and serves nothing: use %.*s. "
                                     "What was sent here has crossed the network unencrypted.",
                                     SPAN_FMT(to));
    refuse(x, 400, cause != NULL ? cause : "This port serves nothing: use https.", "https");
}

void companion_enter(struct exchange *x)
{
    const struct request *r = &x->request;
    bool reads = span_is(r->method, "GET") || span_is(r->method, "HEAD");
    uint16_t port = port_of(x->generation, r->host);
    x->outcome = ACCESS_OWN;
    if (span_is(r->canonical, "/healthz") && reads)
        send_health(x);
    else if (port == 0)
        refuse(x, 404, "This gateway serves nothing under this name.", "host");
    else if (reads && !r->upgrade_websocket && exchange_wants_page(x))
        lead(x, port);
    else
        explain(x, port);
}
