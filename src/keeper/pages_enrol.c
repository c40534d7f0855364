/* The enrolment page: a password, a TOTP secret that is shown as text and as a picture, and
 * recovery codes that are shown once. Showing the page changes nothing, because the secret was made
 * with the code. */
#include <errno.h>
#include <qrencode.h>
#include <stdlib.h>

#include "base/fault.h"
#include "identity/password.h"
#include "identity/token.h"
#include "identity/totp.h"
#include "keeper/attempts.h"
#include "keeper/html.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/known.h"
#include "keeper/op.h"
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

static int show(struct call *c, const struct enrolment *e, const char *error)
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
    buf_clear(page);
    html_open(page, "Set up your login", SPAN_NONE);
    html_raw(page, "<section class=\"card\"><p>Account <strong>");
    html_str(page, e->user);
    html_raw(page, "</strong>. Choose a password, and scan the picture with an authenticator "
                   "application or type its secret in.</p>");
    if (error != NULL) {
        html_raw(page, "<p class=\"error\" role=\"alert\">");
        html_str(page, error);
        html_raw(page, "</p>");
    }
    svg_code(page, text);
    html_raw(page, "<p>Secret: <code>");
    html_str(page, secret);
    html_raw(page, "</code></p><form method=\"post\" action=\"/enrol\">"
                   "<input type=\"hidden\" name=\"code\" value=\"");
    html_text(page, c->in.enrol.code);
    html_raw(page,
             "\"><input type=\"hidden\" name=\"username\" autocomplete=\"username\" value=\"");
    html_str(page, e->user);
    html_raw(page, "\">");
    field(page, "password", "Password (at least 8 characters)", "password",
          "autocomplete=\"new-password\" maxlength=\"256\"");
    field(page, "again", "The same password again", "password",
          "autocomplete=\"new-password\" maxlength=\"256\"");
    field(page, "totp", "Code that the application shows now", "text",
          "autocomplete=\"one-time-code\" inputmode=\"numeric\" maxlength=\"8\"");
    html_raw(page, "<button class=\"button\" type=\"submit\">Set up</button></form></section>");
    html_close(page);
    c->status = error == NULL ? 200 : 422;
    secret_wipe(text, strlen(text));
    free(text);
    secret_wipe(secret, sizeof(secret));
    buf_fini(&uri);
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
        r = show(c, &e, NULL);
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
    html_raw(page, "</ol><p><a class=\"button\" href=\"/login\">Log in</a></p></section>");
    html_close(page);
    c->status = 200;
    return 0;
}

static int finish(struct call *c, const struct enrolment *e, const uint8_t hash[TOKEN_HASH_SIZE],
                  uint64_t step)
{
    struct store *store = c->keeper->store;
    json_t *codes = NULL;
    uint64_t now = c->now_ms / 1000;
    /* Finishing sets recovery codes too; the ones that are shown are made right after, inside the
     * same mark. */
    int r = enrolments_finish(store, hash, now, c->hash, step, NULL, 0);
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

static int submit(struct call *c, const struct enrolment *e, const uint8_t hash[TOKEN_HASH_SIZE])
{
    const struct call_enrol *in = &c->in.enrol;
    uint64_t step;
    if (!secret_eq(in->password, in->again)) {
        return show(c, e, "The two passwords are not the same.");
    }
    enum password_verdict verdict = known_judge(c->keeper, in->password, span_str(e->user));
    if (verdict != PASSWORD_GOOD) {
        return show(c, e, password_verdict_text(verdict));
    }
    int r = totp_verify(span_of(e->secret, e->secret_len), in->totp, c->now_ms / 1000, 0, &step);
    if (r == FAULT_DENIED || r == FAULT_FORMAT || r == FAULT_STALE) {
        return show(c, e,
                    "The code is not right. Codes change every 30 seconds; check that the "
                    "clocks of both devices are right.");
    }
    if (r < 0) {
        return r;
    }
    return c->hashed ? finish(c, e, hash, step) : call_hash(c, in->password);
}

int page_enrol_submit(struct call *c)
{
    struct enrolment e = {0};
    uint8_t hash[TOKEN_HASH_SIZE];
    int r = find(c, hash, &e);
    if (r == 1) {
        r = submit(c, &e, hash);
    }
    secret_wipe(&e, sizeof(e));
    return r;
}
