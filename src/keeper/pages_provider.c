/* Signing in by an OpenID provider (Core 1.0 section 3.1, the code flow with PKCE, RFC 7636).
 *
 *   /signin/provider/NAME ──▶ a flow of this browser ──▶ the provider
 *                                                           │
 *   home, or the second factor ◀── /signin/callback ◀───────┘
 *                                    state, iss, code ▶ token ▶ keys ▶ who it is
 *
 *   /signin/backchannel/NAME  the provider itself says that a session has ended
 *
 * State, nonce and the verifier of the code lie in the flow, whose cookie only this browser has: a
 * callback that somebody else has begun finds nothing. The flow names the provider, so that an
 * answer of another one is noticed (mix-up, RFC 9207). A provider that fails costs its own way in,
 * never another. */
#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "identity/lockout.h"
#include "identity/token.h"
#include "keeper/attempts.h"
#include "keeper/html.h"
#include "keeper/json.h"
#include "keeper/linked.h"
#include "keeper/op.h"
#include "keeper/signin.h"
#include "store/sessions.h"

/* Places of a call's errands. */
enum { SLOT_DOCUMENT, SLOT_TOKEN, SLOT_KEYS, SLOT_NEW_KEYS };

#define CODE_MAX 2048u

/* ---- pages ---- */

static int say(struct call *c, unsigned status, const char *title, const char *text)
{
    struct buf *page = &c->page;
    buf_clear(page);
    html_open(page, title, SPAN_NONE);
    html_raw(page, "<section class=\"card\"><p class=\"error\">");
    html_str(page, text);
    html_raw(page, "</p><p><a class=\"button\" href=\"/login\">Log in another way</a></p>"
                   "</section>");
    html_close(page);
    c->status = status;
    return 0;
}

static int unavailable(struct call *c)
{
    c->retry_after = 5;
    return say(c, 503, "This provider does not answer",
               "The provider cannot be reached, or what it says makes no sense. A password of this "
               "gateway still works.");
}

static const char LOST[] = "This login has taken too long, was used already, or was begun in "
                           "another browser.";

/* Refused for a reason that the trail gets and the person does not. The flow is used up. */
static int refuse(struct call *c, const struct flow *f, const char *user, const char *why)
{
    struct attempt a = attempts_by(c, user);
    struct flow gone;
    int r =
        flows_take(c->keeper->store, f->hash, FLOW_PROVIDER, c->now_ms / 1000, &c->arena, &gone);
    r = r < 0 && r != FAULT_ABSENT ? r : attempts_refused(&a, why);
    c->keep = true;
    c->set_flow = SPAN("-");
    return r < 0 ? r
                 : say(c, 403, "This did not work",
                       "The provider's answer was not accepted. Begin again, or ask an "
                       "administrator.");
}

/* ---- away ---- */

/* What is known of a sign-in that is under way. */
struct trip {
    const struct provider_def *def;
    struct provider *p;
    struct span state, nonce, verifier;
    uint64_t begun;
};

static const char *redirect_uri(struct call *c)
{
    return arena_printf(&c->arena, "https://%.*s/signin/callback", SPAN_FMT(c->in.host));
}

static void put(struct buf *out, const char *key, struct span value)
{
    (void)buf_printf(out, "%c%s=", buf_len(out) > 0 ? '&' : '?', key);
    (void)text_urlencode(out, value);
}

static void put_words(struct buf *out, const char *first, const struct names *words)
{
    (void)text_urlencode(out, span_str(first));
    for (size_t i = 0; i < words->count; i++) {
        (void)buf_printf(out, "%s", i == 0 && first[0] == '\0' ? "" : "%20");
        (void)text_urlencode(out, span_str(words->name[i]));
    }
}

/* Where the browser is sent; in the arena. */
static const char *authorization(struct call *c, const struct trip *t)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    char challenge[TEXT_B64_SIZE(TOKEN_HASH_SIZE)];
    const char *uri = redirect_uri(c);
    struct buf q;
    if (uri == NULL || token_digest(t->verifier, hash) < 0) {
        return NULL;
    }
    text_b64url(challenge, span_of(hash, sizeof(hash)));
    buf_init(&q, 3800);
    put(&q, "response_type", SPAN("code"));
    put(&q, "client_id", span_str(t->def->client_id));
    put(&q, "redirect_uri", span_str(uri));
    put(&q, "state", t->state);
    put(&q, "nonce", t->nonce);
    put(&q, "code_challenge", span_str(challenge));
    put(&q, "code_challenge_method", SPAN("S256"));
    (void)buf_text(&q, "&scope=");
    put_words(&q, "openid", &t->def->scopes);
    if (t->def->acr_values.count > 0) {
        (void)buf_text(&q, "&acr_values=");
        put_words(&q, "", &t->def->acr_values);
    }
    if (t->def->max_age > 0) {
        (void)buf_printf(&q, "&max_age=%u", t->def->max_age);
    }
    struct span base = t->p->document.authorization, view = buf_view(&q);
    bool has_query = span_find(base, '?') != SIZE_MAX;
    const char *to =
        q.bad ? NULL
              : arena_printf(&c->arena, "%.*s%s%.*s", SPAN_FMT(base), has_query ? "&" : "?",
                             (int)view.len - 1, (const char *)view.at + 1);
    buf_fini(&q);
    return to;
}

static int put_flow(struct call *c, const struct trip *t, char cookie[TOKEN_TEXT_SIZE])
{
    struct buf text;
    json_t *data = json_pack("{s:s,s:o,s:o,s:o,s:I}", "provider", t->def->name, "state",
                             json_text(t->state), "nonce", json_text(t->nonce), "verifier",
                             json_text(t->verifier), "begun", (json_int_t)t->begun);
    struct flow f = {
        .kind = FLOW_PROVIDER, .back = c->in.query, .expires = c->now_ms / 1000 + FLOW_LIFE};
    buf_init(&text, FLOW_DATA_MAX);
    lockout_source_key(&c->in.source, f.source);
    int r = data == NULL ? -ENOMEM : json_write(data, &text);
    json_decref(data);
    f.data = buf_view(&text);
    r = r < 0 ? r : token_new(cookie, f.hash);
    r = r < 0 ? r : flows_put(c->keeper->store, &f);
    buf_fini(&text);
    return r;
}

static int begin(struct call *c, struct trip *t)
{
    char state[TOKEN_TEXT_SIZE], nonce[TOKEN_TEXT_SIZE], verifier[TOKEN_TEXT_SIZE];
    char cookie[TOKEN_TEXT_SIZE];
    uint8_t hash[TOKEN_HASH_SIZE];
    int r = token_new(state, hash);
    r = r < 0 ? r : token_new(nonce, hash);
    r = r < 0 ? r : token_new(verifier, hash);
    t->state = span_str(state);
    t->nonce = span_str(nonce);
    t->verifier = span_str(verifier);
    t->begun = c->now_ms / 1000;
    r = r < 0 ? r : put_flow(c, t, cookie);
    if (r == 0) {
        c->away = authorization(c, t);
        c->set_flow = arena_copy(&c->arena, span_str(cookie));
        c->status = 303;
        r = c->away == NULL || c->set_flow.at == NULL ? -ENOMEM : 0;
    }
    t->state = t->nonce = t->verifier = SPAN_NONE;
    secret_wipe(verifier, sizeof(verifier));
    secret_wipe(cookie, sizeof(cookie));
    return r;
}

int page_provider_begin(struct call *c)
{
    struct trip t = {.def = providers_def(c->keeper, c->param[0])};
    struct attempt a = attempts_by(c, "");
    uint32_t wait = 0;
    if (t.def == NULL) {
        return say(c, 404, "No such provider", "There is no provider of this name.");
    }
    t.p = providers_get(c->keeper, t.def);
    int r = t.p == NULL ? -ENOMEM : providers_document(c, t.def, t.p, SLOT_DOCUMENT);
    if (r <= 0) {
        return r == FAULT_CLOSED ? unavailable(c) : r;
    }
    r = attempts_charge(&a, &wait);
    if (r == 0 && wait > 0) {
        c->keep = true;
        c->retry_after = wait;
        r = attempts_throttled(&a);
        return r < 0 ? r : say(c, 429, "Too many attempts", ATTEMPTS_WAIT);
    }
    return r < 0 ? r : begin(c, &t);
}

/* ---- back ---- */

/* Which sign-in this is the end of. FAULT_ABSENT: of none. */
static int read_trip(struct call *c, const struct flow *f, struct trip *t)
{
    json_t *data = NULL;
    int r = json_read(f->data, &data, NULL, 0);
    if (r < 0) {
        return r;
    }
    t->def = providers_def(c->keeper, json_span(json_object_get(data, "provider")));
    t->state = arena_copy(&c->arena, json_span(json_object_get(data, "state")));
    t->nonce = arena_copy(&c->arena, json_span(json_object_get(data, "nonce")));
    t->verifier = arena_copy(&c->arena, json_span(json_object_get(data, "verifier")));
    t->begun = (uint64_t)json_integer_value(json_object_get(data, "begun"));
    json_decref(data);
    if (t->def == NULL) {
        return FAULT_ABSENT;
    }
    t->p = providers_get(c->keeper, t->def);
    return t->p == NULL || t->verifier.at == NULL ? -ENOMEM : 0;
}

/* Absent is empty. */
static int parameter(struct call *c, const char *key, struct span *ret)
{
    int r = call_query(c, key, ret);
    if (r == FAULT_ABSENT) {
        *ret = SPAN_NONE;
        return 0;
    }
    return r;
}

/* NULL, or why the answer is none of this sign-in. */
static const char *check_answer(struct call *c, const struct trip *t, struct span *code)
{
    struct span state, issuer, error;
    if (parameter(c, "state", &state) < 0 || parameter(c, "iss", &issuer) < 0 ||
        parameter(c, "error", &error) < 0 || parameter(c, "code", code) < 0) {
        return "callback";
    }
    if (!secret_eq(state, t->state)) {
        return "state";
    }
    if (issuer.len > 0 ? !span_is(issuer, t->def->issuer) : t->p->document.says_issuer) {
        return "issuer";
    }
    if (error.len > 0) {
        return "provider";
    }
    return code->len == 0 || code->len > CODE_MAX ? "callback" : NULL;
}

static int ask_token(struct call *c, const struct trip *t, struct span code, struct span *body)
{
    struct buf form;
    const char *uri = redirect_uri(c);
    buf_init(&form, 12288);
    form.wipe = true;
    (void)buf_text(&form, "grant_type=authorization_code");
    put(&form, "code", code);
    put(&form, "redirect_uri", span_str(uri));
    put(&form, "code_verifier", t->verifier);
    int r = form.bad || uri == NULL
                ? FAULT_LIMIT
                : providers_token(c, t->def, t->p, buf_view(&form), SLOT_TOKEN, body);
    buf_fini(&form);
    return r;
}

/* The identity token in the answer; in the arena. FAULT_FORMAT. */
static int find_token(struct call *c, struct span body, struct span *ret)
{
    json_t *answer = NULL;
    int r = json_read(body, &answer, NULL, 0);
    if (r == 0) {
        *ret = arena_copy(&c->arena, json_span(json_object_get(answer, "id_token")));
        r = ret->len == 0 ? FAULT_FORMAT : 0;
    }
    json_decref(answer);
    return r;
}

/* 1: the provider has signed it. 0: parked. FAULT_DENIED: it has not. */
static int verify(struct call *c, const struct provider_def *def, struct provider *p,
                  const struct jwt *t)
{
    struct span kid = span_str(t->kid);
    int r = providers_keys(c, def, p, SLOT_KEYS);
    if (r == 1 && jwks_find(&p->keys, kid, t->alg) == NULL) {
        /* A new key may have been made. */
        r = providers_new_keys(c, def, p, SLOT_NEW_KEYS);
    }
    if (r != 1) {
        return r;
    }
    r = jwt_verify(t, jwks_find(&p->keys, kid, t->alg));
    return r < 0 ? r : 1;
}

static int arrive(struct call *c, const struct flow *f, const char *user,
                  const struct proofs *proofs, const char *data)
{
    struct signin s = signin_of(c);
    struct flow gone;
    struct attempt a = attempts_by(c, "");
    s.user = user;
    s.proofs = *proofs;
    s.back = f->back;
    s.data = span_str(data);
    int r =
        flows_take(c->keeper->store, f->hash, FLOW_PROVIDER, c->now_ms / 1000, &c->arena, &gone);
    if (r == FAULT_ABSENT) {
        c->set_flow = SPAN("-");
        return say(c, 403, "Begin again", LOST);
    }
    r = r < 0 ? r : attempts_forgive(&a, 1);
    r = r < 0 ? r : signin_finish(c->keeper, &s, c);
    if (r == 0 && s.result == SIGNIN_REFUSED) {
        c->keep = true;
        c->set_flow = SPAN("-");
        r = say(c, 403, "This did not work", "This account may not log in now.");
    } else if (r == 0) {
        r = signin_arrive(c, &s, f->back);
    }
    secret_wipe(&s, sizeof(s));
    return r;
}

static int judge(struct call *c, const struct flow *f, const struct trip *t, const struct jwt *jwt)
{
    struct oidc_expected x = {.issuer = span_str(t->def->issuer),
                              .client = span_str(t->def->client_id),
                              .nonce = t->nonce,
                              .now = c->now_ms / 1000,
                              .begun = t->begun,
                              .max_age = t->def->max_age};
    struct oidc_person person;
    char user[STORE_NAME_SIZE] = "";
    const char *why = NULL;
    int r = verify(c, t->def, t->p, jwt);
    if (r == FAULT_DENIED) {
        return refuse(c, f, "", "signature");
    }
    if (r <= 0) {
        return r == FAULT_CLOSED ? unavailable(c) : r;
    }
    if (oidc_person_read(jwt, &x, &person, &why) < 0) {
        return refuse(c, f, "", why);
    }
    r = linked_accept(c->keeper, t->def, jwt, &person, user, &why, c);
    if (r < 0 || why != NULL) {
        return r < 0 ? r : refuse(c, f, user, why);
    }
    struct proofs proofs = {.factors = factor_bit(FACTOR_PROVIDER),
                            .asserted = linked_level(t->def, &person)};
    const char *data = linked_data(c, t->def, &person);
    return data == NULL ? -ENOMEM : arrive(c, f, user, &proofs, data);
}

int page_provider_callback(struct call *c)
{
    struct flow f;
    struct trip t = {.def = NULL};
    struct span code, body = SPAN_NONE, text = SPAN_NONE;
    struct jwt jwt;
    int r = signin_flow(c, FLOW_PROVIDER, &f);
    r = r < 0 ? r : read_trip(c, &f, &t);
    if (r == FAULT_ABSENT) {
        c->set_flow = SPAN("-");
        return say(c, 403, "Begin again", LOST);
    }
    const char *why = r < 0 ? NULL : check_answer(c, &t, &code);
    if (r < 0 || why != NULL) {
        return r < 0 ? r : refuse(c, &f, "", why);
    }
    /* After a restart nothing is known of the provider any more. */
    r = providers_document(c, t.def, t.p, SLOT_DOCUMENT);
    r = r == 1 ? ask_token(c, &t, code, &body) : r;
    if (r == FAULT_DENIED) {
        return refuse(c, &f, "", "code");
    }
    if (r <= 0) {
        return r == FAULT_CLOSED ? unavailable(c) : r;
    }
    r = find_token(c, body, &text);
    r = r < 0 ? r : jwt_read(text, &jwt);
    if (r < 0) {
        return r == -ENOMEM ? r : refuse(c, &f, "", "token");
    }
    r = judge(c, &f, &t, &jwt);
    jwt_fini(&jwt);
    return r;
}

/* ---- the end, said by the provider ---- */

/* Back-Channel Logout 1.0 section 2.8: nobody reads these words but who looks for a mistake. */
static int answer_end(struct call *c, unsigned status, const char *text)
{
    buf_clear(&c->page);
    html_str(&c->page, text);
    c->status = status;
    return 0;
}

struct ends {
    struct call *call;
    uint8_t id[64][STORE_ID_SIZE];
    size_t count;
};

static int each_vouch(void *context, const uint8_t *session)
{
    struct ends *e = context;
    memcpy(e->id[e->count++], session, STORE_ID_SIZE);
    return e->count == countof(e->id) ? 1 : 0;
}

static int each_ended(void *context, const uint8_t id[STORE_ID_SIZE])
{
    return call_revoke(context, REVOKE_SESSION, span_of(id, STORE_ID_SIZE));
}

/* All of them, however many there are. */
static int end_sessions(struct call *c, struct span issuer, const struct oidc_end *end,
                        unsigned *count)
{
    int r = 1;
    *count = 0;
    while (r == 1) {
        struct ends e = {.call = c};
        r = vouches_each(c->keeper->store, issuer, end->subject, end->sid, each_vouch, &e);
        for (size_t i = 0; i < e.count && r >= 0; i++) {
            int rc = sessions_end(c->keeper->store, e.id[i], c->now_ms / 1000, each_ended, c);
            r = rc < 0 ? rc : r;
        }
        *count += (unsigned)e.count;
    }
    return r;
}

static int record_end(struct call *c, const struct provider_def *def, const struct oidc_end *end,
                      unsigned count)
{
    json_t *detail = json_pack("{s:o,s:o,s:i}", "subject", json_text(end->subject), "sid",
                               json_text(end->sid), "sessions", (int)count);
    return detail == NULL ? -ENOMEM
                          : call_audit(c, AUDIT_PROVIDER_LOGOUT, span_str(def->name), detail);
}

static int end_by_token(struct call *c, const struct provider_def *def, struct provider *p,
                        const struct jwt *jwt)
{
    struct oidc_expected x = {.issuer = span_str(def->issuer),
                              .client = span_str(def->client_id),
                              .now = c->now_ms / 1000};
    struct oidc_end end;
    const char *why = NULL;
    unsigned count;
    int r = verify(c, def, p, jwt);
    if (r == FAULT_DENIED) {
        return answer_end(c, 400, "signature");
    }
    if (r <= 0) {
        return r == FAULT_CLOSED ? answer_end(c, 503, "keys") : r;
    }
    if (oidc_end_read(jwt, &x, &end, &why) < 0) {
        return answer_end(c, 400, why);
    }
    r = endings_add(c->keeper->store, x.issuer, end.jti, end.forget);
    if (r == FAULT_EXISTS) {
        return answer_end(c, 400, "jti");
    }
    r = r < 0 ? r : end_sessions(c, x.issuer, &end, &count);
    r = r < 0 ? r : record_end(c, def, &end, count);
    return r < 0 ? r : answer_end(c, 200, "");
}

int page_provider_logout(struct call *c)
{
    const struct provider_def *def = providers_def(c->keeper, c->param[0]);
    struct provider *p = def == NULL ? NULL : providers_get(c->keeper, def);
    struct span text;
    struct jwt jwt;
    if (def == NULL) {
        return answer_end(c, 404, "provider");
    }
    if (p == NULL || call_form(c, "logout_token", &text) < 0 || text.len == 0) {
        return answer_end(c, 400, "logout_token");
    }
    int r = providers_document(c, def, p, SLOT_DOCUMENT);
    if (r <= 0) {
        return r == FAULT_CLOSED ? answer_end(c, 503, "provider") : r;
    }
    r = jwt_read(text, &jwt);
    if (r < 0) {
        return r == -ENOMEM ? r : answer_end(c, 400, "token");
    }
    r = end_by_token(c, def, p, &jwt);
    jwt_fini(&jwt);
    return r;
}
