/* The longest file of the edge's rooms: one table of places, and for each the step before the
 * keeper and the step after it. */
#include "edge/portal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "edge/assets.h"
#include "edge/client.h"
#include "edge/conn.h"
#include "edge/console.h"
#include "edge/credential.h"
#include "edge/detour.h"
#include "edge/edge.h"
#include "edge/flow.h"
#include "edge/handover.h"
#include "edge/jwks.h"
#include "edge/keeper.h"
#include "edge/pages.h"
#include "http/fetchmeta.h"
#include "http/uri.h"

#define FORM_MAX 8192u
#define HTML "text/html; charset=utf-8"

/* ---- answers ---- */

void portal_send_html(struct exchange *x, struct answer *a, struct buf *page, struct span csp)
{
    a->type = HTML;
    a->body = page->bad ? SPAN_NONE : arena_copy(&x->arena, buf_view(page));
    buf_fini(page);
    if (a->body.len == 0) {
        answer_error(x, 500, "This page could not be made.", NULL);
        return;
    }
    answer_add(a, "Content-Security-Policy", csp.len > 0 ? csp : SPAN(PAGES_CSP));
    answer_send(x, a);
}

void portal_send_fault(struct exchange *x, int fault)
{
    if (fault == FAULT_LIMIT) {
        answer_error(x, 413, "What was sent is larger than this page accepts.", "size");
        return;
    }
    x->outcome = ACCESS_UNAVAILABLE;
    answer_error(x, 503, "The part of this gateway that knows sessions does not answer.", "keeper");
}

static void refuse(struct exchange *x, unsigned status, const char *cause, const char *detail)
{
    x->outcome = status == 400 ? ACCESS_MALFORMED : ACCESS_DENIED;
    answer_error(x, status, cause, detail);
}

static void redirect(struct exchange *x, struct answer *a, struct span to)
{
    if (to.len == 0) {
        answer_error(x, 500, "There was not enough memory.", NULL);
        return;
    }
    a->status = 303;
    answer_add(a, "Location", to);
    answer_send(x, a);
}

static void add_cookie(struct exchange *x, struct answer *a, enum cookie_name which,
                       struct span value)
{
    answer_add(a, "Set-Cookie", cookie_set(&x->arena, which, x->listener_port, value));
}

static void send_asset(struct exchange *x)
{
    struct answer a = {.status = 200, .type = "text/css; charset=utf-8", .body = asset_style};
    x->is_file = true;
    answer_add(&a, "Cache-Control", SPAN("max-age=300"));
    answer_send(x, &a);
}

static void send_script(struct exchange *x)
{
    struct answer a = {
        .status = 200, .type = "text/javascript; charset=utf-8", .body = asset_passkey};
    x->is_file = true;
    answer_add(&a, "Cache-Control", SPAN("max-age=300"));
    answer_send(x, &a);
}

static void send_health(struct exchange *x)
{
    struct answer a = {.status = 200, .type = "text/plain; charset=utf-8", .body = SPAN("ok")};
    answer_send(x, &a);
}

static void send_login(struct exchange *x, struct login_page *p, struct answer *a)
{
    p->certificate = client_of(x) != NULL;
    struct span csp = pages_csp(&x->arena, p->handover);
    if (csp.len == 0) {
        answer_error(x, 500, "There was not enough memory.", NULL);
        return;
    }
    struct login_page shown = *p;
    struct buf page;
    shown.providers = x->generation->snapshot->providers;
    shown.provider_count = x->generation->snapshot->provider_count;
    buf_init(&page, PAGES_MAX);
    if (pages_login(&page, &shown) < 0)
        page.bad = true;
    portal_send_html(x, a, &page, csp);
}

void portal_send_loop(struct exchange *x, struct answer *a, enum loop_cause cause,
                      struct span again)
{
    struct loop_page p = {.cause = cause,
                          .address = x->request.authority,
                          .again = again,
                          .date = edge_date(x->edge),
                          .request_id = x->id_text};
    struct buf page;
    buf_init(&page, PAGES_MAX);
    if (pages_loop(&page, &p) < 0)
        page.bad = true;
    portal_send_html(x, a, &page, SPAN_NONE);
}

static void send_loop(struct exchange *x)
{
    struct answer a = {.status = 403};
    portal_send_loop(x, &a, LOOP_NO_COOKIE, SPAN("/login"));
}

/* ---- forms ---- */

bool portal_has_form(const struct exchange *x)
{
    const struct header *h = headers_find(&x->request.headers, HEADER_CONTENT_TYPE);
    if (h == NULL)
        return false;
    struct span rest = h->value, type;
    (void)span_cut(&rest, ';', &type);
    return span_eq_nocase(span_trim(type), SPAN("application/x-www-form-urlencoded"));
}

static void collect_form(struct exchange *x, collect_done done)
{
    if (!portal_has_form(x))
        refuse(x, 415, "Only a form is accepted here.", "type");
    else
        exchange_collect(x, FORM_MAX, done);
}

/* An absent field is an empty one; a field that is there twice or wrongly encoded is refused. */
static int field(struct exchange *x, struct span form, const char *key, struct span *ret)
{
    int rc = uri_form_value(form, key, &x->arena, ret);
    if (rc == FAULT_ABSENT) {
        *ret = SPAN_NONE;
        rc = 0;
    }
    return rc;
}

static void wipe(struct span s)
{
    secret_wipe((void *)(uintptr_t)s.at, s.len);
}

static bool begin_answer(struct exchange *x)
{
    x->ask = NULL;
    return x->state == EXCHANGE_ASKING;
}

static void asked(struct exchange *x, int rc)
{
    if (rc < 0)
        portal_send_fault(x, rc == FAULT_LIMIT ? FAULT_FORMAT : rc);
}

/* The port of the listener that the console is on. A name without a port is on the scheme's own, as
 * clients see it, or else where this request came to. */
static uint16_t port_of_handover(const struct exchange *x, const struct handover *h)
{
    uint16_t port = h->port != 0 ? h->port : 443;
    uint16_t inner = snapshot_inner_port(x->generation->snapshot, port);
    return h->port == 0 && inner == port ? x->listener_port : inner;
}

/* The hand-over that this query or form speaks of: 1 and *ret, 0 for none, or it has been answered
 * with a refusal: FAULT_FORMAT. */
static int handover_of(struct exchange *x, struct span text, struct handover *ret)
{
    int rc = handover_parse(text, &x->arena, ret);
    if (rc == FAULT_ABSENT)
        return 0;
    if (rc == 0 &&
        policy_routes(x->generation->policy, port_of_handover(x, ret), ret->host).count > 0)
        return 1;
    refuse(x, 400, "The console that this login is for does not exist here.", "handover");
    return FAULT_FORMAT;
}

static bool came_from_login(struct exchange *x)
{
    struct span after;
    return uri_form_value(x->request.query, "after", &x->arena, &after) == 0 &&
           span_is(after, "login");
}

/* ---- login ---- */

static void login_show(struct exchange *x)
{
    struct handover h;
    int rc = handover_of(x, x->request.query, &h);
    if (rc < 0)
        return;
    struct login_page p = {.handover = rc == 1 ? &h : NULL};
    struct answer a = {.status = 200};
    send_login(x, &p, &a);
}

struct login_call {
    struct exchange *x;
    bool has_handover;
    struct handover handover;
    struct span user;
};

static void login_done(struct login_call *call, const struct msg_login_is *m)
{
    struct exchange *x = call->x;
    struct answer a = {0};
    if (!credential_is_opaque(m->sso) || !credential_is_opaque(m->console)) {
        portal_send_fault(x, FAULT_FORMAT);
        return;
    }
    add_cookie(x, &a, COOKIE_SSO, m->sso);
    add_cookie(x, &a, COOKIE_CONSOLE, m->console);
    struct buf to;
    buf_init(&to, 16384);
    if (call->has_handover) {
        (void)buf_text(&to, "/handover?");
        (void)handover_query(&to, &call->handover);
        (void)buf_text(&to, "&after=login");
    } else {
        (void)buf_text(&to, "/?after=login");
    }
    struct span copy = to.bad ? SPAN_NONE : arena_copy(&x->arena, buf_view(&to));
    buf_fini(&to);
    redirect(x, &a, copy);
}

static void login_second(struct exchange *x, const struct msg_login_is *m)
{
    struct answer a = {0};
    if (!credential_is_opaque(m->flow)) {
        portal_send_fault(x, FAULT_FORMAT);
        return;
    }
    add_cookie(x, &a, COOKIE_SIGNIN, m->flow);
    redirect(x, &a, SPAN("/signin/second"));
}

static void on_login(void *owner, int fault, struct span payload)
{
    struct login_call *call = owner;
    struct exchange *x = call->x;
    struct msg_login_is m = {.result = LOGIN_FAILED};
    if (!begin_answer(x))
        return;
    if (fault == 0)
        fault = msg_login_is_decode(payload, &m);
    if (fault < 0 || m.result == LOGIN_FAILED || m.result > LOGIN_SECOND) {
        portal_send_fault(x, fault < 0 ? fault : FAULT_STORE);
        return;
    }
    if (m.result == LOGIN_OK) {
        login_done(call, &m);
        return;
    }
    if (m.result == LOGIN_SECOND) {
        login_second(x, &m);
        return;
    }
    struct login_page p = {.handover = call->has_handover ? &call->handover : NULL,
                           .user = call->user,
                           .error = "This did not match. Check name, password and code.",
                           .server_time = m.server_time};
    struct answer a = {.status = 403};
    x->outcome = ACCESS_UNAUTHENTICATED;
    if (m.result == LOGIN_THROTTLED) {
        uint32_t wait = m.retry_after > 0 ? m.retry_after : 1;
        const char *text = arena_printf(&x->arena, "%u", wait);
        p.error = arena_printf(&x->arena, "Too many attempts. Wait %u second%s, then try again.",
                               wait, wait == 1 ? "" : "s");
        if (text == NULL || p.error == NULL) {
            portal_send_fault(x, FAULT_STORE);
            return;
        }
        a.status = 429;
        answer_add(&a, "Retry-After", span_str(text));
    }
    send_login(x, &p, &a);
}

static void login_ask(struct login_call *call, struct span form)
{
    struct exchange *x = call->x;
    struct span password = SPAN_NONE, code = SPAN_NONE;
    const struct header *agent = headers_find(&x->request.headers, HEADER_USER_AGENT);
    if (field(x, form, "user", &call->user) < 0 || field(x, form, "password", &password) < 0 ||
        field(x, form, "code", &code) < 0 || call->user.len > 64 || password.len > 1024 ||
        code.len > 64) {
        wipe(password);
        wipe(code);
        refuse(x, 400, "This is not a login form of this gateway.", "form");
        return;
    }
    struct msg_login m = {.user = call->user,
                          .password = password,
                          .code = span_trim(code),
                          .agent = agent == NULL ? SPAN_NONE : span_sub(agent->value, 0, 256),
                          .request_id = span_str(x->id_text),
                          .fingerprint = conn_fingerprint(x->conn),
                          .host = x->request.authority,
                          .certificate = client_chain(x)};
    struct span here;
    if (cookie_own(&x->request.headers, COOKIE_SSO, x->listener_port, &here) == 0 &&
        credential_is_opaque(here))
        m.sso = here;
    memcpy(m.source, x->source.byte, sizeof(m.source));
    struct buf back;
    buf_init(&back, 14000);
    if (call->has_handover) {
        (void)handover_query(&back, &call->handover);
    }
    m.back = buf_view(&back);
    exchange_enter(x, EXCHANGE_ASKING);
    int rc = back.bad ? FAULT_LIMIT : keeper_ask_login(x->edge, &m, on_login, call, &x->ask);
    buf_fini(&back);
    wipe(password);
    wipe(code);
    asked(x, rc);
}

static void on_login_form(struct exchange *x, struct span body, int fault)
{
    struct login_call *call = arena_alloc(&x->arena, sizeof(*call));
    if (fault < 0 || call == NULL) {
        portal_send_fault(x, fault);
        return;
    }
    call->x = x;
    int rc = handover_of(x, body, &call->handover);
    if (rc < 0)
        return;
    call->has_handover = rc == 1;
    login_ask(call, body);
}

static void login_submit(struct exchange *x)
{
    collect_form(x, on_login_form);
}

void portal_login_first(struct exchange *x, bool stale)
{
    x->outcome = ACCESS_UNAUTHENTICATED;
    x->decision = (struct decision){.verdict = VERDICT_PROVE, .reason = REASON_NOBODY};
    const struct headers *h = &x->request.headers;
    const struct header *site = headers_find(h, HEADER_SEC_FETCH_SITE);
    struct answer a = {.status = 303};
    struct span sso;
    if (!exchange_wants_page(x) || !span_is(x->request.method, "GET")) {
        answer_error(x, 401, stale ? "This session has ended." : "Nobody is logged in.",
                     reason_name(REASON_NOBODY));
        return;
    }
    if (!stale && site != NULL && span_is(site->value, "cross-site") &&
        cookie_own(h, COOKIE_SSO, x->listener_port, &sso) == 0) {
        struct buf page;
        buf_init(&page, PAGES_MAX);
        if (pages_bounce(&page, x->request.target) < 0)
            page.bad = true;
        a.status = 200;
        portal_send_html(x, &a, &page, SPAN_NONE);
        return;
    }
    if (!stale && came_from_login(x)) {
        send_loop(x);
        return;
    }
    if (stale)
        add_cookie(x, &a, COOKIE_CONSOLE, SPAN_NONE);
    redirect(x, &a, SPAN("/login"));
}

/* ---- logout ---- */

static void logout_page(struct exchange *x)
{
    bool console = x->route != NULL;
    struct answer a = {.status = 200};
    struct span portal = gate_portal_url(x, SPAN("/"));
    struct buf page;
    buf_init(&page, PAGES_MAX);
    if (pages_logout(&page, true, console ? x->request.authority : SPAN_NONE, portal) < 0)
        page.bad = true;
    add_cookie(x, &a, console ? COOKIE_CHILD : COOKIE_CONSOLE, SPAN_NONE);
    add_cookie(x, &a, console ? COOKIE_FLOW : COOKIE_SSO, SPAN_NONE);
    answer_add(&a, "Clear-Site-Data", SPAN("\"cache\", \"storage\""));
    portal_send_html(x, &a, &page, SPAN_NONE);
}

static void on_logout(void *owner, int fault, struct span payload)
{
    struct exchange *x = owner;
    struct msg_logout_is m;
    if (!begin_answer(x))
        return;
    if (fault == 0)
        fault = msg_logout_is_decode(payload, &m);
    /* Whether there still was a session to end makes no difference to the person; that the keeper
     * did not hear of it would. */
    if (fault < 0)
        portal_send_fault(x, fault);
    else
        logout_page(x);
}

static void on_logout_form(struct exchange *x, __attribute__((unused)) struct span body, int fault)
{
    struct credential c;
    enum credential_kind kind = x->route != NULL ? CREDENTIAL_CHILD : CREDENTIAL_CONSOLE;
    if (fault < 0) {
        portal_send_fault(x, fault);
        return;
    }
    int rc = credential_find(&x->request.headers, kind, x->listener_port, &c);
    if (rc == 0 && c.kind == CREDENTIAL_NONE && x->route == NULL)
        rc = credential_find(&x->request.headers, CREDENTIAL_SSO, x->listener_port, &c);
    if (rc < 0 || c.kind == CREDENTIAL_TOKEN) {
        refuse(x, 400, "This request does not say whose session ends.", "credentials");
        return;
    }
    if (c.kind == CREDENTIAL_NONE || !c.shaped) {
        logout_page(x);
        return;
    }
    struct msg_logout m = {.kind = (uint8_t)c.kind,
                           .token = c.token,
                           .host = x->request.authority,
                           .request_id = span_str(x->id_text)};
    memcpy(m.source, x->source.byte, sizeof(m.source));
    exchange_enter(x, EXCHANGE_ASKING);
    asked(x, keeper_ask_logout(x->edge, &m, on_logout, x, &x->ask));
}

static void logout_submit(struct exchange *x)
{
    exchange_collect(x, FORM_MAX, on_logout_form);
}

static void logout_confirm(struct exchange *x)
{
    struct answer a = {.status = 200};
    struct buf page;
    buf_init(&page, PAGES_MAX);
    if (pages_logout(&page, false, x->request.authority, SPAN_NONE) < 0)
        page.bad = true;
    portal_send_html(x, &a, &page, SPAN_NONE);
}

/* ---- hand-over ---- */

struct handover_call {
    struct exchange *x;
    struct handover handover;
};

static void show_handover_login(struct exchange *x, const struct handover *h)
{
    struct login_page p = {.handover = h};
    struct answer a = {.status = 200};
    send_login(x, &p, &a);
}

static void on_handover(void *owner, int fault, struct span payload)
{
    struct handover_call *call = owner;
    struct exchange *x = call->x;
    struct msg_handover_is m = {.result = HANDOVER_FAILED};
    if (!begin_answer(x))
        return;
    if (fault == 0)
        fault = msg_handover_is_decode(payload, &m);
    if (fault < 0 || m.result > HANDOVER_REFUSED) {
        portal_send_fault(x, fault < 0 ? fault : FAULT_STORE);
        return;
    }
    if (m.result == HANDOVER_LOGIN) {
        show_handover_login(x, &call->handover);
        return;
    }
    if (m.result == HANDOVER_REFUSED) {
        refuse(x, 403, "The console that this login is for does not exist here.", "handover");
        return;
    }
    struct buf to;
    buf_init(&to, 1024);
    (void)buf_text(&to, "https://");
    (void)buf_append(&to, call->handover.to);
    (void)buf_text(&to, "/.postern/callback?code=");
    (void)text_urlencode(&to, m.code);
    struct answer a = {0};
    struct span copy = to.bad ? SPAN_NONE : arena_copy(&x->arena, buf_view(&to));
    buf_fini(&to);
    redirect(x, &a, copy);
}

static void handover(struct exchange *x)
{
    struct handover_call *call = arena_alloc(&x->arena, sizeof(*call));
    struct credential c;
    if (call == NULL) {
        portal_send_fault(x, FAULT_STORE);
        return;
    }
    call->x = x;
    int rc = handover_of(x, x->request.query, &call->handover);
    if (rc == 0)
        refuse(x, 400, "This address is only good when a console leads to it.", "handover");
    if (rc <= 0)
        return;
    rc = credential_find(&x->request.headers, CREDENTIAL_SSO, x->listener_port, &c);
    if (rc < 0 || c.kind == CREDENTIAL_TOKEN) {
        refuse(x, 400, "This request does not say whose session is handed over.", "credentials");
        return;
    }
    if (c.kind == CREDENTIAL_NONE && came_from_login(x)) {
        send_loop(x);
        return;
    }
    if (c.kind == CREDENTIAL_NONE || !c.shaped) {
        show_handover_login(x, &call->handover);
        return;
    }
    if (!fetchmeta_may_proceed(&x->request)) {
        refuse(x, 403, "A console is only opened by going there.", "cross-site");
        return;
    }
    struct msg_handover m = {.sso = c.token,
                             .portal = x->request.authority,
                             .host = call->handover.to,
                             .back = call->handover.back,
                             .request_id = span_str(x->id_text),
                             .fingerprint = conn_fingerprint(x->conn)};
    memcpy(m.flow_hash, call->handover.flow_hash, sizeof(m.flow_hash));
    memcpy(m.source, x->source.byte, sizeof(m.source));
    exchange_enter(x, EXCHANGE_ASKING);
    asked(x, keeper_ask_handover(x->edge, &m, on_handover, call, &x->ask));
}

static void on_redeem(void *owner, int fault, struct span payload)
{
    struct exchange *x = owner;
    struct msg_redeem_is m = {.result = HANDOVER_FAILED};
    if (!begin_answer(x))
        return;
    if (fault == 0)
        fault = msg_redeem_is_decode(payload, &m);
    if (fault < 0 || m.result > HANDOVER_REFUSED ||
        (m.result == HANDOVER_OK && !credential_is_opaque(m.token))) {
        portal_send_fault(x, fault < 0 ? fault : FAULT_STORE);
        return;
    }
    if (m.result != HANDOVER_OK) {
        refuse(x, 403,
               "This hand-over was used already, is too old, or was begun by another browser.",
               "handover");
        return;
    }
    struct flow flow = flow_read(&x->request.headers, x->listener_port);
    flow_count(&flow, edge_wall_ms() / 1000);
    struct answer a = {0};
    add_cookie(x, &a, COOKIE_CHILD, m.token);
    answer_add(&a, "Set-Cookie", flow_cookie(&x->arena, &flow, x->listener_port));
    /* An absolute address: whatever the place looks like, it stays on this host. */
    struct span back = handover_back_is_safe(m.back) ? m.back : SPAN("/");
    struct buf to;
    buf_init(&to, 8192);
    (void)buf_text(&to, "https://");
    (void)buf_append(&to, x->request.authority);
    (void)buf_append(&to, back);
    struct span copy = to.bad ? SPAN_NONE : arena_copy(&x->arena, buf_view(&to));
    buf_fini(&to);
    redirect(x, &a, copy);
}

static void callback(struct exchange *x)
{
    struct span code;
    struct flow flow = flow_read(&x->request.headers, x->listener_port);
    if (uri_form_value(x->request.query, "code", &x->arena, &code) < 0 || code.len == 0 ||
        code.len > 128) {
        refuse(x, 400, "This hand-over has no code.", "handover");
        return;
    }
    if (flow.secret.len == 0) {
        refuse(x, 403,
               "The browser did not send back the cookie that this login began with. It may block "
               "cookies, or the login was begun in another browser.",
               "cookie");
        return;
    }
    if (!fetchmeta_may_proceed(&x->request)) {
        refuse(x, 403, "A console is only opened by going there.", "cross-site");
        return;
    }
    struct msg_redeem m = {.code = code,
                           .flow = flow.secret,
                           .host = x->request.authority,
                           .request_id = span_str(x->id_text),
                           .fingerprint = conn_fingerprint(x->conn)};
    memcpy(m.source, x->source.byte, sizeof(m.source));
    exchange_enter(x, EXCHANGE_ASKING);
    asked(x, keeper_ask_redeem(x->edge, &m, on_redeem, x, &x->ask));
}

/* ---- enrolment ---- */

static void on_enrol(void *owner, int fault, struct span payload)
{
    struct exchange *x = owner;
    struct msg_page page = {0};
    if (!begin_answer(x))
        return;
    if (fault == 0)
        fault = msg_page_decode(payload, &page);
    if (fault < 0)
        portal_send_fault(x, fault);
    else
        portal_send_page(x, &page, false);
}

static void enrol_ask(struct exchange *x, uint8_t step, struct span form)
{
    struct msg_enrol m = {.step = step, .request_id = span_str(x->id_text)};
    int rc = field(x, form, "code", &m.code);
    if (rc == 0 && step == 1 &&
        (field(x, form, "password", &m.password) < 0 || field(x, form, "again", &m.again) < 0 ||
         field(x, form, "totp", &m.totp) < 0))
        rc = FAULT_FORMAT;
    m.totp = span_trim(m.totp);
    bool asks = rc == 0 && m.code.len > 0 && m.code.len <= 128 && m.password.len <= 1024 &&
                m.again.len <= 1024 && m.totp.len <= 64;
    if (asks) {
        memcpy(m.source, x->source.byte, sizeof(m.source));
        exchange_enter(x, EXCHANGE_ASKING);
        rc = keeper_ask_enrol(x->edge, &m, on_enrol, x, &x->ask);
    }
    wipe(m.password);
    wipe(m.again);
    if (asks)
        asked(x, rc);
    else
        refuse(x, 400, "This enrolment link is not complete.", "form");
}

static void on_enrol_form(struct exchange *x, struct span body, int fault)
{
    if (fault < 0)
        portal_send_fault(x, fault);
    else
        enrol_ask(x, 1, body);
}

static void enrol_submit(struct exchange *x)
{
    collect_form(x, on_enrol_form);
}

static void enrol_show(struct exchange *x)
{
    enrol_ask(x, 0, x->request.query);
}

/* ---- the places ---- */

enum where { PORTAL = 1, CONSOLE = 2 };

static const struct place {
    const char *path;
    unsigned where;
    bool head; /* HEAD is as good as GET: nothing is used up by it */
    void (*get)(struct exchange *x);
    void (*post)(struct exchange *x);
} PLACES[] = {
    {"/login", PORTAL, true, login_show, login_submit},
    {"/logout", PORTAL, false, NULL, logout_submit},
    {"/handover", PORTAL, false, handover, NULL},
    {"/enrol", PORTAL, false, enrol_show, enrol_submit},
    {"/healthz", PORTAL, true, send_health, NULL},
    {JWKS_PATH, PORTAL, true, jwks_enter, NULL},
    {"/assets/style.css", PORTAL, true, send_asset, NULL},
    {PAGES_SCRIPT, PORTAL, true, send_script, NULL},
    {"/.postern/callback", CONSOLE, false, callback, NULL},
    {DETOUR_PROVEN, CONSOLE, true, detour_proven, NULL},
    {"/.postern/logout", CONSOLE, true, logout_confirm, logout_submit},
    {PAGES_STYLE, PORTAL | CONSOLE, true, send_asset, NULL},
};

static void wrong_method(struct exchange *x, const struct place *p)
{
    /* answer_error has no headers of the caller's, and 405 needs Allow (RFC 9110 section 15.5.6).
     */
    struct answer a = {.status = 405, .type = "text/plain; charset=utf-8"};
    a.body = SPAN("This method is not allowed here.\n");
    answer_add(&a, "Allow",
               p->get == NULL    ? SPAN("POST")
               : p->post != NULL ? SPAN("GET, POST")
               : p->head         ? SPAN("GET, HEAD")
                                 : SPAN("GET"));
    answer_send(x, &a);
}

void portal_enter(struct exchange *x)
{
    const struct request *r = &x->request;
    unsigned here = x->route != NULL ? CONSOLE : PORTAL;
    const struct place *p = NULL;
    x->outcome = ACCESS_OWN;
    for (size_t i = 0; i < countof(PLACES) && p == NULL; i++) {
        if ((PLACES[i].where & here) != 0 && span_is(r->canonical, PLACES[i].path))
            p = &PLACES[i];
    }
    bool asset = p == NULL && here == PORTAL && span_starts(r->canonical, SPAN(CONSOLE_ASSETS)) &&
                 (span_is(r->method, "GET") || span_is(r->method, "HEAD"));
    if (asset)
        console_send_asset(x);
    else if (p == NULL && (here == CONSOLE || span_starts(r->canonical, SPAN("/.postern/"))))
        refuse(x, 404, "There is nothing under this address.", "path");
    else if (p == NULL)
        api_enter(x);
    else if (p->get != NULL &&
             (span_is(r->method, "GET") || (p->head && span_is(r->method, "HEAD"))))
        p->get(x);
    else if (p->post == NULL || !span_is(r->method, "POST"))
        wrong_method(x, p);
    else if (!fetchmeta_may_proceed(r))
        refuse(x, 403, "This form was sent by another site, or by a browser that does not say.",
               "cross-site");
    else
        p->post(x);
}
