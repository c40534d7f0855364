#include "edge/detour.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/rng.h"
#include "base/text.h"
#include "edge/edge.h"
#include "edge/flow.h"
#include "edge/gate.h"
#include "edge/handover.h"
#include "edge/pages.h"
#include "edge/portal.h"

bool detour_may_follow(const struct exchange *x)
{
    const struct request *r = &x->request;
    const struct header *dest = headers_find(&r->headers, HEADER_SEC_FETCH_DEST);
    return (span_is(r->method, "GET") || span_is(r->method, "HEAD")) && !r->upgrade_websocket &&
           exchange_wants_page(x) && (dest == NULL || span_is(dest->value, "document"));
}

/* Two tabs share one flow: the cookie is renewed, not replaced. */
static int flow_of(struct exchange *x, struct flow *f, char hash_text[TEXT_B64_SIZE(32)])
{
    uint8_t bytes[32];
    if (f->secret.len == 0) {
        char text[TEXT_B64_SIZE(32)];
        int rc = rng_fill(bytes, sizeof(bytes));
        if (rc < 0)
            return rc;
        text_b64url(text, span_of(bytes, sizeof(bytes)));
        f->secret = arena_copy(&x->arena, span_str(text));
        if (f->secret.len == 0)
            return -ENOMEM;
    }
    size_t len = 0;
    if (EVP_Q_digest(NULL, "SHA256", NULL, f->secret.at, f->secret.len, bytes, &len) != 1 ||
        len != sizeof(bytes))
        return FAULT_CRYPTO;
    text_b64url(hash_text, span_of(bytes, sizeof(bytes)));
    return 0;
}

/* The address at the portal, from which the way leads back. With nothing to prove: to log in. */
static int way(struct exchange *x, struct flow *flow, struct span back, struct span *ret)
{
    const struct rule_def *rule = x->decision.verdict == VERDICT_PROVE ? x->decision.rule : NULL;
    bool moved = x->decision.reason == REASON_MOVED;
    bool prove = rule != NULL && x->decision.reason != REASON_NOBODY && !moved;
    struct handover h = {.to = x->request.authority, .back = SPAN("/")};
    char hash[TEXT_B64_SIZE(32)];
    int rc = flow_of(x, flow, hash);
    if (handover_back_is_safe(back))
        h.back = back;
    if (prove) {
        h.need = rule->assurance == ASSURANCE_NONE ? ASSURANCE_PASSWORD : rule->assurance;
        h.age = rule->max_age;
    }
    h.flow = span_str(hash);
    struct buf rest;
    buf_init(&rest, 16384);
    /* A session that has left its binding is of no use from here: only a new login is. */
    (void)buf_text(&rest, prove ? DETOUR_STEP_UP "?" : moved ? "/login?" : "/handover?");
    (void)handover_query(&rest, &h);
    *ret = rest.bad || rc < 0 ? SPAN_NONE : gate_portal_url(x, buf_view(&rest));
    buf_fini(&rest);
    return rc < 0 ? rc : ret->len == 0 ? -ENOMEM : 0;
}

static void add_flow(struct exchange *x, struct answer *a, const struct flow *flow)
{
    answer_add(a, "Set-Cookie", flow_cookie(&x->arena, flow, x->listener_port));
}

static void unavailable(struct exchange *x)
{
    x->outcome = ACCESS_UNAVAILABLE;
    answer_error(x, 503, "There was not enough memory.", "memory");
}

/* The count begins anew, so that trying once more is trying. */
static void send_loop_page(struct exchange *x, struct flow *f, enum loop_cause cause)
{
    struct answer a = {.status = 403};
    f->rounds = 0;
    x->outcome = ACCESS_UNAUTHENTICATED;
    add_flow(x, &a, f);
    portal_send_loop(x, &a, cause, x->request.target);
}

static void lead_away(struct exchange *x, enum loop_cause cause)
{
    struct flow flow = flow_read(&x->request.headers, x->listener_port);
    struct span url;
    if (flow_loops(&flow, edge_wall_ms() / 1000)) {
        send_loop_page(x, &flow, cause);
        return;
    }
    if (way(x, &flow, x->request.target, &url) < 0) {
        unavailable(x);
        return;
    }
    struct answer a = {.status = 303};
    answer_add(&a, "Location", url);
    add_flow(x, &a, &flow);
    answer_send(x, &a);
}

void detour_login(struct exchange *x, bool cookie_came)
{
    lead_away(x, cookie_came ? LOOP_UNKNOWN_COOKIE : LOOP_NO_COOKIE);
}

/* RFC 9457, with members of this type; error and request_id as in every other problem. */
static void send_problem(struct exchange *x, struct answer *a, struct span url)
{
    const struct rule_def *rule = x->decision.rule;
    struct buf body;
    buf_init(&body, 32768);
    (void)buf_printf(&body,
                     "{\"type\":\"" DETOUR_PROBLEM "\",\"title\":\"Proof needed\",\"status\":401,"
                     "\"detail\":\"%s\",\"error\":\"%s\",\"assurance\":\"%s\",\"max_age\":%u,"
                     "\"prove\":",
                     reason_text(x->decision.reason), reason_name(x->decision.reason),
                     assurance_name(rule->assurance), rule->max_age);
    (void)text_json(&body, url);
    (void)buf_printf(&body, ",\"request_id\":\"%s\"}\n", x->id_text);
    a->status = 401;
    a->type = "application/problem+json";
    a->body = body.bad ? SPAN_NONE : arena_copy(&x->arena, buf_view(&body));
    buf_fini(&body);
    answer_add(a, "WWW-Authenticate",
               SPAN("Bearer realm=\"postern\", error=\"insufficient_user_authentication\""));
    answer_send(x, a);
}

/* Nothing of the request goes on. A page shown for a form leaves the data with the browser. */
static void refuse_form(struct exchange *x, struct answer *a, struct span url)
{
    struct prove_page p = {.cause = reason_text(x->decision.reason),
                           .assurance = assurance_name(x->decision.rule->assurance),
                           .max_age = x->decision.rule->max_age,
                           .url = url,
                           .grant = x->decision.reason == REASON_GRANT,
                           .request_id = x->id_text};
    struct buf page;
    buf_init(&page, PAGES_MAX);
    if (pages_prove(&page, &p) < 0)
        page.bad = true;
    a->status = 403;
    portal_send_html(x, a, &page, SPAN_NONE);
}

/* ---- asking for a grant ---- */

static struct span grant_url(struct exchange *x, struct span back)
{
    struct buf rest;
    buf_init(&rest, 16384);
    (void)buf_text(&rest, DETOUR_GRANT "?rule=");
    (void)text_urlencode(&rest, span_str(x->decision.rule->name));
    (void)buf_text(&rest, "&to=");
    (void)text_urlencode(&rest, x->request.authority);
    (void)buf_text(&rest, "&back=");
    (void)text_urlencode(&rest, handover_back_is_safe(back) ? back : SPAN("/"));
    struct span url = rest.bad ? SPAN_NONE : gate_portal_url(x, buf_view(&rest));
    buf_fini(&rest);
    return url;
}

static void send_grant_problem(struct exchange *x, struct span url)
{
    struct answer a = {.status = 403, .type = "application/problem+json"};
    struct buf body;
    buf_init(&body, 32768);
    (void)buf_printf(&body,
                     "{\"type\":\"" DETOUR_GRANT_PROBLEM "\",\"title\":\"Grant needed\","
                     "\"status\":403,\"detail\":\"%s\",\"error\":\"%s\",\"rule\":",
                     reason_text(REASON_GRANT), reason_name(REASON_GRANT));
    (void)text_json(&body, span_str(x->decision.rule->name));
    (void)buf_text(&body, ",\"request\":");
    (void)text_json(&body, url);
    (void)buf_printf(&body, ",\"request_id\":\"%s\"}\n", x->id_text);
    a.body = body.bad ? SPAN_NONE : arena_copy(&x->arena, buf_view(&body));
    buf_fini(&body);
    answer_send(x, &a);
}

/* The way leads past no hand-over and thus never in circles: the portal's page stays until there is
 * a grant, and the session of this console is good afterwards, too. */
static void ask_grant(struct exchange *x, bool navigates)
{
    struct span url = grant_url(x, detour_may_follow(x) ? x->request.target : SPAN(DETOUR_PROVEN));
    struct answer a = {.status = 303};
    x->outcome = ACCESS_DENIED;
    if (url.len == 0) {
        unavailable(x);
    } else if (detour_may_follow(x)) {
        answer_add(&a, "Location", url);
        answer_send(x, &a);
    } else if (navigates) {
        a.status = 403;
        refuse_form(x, &a, url);
    } else {
        send_grant_problem(x, url);
    }
}

void detour_prove(struct exchange *x)
{
    bool navigates = x->clean && exchange_wants_page(x) && !x->request.upgrade_websocket;
    if (x->decision.reason == REASON_GRANT) {
        ask_grant(x, navigates);
        return;
    }
    if (detour_may_follow(x)) {
        x->outcome = ACCESS_DENIED;
        lead_away(x, LOOP_PROOF);
        return;
    }
    if (x->decision.reason == REASON_MOVED) {
        x->outcome = ACCESS_DENIED;
        answer_error(x, 401, reason_text(REASON_MOVED), reason_name(REASON_MOVED));
        return;
    }
    struct flow flow = flow_read(&x->request.headers, x->listener_port);
    struct answer a = {0};
    struct span url;
    if (way(x, &flow, SPAN(DETOUR_PROVEN), &url) < 0) {
        unavailable(x);
        return;
    }
    x->outcome = ACCESS_DENIED;
    add_flow(x, &a, &flow);
    if (navigates)
        refuse_form(x, &a, url);
    else
        send_problem(x, &a, url);
}

void detour_proven(struct exchange *x)
{
    struct answer a = {.status = 200};
    struct buf page;
    buf_init(&page, PAGES_MAX);
    if (pages_proven(&page) < 0)
        page.bad = true;
    portal_send_html(x, &a, &page, SPAN_NONE);
}
