/* The API and the console of postern itself: one request, one message to the keeper, one answer.
 *
 * The edge frames and caps; the keeper authenticates, authorises and acts in one trip, and looks at
 * the body only after it knows who sent it. Who brings no credential reaches nothing but the pages
 * before a session, /signin/. */
#include "base/fault.h"
#include "conf/weburl.h"
#include "edge/client.h"
#include "edge/conn.h"
#include "edge/console.h"
#include "edge/credential.h"
#include "edge/edge.h"
#include "edge/events.h"
#include "edge/handover.h"
#include "edge/keeper.h"
#include "edge/pages.h"
#include "edge/portal.h"
#include "http/fetchmeta.h"

#define BODY_MAX 65536u

struct api_call {
    struct exchange *x;
    struct credential credential;
};

static bool is_printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < 0x20 || s.at[i] >= 0x7f)
            return false;
    return true;
}

/* An address that a browser takes for nothing else than it is. */
static bool is_web_address(struct span s)
{
    struct weburl url;
    struct span base = span_sub(s, 0, span_find(s, '?'));
    return is_printable(s) && span_find(s, ' ') == SIZE_MAX && weburl_parse(base, &url) == 0;
}

/* The cookies that a page sets or removes; false: the keeper has said something else. */
static bool set_cookies(struct exchange *x, struct answer *a, const struct msg_page *page)
{
    const struct {
        enum cookie_name which;
        struct span value;
    } rows[] = {
        {COOKIE_SSO, page->sso}, {COOKIE_CONSOLE, page->console}, {COOKIE_SIGNIN, page->flow}};
    for (size_t i = 0; i < countof(rows); i++) {
        bool removed = span_is(rows[i].value, "-");
        if (rows[i].value.len == 0)
            continue;
        if (!removed && !credential_is_opaque(rows[i].value))
            return false;
        answer_add(a, "Set-Cookie",
                   cookie_set(&x->arena, rows[i].which, x->listener_port,
                              removed ? SPAN_NONE : rows[i].value));
    }
    return true;
}

/* Where the keeper's pages ask for a passkey. */
static bool has_script(struct span path)
{
    return span_is(path, "/enrol") || span_starts(path, SPAN("/signin/")) ||
           span_starts(path, SPAN("/account/"));
}

/* The policy of a form covers the redirects after it (CSP 3, form-action), and these end at a
 * console, which the page with the form does not know: a page that leads on ends the form. */
static void send_on(struct exchange *x, struct answer *a, struct span to)
{
    struct buf page;
    buf_init(&page, PAGES_MAX);
    if (pages_bounce(&page, to) < 0)
        page.bad = true;
    a->status = 200;
    portal_send_html(x, a, &page, SPAN_NONE);
}

void portal_send_page(struct exchange *x, const struct msg_page *page, bool cookie)
{
    if (page->status == 401 && cookie && exchange_wants_page(x) &&
        span_is(x->request.method, "GET")) {
        portal_login_first(x, true);
        return;
    }
    if (page->status < 200 || page->status > 599 || !is_printable(page->type) ||
        /* The keeper only leads to places of the portal itself. */
        (page->location.len > 0 && !handover_place_is_safe(page->location, 16384)) ||
        (page->away.len > 0 && (page->location.len > 0 || !is_web_address(page->away)))) {
        answer_error(x, 500, "The answer to this request could not be understood.", "keeper");
        return;
    }
    struct answer a = {.status = page->status};
    a.body = arena_copy(&x->arena, page->body);
    if (page->type.len > 0)
        a.type = arena_string(&x->arena, page->type);
    struct span location = arena_copy(&x->arena, page->away.len > 0 ? page->away : page->location);
    const char *retry =
        page->retry_after > 0 ? arena_printf(&x->arena, "%u", page->retry_after) : NULL;
    if (a.body.at == NULL || location.at == NULL || (page->type.len > 0 && a.type == NULL) ||
        (page->retry_after > 0 && retry == NULL)) {
        answer_error(x, 500, "There was not enough memory.", NULL);
        return;
    }
    if (!set_cookies(x, &a, page)) {
        answer_error(x, 500, "The answer to this request could not be understood.", "keeper");
        return;
    }
    if (span_is(x->request.method, "POST") && span_starts(location, SPAN("/handover?"))) {
        send_on(x, &a, location);
        return;
    }
    if (location.len > 0)
        answer_add(&a, "Location", location);
    if (page->etag.len > 0 && is_printable(page->etag))
        answer_add(&a, "ETag", arena_copy(&x->arena, page->etag));
    if (page->allow.len > 0 && is_printable(page->allow))
        answer_add(&a, "Allow", arena_copy(&x->arena, page->allow));
    if (retry != NULL)
        answer_add(&a, "Retry-After", span_str(retry));
    if (page->next != 0)
        answer_add(&a, "Postern-Next",
                   span_str(arena_printf(&x->arena, "%llu", (unsigned long long)page->next)));
    if (page->status == 401)
        answer_add(&a, "WWW-Authenticate", SPAN("Bearer realm=\"postern\""));
    if (span_starts(page->type, SPAN("text/html")))
        answer_add(&a, "Content-Security-Policy",
                   has_script(x->request.canonical) ? SPAN(PAGES_CSP_SCRIPT) : SPAN(PAGES_CSP));
    answer_send(x, &a);
}

/* For the access record, whatever becomes of the answer. */
static void note_principal(struct exchange *x, const struct msg_page *page)
{
    x->principal.kind = page->principal_kind;
    x->principal.name = arena_copy(&x->arena, page->principal);
    memcpy(x->principal.session, page->session, sizeof(x->principal.session));
}

static void on_page(void *owner, int fault, struct span payload)
{
    struct api_call *call = owner;
    struct exchange *x = call->x;
    struct msg_page page = {0};
    x->ask = NULL;
    if (x->state != EXCHANGE_ASKING)
        return;
    if (fault == 0)
        fault = msg_page_decode(payload, &page);
    if (fault == 0)
        note_principal(x, &page);
    if (fault < 0)
        portal_send_fault(x, fault);
    else if (page.topics != 0 && x->events != NULL && page.status == 200)
        events_begin(x, page.topics);
    else if (page.status == 204 && console_is_place(x->request.canonical))
        console_send_page(x);
    else
        portal_send_page(x, &page, call->credential.kind != CREDENTIAL_TOKEN);
}

/* Of the shape that ours have, or nothing. */
static struct span own_cookie(const struct exchange *x, enum cookie_name which)
{
    struct span value;
    int rc = cookie_own(&x->request.headers, which, x->listener_port, &value);
    return rc == 0 && credential_is_opaque(value) ? value : SPAN_NONE;
}

/* What another server says about itself, signed: no cookie speaks for it, so that it may come from
 * anywhere, and none goes along. */
static bool is_backchannel(const struct exchange *x)
{
    return span_starts(x->request.canonical, SPAN("/signin/backchannel/"));
}

/* The value of a header that has no id of its own. false: it stands there twice, or is empty. */
static bool only_header(const struct headers *h, const char *name, struct span *ret)
{
    size_t seen = 0;
    *ret = SPAN_NONE;
    for (size_t i = 0; i < h->count; i++) {
        if (span_eq_nocase(h->at[i].name, span_str(name))) {
            *ret = h->at[i].value;
            seen++;
        }
    }
    return seen == 0 || (seen == 1 && ret->len > 0);
}

static void ask(struct api_call *call, struct span body)
{
    struct exchange *x = call->x;
    const struct request *r = &x->request;
    const struct header *type = headers_find(&r->headers, HEADER_CONTENT_TYPE);
    struct msg_verb m = {.kind = (uint8_t)call->credential.kind,
                         .token = call->credential.token,
                         .host = r->authority,
                         /* The body of an answer to HEAD is cut off where it is written. */
                         .method = span_is(r->method, "HEAD") ? SPAN("GET") : r->method,
                         /* Every address of the console is one place: who may see it decides
                          * the keeper. */
                         .path = console_is_place(r->canonical) ? SPAN("/") : r->canonical,
                         .query = r->query,
                         .type = type == NULL ? SPAN_NONE : span_sub(type->value, 0, 128),
                         .body = body,
                         .interface = span_str(x->interface),
                         .fingerprint = conn_fingerprint(x->conn),
                         .request_id = span_str(x->id_text)};
    const struct header *agent = headers_find(&r->headers, HEADER_USER_AGENT);
    m.agent = agent == NULL ? SPAN_NONE : span_sub(agent->value, 0, 256);
    if (!only_header(&r->headers, "idempotency-key", &m.repeat) || m.repeat.len > 128) {
        answer_error(x, 400, "Idempotency-Key stands there twice, or is too long.", "headers");
        return;
    }
    if (!only_header(&r->headers, "if-match", &m.if_match) || m.if_match.len > 256) {
        answer_error(x, 400, "If-Match stands there twice, or is too long.", "headers");
        return;
    }
    if (call->credential.kind != CREDENTIAL_TOKEN && !is_backchannel(x)) {
        m.sso = own_cookie(x, COOKIE_SSO);
        m.flow = own_cookie(x, COOKIE_SIGNIN);
    }
    memcpy(m.source, x->source.byte, sizeof(m.source));
    m.certificate = client_chain(x);
    exchange_enter(x, EXCHANGE_ASKING);
    int rc = keeper_ask_verb(x->edge, &m, on_page, call, &x->ask);
    if (rc < 0)
        portal_send_fault(x, rc == FAULT_LIMIT ? FAULT_FORMAT : rc);
}

static struct api_call *call_of(struct exchange *x);

static void on_body(struct exchange *x, struct span body, int fault)
{
    struct api_call *call = fault == 0 ? call_of(x) : NULL;
    if (fault < 0)
        portal_send_fault(x, fault);
    else if (call != NULL)
        ask(call, body);
}

/* The credential once more: nothing of it is kept in the exchange while the body is collected.
 * NULL: it has been answered. */
static struct api_call *call_of(struct exchange *x)
{
    struct api_call *call = arena_alloc(&x->arena, sizeof(*call));
    if (call == NULL) {
        portal_send_fault(x, FAULT_STORE);
        return NULL;
    }
    call->x = x;
    if (credential_find(&x->request.headers, CREDENTIAL_CONSOLE, x->listener_port,
                        &call->credential) < 0) {
        x->outcome = ACCESS_MALFORMED;
        answer_error(x, 400, "More than one credential came with this request.", "credentials");
        return NULL;
    }
    const struct credential *c = &call->credential;
    if (c->kind == CREDENTIAL_TOKEN && !c->shaped) {
        x->outcome = ACCESS_UNAUTHENTICATED;
        answer_error(x, 401, "This token is not known, has expired or was revoked.", "token");
        return NULL;
    }
    bool nobody = c->kind == CREDENTIAL_NONE || !c->shaped;
    if (nobody && span_starts(x->request.canonical, SPAN("/signin/"))) {
        call->credential = (struct credential){.kind = CREDENTIAL_NONE};
    } else if (nobody) {
        portal_login_first(x, c->kind != CREDENTIAL_NONE);
        return NULL;
    }
    if (is_backchannel(x)) {
        call->credential = (struct credential){.kind = CREDENTIAL_NONE};
        return call;
    }
    if (c->kind != CREDENTIAL_TOKEN && !fetchmeta_may_proceed(&x->request)) {
        x->outcome = ACCESS_DENIED;
        answer_error(x, 403,
                     "This request was sent by another site, or by a browser that does not say.",
                     "cross-site");
        return NULL;
    }
    return call;
}

void api_ask(struct exchange *x)
{
    struct api_call *call = call_of(x);
    if (call != NULL)
        ask(call, SPAN_NONE);
}

void api_enter(struct exchange *x)
{
    const struct request *r = &x->request;
    x->outcome = ACCESS_OWN;
    struct api_call *call = call_of(x);
    if (call == NULL)
        return;
    if (r->method.len > 16 || r->canonical.len > 2048 || r->query.len > 4096)
        answer_error(x, 414, "This address is longer than any that exists here.", "size");
    else if (span_is(r->canonical, EVENTS_PATH) && span_is(r->method, "GET") &&
             r->framing == BODY_NONE && call->credential.kind != CREDENTIAL_NONE)
        events_enter(x, &call->credential);
    else if (r->framing == BODY_NONE)
        ask(call, SPAN_NONE);
    else
        exchange_collect(x, BODY_MAX, on_body);
}
