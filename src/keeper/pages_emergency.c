/* The sign-in for emergencies: account, sealed code, reason; and the page that asks for the reason
 * after a hardware key. No other page leads here: the address lies in the envelope. */
#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "identity/recovery.h"
#include "keeper/attempts.h"
#include "keeper/emergency.h"
#include "keeper/html.h"
#include "keeper/json.h"
#include "keeper/op.h"

static const char REASON_FIELD[] =
    "<div class=\"field\"><label for=\"reason\">Reason</label>"
    "<input id=\"reason\" name=\"reason\" type=\"text\" required minlength=\"10\" "
    "maxlength=\"400\" "
    "autocomplete=\"off\"><p class=\"muted\">Stands in the audit log and in the notices.</p></div>";

static void open_page(struct buf *page, const char *about, const char *error)
{
    buf_clear(page);
    html_open(page, "Emergency", SPAN_NONE);
    html_raw(page, "<section class=\"card\"><p>");
    html_raw(page, about);
    html_raw(page, " Breaking the seal is recorded, and others are told of it.</p>");
    if (error != NULL) {
        html_raw(page, "<p class=\"error\" id=\"error\" role=\"alert\">");
        html_str(page, error);
        html_raw(page, "</p>");
    }
}

static int end_page(struct call *c, unsigned status)
{
    html_raw(&c->page, REASON_FIELD);
    html_raw(&c->page, "<button class=\"button wide\" type=\"submit\">Break the seal</button>"
                       "</form></section>");
    html_close(&c->page);
    c->status = status;
    return 0;
}

static int show(struct call *c, unsigned status, const char *error)
{
    open_page(&c->page, "For an emergency account.", error);
    html_raw(
        &c->page,
        "<form method=\"post\" action=\"/signin/emergency\"><div class=\"field\">"
        "<label for=\"user\">Account</label><input id=\"user\" name=\"user\" type=\"text\" "
        "autocapitalize=\"none\" autocomplete=\"off\" maxlength=\"63\" required autofocus></div>"
        "<div class=\"field\"><label for=\"code\">Sealed code</label><input id=\"code\" "
        "name=\"code\" type=\"text\" autocapitalize=\"none\" spellcheck=\"false\" "
        "autocomplete=\"off\" maxlength=\"64\" required></div>");
    return end_page(c, status);
}

int page_emergency_show(struct call *c)
{
    return show(c, 200, NULL);
}

static int drilled(struct call *c, const char *user, struct span reason)
{
    struct buf *page = &c->page;
    c->actor.text = user;
    c->actor.emergency = true;
    int r = breakglass_drilled(c->keeper->store, user, c->now_ms / 1000);
    r = r < 0 ? r
              : call_audit(c, AUDIT_BREAKGLASS_DRILL, span_str(user),
                           json_pack("{s:o}", "reason", json_text(reason)));
    c->actor = (struct actor){.user = ""};
    buf_clear(page);
    html_open(page, "The drill has succeeded", SPAN_NONE);
    html_raw(page,
             "<section class=\"card\"><p>A sealed code would have opened the account <strong>");
    html_str(page, user);
    html_raw(page, "</strong>. This was a drill: nothing was opened, and it is recorded.</p>"
                   "</section>");
    html_close(page);
    c->status = 200;
    return r;
}

static int sign_in(struct call *c, struct signin *s)
{
    int r = signin_finish(c->keeper, s, c);
    if (r == 0 && s->result == SIGNIN_REFUSED) {
        r = show(c, 403, "This did not match.");
    } else if (r == 0) {
        r = signin_arrive(c, s, SPAN_NONE);
    }
    secret_wipe(s, sizeof(*s));
    return r;
}

/* A code of an account that can be used at all: 0 with *drill. FAULT_ABSENT: anything else. */
static int use_code(struct call *c, const char *user, struct span code, bool *known, bool *drill)
{
    struct store *store = c->keeper->store;
    uint8_t hash[RECOVERY_HASH_SIZE];
    struct breakglass b;
    bool spent = false;
    int r = user[0] == '\0' ? FAULT_ABSENT : breakglass_find(store, user, &b);
    *known = r == 0;
    r = r < 0 ? r : attempts_spent(store, user, FACTOR_SEALED, &spent);
    if (r == 0 && (spent || b.disabled)) {
        r = FAULT_ABSENT;
    }
    if (r == 0 && recovery_hash(code, hash) < 0) {
        r = FAULT_ABSENT;
    }
    return r < 0 ? r : breakglass_use(store, user, hash, c->now_ms / 1000, drill);
}

static int wrong(struct call *c, const struct attempt *a, bool known)
{
    int r = known ? attempts_failed(a, FACTOR_SEALED) : 0;
    r = r < 0 ? r : attempts_refused(a, "sealed-code");
    if (r == 0 && known) {
        struct audit_draft draft = {.event = AUDIT_BREAKGLASS_REFUSED,
                                    .actor_kind = AUDIT_NOBODY,
                                    .source = a->source.byte,
                                    .target = span_str(a->user),
                                    .outcome = AUDIT_REFUSED,
                                    .request_id = a->request_id};
        r = keeper_record(c->keeper, &draft);
    }
    return r < 0 ? r : show(c, 403, "This did not match.");
}

/* Long enough to say something, on one line. */
static bool is_reason(struct span reason)
{
    return reason.len >= REASON_MIN && reason.len <= REASON_MAX && text_is_utf8(reason) &&
           span_find(reason, '\n') == SIZE_MAX;
}

static const char NO_REASON[] = "Say why: at least ten characters, on one line.";

int page_emergency_submit(struct call *c)
{
    struct span user, code, reason;
    char name[STORE_NAME_SIZE] = "";
    bool known = false, drill = false;
    if (call_form(c, "user", &user) < 0 || call_form(c, "code", &code) < 0 ||
        call_form(c, "reason", &reason) < 0) {
        return call_problem(c, 400, NULL, "This is not a form of this gateway.");
    }
    reason = span_trim(reason);
    if (!is_reason(reason)) {
        return show(c, 422, NO_REASON);
    }
    if (text_is_name(span_trim(user))) {
        (void)snprintf(name, sizeof(name), "%.*s", SPAN_FMT(span_trim(user)));
    }
    struct attempt a = attempts_by(c, name);
    int r = attempts_admit(c, &a);
    if (r <= 0) {
        return r < 0 ? r : show(c, 429, ATTEMPTS_WAIT);
    }
    r = use_code(c, name, code, &known, &drill);
    if (r == FAULT_ABSENT) {
        return wrong(c, &a, known);
    }
    r = r < 0 ? r : attempts_forgive(&a, 1);
    if (r < 0 || drill) {
        return r < 0 ? r : drilled(c, name, reason);
    }
    struct signin s = signin_of(c);
    s.user = name;
    s.proofs.factors = factor_bit(FACTOR_SEALED);
    s.reason = reason;
    return sign_in(c, &s);
}

/* ---- after a hardware key ---- */

static int show_reason(struct call *c, unsigned status, const char *error)
{
    open_page(&c->page, "This is an emergency account.", error);
    html_raw(&c->page, "<form method=\"post\" action=\"/signin/reason\">");
    return end_page(c, status);
}

/* 1: found; 0: the call has ended. */
static int find_flow(struct call *c, struct flow *f)
{
    int r = signin_flow(c, FLOW_REASON, f);
    if (r == FAULT_ABSENT) {
        return call_problem(c, 403, NULL, "This login has taken too long. Begin again.");
    }
    return r < 0 ? r : 1;
}

int page_reason_show(struct call *c)
{
    struct flow f;
    int r = find_flow(c, &f);
    return r == 1 ? show_reason(c, 200, NULL) : r;
}

int page_reason_submit(struct call *c)
{
    struct flow f, gone;
    struct span reason;
    int r = find_flow(c, &f);
    if (r != 1) {
        return r;
    }
    if (call_form(c, "reason", &reason) < 0) {
        return call_problem(c, 400, NULL, "This is not a form of this gateway.");
    }
    reason = span_trim(reason);
    if (!is_reason(reason)) {
        return show_reason(c, 422, NO_REASON);
    }
    struct signin s = signin_of(c);
    s.user = f.user;
    s.proofs = (struct proofs){.factors = f.factors,
                               .device_bound = f.device_bound != 0,
                               .asserted = (enum assurance)f.asserted};
    s.reason = reason;
    c->keep = true;
    r = flows_take(c->keeper->store, f.hash, f.kind, c->now_ms / 1000, &c->arena, &gone);
    return r < 0 ? r : sign_in(c, &s);
}
