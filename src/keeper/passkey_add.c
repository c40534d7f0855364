/* New passkeys: on the page of a person who is logged in, and by an enrolment link.
 *
 * Who adds a key has proven himself with a second factor within the last ten minutes, or holds a
 * link that is used up by it. What is half done is a challenge that expires: nothing of a key is
 * stored before it has been verified, in one step with its record in the audit trail. */
#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "identity/token.h"
#include "keeper/html.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/passkeys.h"
#include "keeper/signin.h"
#include "keeper/stepup.h"
#include "store/credentials.h"

/* ---- by a person who is logged in ---- */

int page_passkey_add(struct call *c)
{
    struct buf *page = &c->page;
    bool may;
    int r = passkeys_may_change(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    html_open(page, "Add a passkey", span_str(c->actor.user));
    html_raw(page, "<section class=\"card\"><p>A passkey lives on your device or security key and "
                   "signs you in without a password. Other sites cannot ask for it.</p>"
                   "<form data-passkey=\"/account/passkeys\">"
                   "<div class=\"field\"><label for=\"name\">Name, to tell it from others</label>"
                   "<input id=\"name\" name=\"name\" maxlength=\"63\" required "
                   "value=\"Passkey\"></div>"
                   "<button class=\"button wide\" type=\"submit\">Add a passkey</button></form>"
                   "<noscript><p class=\"error\">Passkeys need JavaScript.</p></noscript>"
                   "<script src=\"/assets/passkey.js\" defer></script>"
                   "<p><a href=\"/account\">Back</a></p></section>");
    html_close(page);
    c->status = 200;
    return 0;
}

int op_passkey_options(struct call *c)
{
    struct flow f = {.kind = FLOW_REGISTER, .raises = true};
    json_t *options = NULL;
    bool may;
    int r = passkeys_may_change(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    (void)snprintf(f.user, sizeof(f.user), "%s", c->actor.user);
    memcpy(f.session, c->actor.session, sizeof(f.session));
    r = passkeys_challenge(c, &f, NULL, NULL);
    r = r < 0 ? r : passkeys_creation(c, &f, false, &options);
    return r < 0 ? r : call_answer(c, 200, options);
}

/* The flow of this browser, and it is gone. *found false: the call has ended with a problem. */
static int take_flow(struct call *c, struct flow *f, bool *found)
{
    int r = signin_flow(c, FLOW_REGISTER, f);
    r = r < 0
            ? r
            : flows_take(c->keeper->store, f->hash, FLOW_REGISTER, c->now_ms / 1000, &c->arena, f);
    *found = r == 0;
    if (r == 0) {
        c->keep = true;
        c->set_flow = SPAN("-");
    }
    return r != FAULT_ABSENT
               ? r
               : call_problem(c, 403, NULL,
                              "This has taken too long, or was begun in another browser.");
}

int op_passkey_add(struct call *c)
{
    struct flow f;
    bool found = false, done, may;
    int r = passkeys_may_change(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    r = take_flow(c, &f, &found);
    if (r < 0 || !found) {
        return r;
    }
    if (!f.raises || memcmp(f.session, c->actor.session, sizeof(f.session)) != 0 ||
        strcmp(f.user, c->actor.user) != 0) {
        return call_problem(c, 403, NULL, "This was begun by somebody else.");
    }
    r = passkeys_register(c, &f, false, &done);
    return r < 0 || !done ? r : call_answer(c, 201, json_pack("{s:s}", "location", "/account"));
}

/* ---- by an enrolment link ---- */

/* The enrolment of the code in the body. *found false: the call has ended with a problem. */
static int find_enrolment(struct call *c, struct enrolment *e, bool *found)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    struct span code = call_string(c, "code");
    int r = token_is_shaped(code) ? token_hash(code, hash) : FAULT_ABSENT;
    r = r < 0 ? r : enrolments_find(c->keeper->store, hash, c->now_ms / 1000, e);
    *found = r == 0 && passkeys_enrol(e);
    if (r == 0 && !*found) {
        return call_problem(c, 403, NULL, "This link does not set a passkey.");
    }
    if (r == FAULT_ABSENT || r == FAULT_STALE) {
        return call_problem(c, 410, NULL,
                            "This link was used already, was replaced by a newer one, or has "
                            "expired. Ask an administrator for a new one.");
    }
    return r;
}

int op_enrol_passkey_options(struct call *c)
{
    struct flow f = {.kind = FLOW_REGISTER};
    struct enrolment e = {0};
    char hash[2 * TOKEN_HASH_SIZE + 1];
    json_t *options = NULL;
    bool found;
    int r = find_enrolment(c, &e, &found);
    if (r == 0 && found) {
        (void)snprintf(f.user, sizeof(f.user), "%s", e.user);
        text_hex(hash, span_of(e.hash, sizeof(e.hash)));
        r = passkeys_challenge(c, &f, "enrolment", hash);
        r = r < 0 ? r : passkeys_creation(c, &f, true, &options);
        r = r < 0 ? r : call_answer(c, 200, options);
    }
    secret_wipe(&e, sizeof(e));
    return r;
}

/* The key is the only thing to sign in with, so that it has to verify its user. */
static int enrol(struct call *c, const struct enrolment *e)
{
    struct flow f;
    const char *want;
    char hash[2 * TOKEN_HASH_SIZE + 1];
    bool found, done;
    int r = take_flow(c, &f, &found);
    if (r < 0 || !found) {
        return r;
    }
    text_hex(hash, span_of(e->hash, sizeof(e->hash)));
    r = passkeys_kept(c, &f, "enrolment", &want);
    if (r == FAULT_ABSENT ||
        (r == 0 && (strcmp(want, hash) != 0 || strcmp(f.user, e->user) != 0))) {
        return call_problem(c, 403, NULL, "This was begun with another link.");
    }
    c->actor = (struct actor){.kind = CREDENTIAL_CONSOLE, .user = f.user, .text = f.user};
    r = r < 0 ? r : passkeys_register(c, &f, true, &done);
    if (r == 0 && done) {
        r = enrolments_revoke(c->keeper->store, f.user);
        r = r < 0 ? r : op_end_user(c, f.user);
        r = r < 0 ? r : call_audit(c, AUDIT_ENROLMENT_FINISHED, span_str(f.user), NULL);
        r = r < 0 ? r : call_answer(c, 201, json_pack("{s:s}", "location", "/login"));
    }
    c->actor = (struct actor){.user = ""};
    return r;
}

int op_enrol_passkey(struct call *c)
{
    struct enrolment e = {0};
    bool found;
    int r = find_enrolment(c, &e, &found);
    r = r < 0 || !found ? r : enrol(c, &e);
    secret_wipe(&e, sizeof(e));
    return r;
}
