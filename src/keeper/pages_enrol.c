/* The enrolment page: a password, a TOTP secret that is shown as text and as a picture, and
 * recovery codes that are shown once. Showing the page changes nothing, because the secret was made
 * with the code.
 *
 * Somebody who lost one factor proves himself with the other here: whoever else holds the link, the
 * administrator who made it before all, gets nowhere with it. Somebody who lost everything waits
 * until an approver has said that it is he (pages_approvals.c), and only then is anything set. */
#include <errno.h>
#include <qrencode.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/rng.h"
#include "identity/password.h"
#include "identity/token.h"
#include "identity/totp.h"
#include "keeper/attempts.h"
#include "keeper/html.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/known.h"
#include "keeper/op.h"
#include "keeper/passkeys.h"
#include "keeper/vouched.h"
#include "store/credentials.h"

/* The picture as one SVG path: every dark module a square of side 1, with the quiet zone of four
 * that the standard asks for. */
static void svg_code(struct buf *page, const char *text)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    if (code == NULL) {
        return;
    }
    int side = code->width + 8;
    (void)buf_printf(page,
                     "<svg class=\"qr\" role=\"img\" aria-label=\"QR code of the secret\" "
                     "viewBox=\"0 0 %d %d\" width=\"240\" height=\"240\" "
                     "shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h%dv%dh-%dz\"/>"
                     "<path fill=\"#000\" d=\"",
                     side, side, side, side, side);
    for (int y = 0; y < code->width; y++) {
        for (int x = 0; x < code->width; x++) {
            if ((code->data[y * code->width + x] & 1) != 0) {
                (void)buf_printf(page, "M%d %dh1v1h-1z", x + 4, y + 4);
            }
        }
    }
    html_raw(page, "\"/></svg>");
    secret_wipe(code->data, (size_t)code->width * (size_t)code->width);
    QRcode_free(code);
}

static void field(struct buf *page, const char *name, const char *label, const char *type,
                  const char *more)
{
    (void)buf_printf(page,
                     "<label class=\"field\">%s<input name=\"%s\" type=\"%s\" required %s></label>",
                     label, name, type, more);
}

/* Hidden until the script has seen that this browser can do it. */
static void passkey_instead(struct buf *page, struct span code)
{
    html_raw(page, "<section class=\"card\"><form data-passkey=\"/signin/enrol\" hidden>"
                   "<h2>Or use a passkey</h2><p>It lives on your device or security key, takes the "
                   "place of password and code, and other sites cannot ask for it.</p>"
                   "<input type=\"hidden\" name=\"code\" value=\"");
    html_text(page, code);
    html_raw(page, "\"><label class=\"field\">Name, to tell it from others"
                   "<input name=\"name\" maxlength=\"63\" required value=\"Passkey\"></label>"
                   "<button class=\"button\" type=\"submit\">Set up with a passkey</button></form>"
                   "<noscript><p class=\"muted\">With JavaScript a passkey can take the place of "
                   "password and code.</p></noscript></section>"
                   "<script src=\"/assets/passkey.js\" defer></script>");
}

static void open_page(struct call *c, const struct enrolment *e, const char *title)
{
    buf_clear(&c->page);
    html_open(&c->page, title, SPAN_NONE);
    html_raw(&c->page, "<section class=\"card\"><p>Account <strong>");
    html_str(&c->page, e->user);
    html_raw(&c->page, "</strong>. ");
}

static void open_form(struct call *c, const struct enrolment *e)
{
    struct buf *page = &c->page;
    html_raw(page, "<form method=\"post\" action=\"/enrol\">"
                   "<input type=\"hidden\" name=\"code\" value=\"");
    html_text(page, c->in.enrol.code);
    html_raw(page,
             "\"><input type=\"hidden\" name=\"username\" autocomplete=\"username\" value=\"");
    html_str(page, e->user);
    html_raw(page, "\">");
}

static int show_secret(struct call *c, const struct enrolment *e)
{
    struct buf *page = &c->page;
    struct buf uri;
    char secret[TOTP_BASE32_SIZE(TOTP_SECRET_MAX)];
    struct span view = span_of(e->secret, e->secret_len);
    buf_init(&uri, 1024);
    uri.wipe = true;
    int r = totp_uri(&uri, view, SPAN("postern"), span_str(e->user));
    char *text = r < 0 ? NULL : buf_take_string(&uri);
    if (text == NULL) {
        buf_fini(&uri);
        return r < 0 ? r : -ENOMEM;
    }
    base32_encode(secret, view);
    svg_code(page, text);
    html_raw(page, "<p>Secret: <code>");
    html_str(page, secret);
    html_raw(page, "</code></p>");
    secret_wipe(text, strlen(text));
    free(text);
    secret_wipe(secret, sizeof(secret));
    buf_fini(&uri);
    return 0;
}

/* What each kind of link says first. */
static const char *intro(const struct enrolment *e)
{
    static const char *const TEXTS[] = {
        [ENROL_PASSWORD] = "Choose a new password, and show that it is you with a code of your "
                           "authenticator application or a recovery code.</p>",
        [ENROL_TOTP] = "Show that it is you with your password, and scan the picture with your "
                       "new authenticator application or type its secret in.</p>",
        [ENROL_ALL] = "Choose a password, and scan the picture with an authenticator application "
                      "or type its secret in.</p>",
    };
    return TEXTS[e->renews & ENROL_ALL];
}

static int show(struct call *c, const struct enrolment *e, const char *error)
{
    struct buf *page = &c->page;
    bool password = (e->renews & ENROL_PASSWORD) != 0, totp = (e->renews & ENROL_TOTP) != 0;
    open_page(c, e, "Set up your login");
    html_raw(page, intro(e));
    if (error != NULL) {
        html_raw(page, "<p class=\"error\" role=\"alert\">");
        html_str(page, error);
        html_raw(page, "</p>");
    }
    int r = totp ? show_secret(c, e) : 0;
    open_form(c, e);
    if (password) {
        field(page, "password", "Password (at least 8 characters)", "password",
              "autocomplete=\"new-password\" maxlength=\"256\"");
        field(page, "again", "The same password again", "password",
              "autocomplete=\"new-password\" maxlength=\"256\"");
    } else {
        field(page, "password", "Your password", "password",
              "autocomplete=\"current-password\" maxlength=\"256\"");
    }
    if (totp) {
        field(page, "totp", "Code that the application shows now", "text",
              "autocomplete=\"one-time-code\" inputmode=\"numeric\" maxlength=\"8\"");
    } else {
        field(page, "totp", "Code of your authenticator application, or a recovery code", "text",
              "autocomplete=\"one-time-code\" maxlength=\"64\"");
    }
    html_raw(page, "<button class=\"button\" type=\"submit\">Set up</button></form></section>");
    if (passkeys_enrol(e)) {
        passkey_instead(page, c->in.enrol.code);
    }
    html_close(page);
    c->status = error == NULL ? 200 : 422;
    return r;
}

/* What was chosen waits for an approver. */
static int show_waiting(struct call *c, const struct enrolment *e, const char *error)
{
    struct buf *page = &c->page;
    bool approved = e->approver[0] != '\0';
    open_page(c, e, "Waiting for an approver");
    if (approved) {
        html_str(page, e->approver);
        html_raw(page, " has said that it is you. The last step puts it into force.</p>");
        if (error != NULL) {
            html_raw(page, "<p class=\"error\" role=\"alert\">");
            html_str(page, error);
            html_raw(page, "</p>");
        }
    } else {
        html_raw(page, "Somebody who knows you has to say that it is you. Call an approver, and "
                       "tell this code:</p><p class=\"code\"><code id=\"word\">");
        html_str(page, e->word);
        html_raw(page, "</code></p><p class=\"muted\">Nothing has been changed so far.</p>");
    }
    open_form(c, e);
    if (approved) {
        field(page, "password", "The password that you chose", "password",
              "autocomplete=\"new-password\" maxlength=\"256\"");
    }
    html_raw(page, "<button class=\"button\" type=\"submit\">");
    html_raw(page, approved ? "Set up" : "Look again");
    html_raw(page, "</button></form></section>");
    html_close(page);
    c->status = 200;
    return 0;
}

/* The enrolment of the code in the call. 1: found. 0: the call has ended with a problem. */
static int find(struct call *c, uint8_t hash[TOKEN_HASH_SIZE], struct enrolment *e)
{
    int r = token_is_shaped(c->in.enrol.code) ? token_hash(c->in.enrol.code, hash) : FAULT_ABSENT;
    r = r < 0 ? r : enrolments_find(c->keeper->store, hash, c->now_ms / 1000, e);
    if (r == FAULT_ABSENT || r == FAULT_STALE) {
        return call_problem(
            c, 410, NULL,
            "This link was used already, was replaced by a newer one, or has expired. "
            "Ask an administrator for a new one.");
    }
    return r < 0 ? r : 1;
}

int page_enrol_show(struct call *c)
{
    struct enrolment e = {0};
    uint8_t hash[TOKEN_HASH_SIZE];
    int r = find(c, hash, &e);
    if (r == 1) {
        r = e.asked != 0 ? show_waiting(c, &e, NULL) : show(c, &e, NULL);
    }
    secret_wipe(&e, sizeof(e));
    return r;
}

static int show_done(struct call *c, const char *user, json_t *codes)
{
    struct buf *page = &c->page;
    buf_clear(page);
    html_open(page, "You are set up", SPAN_NONE);
    html_raw(page, "<section class=\"card\"><p>Account <strong>");
    html_str(page, user);
    html_raw(page,
             "</strong> can log in now. These recovery codes are shown this once. Each stands "
             "in for the authenticator application one time; keep them on paper.</p>"
             "<ol class=\"codes\">");
    for (size_t i = 0; i < json_array_size(codes); i++) {
        html_raw(page, "<li><code>");
        html_text(page, json_span(json_array_get(codes, i)));
        html_raw(page, "</code></li>");
    }
    html_raw(page, "</ol><p><a class=\"button\" href=\"/login\">Log in</a></p><p>Then add a "
                   "<a href=\"/account/passkeys/add\">passkey</a>: it signs you in without a "
                   "password, and other sites cannot ask for it.</p></section>");
    html_close(page);
    c->status = 200;
    return 0;
}

static int finish(struct call *c, const struct enrolment *e, const char *password, uint64_t step)
{
    struct store *store = c->keeper->store;
    json_t *codes = NULL;
    uint64_t now = c->now_ms / 1000;
    /* Finishing sets recovery codes too; the ones that are shown are made right after, inside the
     * same mark. */
    int r = enrolments_finish(store, e->hash, now, password, step, NULL, 0);
    r = r < 0 ? r : op_recovery_codes(c->keeper, e->user, now, &codes);
    r = r < 0 ? r : op_end_user(c, e->user);
    r = r < 0 ? r : attempts_restore(store, e->user);
    if (r == 0) {
        c->actor = (struct actor){.kind = CREDENTIAL_CONSOLE, .user = e->user, .text = e->user};
        r = call_audit(c, AUDIT_ENROLMENT_FINISHED, span_str(e->user), NULL);
        c->actor = (struct actor){.user = ""};
    }
    r = r < 0 ? r : show_done(c, e->user, codes);
    json_decref(codes);
    return r;
}

static const char WRONG_CODE[] =
    "The code is not right. Codes change every 30 seconds; check that the clocks of both devices "
    "are right.";

/* Does the new application show the right code? 1, 0 with the page, or a fault. */
static int new_code(struct call *c, const struct enrolment *e, uint64_t *step)
{
    int r =
        totp_verify(span_of(e->secret, e->secret_len), c->in.enrol.totp, c->now_ms / 1000, 0, step);
    if (r == FAULT_DENIED || r == FAULT_FORMAT || r == FAULT_STALE) {
        return show(c, e, WRONG_CODE);
    }
    return r < 0 ? r : 1;
}

/* Is the new password acceptable? 1, or 0 with the page. */
static int new_password(struct call *c, const struct enrolment *e)
{
    const struct call_enrol *in = &c->in.enrol;
    enum password_verdict verdict = known_judge(c->keeper, in->password, span_str(e->user));
    if (!secret_eq(in->password, in->again)) {
        return show(c, e, "The two passwords are not the same.");
    }
    return verdict == PASSWORD_GOOD ? 1 : show(c, e, password_verdict_text(verdict));
}

/* Charges an attempt to prove the factor that is left. 1, 0 with the page, or a fault. */
static int charge(struct call *c, const struct enrolment *e, struct attempt *a)
{
    *a = attempts_by(c, e->user);
    c->at_deadline = true;
    int r = attempts_admit(c, a);
    if (r != 0) {
        return r;
    }
    r = show(c, e, ATTEMPTS_WAIT);
    c->status = 429;
    return r;
}

static int wrong(struct call *c, const struct enrolment *e, const struct attempt *a,
                 enum factor factor, const char *text)
{
    int r = attempts_failed(a, factor);
    r = r < 0 ? r : attempts_refused(a, factor == FACTOR_PASSWORD ? "password" : "code");
    r = r < 0 ? r : show(c, e, text);
    c->status = 403;
    return r;
}

/* The password is lost, a code proves the person. */
static int submit_password(struct call *c, const struct enrolment *e)
{
    struct attempt a;
    enum factor factor;
    bool good = false;
    int r = new_password(c, e);
    if (r != 1 || !c->hashed) {
        return r != 1 ? r : call_hash(c, c->in.enrol.password);
    }
    r = charge(c, e, &a);
    if (r != 1) {
        return r;
    }
    r = attempts_code(&a, c->in.enrol.totp, &good, &factor);
    if (r == 0 && !good) {
        return wrong(c, e, &a, factor, WRONG_CODE);
    }
    r = r < 0 ? r : attempts_forgive(&a, 1);
    return r < 0 ? r : finish(c, e, c->hash, 0);
}

/* The authenticator is lost, the password proves the person. */
static int submit_totp(struct call *c, const struct enrolment *e)
{
    struct attempt a;
    struct password known = {0};
    uint64_t step;
    int r = new_code(c, e, &step);
    if (r != 1) {
        return r;
    }
    if (!c->compared) {
        r = credentials_password(c->keeper->store, e->user, &known);
        r = r == FAULT_ABSENT ? 0 : r;
        r = r < 0 ? r : call_compare(c, c->in.enrol.password, known.disabled ? "" : known.hash);
        secret_wipe(&known, sizeof(known));
        return r;
    }
    r = charge(c, e, &a);
    if (r != 1) {
        return r;
    }
    if (!c->matches) {
        return wrong(c, e, &a, FACTOR_PASSWORD, "This is not your password.");
    }
    r = attempts_forgive(&a, 1);
    return r < 0 ? r : finish(c, e, "", step);
}

/* What the directory says of the password that proves the person. */
static int judge_there(struct call *c, const struct enrolment *e, const struct attempt *a,
                       const struct directory_def *def, const struct directory_answer *said,
                       uint64_t step)
{
    char user[STORE_NAME_SIZE];
    const char *why = NULL;
    if (said->result == BOUND_DOWN || said->result == BOUND_FAULT) {
        int r = show(c, e, "The directory that knows your password does not answer. Try later.");
        c->status = 503;
        return r;
    }
    if (said->result != BOUND_OK) {
        return wrong(c, e, a, FACTOR_DIRECTORY, "This is not your password.");
    }
    int r = vouched_accept(c->keeper, def, said, user, &why, c);
    if (r == 0 && (why != NULL || strcmp(user, e->user) != 0)) {
        return wrong(c, e, a, FACTOR_DIRECTORY, "The directory knows somebody else by this name.");
    }
    r = r < 0 ? r : attempts_forgive(a, 1);
    return r < 0 ? r : finish(c, e, "", step);
}

/* The password is a directory's, and proves the person there. */
static int submit_there(struct call *c, const struct enrolment *e, const struct entry *entry)
{
    const struct directory_def *def =
        snapshot_directory(live_snapshot(c->keeper->live), entry->directory);
    const struct call_errand *told = call_told(c, 0);
    struct attempt a;
    uint64_t step;
    bool spent = false;
    int r = new_code(c, e, &step);
    r = r == 1 ? charge(c, e, &a) : r;
    if (r != 1) {
        return r;
    }
    r = attempts_spent(c->keeper->store, e->user, FACTOR_DIRECTORY, &spent);
    if (r < 0) {
        return r;
    }
    if (def == NULL || spent || c->in.enrol.password.len == 0) {
        return wrong(c, e, &a, FACTOR_DIRECTORY, "This is not your password.");
    }
    if (told == NULL) {
        const struct directory_question q = {.directory = def,
                                             .user = span_str(e->user),
                                             .id = entry->id[0] != '\0' ? entry->id : NULL,
                                             .password = c->in.enrol.password};
        return op_ask_directory(c, &q);
    }
    struct directory_answer said;
    directory_answer_read(&c->keeper->directories, def->name, told->fault, buf_view(&told->answer),
                          &said);
    return judge_there(c, e, &a, def, &said, step);
}

/* Easily told over the telephone: nothing that is like something else in it. */
static int new_word(char out[ENROL_WORD_SIZE])
{
    static const char LETTERS[] = "23456789abcdefghijkmnpqrstuvwxyz";
    uint8_t random[6];
    int r = rng_fill(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++) {
        out[i + (i > 2)] = LETTERS[random[i] % 32];
    }
    out[3] = '-';
    out[ENROL_WORD_SIZE - 1] = '\0';
    return r;
}

/* Nothing is left that could prove the person: what was chosen is put aside. */
static int ask(struct call *c, const struct enrolment *e, uint64_t step)
{
    struct enrolment waits = *e;
    if (strlen(c->hash) >= sizeof(waits.password)) {
        return FAULT_LIMIT;
    }
    memcpy(waits.password, c->hash, strlen(c->hash) + 1);
    waits.step = step;
    waits.asked = c->now_ms / 1000;
    memcpy(waits.source, c->in.source.byte, sizeof(waits.source));
    waits.approver[0] = '\0';
    int r = new_word(waits.word);
    r = r < 0 ? r : enrolments_ask(c->keeper->store, &waits);
    r = r < 0 ? r : call_audit(c, AUDIT_ENROLMENT_ASKED, span_str(e->user), NULL);
    r = r < 0 ? r : show_waiting(c, &waits, NULL);
    secret_wipe(&waits, sizeof(waits));
    return r;
}

/* The last step after an approval. Whoever else has the link does not know what was chosen, and
 * must not be shown the recovery codes. */
static int submit_approved(struct call *c, const struct enrolment *e)
{
    struct attempt a;
    if (e->approver[0] == '\0') {
        return show_waiting(c, e, NULL);
    }
    if (!c->compared) {
        return call_compare(c, c->in.enrol.password, e->password);
    }
    int r = charge(c, e, &a);
    if (r != 1) {
        return r;
    }
    if (!c->matches) {
        r = attempts_refused(&a, "password");
        r = r < 0 ? r : show_waiting(c, e, "This is not the password that you chose.");
        c->status = 403;
        return r;
    }
    r = attempts_forgive(&a, 1);
    return r < 0 ? r : finish(c, e, e->password, e->step);
}

static int submit(struct call *c, const struct enrolment *e)
{
    uint64_t step = 0;
    if (e->confirm && e->asked != 0 && c->in.enrol.again.len == 0) {
        return submit_approved(c, e);
    }
    struct entry entry;
    int r = entries_find(c->keeper->store, e->user, &entry);
    if (r == 0 && e->renews == ENROL_TOTP && c->keeper->live != NULL) {
        return submit_there(c, e, &entry);
    }
    if (r < 0 && r != FAULT_ABSENT) {
        return r;
    }
    if (!e->confirm && e->renews != ENROL_ALL) {
        return e->renews == ENROL_PASSWORD ? submit_password(c, e) : submit_totp(c, e);
    }
    r = new_password(c, e);
    r = r == 1 ? new_code(c, e, &step) : r;
    if (r != 1) {
        return r;
    }
    if (!c->hashed) {
        return call_hash(c, c->in.enrol.password);
    }
    return e->confirm ? ask(c, e, step) : finish(c, e, c->hash, step);
}

int page_enrol_submit(struct call *c)
{
    struct enrolment e = {0};
    uint8_t hash[TOKEN_HASH_SIZE];
    int r = find(c, hash, &e);
    if (r == 1) {
        r = submit(c, &e);
    }
    secret_wipe(&e, sizeof(e));
    return r;
}
