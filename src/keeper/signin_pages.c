/* The page between a first factor and a session: it asks for the second one.
 *
 * Whoever came here with a wrong name or password finds the same page, and whatever he types is
 * wrong. */
#include <errno.h>

#include "base/fault.h"
#include "base/secret.h"
#include "http/uri.h"
#include "identity/token.h"
#include "keeper/attempts.h"
#include "keeper/html.h"
#include "keeper/op.h"
#include "keeper/recover.h"
#include "keeper/signin.h"
#include "store/credentials.h"
#include "store/entries.h"
#include "store/passkeys.h"

#define PLACE_MAX 2048u

static const char LOST[] = "This login has taken too long, or was begun in another browser.";

static int each_key(void *context, const struct passkey *p)
{
    (void)p;
    *(bool *)context = true;
    return 0;
}

/* May whoever has proven this make a first second factor by himself? Only a person of a directory
 * that says so, who has none and has never been on: else somebody who knows the password could put
 * his own in the place of one that exists. 1, 0, or a fault. */
static int may_enrol(struct call *c, const struct flow *f)
{
    struct keeper *k = c->keeper;
    struct entry e;
    struct user user;
    bool keys = false;
    if (f->raises || f->factors != factor_bit(FACTOR_DIRECTORY) || k->live == NULL) {
        return 0;
    }
    int r = entries_find(k->store, f->user, &e);
    r = r < 0 ? r : users_find(k->store, f->user, &user);
    r = r < 0 ? r : passkeys_list(k->store, f->user, each_key, &keys);
    if (r < 0) {
        return r == FAULT_ABSENT ? 0 : r;
    }
    const struct directory_def *d = snapshot_directory(live_snapshot(k->live), e.directory);
    return d != NULL && d->self_enrol && !e.settled && !keys && !user.totp &&
           user.recovery_left == 0 && !user.disabled;
}

void signin_error(struct call *c, const char *error)
{
    struct buf *page = &c->page;
    if (error == NULL) {
        return;
    }
    html_raw(page, "<div class=\"error\" id=\"error\" role=\"alert\"><strong>");
    html_str(page, error);
    html_raw(page, "</strong><p>This server's time is ");
    html_time(page, c->now_ms);
    html_raw(page, ".</p></div>");
}

static int show(struct call *c, unsigned status, const char *error, bool enrol)
{
    struct buf *page = &c->page;
    buf_clear(page);
    html_open(page, "One more step", SPAN_NONE);
    html_raw(page, "<section class=\"card\">");
    signin_error(c, error);
    html_raw(page,
             "<form method=\"post\" action=\"/signin/second\">"
             "<div class=\"field\">" SIGNIN_CODE_FIELD " autofocus>"
             "<p class=\"muted\">Six digits from your authenticator, or a recovery code.</p>"
             "</div><button class=\"button wide\" type=\"submit\">Log in</button></form>"
             "<form data-passkey=\"/signin/second\" hidden>"
             "<button class=\"button wide\" type=\"submit\">Use a passkey or security key</button>"
             "</form><script src=\"/assets/passkey.js\" defer></script>");
    if (enrol) {
        html_raw(page, "<form method=\"post\" action=\"/signin/first\"><p>You have no second "
                       "factor yet.</p><button class=\"button wide\" id=\"enrol\" "
                       "type=\"submit\">Set one up</button></form>");
    }
    html_raw(page, "<p><a href=\"/login\">Begin again</a></p></section>");
    html_close(page);
    c->status = status;
    return 0;
}

/* The page that says so; the cookie is of no use any more. */
static int lost(struct call *c)
{
    struct buf *page = &c->page;
    html_open(page, "Begin again", SPAN_NONE);
    html_raw(page, "<section class=\"card\"><p class=\"error\">");
    html_str(page, LOST);
    html_raw(page, "</p><p><a class=\"button\" href=\"/login\">Log in</a></p></section>");
    html_close(page);
    c->status = 403;
    c->set_flow = SPAN("-");
    return 0;
}

int signin_flow(struct call *c, enum flow_kind kind, struct flow *ret)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    int r = token_is_shaped(c->in.flow) ? token_hash(c->in.flow, hash) : FAULT_ABSENT;
    return r < 0 ? r : flows_find(c->keeper->store, hash, kind, c->now_ms / 1000, &c->arena, ret);
}

bool signin_is_place(struct span s)
{
    if (s.len == 0 || s.len > PLACE_MAX || s.at[0] != '/' ||
        (s.len > 1 && (s.at[1] == '/' || s.at[1] == '\\'))) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] <= 0x20 || s.at[i] >= 0x7f || s.at[i] == '"' || s.at[i] == '<' ||
            s.at[i] == '>' || s.at[i] == '#' || s.at[i] == '\\') {
            return false;
        }
    }
    return true;
}

/* The place of the portal that back names, or where a login leads. */
static const char *place_of(struct call *c, struct span back)
{
    struct span place;
    bool named = uri_form_value(back, "place", &c->arena, &place) == 0 && signin_is_place(place);
    return named ? arena_string(&c->arena, place) : "/?after=login";
}

static bool is_handover(struct span back)
{
    return back.len > 0 && !span_starts(back, SPAN("place="));
}

int signin_lead_back(struct call *c, struct span back)
{
    return call_redirect(
        c, is_handover(back) ? arena_printf(&c->arena, "/handover?%.*s&after=login", SPAN_FMT(back))
                             : place_of(c, back));
}

int signin_arrive(struct call *c, const struct signin *s, struct span back)
{
    if (s->result == SIGNIN_REASON) {
        c->set_flow = arena_copy(&c->arena, span_str(s->flow));
        return c->set_flow.at == NULL ? -ENOMEM : call_redirect(c, "/signin/reason");
    }
    if (s->result == SIGNIN_SECOND) {
        c->set_flow = arena_copy(&c->arena, span_str(s->flow));
        return c->set_flow.at == NULL ? -ENOMEM : call_redirect(c, "/signin/second");
    }
    c->set_sso = arena_copy(&c->arena, span_str(s->sso));
    c->set_console = arena_copy(&c->arena, span_str(s->console));
    c->set_flow = SPAN("-");
    return c->set_sso.at == NULL || c->set_console.at == NULL ? -ENOMEM : signin_lead_back(c, back);
}

int page_second_show(struct call *c)
{
    struct flow f;
    int r = signin_flow(c, FLOW_SECOND, &f);
    if (r == FAULT_ABSENT) {
        return lost(c);
    }
    r = r < 0 ? r : may_enrol(c, &f);
    return r < 0 ? r : show(c, 200, NULL, r == 1);
}

int page_second_enrol(struct call *c)
{
    struct flow f;
    json_t *link = NULL;
    int r = signin_flow(c, FLOW_SECOND, &f);
    r = r < 0 ? r : may_enrol(c, &f);
    if (r == FAULT_ABSENT || r == 0) {
        return lost(c);
    }
    r = r < 0 ? r
              : recover_link(c->keeper, f.user, ENROL_TOTP, false, f.user, c->now_ms / 1000, &link);
    if (r < 0) {
        return r;
    }
    const char *to =
        arena_printf(&c->arena, "/enrol?code=%s", json_string_value(json_object_get(link, "code")));
    json_decref(link);
    c->actor = (struct actor){.kind = CREDENTIAL_CONSOLE, .user = f.user, .text = f.user};
    r = call_audit(c, AUDIT_ENROLMENT_MADE, span_str(f.user), NULL);
    c->actor = (struct actor){.user = ""};
    c->set_flow = SPAN("-");
    return r < 0 ? r : to == NULL ? -ENOMEM : call_redirect(c, to);
}

static int finish(struct call *c, const struct flow *f, enum factor factor)
{
    struct signin s = signin_of(c);
    struct flow gone;
    s.user = f->user;
    s.proofs = (struct proofs){.factors = f->factors | factor_bit(factor),
                               .device_bound = f->device_bound != 0,
                               .asserted = (enum assurance)f->asserted};
    s.back = f->back;
    s.data = f->data;
    s.raises = f->raises ? f->session : NULL;
    int r = flows_take(c->keeper->store, f->hash, f->kind, c->now_ms / 1000, &c->arena, &gone);
    r = r < 0 ? r : signin_finish(c->keeper, &s, c);
    if (r == 0 && s.result == SIGNIN_REFUSED) {
        c->keep = true;
        r = lost(c);
    } else if (r == 0) {
        r = signin_arrive(c, &s, f->back);
    }
    secret_wipe(&s, sizeof(s));
    return r;
}

/* Of somebody whose first factor was wrong: no code is right. */
static bool is_nobodys(const struct flow *f)
{
    return f->user[0] == '\0' || (f->factors == 0 && !f->raises);
}

int page_second_submit(struct call *c)
{
    struct flow f;
    struct span code;
    enum factor factor = FACTOR_TOTP;
    bool good = false;
    int r = signin_flow(c, FLOW_SECOND, &f);
    if (r < 0) {
        return r == FAULT_ABSENT ? lost(c) : r;
    }
    if (call_form(c, "code", &code) < 0 || code.len > 64) {
        return call_problem(c, 400, NULL, "This is not a login form of this gateway.");
    }
    struct attempt a = attempts_by(c, f.user);
    r = attempts_admit(c, &a);
    if (r <= 0) {
        return r < 0 ? r : show(c, 429, ATTEMPTS_WAIT, false);
    }
    r = 0;
    if (!is_nobodys(&f)) {
        r = attempts_code(&a, span_trim(code), &good, &factor);
    }
    if (r == 0 && !good) {
        r = is_nobodys(&f) ? 0 : attempts_failed(&a, factor);
        r = r < 0 ? r : attempts_refused(&a, "code");
        return r < 0 ? r
                     : show(c, 403, "This did not match. Check name, password and code.", false);
    }
    r = r < 0 ? r : attempts_forgive(&a, 2);
    return r < 0 ? r : finish(c, &f, factor);
}
