#include "edge/gate.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/text.h"
#include "edge/client.h"
#include "edge/companion.h"
#include "edge/conn.h"
#include "edge/credential.h"
#include "edge/detour.h"
#include "edge/edge.h"
#include "edge/events.h"
#include "edge/flow.h"
#include "edge/handover.h"
#include "edge/keeper.h"
#include "edge/pages.h"
#include "edge/portal.h"
#include "edge/source.h"
#include "http/fetchmeta.h"
#include "http/forwarded.h"
#include "http/prefix.h"
#include "http/rawtunnel.h"
#include "http/rewrite.h"
#include "http/uri.h"
#include "policy/binding.h"

#define TICK_MS 1000u
/* Those whom nobody knows are decided again as often as the views of the others are. */
#define STRANGERS_TICKS (VIEW_FRESH_MS / TICK_MS)

struct gate {
    struct edge *edge;
    uv_timer_t tick;
    unsigned ended;           /* by the recheck that is going on */
    struct list strangers;    /* exchange.view_link of those that an anonymous rule admitted */
    unsigned strangers_ticks; /* until they are decided again */
};

/* ---- refusals ---- */

static void refuse(struct exchange *x, enum access_outcome outcome, unsigned status,
                   const char *cause, const char *detail)
{
    x->outcome = outcome;
    answer_error(x, status, cause, detail);
}

static void unavailable(struct exchange *x, int fault)
{
    const char *cause = "The part of this gateway that knows sessions does not answer.";
    if (fault == FAULT_BUSY)
        cause = "Too many logins are being looked up at the moment.";
    refuse(x, ACCESS_UNAVAILABLE, 503, cause, fault == FAULT_BUSY ? "busy" : "keeper");
}

/* Whoever runs a tunnel's program has no page that explains: the nearest rule is named to whoever
 * has proved who it is. */
static const char *with_rule(struct exchange *x, const char *text)
{
    char *at = arena_alloc(&x->arena, 256);
    if (at == NULL || x->view == NULL || x->decision.rule == NULL)
        return text;
    (void)snprintf(at, 256, "%s (the nearest rule: %s)", text, x->decision.rule->name);
    return at;
}

static void denied(struct exchange *x, enum reason reason)
{
    const char *text = reason_text(reason);
    bool raw = x->route != NULL && x->route->kind == ROUTE_TCP;
    refuse(x, ACCESS_DENIED, 403, raw ? with_rule(x, text) : text, reason_name(reason));
}

/* ---- to the portal ---- */

static bool listener_serves_portal(const struct exchange *x)
{
    const struct listener_def *l = snapshot_listener(x->generation->snapshot, x->listener);
    return l != NULL && policy_serves_portal(x->generation->policy, l);
}

/* The port as the client knows it, where the portal answers on the listener it came to. From
 * elsewhere the way leads to the first listener that serves the portal, so that one login, whose
 * cookies carry the port, serves all. */
static uint16_t portal_port(const struct exchange *x)
{
    return listener_serves_portal(x) ? x->request.port : policy_portal_port(x->generation->policy);
}

struct span gate_portal_url(struct exchange *x, struct span rest)
{
    struct buf url;
    buf_init(&url, 16384);
    (void)buf_text(&url, "https://");
    (void)handover_authority(&url, x->generation->snapshot->portal_host, portal_port(x));
    (void)buf_append(&url, rest);
    struct span copy = url.bad ? SPAN_NONE : arena_copy(&x->arena, buf_view(&url));
    buf_fini(&url);
    return copy;
}

/* Could anybody at all be admitted to this console from there? From elsewhere not even the way to
 * the login page is shown. */
static bool admits_place(struct exchange *x, const struct route_def *route)
{
    const struct subject stranger = {.kind = SUBJECT_NOBODY};
    const struct question q = {.subject = &stranger,
                               .zones = x->zones,
                               .route = route,
                               .method = x->request.method,
                               .path = x->request.canonical,
                               .upgrade = gate_upgrades(&x->request),
                               .now = edge_wall_ms() / 1000};
    x->decision = policy_decide(x->generation->policy, &q);
    return x->decision.reason == REASON_NOBODY;
}

/* The pages of ours on a console's host serve all routes of that host: what one of them could admit
 * from there may see them, and stands for the host. */
static bool host_admits_place(struct exchange *x, struct route_list routes)
{
    for (size_t i = 0; i < routes.count; i++) {
        if (admits_place(x, routes.at[i])) {
            x->route = routes.at[i];
            return true;
        }
    }
    return false;
}

static void enter_strange(struct exchange *x);

/* kind: of the credential that came and is worth nothing. */
static void nobody(struct exchange *x, enum credential_kind kind)
{
    bool knocks = admits_place(x, x->route);
    bool program = kind == CREDENTIAL_TOKEN || kind == CREDENTIAL_CERTIFICATE;
    if (x->decision.reason == REASON_ANONYMOUS && !program) {
        enter_strange(x);
        return;
    }
    if (!knocks && x->decision.reason != REASON_ANONYMOUS) {
        denied(x, x->decision.reason);
        return;
    }
    x->outcome = ACCESS_UNAUTHENTICATED;
    if (kind != CREDENTIAL_TOKEN && detour_may_follow(x)) {
        /* Asking somebody to log in refuses nothing; the record still says that nobody was. */
        x->outcome = ACCESS_OWN;
        detour_login(x, kind == CREDENTIAL_CHILD);
        return;
    }
    refuse(x, ACCESS_UNAUTHENTICATED, 401,
           kind == CREDENTIAL_TOKEN         ? "This token is not known, has expired or was revoked."
           : kind == CREDENTIAL_CERTIFICATE ? "This certificate stands for no program here."
           : kind != CREDENTIAL_NONE        ? "This session has ended."
                                            : "Nobody is logged in.",
           kind == CREDENTIAL_TOKEN         ? "token"
           : kind == CREDENTIAL_CERTIFICATE ? "certificate"
                                            : reason_name(REASON_NOBODY));
}

/* ---- the decision ---- */

/* Programs are bound by their own zones and certificate. */
static bool is_still_bound(const struct exchange *x, const struct generation *g,
                           const struct route_def *route, const struct view *v)
{
    struct addr then;
    if (view_is_program(v))
        return true;
    memcpy(then.byte, v->facts.source, sizeof(then.byte));
    const struct whereabouts began = {&then, v->facts.fingerprint};
    const struct whereabouts now = {&x->source, conn_fingerprint(x->conn)};
    return binding_holds(route, policy_zones(g->policy), &began, &now);
}

/* COPY and MOVE have two paths, and must be allowed on both. */
static struct decision decide(const struct exchange *x, const struct generation *g,
                              const struct route_def *route, struct zone_set zones,
                              const struct view *v)
{
    struct subject subject = view_subject(v);
    struct question q = {.subject = &subject,
                         .zones = zones,
                         .certificate = client_spki(x),
                         .route = route,
                         .method = x->request.method,
                         .path = x->request.canonical,
                         .upgrade = gate_upgrades(&x->request),
                         .now = edge_wall_ms() / 1000};
    struct decision d = policy_decide(g->policy, &q);
    if (d.reason == REASON_ALLOWED && !is_still_bound(x, g, route, v))
        return (struct decision){.verdict = VERDICT_PROVE, .reason = REASON_MOVED, .rule = d.rule};
    if (d.verdict != VERDICT_ALLOW || x->destination.len == 0)
        return d;
    /* What is open to anybody is open where it is, not to be moved somewhere else. */
    if (d.reason != REASON_ALLOWED)
        return (struct decision){.verdict = VERDICT_DENY, .reason = REASON_METHOD, .rule = d.rule};
    /* What is moved stays on its console: another one of this host has rules of its own. */
    if (policy_route(g->policy, x->listener_port, x->request.host, x->destination) != route)
        return (struct decision){.verdict = VERDICT_DENY, .reason = REASON_PATH, .rule = d.rule};
    q.path = x->destination;
    return policy_decide(g->policy, &q);
}

/* Reads the Destination header (RFC 4918 section 10.3), if there is one. False: it has been
 * refused. */
static bool read_destination(struct exchange *x)
{
    const struct headers *all = &x->request.headers;
    const struct header *h = headers_find(all, HEADER_DESTINATION);
    struct span path, query;
    const char *why;
    x->destination = SPAN_NONE;
    if (h == NULL)
        return true;
    int rc = headers_count(all, HEADER_DESTINATION) > 1
                 ? FAULT_FORMAT
                 : rewrite_destination(x->request.authority, h->value, &path, &query);
    if (rc == 0)
        rc = uri_canonical(path, &x->arena, &x->destination, &why);
    if (rc == 0 && x->route->strip_path)
        rc = prefix_strip(span_str(x->route->path), path, path, x->destination, &x->arena, &path);
    if (rc == 0)
        return true;
    if (rc == FAULT_DENIED) {
        x->decision = (struct decision){.verdict = VERDICT_DENY, .reason = REASON_PATH};
        refuse(x, ACCESS_DENIED, 403, "The destination of this request is not on this console.",
               "destination");
    } else {
        refuse(x, ACCESS_MALFORMED, 400, "The destination of this request is not well-formed.",
               "destination");
    }
    return false;
}

/* While x waited for the keeper a new snapshot may have come into force: it is judged by that one.
 */
static bool refit(struct exchange *x)
{
    struct generation *now = x->edge->generation;
    if (x->generation == now)
        return true;
    generation_unref(x->generation);
    x->generation = generation_ref(now);
    x->zones = zones_at(policy_zones(now->policy), &x->source, x->interface);
    x->route = policy_route(now->policy, x->listener_port, x->request.host, x->request.canonical);
    return x->route != NULL;
}

bool gate_names_method(const struct request *r)
{
    static const char *const NAMES[] = {"x-http-method-override", "x-http-method",
                                        "x-method-override"};
    for (size_t i = 0; i < r->headers.count; i++) {
        for (size_t k = 0; k < countof(NAMES); k++) {
            if (span_eq_nocase(r->headers.at[i].name, span_str(NAMES[k])))
                return true;
        }
    }
    return false;
}

/* Frameworks that take the method from a header would turn an admitted POST into a DELETE that no
 * rule has seen. Where methods decide, such a request has two meanings, and is refused. */
static bool names_another_method(const struct exchange *x, const struct view *v)
{
    const struct rule_def *rule = x->decision.rule;
    if ((rule == NULL || (rule->methods.count == 0 && !rule->read_only)) &&
        v->facts.scope_methods.len == 0 && !policy_minds_method(x->generation->policy, x->route))
        return false;
    return gate_names_method(&x->request);
}

/* A console that does not know of its prefix writes links relative to its root: they lead to the
 * right place only from below the prefix. */
static void send_below_prefix(struct exchange *x)
{
    const struct request *r = &x->request;
    struct buf to;
    buf_init(&to, 8192);
    (void)buf_printf(&to, "%s/%s", x->route->path, r->has_query ? "?" : "");
    (void)buf_append(&to, r->query);
    struct answer a = {.status = 308};
    answer_add(&a, "Location", to.bad ? SPAN("/") : arena_copy(&x->arena, buf_view(&to)));
    buf_fini(&to);
    answer_send(x, &a);
}

static void enter_proxy(struct exchange *x)
{
    const struct request *r = &x->request;
    x->target = r->target;
    if (x->route->strip_path) {
        if (span_is(r->path, x->route->path) && !r->upgrade_websocket) {
            send_below_prefix(x);
            return;
        }
        int rc = prefix_strip(span_str(x->route->path), r->target, r->path, r->canonical, &x->arena,
                              &x->target);
        if (rc < 0) {
            refuse(x, ACCESS_MALFORMED, 400,
                   "This spelling of the path can not be shortened for the console.", "path");
            return;
        }
    }
    proxy_enter(x);
}

/* By an anonymous rule, without a name: no view, no identity, no credential of the console's. */
static void enter_strange(struct exchange *x)
{
    view_leave(x);
    if (!read_destination(x))
        return;
    /* What has two paths was looked at with one. */
    if (x->destination.len > 0)
        x->decision = (struct decision){
            .verdict = VERDICT_DENY, .reason = REASON_PATH, .rule = x->decision.rule};
    else if (gate_names_method(&x->request))
        x->decision = (struct decision){
            .verdict = VERDICT_DENY, .reason = REASON_METHOD, .rule = x->decision.rule};
    if (x->decision.verdict != VERDICT_ALLOW) {
        denied(x, x->decision.reason);
        return;
    }
    list_push(&x->edge->gate->strangers, &x->view_link);
    x->outcome = ACCESS_ALLOWED;
    enter_proxy(x);
}

static void admit_or_refuse(struct exchange *x, struct view *v)
{
    view_touch(v);
    if (!read_destination(x))
        return;
    x->decision = decide(x, x->generation, x->route, x->zones, v);
    if (x->decision.verdict == VERDICT_ALLOW && names_another_method(x, v)) {
        x->decision = (struct decision){
            .verdict = VERDICT_DENY, .reason = REASON_METHOD, .rule = x->decision.rule};
    }
    switch (x->decision.verdict) {
    case VERDICT_ALLOW:
        if (x->decision.reason == REASON_ANONYMOUS) {
            enter_strange(x);
            return;
        }
        x->outcome = ACCESS_ALLOWED;
        conn_known(x->conn);
        view_came_from(v, x);
        enter_proxy(x);
        return;
    case VERDICT_PROVE:
        if (!view_is_program(v)) {
            detour_prove(x);
            return;
        }
        break;
    case VERDICT_DENY:
        break;
    }
    denied(x, x->decision.reason);
}

/* x stands in v's list. */
static void judge(struct exchange *x, struct view *v, int fault)
{
    enum credential_kind kind = (enum credential_kind)v->kind;
    if (x->events != NULL) {
        events_judge(x, v, fault);
        return;
    }
    if (v->state == VIEW_KNOWN && fault == 0) {
        if (refit(x))
            admit_or_refuse(x, v);
        else
            refuse(x, ACCESS_DENIED, 421, "There is no console under this name any more.", "host");
        return;
    }
    bool gone = fault == 0 && v->state == VIEW_DEAD && v->status != VIEW_FAILED;
    view_leave(x);
    if (!gone)
        unavailable(x, fault);
    else if (refit(x))
        nobody(x, kind);
    else
        refuse(x, ACCESS_DENIED, 421, "There is no console under this name any more.", "host");
}

/* A browser shows a certificate to every page that makes it send a request, so a browser's is a
 * factor on the portal and nothing here. Programs say none of this; a page cannot leave it out. */
static bool is_browser(const struct request *r)
{
    const struct header *agent = headers_find(&r->headers, HEADER_USER_AGENT);
    return headers_find(&r->headers, HEADER_SEC_FETCH_SITE) != NULL ||
           headers_find(&r->headers, HEADER_SEC_FETCH_MODE) != NULL ||
           headers_find(&r->headers, HEADER_ORIGIN) != NULL ||
           (agent != NULL && span_starts_nocase(agent->value, SPAN("mozilla/")));
}

static void enter_view(struct exchange *x, struct view *v, int rc)
{
    if (rc < 0) {
        unavailable(x, rc);
    } else if (rc == VIEW_WAIT) {
        view_wait(v, x);
    } else {
        view_join(v, x);
        judge(x, v, 0);
    }
}

/* Nothing but what the connection has shown. False: it has shown nothing that counts. */
static bool identify_certificate(struct exchange *x)
{
    const struct client *client = client_of(x);
    struct view *v = NULL;
    if (client == NULL || is_browser(&x->request))
        return false;
    int rc = views_find_certificate(x->edge->views, span_str(client->name), client->der,
                                    x->request.authority, &x->source, &v);
    enter_view(x, v, rc);
    return true;
}

static void identify(struct exchange *x)
{
    const struct request *r = &x->request;
    struct credential c;
    if (credential_find(&r->headers, CREDENTIAL_CHILD, x->listener_port, &c) < 0) {
        refuse(x, ACCESS_MALFORMED, 400, "More than one credential came with this request.",
               "credentials");
        return;
    }
    x->token_in_authorization = c.in_authorization;
    if (x->route->kind == ROUTE_TCP && c.kind != CREDENTIAL_TOKEN) {
        refuse(x, ACCESS_UNAUTHENTICATED, 401, "A raw TCP service is reached with an API token.",
               "token");
        return;
    }
    if (c.kind == CREDENTIAL_NONE && identify_certificate(x))
        return;
    if (c.kind == CREDENTIAL_NONE || !c.shaped) {
        nobody(x, c.kind);
        return;
    }
    if (c.kind == CREDENTIAL_CHILD && !fetchmeta_may_proceed(r)) {
        refuse(x, ACCESS_DENIED, 403,
               "This request was sent by another site, or by a browser that does not say.",
               "cross-site");
        return;
    }
    if (fetchmeta_foreign_socket(r)) {
        refuse(x, ACCESS_DENIED, 403, "This WebSocket was asked for by a page of another site.",
               "origin");
        return;
    }
    struct view *v = NULL;
    int rc = views_find(x->edge->views, c.kind, c.token, r->authority, &x->source, &v);
    enter_view(x, v, rc);
}

/* A console's host, but none of its consoles. */
static void enter_host(struct exchange *x, struct route_list routes, bool own)
{
    bool style = span_is(x->request.canonical, PAGES_STYLE);
    if (!style && !host_admits_place(x, routes)) {
        denied(x, x->decision.reason);
    } else if (own) {
        portal_enter(x);
    } else {
        x->route = NULL;
        refuse(x, ACCESS_DENIED, 404, "No console is served under this path.", "path");
    }
}

/* A connection of a proxy carries the requests of many: each says whose it is, and is judged as if
 * he had come himself. False: it has been answered. */
static bool learn_client(struct exchange *x)
{
    const struct listener_def *l = snapshot_listener(x->generation->snapshot, x->listener);
    if (l == NULL || l->forwarded == FORWARDED_OFF ||
        !cidrs_contain(l->proxies, l->proxy_count, &x->source))
        return true;
    enum header_id id = l->forwarded == FORWARDED_FOR ? HEADER_X_FORWARDED_FOR : HEADER_FORWARDED;
    struct addr client;
    int rc =
        forwarded_client(&x->request.headers, id, &x->source, l->proxies, l->proxy_count, &client);
    if (rc < 0) {
        /* The proxy's own place would let in whoever is behind it. */
        x->zones = (struct zone_set){NULL, 0};
        x->edge->count.refused_proxy++;
        refuse(x, ACCESS_MALFORMED, 400, "The proxy in front does not say whose request this is.",
               "forwarded");
        return false;
    }
    /* The way to the proxy is known, the client's is not. */
    x->source = client;
    x->forwarded = true;
    x->interface = "";
    x->zones = zones_find(policy_zones(x->generation->policy), &client);
    if (policy_admits_source(x->generation->policy, x->zones))
        return true;
    x->edge->count.refused_source++;
    x->decision = (struct decision){.verdict = VERDICT_DENY, .reason = REASON_ZONE};
    denied(x, REASON_ZONE);
    return false;
}

/* A raw service has no pages: one address, and tokens only, which no page can make a browser send.
 */
static void enter_raw(struct exchange *x)
{
    const struct request *r = &x->request;
    if (!admits_place(x, x->route))
        denied(x, x->decision.reason);
    else if (r->upgrade_tunnel && span_is(r->canonical, RAWTUNNEL_PATH))
        identify(x);
    else
        refuse(x, ACCESS_DENIED, 404, "This is a raw TCP service; 'postern connect' reaches it.",
               "tunnel");
}

void gate_enter(struct exchange *x)
{
    const struct request *r = &x->request;
    const struct policy *p = x->generation->policy;
    exchange_enter(x, EXCHANGE_GATE);
    if (!learn_client(x))
        return;
    if (!source_may_ask(x)) {
        refuse(x, ACCESS_LIMIT, 429, "There are too many requests from this address.", "rate");
        return;
    }
    if (x->conn->companion) {
        companion_enter(x);
        return;
    }
    /* The answer of TRACE would show a script the cookies it may not read; nobody tunnels from
     * here. */
    if (span_is(r->method, "TRACE") || span_is(r->method, "CONNECT")) {
        refuse(x, ACCESS_DENIED, 405, "This method is never allowed here.", "method");
        return;
    }
    if (!client_fits(x)) {
        x->decision = (struct decision){.verdict = VERDICT_DENY, .reason = REASON_NOBODY};
        refuse(x, ACCESS_DENIED, 421,
               "Another certificate is asked for under this name than this connection has shown.",
               "certificate");
        return;
    }
    bool own = span_starts(r->canonical, SPAN("/.postern/")) || span_is(r->canonical, "/.postern");
    x->route = policy_route(p, x->listener_port, r->host, r->canonical);
    if (x->route != NULL && x->route->kind == ROUTE_TCP) {
        enter_raw(x);
        return;
    }
    if (x->route != NULL && !own) {
        identify(x);
        return;
    }
    struct route_list routes = policy_routes(p, x->listener_port, r->host);
    if (routes.count > 0) {
        enter_host(x, routes, own);
        return;
    }
    if (span_is(r->canonical, PAGES_STYLE)) {
        portal_enter(x);
    } else if (!policy_is_portal(p, r->host) || !listener_serves_portal(x)) {
        refuse(x, ACCESS_DENIED, 421, "This gateway serves no console under this name.", "host");
    } else if (!policy_admits_portal(p, x->zones)) {
        x->decision = (struct decision){.verdict = VERDICT_DENY, .reason = REASON_ZONE};
        denied(x, REASON_ZONE);
    } else {
        portal_enter(x);
    }
}

void gate_leave(struct exchange *x)
{
    view_leave(x);
    list_remove(&x->view_link); /* of strangers */
    keeper_cancel(x->ask);
    x->ask = NULL;
}

/* ---- what is open ---- */

static bool is_open(const struct exchange *x)
{
    return x->state == EXCHANGE_PROXY || x->state == EXCHANGE_TUNNEL;
}

/* Why an open exchange may not go on by the rules in force; NULL when it may. v NULL: it is a
 * stranger's. A route whose upstream or limits have changed is the same route: what runs finishes
 * on the old connection. */
static const char *objection(const struct exchange *x, const struct view *v)
{
    static const char NO_MORE[] = "The rules no longer allow this.";
    static const struct subject STRANGER = {.kind = SUBJECT_NOBODY};
    const struct generation *g = x->edge->generation;
    const struct route_def *route =
        policy_route(g->policy, x->listener_port, x->request.host, x->request.canonical);
    if (route == NULL || x->route == NULL)
        return "This console was removed.";
    if (strcmp(route->name, x->route->name) != 0)
        return "Another console is served under this name now.";
    struct zone_set zones = zones_at(policy_zones(g->policy), &x->source, x->interface);
    if (v != NULL)
        return decide(x, g, route, zones, v).reason == REASON_ALLOWED ? NULL : NO_MORE;
    const struct question q = {.subject = &STRANGER,
                               .zones = zones,
                               .route = route,
                               .method = x->request.method,
                               .path = x->request.canonical,
                               .upgrade = gate_upgrades(&x->request),
                               .now = edge_wall_ms() / 1000};
    return policy_decide(g->policy, &q).verdict == VERDICT_ALLOW ? NULL : NO_MORE;
}

static void on_refreshed(struct exchange *x, struct view *v)
{
    const char *why = NULL;
    if (x->events != NULL)
        why = events_objection(x, v);
    else if (is_open(x) && v->state == VIEW_KNOWN)
        why = objection(x, v);
    if (why == NULL)
        return;
    x->edge->gate->ended++;
    exchange_revoke(x, 403, why);
}

static void recheck_strangers(struct gate *g)
{
    list_each_safe(it, &g->strangers)
    {
        struct exchange *x = container_of(it, struct exchange, view_link);
        const char *why = is_open(x) ? objection(x, NULL) : NULL;
        if (why == NULL)
            continue;
        g->ended++;
        exchange_revoke(x, 403, why);
    }
}

unsigned gate_recheck(struct edge *e)
{
    e->gate->ended = 0;
    recheck_strangers(e->gate);
    views_each_exchange(e->views, on_refreshed);
    /* A view also carries what the snapshot says of its console, such as the credential to inject:
     * nobody comes in by what was said before. */
    views_ask_all(e->views);
    return e->gate->ended;
}

static void on_expire(struct exchange *x, __attribute__((unused)) struct view *v,
                      enum view_status status)
{
    if (!is_open(x) && x->events == NULL)
        return;
    if (status == VIEW_FAILED)
        exchange_revoke(x, 503, "The part of this gateway that knows sessions does not answer.");
    else if (status == VIEW_OK)
        exchange_revoke(x, 403, "This console was closed.");
    else
        exchange_revoke(x, 401, "This session has ended.");
}

/* ---- the world of the views ---- */

static struct view_now world_now(void *self)
{
    return (struct view_now){.mono_ms = edge_now(self), .wall_s = edge_wall_ms() / 1000};
}

static int world_ask(void *self, const struct msg_session *m,
                     void (*done)(void *owner, int fault, struct span payload), void *owner,
                     struct keeper_ask **ret)
{
    return keeper_ask_session(self, m, done, owner, ret);
}

static void world_activity(void *self, const uint8_t id[16], uint64_t wall_s)
{
    keeper_note_activity(self, id, wall_s);
}

static void world_flush(void *self)
{
    keeper_flush_activity(self);
}

static void on_tick(uv_timer_t *t)
{
    struct gate *g = t->data;
    views_tick(g->edge->views);
    if (++g->strangers_ticks < STRANGERS_TICKS)
        return;
    g->strangers_ticks = 0;
    recheck_strangers(g);
}

int gate_init(struct edge *e)
{
    struct view_world world = {.self = e,
                               .now = world_now,
                               .ask = world_ask,
                               .cancel = keeper_cancel,
                               .activity = world_activity,
                               .flush = world_flush,
                               .resume = judge,
                               .expire = on_expire,
                               .refreshed = on_refreshed};
    struct gate *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return -ENOMEM;
    g->edge = e;
    list_init(&g->strangers);
    int rc = views_new(&world, &e->views);
    if (rc == 0)
        rc = uv_timer_init(e->loop, &g->tick);
    if (rc == 0) {
        g->tick.data = g;
        rc = uv_timer_start(&g->tick, on_tick, TICK_MS, TICK_MS);
    }
    if (rc < 0) {
        views_free(e->views);
        e->views = NULL;
        free(g);
        return rc;
    }
    e->gate = g;
    return 0;
}

static void on_gate_close(uv_handle_t *h)
{
    free(h->data);
}

void gate_fini(struct edge *e)
{
    if (e->gate == NULL)
        return;
    views_free(e->views);
    e->views = NULL;
    uv_close((uv_handle_t *)&e->gate->tick, on_gate_close);
    e->gate = NULL;
}
