#include "keeper/shutout.h"

#include <errno.h>

#include "base/fault.h"
#include "identity/assurance.h"
#include "keeper/call.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/live.h"
#include "policy/zones.h"
#include "store/credentials.h"
#include "store/entries.h"
#include "store/identities.h"
#include "store/passkeys.h"
#include "store/places.h"
#include "store/users.h"

void shutout_init(struct shutout *s)
{
    *s = (struct shutout){.who = NULL};
    buf_init(&s->text, SHUTOUT_TEXT_MAX);
}

void shutout_fini(struct shutout *s)
{
    json_decref(s->who);
    s->who = NULL;
    buf_fini(&s->text);
}

/* ---- what somebody can prove ---- */

struct means {
    uint32_t known; /* factors that say who it is, and codes beside them */
    uint32_t codes;
    enum assurance level;
};

static void reach(struct means *m, uint32_t factors, bool bound)
{
    struct proofs p = {.factors = factors, .device_bound = bound, .asserted = ASSURANCE_PASSWORD};
    enum assurance level = assurance_of(&p);
    m->level = level > m->level ? level : m->level;
}

static int each_passkey(void *context, const struct passkey *p)
{
    struct means *m = context;
    if (!p->disabled) {
        reach(m, m->known | factor_bit(p->verified ? FACTOR_PASSKEY : FACTOR_KEY), !p->synced);
    }
    return 0;
}

static int each_identity(void *context, const struct identity *i)
{
    struct means *m = context;
    (void)i;
    m->known |= factor_bit(FACTOR_PROVIDER);
    return 1;
}

static int find_means(struct store *s, const struct user *u, struct means *m)
{
    struct entry e;
    *m = (struct means){.level = ASSURANCE_NONE};
    int r = entries_find(s, u->name, &e);
    if (r < 0 && r != FAULT_ABSENT) {
        return r;
    }
    if (u->password_set != 0 && !u->password_disabled) {
        m->known |= factor_bit(FACTOR_PASSWORD);
    }
    if (r == 0 && !e.gone) {
        m->known |= factor_bit(FACTOR_DIRECTORY);
    }
    r = identities_list(s, u->name, each_identity, m);
    if (r < 0) {
        return r;
    }
    if (u->totp && !u->totp_disabled) {
        m->codes |= factor_bit(FACTOR_TOTP);
    }
    if (u->recovery_left > 0) {
        m->codes |= factor_bit(FACTOR_RECOVERY);
    }
    reach(m, m->known | m->codes, false);
    r = passkeys_list(s, u->name, each_passkey, m);
    return r < 0 ? r : 0;
}

/* ---- where somebody comes from ---- */

struct place_search {
    const struct policy *policy;
    unsigned seen;
    bool admitted;
};

static int each_place(void *context, const char *place)
{
    struct place_search *s = context;
    struct cidr at;
    if (cidr_parse(span_str(place), &at) == 0) {
        s->seen++;
        s->admitted = s->admitted || policy_admits_portal(
                                         s->policy, zones_find(policy_zones(s->policy), &at.addr));
    }
    return 0;
}

/* ---- counting ---- */

struct counting {
    struct keeper *keeper;
    const struct live *live;
    struct shutout *into;
};

static int refuse_owner(struct counting *x, const char *name, const char *why)
{
    (void)buf_printf(&x->into->text, "%s%s %s", buf_len(&x->into->text) == 0 ? "" : "; ", name,
                     why);
    return json_push(x->into->who, json_string(name));
}

static int each_owner(void *context, const char *name)
{
    struct counting *x = context;
    struct store *s = x->keeper->store;
    struct user u;
    struct means m;
    int r = users_find(s, name, &u);
    if (r < 0 || u.kind != USER_PERSON) {
        return r == FAULT_ABSENT ? 0 : r;
    }
    if (u.disabled) {
        return refuse_owner(x, name, "is disabled");
    }
    r = find_means(s, &u, &m);
    if (r < 0) {
        return r;
    }
    enum assurance least = ASSURANCE_MFA;
    if (x->live != NULL && live_snapshot(x->live)->authentication.admin_assurance > least) {
        least = live_snapshot(x->live)->authentication.admin_assurance;
    }
    if (m.level < ASSURANCE_MFA) {
        return refuse_owner(x, name, "is not enrolled");
    }
    if (m.level < least) {
        return refuse_owner(x, name, "has nothing that reaches admin_assurance");
    }
    struct place_search search = {.policy = x->live == NULL ? NULL : live_policy(x->live)};
    r = search.policy == NULL ? 0 : places_list(s, name, each_place, &search);
    if (r < 0) {
        return r;
    }
    if (search.seen > 0 && !search.admitted) {
        return refuse_owner(x, name, "has come from no address in a zone of the portal");
    }
    x->into->able++;
    return 0;
}

int shutout_count(struct keeper *k, const struct live *live, struct shutout *ret)
{
    struct counting x = {k, live, ret};
    ret->able = 0;
    buf_clear(&ret->text);
    json_decref(ret->who);
    ret->who = json_array();
    return ret->who == NULL
               ? -ENOMEM
               : groups_members(k->store, GROUP_OWNERS, "", STORE_PAGE_MAX, each_owner, &x);
}

static int count_able(struct keeper *k, const struct live *live, uint64_t *ret)
{
    struct shutout s;
    shutout_init(&s);
    int r = shutout_count(k, live, &s);
    *ret = s.able;
    shutout_fini(&s);
    return r;
}

static json_t *verdict_of(const struct shutout *s)
{
    struct buf text;
    buf_init(&text, SHUTOUT_TEXT_MAX + 64);
    (void)buf_printf(
        &text, "no owner would get in any more: %.*s",
        SPAN_FMT(buf_len(&s->text) == 0 ? SPAN("there would be none") : buf_view(&s->text)));
    json_t *verdict = json_pack("{s:o,s:O}", "sentence", json_text(buf_view(&text)), "who", s->who);
    buf_fini(&text);
    return verdict;
}

int shutout_judge(struct keeper *k, const struct live *next, json_t **ret)
{
    struct shutout s;
    uint64_t before = 0;
    *ret = NULL;
    shutout_init(&s);
    int r = shutout_count(k, next, &s);
    if (r == 0 && s.able == 0) {
        r = count_able(k, k->live, &before);
    }
    if (r == 0 && before > 0) {
        *ret = verdict_of(&s);
        r = *ret == NULL ? -ENOMEM : 0;
    }
    shutout_fini(&s);
    return r;
}

int shutout_refuse(struct call *c, const json_t *verdict, bool override)
{
    const json_t *sentence = json_object_get(verdict, "sentence");
    if (override) {
        int r = call_audit(c, AUDIT_POLICY_LOCKOUT, c->in.path,
                           json_incref((json_t *)(uintptr_t)verdict));
        return r < 0 ? r : 1;
    }
    return call_problem(c, 409, NULL,
                        "%.*s. Only on this host can it be done, with override_lockout",
                        SPAN_FMT(json_span(sentence)));
}

/* ---- users ---- */

bool shutout_overridden(struct call *c)
{
    struct span text;
    return c->actor.kind == CREDENTIAL_HOST && call_query(c, "override_lockout", &text) == 0 &&
           (span_is(text, "1") || span_is(text, "true"));
}

int shutout_before(struct call *c, const char *user, uint64_t *before)
{
    bool owner = false;
    *before = 0;
    int r = groups_has(c->keeper->store, GROUP_OWNERS, user, &owner);
    return r < 0 || !owner ? r : count_able(c->keeper, c->keeper->live, before);
}

int shutout_after(struct call *c, uint64_t before)
{
    struct shutout s;
    if (before == 0) {
        return 1;
    }
    shutout_init(&s);
    int r = shutout_count(c->keeper, c->keeper->live, &s);
    if (r == 0 && s.able > 0) {
        r = 1;
    } else if (r == 0) {
        json_t *verdict = verdict_of(&s);
        r = verdict == NULL ? -ENOMEM : shutout_refuse(c, verdict, shutout_overridden(c));
        json_decref(verdict);
    }
    shutout_fini(&s);
    return r;
}
