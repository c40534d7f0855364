/* Signing in with a passkey: alone, by name or with none, and as the second factor after another.
 *
 * Nothing here tells whether a name exists, has keys, or why a key was refused: the answer to a
 * stranger is one sentence, at the fixed time of every attempt; the audit trail knows. */
#include <stdio.h>

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "identity/token.h"
#include "keeper/actor.h"
#include "keeper/attempts.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/passkeys.h"
#include "keeper/signin.h"

static int lost(struct call *c)
{
    return call_problem(c, 403, NULL,
                        "This login has taken too long, or was begun in another browser.");
}

/* ---- the question ---- */

/* A name as people type it; "" when it cannot be one. */
static void read_name(struct span typed, char out[STORE_NAME_SIZE])
{
    memset(out, 0, STORE_NAME_SIZE);
    for (size_t i = 0; i < typed.len && typed.len < STORE_NAME_SIZE; i++) {
        char b = (char)typed.at[i];
        out[i] = b >= 'A' && b <= 'Z' ? (char)(b - 'A' + 'a') : b;
    }
    if (!text_is_name(span_str(out)) || strlen(out) != typed.len) {
        memset(out, 0, STORE_NAME_SIZE);
    }
}

static int ask(struct call *c, struct flow *f, struct span typed, bool verify)
{
    json_t *options = NULL;
    int r = passkeys_challenge(c, f, NULL, NULL);
    r = r < 0 ? r : passkeys_request(c, f, typed, verify, &options);
    return r < 0 ? r : call_answer(c, 200, options);
}

int op_signin_passkey_options(struct call *c)
{
    struct flow f = {.kind = FLOW_PASSKEY, .back = call_string(c, "back")};
    struct span typed = span_trim(call_string(c, "user"));
    if (f.back.len > FLOW_BACK_MAX || typed.len > 256) {
        return call_problem(c, 400, NULL, "This is not a login form of this gateway.");
    }
    read_name(typed, f.user);
    return ask(c, &f, typed, true);
}

/* The name that was typed on the first page has the same list whether what came with it was right
 * or wrong; what can not be a name has that of its cookie. */
int op_second_passkey_options(struct call *c)
{
    struct flow f;
    char nobody[2 * STORE_HASH_SIZE + 1];
    int r = signin_flow(c, FLOW_SECOND, &f);
    if (r < 0) {
        return r == FAULT_ABSENT ? lost(c) : r;
    }
    text_hex(nobody, span_of(f.hash, sizeof(f.hash)));
    return ask(c, &f, span_str(f.user[0] != '\0' ? f.user : nobody), false);
}

/* ---- the answer ---- */

struct proof {
    struct passkey key;
    struct passkey_assertion in;
    struct span id, handle;
    bool found;
};

static bool read_proof(struct call *c, struct proof *p)
{
    return passkeys_bytes(c, "id", PASSKEY_ID_MAX, &p->id) &&
           passkeys_bytes(c, "client", CLIENTDATA_MAX, &p->in.client_data) &&
           passkeys_bytes(c, "data", PASSKEY_DATA_MAX, &p->in.data) &&
           passkeys_bytes(c, "signature", PASSKEY_SIGNATURE_MAX, &p->in.signature) &&
           passkeys_bytes(c, "handle", PASSKEY_HANDLE, &p->handle);
}

/* Section 7.2, step 6: the key belongs to whom the flow is for; where it is for nobody yet the
 * authenticator has to say whose it is, and that must be so. */
static int owner_is_right(struct call *c, const struct flow *f, const struct proof *p, bool *right)
{
    uint8_t fresh[PASSKEYS_HANDLE_SIZE] = {0}, handle[PASSKEYS_HANDLE_SIZE];
    *right = f->user[0] != '\0' && strcmp(f->user, p->key.user) == 0;
    if (f->user[0] != '\0' && p->handle.len == 0) {
        return 0;
    }
    /* Whoever has a key has a handle: fresh is never stored. */
    int r = passkeys_handle(c->keeper->store, p->key.user, fresh, handle);
    if (r == 0) {
        *right = (f->user[0] == '\0' || *right) && span_eq(p->handle, span_of(handle, 32));
    }
    return r;
}

/* A signature that is right with a count that is not: there is a second one of this key. */
static int disable_copy(struct call *c, const struct passkey *key)
{
    int r = passkeys_disable(c->keeper->store, span_of(key->id, key->id_len));
    return r < 0 ? r
                 : call_audit(c, AUDIT_PASSKEY_DISABLED, span_str(key->user), passkeys_json(key));
}

/* As which factor a key's failures are counted. */
static enum factor factor_of(const struct passkey *key)
{
    return key->verified ? FACTOR_PASSKEY : FACTOR_KEY;
}

/* *why NULL: it is proven, and *state is what the key says now. */
static int judge(struct call *c, const struct flow *f, const struct proof *p, bool verify,
                 struct passkey_state *state, const char **why)
{
    struct passkey_question q;
    struct passkey_key key = {.alg = (enum passkey_alg)p->key.alg, .len = p->key.key_len};
    struct passkey_state before = {.count = p->key.count, .synced = p->key.synced};
    bool right = false, spent = false;
    *why = "unknown";
    if (f->kind == FLOW_SECOND && f->factors == 0) {
        *why = "after a wrong first factor";
        return 0;
    }
    int r = !p->found ? FAULT_ABSENT : owner_is_right(c, f, p, &right);
    r = r < 0 ? r : attempts_spent(c->keeper->store, p->key.user, factor_of(&p->key), &spent);
    if (r < 0 || !right || p->key.disabled || spent) {
        *why = p->found && !right ? "of somebody else" : p->found ? "disabled" : *why;
        return r == FAULT_ABSENT ? 0 : r;
    }
    r = passkeys_question(c, f, verify, &q);
    if (r < 0) {
        *why = "no challenge";
        return r == FAULT_ABSENT ? 0 : r;
    }
    memcpy(key.bytes, p->key.key, p->key.key_len);
    enum passkey_verdict v = passkey_assert(&q, &key, &before, &p->in, state);
    *why = v == PASSKEY_GOOD ? NULL : passkey_verdict_text(v);
    return v == PASSKEY_COUNTER ? disable_copy(c, &p->key) : 0;
}

static int refused(struct call *c, const struct attempt *a, const char *why,
                   const struct passkey *key)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "passkey: %s", why);
    int r = key == NULL ? 0 : attempts_failed(a, factor_of(key));
    r = r < 0 ? r : attempts_refused(a, text);
    return r < 0 ? r : call_problem(c, 403, NULL, "This passkey did not prove who you are.");
}

/* A session that this browser has, of the same person, is raised instead of a second one made. */
static int session_here(struct call *c, const char *user, struct session *ret, bool *found)
{
    enum view_status status;
    *found = false;
    if (c->in.sso.len == 0) {
        return 0;
    }
    int r = session_resolve(c->keeper, CREDENTIAL_SSO, c->in.sso, c->in.host, c->now_ms / 1000, ret,
                            &status);
    *found = r == 0 && status == VIEW_OK && strcmp(ret->user, user) == 0;
    return r;
}

static int arrive(struct call *c, const struct flow *f, struct signin *s)
{
    int r = signin_finish(c->keeper, s, c);
    if (r == 0 && s->result == SIGNIN_REFUSED) {
        r = call_problem(c, 403, NULL, "This passkey did not prove who you are.");
    } else if (r == 0) {
        /* The script leads on: what a browser is sent to after fetch() it would only read. */
        r = signin_arrive(c, s, f->back);
        const char *to = c->location;
        c->location = NULL;
        r = r < 0 ? r : call_answer(c, 200, json_pack("{s:s}", "location", to));
    }
    return r;
}

static int finish(struct call *c, const struct flow *f, const struct proof *p,
                  const struct passkey_state *state, unsigned charges)
{
    struct attempt a = attempts_by(c, p->key.user);
    struct signin s = signin_of(c);
    struct session session;
    bool here = false;
    s.user = p->key.user;
    s.proofs = (struct proofs){.factors = f->factors |
                                          factor_bit(state->verified ? FACTOR_PASSKEY : FACTOR_KEY),
                               .device_bound = !state->synced,
                               .asserted = (enum assurance)f->asserted};
    s.back = f->back;
    s.raises = f->raises ? f->session : NULL;
    int r = passkeys_used(c->keeper->store, span_of(p->key.id, p->key.id_len), state->count,
                          state->backed_up, c->now_ms / 1000);
    r = r < 0 ? r : attempts_forgive(&a, charges);
    if (r == 0 && f->kind == FLOW_SECOND) {
        struct flow gone;
        r = flows_take(c->keeper->store, f->hash, f->kind, c->now_ms / 1000, &c->arena, &gone);
        s.data = r == 0 ? gone.data : SPAN_NONE;
    }
    if (r == 0 && !f->raises) {
        r = session_here(c, s.user, &session, &here);
        s.raises = here ? session.id : NULL;
    }
    r = r < 0 ? r : arrive(c, f, &s);
    secret_wipe(&s, sizeof(s));
    return r;
}

/* A challenge is good once. A flow that waits for a second factor stays without it, for another
 * try; finish() ends it. */
static int spend_challenge(struct call *c, const struct flow *f)
{
    struct flow rest = *f;
    if (f->kind != FLOW_SECOND) {
        return flows_take(c->keeper->store, f->hash, f->kind, c->now_ms / 1000, &c->arena, &rest);
    }
    return passkeys_spend(c, &rest);
}

static int prove(struct call *c, enum flow_kind kind, bool verify, unsigned charges)
{
    struct proof p = {.found = false};
    struct passkey_state state = {.verified = false};
    struct flow f;
    const char *why = "unknown";
    int r = signin_flow(c, kind, &f);
    if (r < 0 || !read_proof(c, &p)) {
        return r == FAULT_ABSENT ? lost(c) : r < 0 ? r : 0;
    }
    c->keep = true;
    r = passkeys_find(c->keeper->store, p.id, &p.key);
    p.found = r == 0;
    struct attempt a = attempts_by(c, f.user[0] != '\0' ? f.user : p.found ? p.key.user : "");
    r = r == FAULT_ABSENT || r == 0 ? attempts_admit(c, &a) : r;
    if (r == 0) {
        return call_problem(c, 429, NULL, ATTEMPTS_WAIT);
    }
    c->at_deadline = true;
    r = r < 0 ? r : spend_challenge(c, &f);
    r = r < 0 ? r : judge(c, &f, &p, verify, &state, &why);
    if (r == 0 && why != NULL) {
        bool counts =
            p.found && strcmp(a.user, p.key.user) == 0 && (kind != FLOW_SECOND || f.factors != 0);
        return refused(c, &a, why, counts ? &p.key : NULL);
    }
    return r < 0 ? r : finish(c, &f, &p, &state, charges);
}

int op_signin_passkey(struct call *c)
{
    return prove(c, FLOW_PASSKEY, true, 1);
}

int op_second_passkey(struct call *c)
{
    return prove(c, FLOW_SECOND, false, 2);
}
