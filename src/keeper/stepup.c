#include "keeper/stepup.h"

#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "keeper/actor.h"
#include "keeper/attempts.h"
#include "keeper/html.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/operation.h"
#include "keeper/signin.h"
#include "store/credentials.h"
#include "store/passkeys.h"

#define CLOCK_SLACK 60u
#define AGE_MAX 604800u

bool stepup_satisfied(const struct proven *p, enum assurance level, uint64_t max_age, uint64_t now)
{
    uint64_t at = p->at[level];
    if (level == ASSURANCE_NONE || at == 0) {
        return level == ASSURANCE_NONE;
    }
    if (at > now) {
        return at - now <= CLOCK_SLACK;
    }
    return max_age == 0 || now - at <= max_age;
}

/* ---- what is asked ---- */

struct demand {
    enum assurance level;
    uint64_t age;
    struct span to, flow, back; /* of a hand-over, or empty */
    struct span place;          /* or a place of the portal */
};

static int field(struct call *c, const char *name, struct span *ret)
{
    int r = span_is(c->in.method, "POST") ? call_form(c, name, ret) : call_query(c, name, ret);
    if (r == FAULT_ABSENT) {
        *ret = SPAN_NONE;
        r = 0;
    }
    return r;
}

/* Only consoles and places of ours are led back to. false: the call has ended. */
static bool read_demand(struct call *c, struct demand *d)
{
    struct span need, age;
    bool good = field(c, "need", &need) == 0 && field(c, "age", &age) == 0 &&
                field(c, "to", &d->to) == 0 && field(c, "flow", &d->flow) == 0 &&
                field(c, "back", &d->back) == 0 && field(c, "place", &d->place) == 0 &&
                assurance_parse(need, &d->level) == 0 && d->level != ASSURANCE_NONE &&
                (age.len == 0 || text_u64(age, AGE_MAX, &d->age) == 0);
    if (good && d->to.len > 0) {
        good = live_handover(c->keeper->live, d->to) != NULL && d->flow.len <= 64 &&
               (d->back.len == 0 || signin_is_place(d->back));
    } else if (good) {
        good = d->place.len == 0 || signin_is_place(d->place);
    }
    if (!good) {
        (void)call_problem(c, 400, NULL,
                           "This address is only good when a console or a page leads to it.");
    }
    return good;
}

/* The way back as a flow keeps it (store/flows.h), in the arena. */
static int way_back(struct call *c, const struct demand *d, struct span *ret)
{
    struct buf out;
    *ret = SPAN_NONE;
    buf_init(&out, FLOW_BACK_MAX);
    if (d->to.len > 0) {
        (void)buf_text(&out, "to=");
        (void)text_urlencode(&out, d->to);
        (void)buf_text(&out, "&flow=");
        (void)text_urlencode(&out, d->flow);
        (void)buf_text(&out, "&back=");
        (void)text_urlencode(&out, d->back);
    } else if (d->place.len > 0) {
        (void)buf_text(&out, "place=");
        (void)text_urlencode(&out, d->place);
    }
    size_t len = buf_len(&out);
    *ret = out.bad ? SPAN_NONE : arena_copy(&c->arena, buf_view(&out));
    buf_fini(&out);
    return ret->len == len ? 0 : -ENOMEM;
}

static int lead_back(struct call *c, const struct demand *d)
{
    struct span back;
    int r = way_back(c, d, &back);
    return r < 0 ? r : signin_lead_back(c, back);
}

/* ---- whose session ---- */

int stepup_session(struct call *c, struct session *s, bool *found)
{
    enum view_status status = VIEW_UNKNOWN;
    uint64_t now = c->now_ms / 1000;
    int r = c->in.sso.len == 0 ? 0
                               : session_resolve(c->keeper, CREDENTIAL_SSO, c->in.sso, c->in.host,
                                                 now, s, &status);
    if (r == 0 && status != VIEW_OK && c->in.kind == CREDENTIAL_CONSOLE) {
        r = session_resolve(c->keeper, CREDENTIAL_CONSOLE, c->in.token, c->in.host, now, s,
                            &status);
    }
    *found = r == 0 && status == VIEW_OK;
    return r;
}

static int login_first(struct call *c, const struct demand *d)
{
    struct span query;
    int r = way_back(c, d, &query);
    return r < 0 ? r
                 : call_redirect(c, query.len == 0
                                        ? "/login"
                                        : arena_printf(&c->arena, "/login?%.*s", SPAN_FMT(query)));
}

/* ---- the page ---- */

/* What the person could prove it with. */
struct means {
    bool password, code;
    bool passkey; /* one that checks who its user is */
    bool key;     /* one that does not */
    bool bound;   /* one of them can not be copied */
};

static int each_passkey(void *context, const struct passkey *p)
{
    struct means *m = context;
    if (!p->disabled) {
        m->passkey = m->passkey || p->verified;
        m->key = m->key || !p->verified;
        m->bound = m->bound || !p->synced;
    }
    return 0;
}

static int find_means(struct call *c, const char *name, struct means *m)
{
    struct user user;
    *m = (struct means){0};
    int r = users_find(c->keeper->store, name, &user);
    if (r == 0) {
        m->password = user.password_set != 0 && !user.password_disabled;
        m->code = (user.totp && !user.totp_disabled) || user.recovery_left > 0;
        r = passkeys_list(c->keeper->store, name, each_passkey, m);
    }
    return r;
}

static void hidden(struct buf *page, const char *name, struct span value)
{
    if (value.len > 0) {
        html_raw(page, "<input type=\"hidden\" name=\"");
        html_str(page, name);
        html_raw(page, "\" value=\"");
        html_text(page, value);
        html_raw(page, "\">");
    }
}

static void put_demand(struct buf *page, const struct demand *d)
{
    html_raw(page, "<p>");
    if (d->to.len > 0) {
        html_raw(page, "<strong>");
        html_text(page, d->to);
        html_raw(page, "</strong> asks");
    } else {
        html_raw(page, "This gateway asks");
    }
    html_raw(page, " for a login that is <code>");
    html_str(page, assurance_name(d->level));
    html_raw(page, "</code>");
    if (d->age > 0) {
        html_raw(page, ", proven within ");
        (void)text_duration(page, d->age);
    }
    html_raw(page, ".</p>");
}

static void put_passkey_form(struct buf *page, const struct demand *d, const char *user)
{
    html_raw(page, "<form data-passkey=\"/signin/passkey\" hidden>");
    html_raw(page, "<input type=\"hidden\" id=\"user\" value=\"");
    html_str(page, user);
    html_raw(page, "\">");
    hidden(page, "to", d->to);
    hidden(page, "flow", d->flow);
    hidden(page, "back", d->to.len > 0 ? d->back : SPAN_NONE);
    hidden(page, "place", d->to.len > 0 ? SPAN_NONE : d->place);
    html_raw(page, "<p class=\"error\" role=\"alert\" hidden></p>"
                   "<button class=\"button wide\" type=\"submit\">Use a passkey</button></form>"
                   "<script src=\"/assets/passkey.js\" defer></script>");
}

/* with_code: a password and a code are enough; else a key is asked for on the next page. */
static void put_password_form(struct buf *page, const struct demand *d, const char *user,
                              bool with_code)
{
    char age[24];
    (void)snprintf(age, sizeof(age), "%llu", (unsigned long long)d->age);
    html_raw(page, "<form method=\"post\" action=\"/signin/stepup\">");
    hidden(page, "need", span_str(assurance_name(d->level)));
    hidden(page, "age", span_str(age));
    hidden(page, "to", d->to);
    hidden(page, "flow", d->flow);
    hidden(page, "back", d->back);
    hidden(page, "place", d->place);
    html_raw(page, "<input type=\"hidden\" name=\"username\" autocomplete=\"username\" value=\"");
    html_str(page, user);
    html_raw(page, "\"><div class=\"field\"><label for=\"password\">Password</label>"
                   "<input id=\"password\" name=\"password\" type=\"password\" "
                   "autocomplete=\"current-password\" maxlength=\"1024\" required></div>");
    if (with_code) {
        html_raw(page, "<div class=\"field\">" SIGNIN_CODE_FIELD "></div>");
    } else {
        html_raw(page, "<p class=\"muted\">Your security key is asked for on the next page.</p>");
    }
    html_raw(page, "<button class=\"button wide\" type=\"submit\">Prove</button></form>");
}

static void put_ways(struct buf *page, const struct demand *d, const struct means *m,
                     const char *user)
{
    bool strong = d->level > ASSURANCE_MFA;
    bool keys = d->level < ASSURANCE_HARDWARE || m->bound;
    bool passkey = m->passkey && keys;
    bool form = m->password && (strong ? m->key && keys : m->code);
    if (passkey) {
        put_passkey_form(page, d, user);
    }
    if (form) {
        put_password_form(page, d, user, !strong);
    }
    if (!passkey && !form) {
        html_raw(page, "<div class=\"error\" id=\"none\" role=\"alert\"><strong>");
        html_raw(page, !strong ? "There is nothing here to prove it with: log in anew."
                       : !m->passkey && !m->key
                           ? "You have no passkey or security key, and nothing less will do."
                           : "None of your passkeys is one that cannot be copied, and nothing less "
                             "will do.");
        html_raw(page, "</strong></div>");
        if (strong) {
            html_raw(page, "<p><a class=\"button\" href=\"/account/passkeys/add\">Add a passkey"
                           "</a></p>");
        }
    }
}

static int show(struct call *c, const struct demand *d, const struct session *s, unsigned status,
                const char *error)
{
    struct means means;
    struct buf *page = &c->page;
    struct span query;
    int r = find_means(c, s->user, &means);
    r = r < 0 ? r : way_back(c, d, &query);
    if (r < 0) {
        return r;
    }
    buf_clear(page);
    html_open(page, "Prove who you are", span_str(s->user));
    html_raw(page, "<section class=\"card\">");
    signin_error(c, error);
    put_demand(page, d);
    put_ways(page, d, &means, s->user);
    html_raw(page, "<p><a href=\"/login");
    if (query.len > 0) {
        html_raw(page, "?");
        html_text(page, query);
    }
    html_raw(page, "\">Log in anew instead</a></p></section>");
    html_close(page);
    c->status = status;
    return 0;
}

int page_stepup_show(struct call *c)
{
    struct demand d = {.level = ASSURANCE_NONE};
    struct session s;
    bool found = false;
    if (!read_demand(c, &d)) {
        return 0;
    }
    int r = stepup_session(c, &s, &found);
    if (r < 0) {
        return r;
    }
    if (!found) {
        return login_first(c, &d);
    }
    return stepup_satisfied(&s.proven, d.level, d.age, c->now_ms / 1000)
               ? lead_back(c, &d)
               : show(c, &d, &s, 200, NULL);
}

/* ---- the form ---- */

/* Everything that was asked is right. */
static int go_on(struct call *c, const struct demand *d, const struct session *s, uint32_t factors)
{
    struct signin in = signin_of(c);
    in.user = s->user;
    in.proofs.factors = factors;
    in.raises = s->id;
    int r = way_back(c, d, &in.back);
    r = r < 0 ? r : signin_finish(c->keeper, &in, c);
    if (r == 0 && in.result == SIGNIN_REFUSED) {
        r = login_first(c, d);
    } else if (r == 0) {
        r = signin_arrive(c, &in, in.back);
    }
    secret_wipe(&in, sizeof(in));
    return r;
}

/* As after a wrong first factor at any login: a page that takes no second one. */
static int wait_for_nothing(struct call *c)
{
    struct signin in = signin_of(c);
    in.user = "";
    int r = signin_wait(c->keeper, &in);
    r = r < 0 ? r : signin_arrive(c, &in, SPAN_NONE);
    secret_wipe(&in, sizeof(in));
    return r;
}

static int refused(struct call *c, const struct attempt *a, const struct demand *d,
                   const struct session *s, enum factor factor, const char *why)
{
    int r = attempts_failed(a, factor);
    r = r < 0 ? r : attempts_refused(a, why);
    if (r == 0 && d->level > ASSURANCE_MFA) {
        return wait_for_nothing(c);
    }
    return r < 0 ? r : show(c, d, s, 403, "This did not match. Check password and code.");
}

static int judge(struct call *c, const struct demand *d, const struct session *s, struct span code)
{
    struct attempt a = attempts_by(c, s->user);
    enum factor factor = FACTOR_TOTP;
    bool good = false, spent = false, strong = d->level > ASSURANCE_MFA;
    int r = attempts_admit(c, &a);
    if (r <= 0) {
        return r < 0 ? r : show(c, d, s, 429, ATTEMPTS_WAIT);
    }
    r = attempts_spent(c->keeper->store, s->user, FACTOR_PASSWORD, &spent);
    if (r == 0 && (!c->matches || spent)) {
        return refused(c, &a, d, s, FACTOR_PASSWORD, "password");
    }
    if (r == 0 && strong) {
        return go_on(c, d, s, factor_bit(FACTOR_PASSWORD));
    }
    r = r < 0 ? r : attempts_code(&a, span_trim(code), &good, &factor);
    if (r == 0 && !good) {
        return refused(c, &a, d, s, factor, "code");
    }
    r = r < 0 ? r : attempts_forgive(&a, 1);
    return r < 0 ? r : go_on(c, d, s, factor_bit(FACTOR_PASSWORD) | factor_bit(factor));
}

int page_stepup_submit(struct call *c)
{
    struct demand d = {.level = ASSURANCE_NONE};
    struct session s;
    struct span password, code;
    struct password stored = {.hash = ""};
    bool found = false;
    if (!read_demand(c, &d)) {
        return 0;
    }
    if (call_form(c, "password", &password) < 0 || call_form(c, "code", &code) < 0 ||
        password.len > 1024 || code.len > 64) {
        return call_problem(c, 400, NULL, "This is not a form of this gateway.");
    }
    int r = stepup_session(c, &s, &found);
    if (r < 0 || !found) {
        return r < 0 ? r : login_first(c, &d);
    }
    if (c->compared) {
        return judge(c, &d, &s, code);
    }
    r = credentials_password(c->keeper->store, s.user, &stored);
    if (r == 0 || r == FAULT_ABSENT) {
        r = call_compare(c, password, r == 0 && !stored.disabled ? stored.hash : "");
    }
    secret_wipe(&stored, sizeof(stored));
    return r;
}

/* ---- what is asked of operations ---- */

void stepup_offer(struct call *c, const char *place)
{
    const struct authentication_conf *conf = &live_snapshot(c->keeper->live)->authentication;
    struct buf *page = &c->page;
    if (stepup_satisfied(&c->actor.proven, conf->admin_assurance, conf->admin_max_age,
                         c->now_ms / 1000)) {
        return;
    }
    html_raw(page, "<p role=\"status\">To approve, prove first who you are.</p><p>"
                   "<a class=\"button\" href=\"/signin/stepup?need=");
    html_str(page, assurance_name(conf->admin_assurance));
    html_raw(page, "&amp;age=");
    html_num(page, conf->admin_max_age);
    html_raw(page, "&amp;place=");
    html_url(page, span_str(place));
    html_raw(page, "\">Prove who you are</a></p>");
}

int stepup_demand(struct call *c, enum assurance level, uint32_t max_age)
{
    struct buf url;
    bool page = (c->op->flags & OPERATION_PAGE) != 0, get = span_is(c->in.method, "GET");
    buf_init(&url, 4096);
    if (!page) {
        op_portal_url(c->keeper, &url);
    }
    (void)buf_printf(&url, "/signin/stepup?need=%s&age=%u&place=", assurance_name(level), max_age);
    (void)text_urlencode(&url, page && get ? c->in.path : SPAN("/"));
    const char *text = url.bad ? NULL : arena_string(&c->arena, buf_view(&url));
    buf_fini(&url);
    if (text == NULL) {
        return -ENOMEM;
    }
    if (page && get) {
        return call_redirect(c, text);
    }
    c->needs.level = level;
    c->needs.max_age = max_age;
    c->needs.prove = text;
    return call_problem(c, page ? 403 : 401, NULL,
                        "this needs a login that is %s, proven within %u seconds; nothing was done",
                        assurance_name(level), max_age);
}
