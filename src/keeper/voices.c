#include "keeper/voices.h"

#include <strings.h>

#include "base/fault.h"
#include "keeper/guarded.h"
#include "keeper/keeper.h"
#include "keeper/operation.h"
#include "store/trail.h"
#include "store/users.h"

/* Two people: who asks, and one more who could do it alone. */
static int change_matter(struct keeper *k, const struct request *r, struct matter *ret)
{
    struct request_action action;
    const struct operation *op = NULL;
    struct span params[2];
    struct arena arena;
    arena_init(&arena, 1024, 2u * REQUEST_ACTION_MAX);
    int rc = guarded_find(k, r->seq, &arena, &action, &op, params);
    if (rc == 0) {
        *ret = (struct matter){.roles = op->roles, .needed = 1};
    }
    arena_fini(&arena);
    return rc;
}

int voices_matter(struct keeper *k, const struct request *r, struct matter *ret)
{
    const struct rule_def *rule = NULL;
    if (r->kind == REQUEST_CHANGE) {
        return change_matter(k, r, ret);
    }
    if (k->live != NULL) {
        rule = snapshot_rule(live_snapshot(k->live), r->subject);
    }
    if (rule == NULL || !rule_asks_grant(rule)) {
        return FAULT_ABSENT;
    }
    *ret = (struct matter){.group = rule->approvers, .needed = rule->approvals};
    return 0;
}

/* ---- the same person under another name ---- */

struct hand {
    const char *asks;
    bool found;
};

/* What gives an account to somebody, or gives it a say. */
static bool shapes_account(struct span event)
{
    static const enum audit_event EVENTS[] = {
        AUDIT_USER_ADDED,      AUDIT_USER_GROUPS,     AUDIT_USER_ENABLED, AUDIT_USER_MAIL,
        AUDIT_ENROLMENT_MADE,  AUDIT_FACTOR_LOST,     AUDIT_PASSWORD_SET, AUDIT_TOTP_SET,
        AUDIT_PASSKEY_ENABLED, AUDIT_IDENTITY_LINKED,
    };
    for (size_t i = 0; i < countof(EVENTS); i++) {
        if (span_is(event, audit_event_name(EVENTS[i]))) {
            return true;
        }
    }
    return false;
}

/* "ann", or "ann/token". */
static bool is_by(struct span actor, const char *user)
{
    return span_is(span_sub(actor, 0, span_find(actor, '/')), user);
}

static int each_record(void *context, const struct record *r)
{
    struct hand *h = context;
    h->found = is_by(r->actor, h->asks) && shapes_account(r->event);
    return h->found;
}

/* An account with more records of a day than that many looks show has something wrong with it, and
 * does not count. */
#define LOOKS_MAX 16u

static int has_hand_in(struct keeper *k, const char *asks, const char *user, uint64_t now,
                       bool *ret)
{
    struct hand h = {.asks = asks};
    const struct trail_filter about = {
        .target = user, .since_ms = now > VOICES_MEMORY ? (now - VOICES_MEMORY) * 1000 : 0};
    struct page page = {.limit = STORE_PAGE_MAX, .newest_first = true};
    int r = 0;
    for (unsigned looks = 0; r == 0 && !h.found; looks++) {
        uint64_t next = 0;
        r = trail_search(k->store, &about, &page, each_record, &h, &next);
        if (next == 0) {
            break;
        }
        page.anchor = next;
        h.found = h.found || looks == LOOKS_MAX;
    }
    *ret = h.found;
    return r < 0 ? r : 0;
}

/* ---- whose voice ---- */

static int in_charge(struct keeper *k, const struct matter *m, const char *user, bool *ret)
{
    struct buf groups;
    buf_init(&groups, 8192);
    int r = groups_of(k->store, user, &groups);
    struct span lines = buf_view(&groups);
    *ret = r == 0 && (m->group != NULL ? lines_have(lines, span_str(m->group))
                                       : roles_admit(m->roles, roles_of(lines)));
    buf_fini(&groups);
    return r;
}

static const char *same_person(const struct user *asks, const struct user *user)
{
    if (strcmp(asks->name, user->name) == 0) {
        return "it takes another person: nobody agrees to what he asks for himself";
    }
    if (asks->mail[0] != '\0' && strcasecmp(asks->mail, user->mail) == 0) {
        return "it takes another person: both accounts have the same mail address";
    }
    return NULL;
}

int voices_count(struct keeper *k, const struct request *r, const struct matter *m,
                 const char *user, uint64_t now, const char **why)
{
    struct user voice, asks;
    bool is = false, hand = false;
    *why = "only people who are in charge of this decide it";
    int rc = users_find(k->store, r->user, &asks);
    rc = rc < 0 ? rc : users_find(k->store, user, &voice);
    if (rc < 0) {
        return rc == FAULT_ABSENT ? 0 : rc;
    }
    rc = in_charge(k, m, user, &is);
    if (rc < 0 || !is || voice.kind != USER_PERSON || voice.disabled) {
        return rc;
    }
    *why = same_person(&asks, &voice);
    if (*why != NULL) {
        return 0;
    }
    rc = has_hand_in(k, r->user, user, now, &hand);
    if (hand) {
        *why =
            "it takes another person: who asks has made this account, or changed who can sign in "
            "with it or what it may, within the last day";
    }
    return rc;
}

int voices_may(struct call *c, const struct request *r, const struct matter *m, const char **why)
{
    if (c->actor.kind != CREDENTIAL_CONSOLE || c->actor.emergency) {
        *why = "only a person who is logged in with a browser agrees to something";
        return 0;
    }
    return voices_count(c->keeper, r, m, c->actor.user, c->now_ms / 1000, why);
}

/* A rule asks for sixteen at most; those of them who do not count any more make no difference
 * beyond. */
#define VOTES_MAX 64u

struct given {
    size_t count;
    struct said {
        char user[STORE_NAME_SIZE];
        uint64_t at;
    } at[VOTES_MAX];
};

static int each_vote(void *context, const struct vote *v)
{
    struct given *g = context;
    g->at[g->count].at = v->at;
    memcpy(g->at[g->count++].user, v->user, sizeof(v->user));
    return g->count == countof(g->at);
}

int voices_given(struct keeper *k, const struct request *r, const struct matter *m, uint64_t now,
                 uint32_t *ret)
{
    struct given g = {.count = 0};
    int rc = votes_list(k->store, r->seq, each_vote, &g);
    *ret = 0;
    for (size_t i = 0; i < g.count && rc >= 0; i++) {
        const char *why = NULL;
        struct user voice;
        rc = voices_count(k, r, m, g.at[i].user, now, &why);
        if (rc == 0 && why == NULL) {
            /* Another account of the same name than the one that agreed. */
            rc = users_find(k->store, g.at[i].user, &voice);
            *ret += rc == 0 && voice.created <= g.at[i].at;
        }
    }
    return rc < 0 ? rc : 0;
}
