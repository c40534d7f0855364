#include "keeper/account.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/text.h"
#include "identity/assurance.h"
#include "keeper/attempts.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/known.h"
#include "keeper/op.h"
#include "keeper/passkeys.h"
#include "keeper/recover.h"
#include "keeper/stepup.h"
#include "store/credentials.h"
#include "store/entries.h"
#include "store/tokens.h"
#include "store/trail.h"

int account_may(struct call *c, bool *may)
{
    *may = passkeys_recent(c);
    if (*may) {
        return 0;
    }
    return c->actor.kind == CREDENTIAL_CONSOLE
               ? stepup_demand(c, ASSURANCE_MFA, PASSKEYS_RECENT_S)
               : call_problem(c, 403, NULL, "only the person in a browser changes an account");
}

/* ---- what is left ---- */

struct left {
    const struct passkey *without;
    bool verified, key;
};

static int each_left(void *context, const struct passkey *p)
{
    struct left *l = context;
    bool same = l->without != NULL &&
                span_eq(span_of(p->id, p->id_len), span_of(l->without->id, l->without->id_len));
    if (!same && !p->disabled) {
        l->verified = l->verified || p->verified;
        l->key = true;
    }
    return 0;
}

int account_opens(struct store *s, const char *user, const struct passkey *without,
                  bool without_totp, bool *ret)
{
    struct left left = {.without = without};
    struct user u;
    struct entry entry;
    int r = users_find(s, user, &u);
    r = r < 0 ? r : passkeys_list(s, user, each_left, &left);
    if (r < 0) {
        return r;
    }
    int vouched = entries_find(s, user, &entry);
    if (vouched < 0 && vouched != FAULT_ABSENT) {
        return vouched;
    }
    bool password = vouched == 0 || (u.password_set != 0 && !u.password_disabled);
    bool totp = u.totp && !u.totp_disabled && !without_totp;
    *ret = left.verified || (password && (totp || left.key));
    return 0;
}

/* ---- password ---- */

/* The present password was compared: charged like any other attempt, so that a session that was
 * taken over is no place to guess it. */
static int judge(struct call *c, bool *good)
{
    struct attempt a = attempts_by(c, c->actor.user);
    bool spent = false;
    *good = false;
    c->at_deadline = true;
    int r = attempts_admit(c, &a);
    if (r <= 0) {
        return r < 0 ? r : call_problem(c, 429, NULL, ATTEMPTS_WAIT);
    }
    r = attempts_spent(c->keeper->store, a.user, FACTOR_PASSWORD, &spent);
    if (r == 0 && c->matches && !spent) {
        *good = true;
        return attempts_forgive(&a, 1);
    }
    r = r < 0 ? r : attempts_failed(&a, FACTOR_PASSWORD);
    r = r < 0 ? r : attempts_refused(&a, "password");
    return r < 0 ? r : call_problem(c, 403, "current", "This is not your present password.");
}

static int set_password(struct call *c, bool others, bool *done)
{
    bool good;
    int r = judge(c, &good);
    if (r < 0 || !good) {
        return r;
    }
    r = credentials_set_password(c->keeper->store, c->actor.user, c->hash, c->now_ms / 1000);
    r = r < 0 ? r : call_audit(c, AUDIT_PASSWORD_SET, span_str(c->actor.user), NULL);
    if (r == 0 && others) {
        r = account_end(c, NULL, done);
    }
    *done = r == 0;
    return r;
}

int account_password(struct call *c, struct span current, struct span fresh, bool others,
                     bool *done)
{
    struct password have;
    bool may;
    *done = false;
    int r = account_may(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    enum password_verdict verdict = known_judge(c->keeper, fresh, span_str(c->actor.user));
    if (verdict != PASSWORD_GOOD) {
        return call_problem(c, 422, "password", "%s", password_verdict_text(verdict));
    }
    if (!c->hashed) {
        return call_hash(c, fresh);
    }
    if (c->compared) {
        return set_password(c, others, done);
    }
    r = credentials_password(c->keeper->store, c->actor.user, &have);
    if (r == FAULT_ABSENT) {
        return call_problem(c, 409, NULL, "this account has no password of its own here");
    }
    r = r < 0 ? r : call_compare(c, current, have.hash);
    secret_wipe(&have, sizeof(have));
    return r;
}

/* ---- codes ---- */

int account_totp(struct call *c, const char **link, bool *done)
{
    struct password have;
    json_t *made = NULL;
    bool may;
    *done = false;
    int r = account_may(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    r = credentials_password(c->keeper->store, c->actor.user, &have);
    secret_wipe(&have, sizeof(have));
    if (r == FAULT_ABSENT) {
        return call_problem(c, 409, NULL, "a TOTP secret needs a password beside it");
    }
    r = r < 0 ? r
              : recover_link(c->keeper, c->actor.user, ENROL_TOTP, false, c->actor.user,
                             c->now_ms / 1000, &made);
    r = r < 0 ? r : call_audit(c, AUDIT_ENROLMENT_MADE, span_str(c->actor.user), NULL);
    if (r == 0) {
        const char *text = json_string_value(json_object_get(made, "link"));
        *link = text == NULL ? NULL : arena_string(&c->arena, span_str(text));
        r = *link == NULL ? -ENOMEM : 0;
    }
    json_decref(made);
    *done = r == 0;
    return r;
}

int account_remove_totp(struct call *c, bool *done)
{
    bool may, opens = false;
    *done = false;
    int r = account_may(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    r = account_opens(c->keeper->store, c->actor.user, NULL, true, &opens);
    if (r == 0 && !opens) {
        return call_problem(c, 409, NULL,
                            "Without it you could not sign in any more; add a passkey first.");
    }
    r = r < 0 ? r : credentials_remove_totp(c->keeper->store, c->actor.user);
    if (r == FAULT_ABSENT) {
        return call_fault(c, r, "TOTP");
    }
    r = r < 0 ? r : call_audit(c, AUDIT_TOTP_REMOVED, span_str(c->actor.user), NULL);
    *done = r == 0;
    return r;
}

int account_recovery(struct call *c, json_t **codes, bool *done)
{
    bool may;
    *done = false;
    int r = account_may(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    r = op_recovery_codes(c->keeper, c->actor.user, c->now_ms / 1000, codes);
    r = r < 0 ? r : call_audit(c, AUDIT_RECOVERY_MADE, span_str(c->actor.user), NULL);
    *done = r == 0;
    return r;
}

/* ---- sessions and tokens ---- */

#define SESSIONS_MAX 1024u

struct others {
    const uint8_t *own;
    uint8_t id[SESSIONS_MAX][STORE_ID_SIZE];
    size_t count;
};

static int each_other(void *context, const struct session *s)
{
    struct others *o = context;
    if (!s->child && s->ended == 0 && o->count < SESSIONS_MAX &&
        memcmp(s->id, o->own, STORE_ID_SIZE) != 0) {
        memcpy(o->id[o->count++], s->id, STORE_ID_SIZE);
    }
    return 0;
}

static int end_one(struct call *c, const uint8_t id[STORE_ID_SIZE])
{
    char target[2 * STORE_ID_SIZE + 1];
    text_hex(target, span_of(id, STORE_ID_SIZE));
    int r = op_end_session(c, id);
    return r < 0 ? r
                 : call_audit(c, AUDIT_SESSION_REVOKED, span_str(target),
                              json_pack("{s:s}", "user", c->actor.user));
}

static int end_others(struct call *c)
{
    struct others *o = calloc(1, sizeof(*o));
    struct page page = {.newest_first = true};
    if (o == NULL) {
        return -ENOMEM;
    }
    o->own = c->actor.session;
    int r = sessions_list(c->keeper->store, c->actor.user, &page, each_other, o);
    for (size_t i = 0; r == 0 && i < o->count; i++) {
        r = end_one(c, o->id[i]);
    }
    free(o);
    return r;
}

int account_end(struct call *c, const struct span *hex, bool *done)
{
    uint8_t id[STORE_ID_SIZE];
    struct session session;
    bool may;
    *done = false;
    int r = account_may(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    if (hex == NULL) {
        r = end_others(c);
        *done = r == 0;
        return r;
    }
    r = text_unhex(*hex, id, sizeof(id)) < 0 ? FAULT_ABSENT
                                             : sessions_find(c->keeper->store, id, &session);
    if (r == 0 && (session.ended != 0 || strcmp(session.user, c->actor.user) != 0)) {
        r = FAULT_ABSENT;
    }
    if (r < 0) {
        return call_fault(c, r, "session");
    }
    r = end_one(c, id);
    *done = r == 0;
    return r;
}

int account_revoke(struct call *c, struct span name, bool *done)
{
    struct token t;
    bool may;
    *done = false;
    int r = account_may(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    r = text_is_name(name)
            ? tokens_find_name(c->keeper->store, arena_string(&c->arena, name), &c->arena, &t)
            : FAULT_ABSENT;
    if (r == 0 && strcmp(t.owner, c->actor.user) != 0) {
        r = FAULT_ABSENT;
    }
    r = r < 0 ? r : tokens_revoke(c->keeper->store, t.id, c->now_ms / 1000);
    if (r < 0) {
        return call_fault(c, r, "token");
    }
    r = call_revoke(c, REVOKE_TOKEN, span_of(t.id, sizeof(t.id)));
    r = r < 0 ? r : call_audit(c, AUDIT_TOKEN_REVOKED, span_str(t.name), NULL);
    *done = r == 0;
    return r;
}

/* ---- keys ---- */

static int find_key(struct call *c, struct span id, struct passkey *p, bool *found)
{
    int r = passkeys_find_short(c->keeper->store, c->actor.user, id, p);
    *found = r == 0;
    return r < 0 ? call_fault(c, r, "passkey") : 0;
}

int account_rename(struct call *c, struct span id, struct span to, bool *done)
{
    struct passkey p;
    char name[STORE_NAME_SIZE];
    bool found, may;
    *done = false;
    int r = account_may(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    r = find_key(c, id, &p, &found);
    if (r < 0 || !found || !passkeys_name(c, to, name)) {
        return r;
    }
    r = passkeys_rename(c->keeper->store, p.user, p.name, name);
    if (r < 0) {
        return call_fault(c, r, "passkey");
    }
    r = call_audit(c, AUDIT_PASSKEY_RENAMED, span_str(p.user),
                   json_pack("{s:o,s:s}", "from", json_text(span_str(p.name)), "to", name));
    *done = r == 0;
    return r;
}

int account_remove(struct call *c, struct span id, bool *done)
{
    struct passkey p;
    bool found, may, opens = false;
    *done = false;
    int r = passkeys_may_change(c, &may);
    if (r < 0 || !may) {
        return r;
    }
    r = find_key(c, id, &p, &found);
    if (r < 0 || !found) {
        return r;
    }
    r = account_opens(c->keeper->store, p.user, &p, false, &opens);
    if (r == 0 && !opens) {
        return call_problem(c, 409, NULL,
                            "Without it you could not sign in any more; add another way first.");
    }
    r = r < 0 ? r : passkeys_remove(c->keeper->store, p.user, p.name);
    r = r < 0 ? r : call_audit(c, AUDIT_PASSKEY_REMOVED, span_str(p.user), passkeys_json(&p));
    *done = r == 0;
    return r;
}

/* ---- activity ---- */

#define ACTIVITY_MAX 50u

struct seen {
    struct arena *arena;
    struct record record[2 * ACTIVITY_MAX];
    size_t count;
};

static int each_seen(void *context, const struct record *r)
{
    struct seen *s = context;
    struct record *into = &s->record[s->count];
    if (s->count == countof(s->record)) {
        return 1;
    }
    *into = *r;
    into->actor = arena_copy(s->arena, r->actor);
    into->event = arena_copy(s->arena, r->event);
    into->target = arena_copy(s->arena, r->target);
    into->request_id = into->detail = SPAN_NONE;
    s->count++;
    return into->event.at == NULL ? -ENOMEM : 0;
}

static int newer_first(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    return x->seq < y->seq ? 1 : x->seq > y->seq ? -1 : 0;
}

int account_activity(struct call *c, uint32_t limit,
                     int (*each)(void *context, const struct record *r), void *context)
{
    struct seen *s = calloc(1, sizeof(*s));
    limit = limit < ACTIVITY_MAX ? limit : ACTIVITY_MAX;
    struct page page = {.limit = limit, .newest_first = true};
    if (s == NULL) {
        return -ENOMEM;
    }
    s->arena = &c->arena;
    struct trail_filter did = {.actor = c->actor.user}, suffered = {.target = c->actor.user};
    int r = trail_search(c->keeper->store, &did, &page, each_seen, s, NULL);
    r = r < 0 ? r : trail_search(c->keeper->store, &suffered, &page, each_seen, s, NULL);
    qsort(s->record, s->count, sizeof(s->record[0]), newer_first);
    for (size_t i = 0, given = 0; r >= 0 && i < s->count && given < limit; i++) {
        if (i == 0 || s->record[i].seq != s->record[i - 1].seq) {
            r = each(context, &s->record[i]);
            given++;
        }
    }
    free(s);
    return r < 0 ? r : 0;
}
