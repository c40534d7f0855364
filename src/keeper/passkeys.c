#include "keeper/passkeys.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/hmac.h>

#include "base/fault.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/text.h"
#include "identity/lockout.h"
#include "identity/token.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/live.h"
#include "keeper/stepup.h"
#include "store/breakglass.h"

_Static_assert(PASSKEYS_ID_MAX == PASSKEY_ID_MAX && PASSKEYS_KEY_MAX == PASSKEY_KEY_MAX &&
                   PASSKEYS_HANDLE_SIZE == PASSKEY_HANDLE,
               "what is verified can be stored");

/* Milliseconds that a person has to touch the authenticator. */
#define PATIENCE_MS 120000
#define DECOYS_MAX 4u
#define B64_MAX(n) TEXT_B64_SIZE(n)

/* ---- names ---- */

int passkeys_short(struct span id, char out[PASSKEYS_SHORT_SIZE])
{
    uint8_t hash[TOKEN_HASH_SIZE];
    int r = token_digest(id, hash);
    if (r == 0) {
        text_hex(out, span_of(hash, (PASSKEYS_SHORT_SIZE - 1) / 2));
    }
    return r;
}

struct by_short {
    struct span want;
    struct passkey *ret;
};

static int each_short(void *context, const struct passkey *p)
{
    struct by_short *b = context;
    char text[PASSKEYS_SHORT_SIZE];
    int r = passkeys_short(span_of(p->id, p->id_len), text);
    if (r < 0 || !span_is(b->want, text)) {
        return r;
    }
    *b->ret = *p;
    return 1;
}

int passkeys_find_short(struct store *s, const char *user, struct span short_id,
                        struct passkey *ret)
{
    struct by_short b = {.want = short_id, .ret = ret};
    int r = passkeys_list(s, user, each_short, &b);
    return r < 0 ? r : r == 1 ? 0 : FAULT_ABSENT;
}

static const char *alg_name(int32_t alg)
{
    return alg == PASSKEY_ES256 ? "ES256" : alg == PASSKEY_EDDSA ? "EdDSA" : "RS256";
}

json_t *passkeys_json(const struct passkey *p)
{
    char id[PASSKEYS_SHORT_SIZE], model[33];
    if (passkeys_short(span_of(p->id, p->id_len), id) < 0) {
        return NULL;
    }
    text_hex(model, span_of(p->model, sizeof(p->model)));
    return json_pack("{s:s,s:o,s:s,s:s,s:b,s:b,s:b,s:b,s:o,s:o,s:b}", "id", id, "name",
                     json_text(span_str(p->name)), "alg", alg_name(p->alg), "model", model,
                     "verifies_user", p->verified, "synced", p->synced, "backed_up", p->backed_up,
                     "attested", p->attested, "made", json_time(p->made), "last_used",
                     json_time(p->last_used), "disabled", p->disabled);
}

/* ---- the challenge ---- */

/* Sets a member of what the flow keeps, or removes it (NULL). What else is there stays: of a
 * sign-in by a provider, how the provider calls the session. */
static int set_data(struct call *c, struct flow *f, const char *key, const char *value)
{
    struct buf text;
    json_t *data = NULL;
    int r = 0;
    if (f->data.len == 0) {
        data = json_object();
        r = data == NULL ? -ENOMEM : 0;
    } else {
        r = json_read(f->data, &data, NULL, 0);
    }
    if (r == 0 && value == NULL) {
        (void)json_object_del(data, key);
    } else if (r == 0) {
        r = json_put(data, key, json_string(value));
    }
    buf_init(&text, FLOW_DATA_MAX);
    r = r < 0 ? r : json_write(data, &text);
    json_decref(data);
    if (r == 0) {
        f->data = arena_copy(&c->arena, buf_view(&text));
        r = f->data.at == NULL ? -ENOMEM : 0;
    }
    buf_fini(&text);
    return r;
}

int passkeys_challenge(struct call *c, struct flow *f, const char *key, const char *value)
{
    static const uint8_t none[STORE_HASH_SIZE];
    uint8_t bytes[CLIENTDATA_CHALLENGE];
    char text[B64_MAX(CLIENTDATA_CHALLENGE)], cookie[TOKEN_TEXT_SIZE] = "";
    int r = rng_fill(bytes, sizeof(bytes));
    if (r == 0 && memcmp(f->hash, none, sizeof(none)) == 0) {
        r = token_new(cookie, f->hash);
        f->expires = c->now_ms / 1000 + FLOW_LIFE;
        lockout_source_key(&c->in.source, f->source);
        c->set_flow = arena_copy(&c->arena, span_str(cookie));
        r = r == 0 && c->set_flow.at == NULL ? -ENOMEM : r;
    }
    if (r < 0) {
        return r;
    }
    text_b64url(text, span_of(bytes, sizeof(bytes)));
    r = set_data(c, f, "challenge", text);
    r = r < 0 || key == NULL ? r : set_data(c, f, key, value);
    secret_wipe(cookie, sizeof(cookie));
    return r < 0 ? r : flows_put(c->keeper->store, f);
}

int passkeys_spend(struct call *c, struct flow *f)
{
    int r = set_data(c, f, "challenge", NULL);
    return r < 0 ? r : flows_put(c->keeper->store, f);
}

int passkeys_kept(struct call *c, const struct flow *f, const char *key, const char **ret)
{
    json_t *data = NULL;
    int r = f->data.len == 0 ? FAULT_ABSENT : json_read(f->data, &data, NULL, 0);
    if (r == 0) {
        struct span value = json_span(json_object_get(data, key));
        *ret = value.len == 0 ? NULL : arena_string(&c->arena, value);
        r = *ret == NULL ? FAULT_ABSENT : 0;
    }
    json_decref(data);
    return r;
}

/* The port is the browser's word about where it is, and a page of another service of this machine
 * is somewhere else: only where the portal answers counts. */
static bool is_portals_port(const struct snapshot *s, uint16_t port)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener_def *l = &s->listeners[i];
        if (snapshot_serves_portal(s, l) && listener_public_port(l) == port) {
            return true;
        }
    }
    return false;
}

int passkeys_question(struct call *c, const struct flow *f, bool verify,
                      struct passkey_question *ret)
{
    const struct keeper *k = c->keeper;
    const char *text;
    struct span host;
    uint16_t port;
    uint8_t *challenge = arena_alloc(&c->arena, CLIENTDATA_CHALLENGE);
    int r = challenge == NULL ? -ENOMEM : passkeys_kept(c, f, "challenge", &text);
    if (r < 0) {
        return r;
    }
    if (text_unb64url(span_str(text), challenge, CLIENTDATA_CHALLENGE) !=
            (int)CLIENTDATA_CHALLENGE ||
        !live_is_portal(k->live, c->in.host) || !live_authority(c->in.host, &host, &port)) {
        return FAULT_ABSENT;
    }
    port = port == 0 ? 443 : port;
    if (!is_portals_port(live_snapshot(k->live), port)) {
        return FAULT_ABSENT;
    }
    /* Browsers leave out the scheme's own port (RFC 6454 section 6.2). */
    const char *origin = port == 443
                             ? arena_printf(&c->arena, "https://%.*s", SPAN_FMT(host))
                             : arena_printf(&c->arena, "https://%.*s:%u", SPAN_FMT(host), port);
    *ret = (struct passkey_question){.challenge = span_of(challenge, CLIENTDATA_CHALLENGE),
                                     .origin = span_str(origin),
                                     .site = live_snapshot(k->live)->portal_host,
                                     .verify = verify,
                                     .roots = live_attestation(k->live),
                                     .now = c->now_ms / 1000};
    return origin == NULL ? -ENOMEM : 0;
}

/* ---- what the browser is asked ---- */

static json_t *b64_json(struct span bytes)
{
    char text[B64_MAX(PASSKEYS_ID_MAX)];
    text_b64url(text, bytes);
    return json_string(text);
}

static int push_id(json_t *list, struct span id)
{
    return json_push(list, json_pack("{s:s,s:o}", "type", "public-key", "id", b64_json(id)));
}

static int each_id(void *context, const struct passkey *p)
{
    return p->disabled ? 0 : push_id(context, span_of(p->id, p->id_len));
}

/* Ids as real authenticators make them, out of a name and the secret of this store: whoever asks
 * twice gets the same ones, and whoever asks for somebody who has keys sees no difference. */
static int push_decoys(struct call *c, struct span typed, json_t *list)
{
    static const uint8_t LENGTHS[] = {16, 20, 32, 32, 32, 48, 64, 64};
    uint8_t secret[STORE_HASH_SIZE], id[64], seed[STORE_NAME_SIZE + 1] = {0};
    unsigned len = 0;
    int r = passkeys_decoy(c->keeper->store, secret);
    size_t name = typed.len < STORE_NAME_SIZE ? typed.len : STORE_NAME_SIZE;
    if (name > 0) {
        memcpy(seed + 1, typed.at, name);
    }
    for (unsigned n = 0, count = 1; r == 0 && n < count; n++) {
        seed[0] = (uint8_t)n;
        if (HMAC(EVP_sha512(), secret, sizeof(secret), seed, name + 1, id, &len) == NULL) {
            r = FAULT_CRYPTO;
            break;
        }
        count += n + 1 == count && count < DECOYS_MAX && id[63] % 2 == 0;
        r = push_id(list, span_of(id, LENGTHS[id[62] % countof(LENGTHS)]));
    }
    secret_wipe(secret, sizeof(secret));
    return r;
}

int passkeys_request(struct call *c, const struct flow *f, struct span typed, bool verify,
                     json_t **ret)
{
    const char *challenge;
    json_t *list = json_array();
    int r = list == NULL ? -ENOMEM : passkeys_kept(c, f, "challenge", &challenge);
    if (r == 0 && f->user[0] != '\0') {
        r = passkeys_list(c->keeper->store, f->user, each_id, list);
    }
    if (r == 0 && typed.len > 0 && json_array_size(list) == 0) {
        r = push_decoys(c, typed, list);
    }
    if (r < 0) {
        json_decref(list);
        return r;
    }
    *ret =
        json_pack("{s:s,s:s,s:i,s:s,s:o}", "challenge", challenge, "rpId",
                  live_snapshot(c->keeper->live)->portal_host, "timeout", PATIENCE_MS,
                  "userVerification", verify ? "required" : "preferred", "allowCredentials", list);
    return *ret == NULL ? -ENOMEM : 0;
}

static json_t *algorithms(void)
{
    static const int ALGS[] = {PASSKEY_ES256, PASSKEY_EDDSA, PASSKEY_RS256};
    json_t *list = json_array();
    for (size_t i = 0; i < countof(ALGS) && list != NULL; i++) {
        if (json_push(list, json_pack("{s:s,s:i}", "type", "public-key", "alg", ALGS[i])) < 0) {
            json_release(&list);
        }
    }
    return list;
}

int passkeys_creation(struct call *c, const struct flow *f, bool verify, json_t **ret)
{
    uint8_t fresh[PASSKEYS_HANDLE_SIZE], handle[PASSKEYS_HANDLE_SIZE];
    const struct live *live = c->keeper->live;
    const char *challenge, *site = live_snapshot(live)->portal_host;
    json_t *list = json_array();
    int r = list == NULL ? -ENOMEM : passkeys_kept(c, f, "challenge", &challenge);
    r = r < 0 ? r : rng_fill(fresh, sizeof(fresh));
    r = r < 0 ? r : passkeys_handle(c->keeper->store, f->user, fresh, handle);
    r = r < 0 ? r : passkeys_list(c->keeper->store, f->user, each_id, list);
    if (r < 0) {
        json_decref(list);
        return r;
    }
    *ret = json_pack("{s:s,s:{s:s,s:s},s:{s:o,s:s,s:s},s:o,s:o,s:{s:s,s:s},s:i,s:s}", "challenge",
                     challenge, "rp", "id", site, "name", site, "user", "id",
                     b64_json(span_of(handle, sizeof(handle))), "name", f->user, "displayName",
                     f->user, "pubKeyCredParams", algorithms(), "excludeCredentials", list,
                     "authenticatorSelection", "residentKey", "preferred", "userVerification",
                     verify ? "required" : "preferred", "timeout", PATIENCE_MS, "attestation",
                     live_attestation(live) != NULL ? "direct" : "none");
    return *ret == NULL ? -ENOMEM : 0;
}

/* ---- what comes back ---- */

bool passkeys_bytes(struct call *c, const char *member, size_t max, struct span *ret)
{
    struct span text = call_string(c, member);
    uint8_t *bytes = text.len > TEXT_B64_SIZE(max) ? NULL : arena_alloc(&c->arena, text.len + 1);
    int len = bytes == NULL ? FAULT_LIMIT : text_unb64url(text, bytes, max);
    if (len < 0) {
        (void)call_problem(c, 400, member, "expected at most %zu bytes as base64url", max);
        return false;
    }
    *ret = span_of(bytes, (size_t)len);
    return true;
}

bool passkeys_name(struct call *c, struct span name, char out[STORE_NAME_SIZE])
{
    name = span_trim(name);
    bool good = name.len > 0 && name.len < STORE_NAME_SIZE && text_is_utf8(name);
    for (size_t i = 0; good && i < name.len; i++) {
        good = text_hidden(span_sub(name, i, name.len)) == 0;
    }
    if (good) {
        (void)snprintf(out, STORE_NAME_SIZE, "%.*s", SPAN_FMT(name));
    } else {
        (void)call_problem(c, 422, "name", "expected a name of 1 to %u bytes", STORE_NAME_SIZE - 1);
    }
    return good;
}

static void fill(struct passkey *p, const struct passkey_made *m, const char *user, uint64_t now)
{
    (void)snprintf(p->user, sizeof(p->user), "%s", user);
    memcpy(p->id, m->id, m->id_len);
    p->id_len = m->id_len;
    p->alg = (int32_t)m->key.alg;
    memcpy(p->key, m->key.bytes, m->key.len);
    p->key_len = m->key.len;
    p->count = m->state.count;
    p->verified = m->state.verified;
    p->synced = m->state.synced;
    p->backed_up = m->state.backed_up;
    p->attested = m->attested;
    memcpy(p->model, m->model, sizeof(p->model));
    p->made = now;
}

static int refuse(struct call *c, const struct flow *f, const char *why)
{
    c->keep = true;
    (void)call_problem(c, 422, NULL, "This passkey can not be used here: %s.", why);
    return call_audit(c, AUDIT_PASSKEY_REFUSED, span_str(f->user), json_pack("{s:s}", "why", why));
}

int passkeys_register(struct call *c, const struct flow *f, bool verify, bool *done)
{
    struct passkey p = {.id_len = 0};
    struct passkey_question q;
    struct passkey_registration in;
    struct passkey_made made;
    *done = false;
    if (!passkeys_name(c, call_string(c, "name"), p.name) ||
        !passkeys_bytes(c, "client", CLIENTDATA_MAX, &in.client_data) ||
        !passkeys_bytes(c, "object", PASSKEY_OBJECT_MAX, &in.object)) {
        return 0;
    }
    int r = passkeys_question(c, f, verify, &q);
    if (r < 0) {
        return r == FAULT_ABSENT ? refuse(c, f, "no challenge") : r;
    }
    enum passkey_verdict v = passkey_register(&q, &in, &made);
    if (v != PASSKEY_GOOD) {
        return refuse(c, f, passkey_verdict_text(v));
    }
    fill(&p, &made, f->user, c->now_ms / 1000);
    r = passkeys_add(c->keeper->store, &p);
    if (r == FAULT_EXISTS) {
        struct passkey other;
        r = passkeys_find(c->keeper->store, span_of(p.id, p.id_len), &other);
        return r == 0              ? refuse(c, f, "it is known already")
               : r == FAULT_ABSENT ? call_problem(c, 409, "name", "there is a passkey of that name")
                                   : r;
    }
    if (r == FAULT_LIMIT) {
        return call_problem(c, 409, NULL, "a person has at most %u passkeys", PASSKEYS_PER_USER);
    }
    r = r < 0 ? r : call_audit(c, AUDIT_PASSKEY_ADDED, span_str(f->user), passkeys_json(&p));
    *done = r == 0;
    return r;
}

/* ---- who may change ---- */

bool passkeys_recent(const struct call *c)
{
    return c->actor.kind == CREDENTIAL_CONSOLE &&
           c->actor.proven.at[ASSURANCE_MFA] + PASSKEYS_RECENT_S >= c->now_ms / 1000;
}

/* Of a break-glass account; of any other, true. */
static bool is_filled_in_time(struct call *c)
{
    struct breakglass b;
    int r = breakglass_find(c->keeper->store, c->actor.user, &b);
    bool in_time = r == FAULT_ABSENT || (r == 0 && c->now_ms / 1000 < b.made + BREAKGLASS_FILL_S);
    if (!in_time) {
        (void)call_problem(c, 403, NULL,
                           "An emergency account takes keys in the first hour after it was made on "
                           "the host, and none later.");
    }
    return in_time;
}

static int each_strength(void *context, const struct passkey *p)
{
    enum assurance *level = context;
    enum assurance own = p->synced ? ASSURANCE_PHISHING_RESISTANT : ASSURANCE_HARDWARE;
    if (!p->disabled && own > *level) {
        *level = own;
    }
    return 0;
}

/* What a change of the keys has to be proven with. */
static int strength_of_keys(struct call *c, enum assurance *ret)
{
    struct breakglass b;
    *ret = ASSURANCE_MFA;
    int r = breakglass_find(c->keeper->store, c->actor.user, &b);
    /* An emergency account gets all of its keys at once, by its sealed code. */
    return r == FAULT_ABSENT ? passkeys_list(c->keeper->store, c->actor.user, each_strength, ret)
                             : r;
}

int passkeys_may_change(struct call *c, bool *may)
{
    enum assurance level;
    *may = false;
    if (c->actor.kind != CREDENTIAL_CONSOLE) {
        return call_problem(c, 403, NULL, "only a person in a browser changes passkeys");
    }
    int r = strength_of_keys(c, &level);
    if (r < 0) {
        return r;
    }
    if (!stepup_satisfied(&c->actor.proven, level, PASSKEYS_RECENT_S, c->now_ms / 1000)) {
        return stepup_demand(c, level, PASSKEYS_RECENT_S);
    }
    *may = is_filled_in_time(c);
    return 0;
}
