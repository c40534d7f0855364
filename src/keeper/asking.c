#include "keeper/asking.h"

#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "keeper/guarded.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/operation.h"
#include "keeper/sentence.h"
#include "keeper/stepup.h"
#include "store/tokens.h"

#define DURATION_MIN 5u
/* Who may see every request, and end every grant. */
#define SEES (ROLE_ADMINISTRATOR | ROLE_AUDITOR | ROLE_OPERATOR)
#define ENDS (ROLE_ADMINISTRATOR | ROLE_OPERATOR)

const char *asking_state_name(enum request_state state)
{
    static const char *const NAMES[REQUEST_STATES] = {
        [REQUEST_PENDING] = "pending",     [REQUEST_APPROVED] = "approved",
        [REQUEST_DENIED] = "denied",       [REQUEST_EXPIRED] = "expired",
        [REQUEST_WITHDRAWN] = "withdrawn", [REQUEST_ENDED] = "ended",
        [REQUEST_FAILED] = "failed",
    };
    return (unsigned)state < countof(NAMES) && NAMES[state] != NULL ? NAMES[state] : "unknown";
}

/* ---- as JSON ---- */

static int each_vote(void *context, const struct vote *v)
{
    return json_push(context, json_pack("{s:s,s:o,s:o}", "user", v->user, "at", json_time(v->at),
                                        "comment", json_text(span_str(v->comment))));
}

static int put_charge(struct call *c, const struct request *r, json_t *into)
{
    struct matter m;
    const char *why = "";
    int rc = voices_matter(c->keeper, r, &m);
    bool there = rc == 0;
    rc = rc < 0 ? rc : voices_may(c, r, &m, &why);
    rc = rc == FAULT_ABSENT ? 0 : rc;
    bool may = there && rc == 0 && r->state == REQUEST_PENDING &&
               (why == NULL || c->actor.kind == CREDENTIAL_HOST);
    rc = rc < 0 ? rc
                : json_put(into, "approvers",
                           there && m.group != NULL ? json_string(m.group) : json_null());
    rc = rc < 0 ? rc : json_put(into, "approvals", json_integer(there ? (json_int_t)m.needed : 0));
    return rc < 0 ? rc : json_put(into, "may_decide", json_boolean(may));
}

/* What a change would do, for who may see the request at all. */
static int put_action(struct call *c, const struct request *r, json_t *into)
{
    struct request_action a;
    json_t *body = NULL;
    if (r->kind != REQUEST_CHANGE) {
        return 0;
    }
    int rc = requests_action(c->keeper->store, r->seq, &c->arena, &a);
    rc = rc < 0 || a.body.len == 0 ? rc : json_read(a.body, &body, NULL, 0);
    return rc < 0 ? rc
                  : json_put(into, "operation",
                             json_pack("{s:o,s:o,s:o,s:o}", "method", json_text(a.method), "path",
                                       json_text(a.path), "query", json_text(a.query), "body",
                                       body == NULL ? json_null() : body));
}

json_t *asking_json(struct call *c, const struct request *r)
{
    uint64_t now = grants_now(c->keeper);
    bool runs = r->kind == REQUEST_ACCESS && r->state == REQUEST_APPROVED && r->ends > now;
    json_t *voices = json_array();
    if (voices == NULL || votes_list(c->keeper->store, r->seq, each_vote, voices) < 0) {
        json_decref(voices);
        return NULL;
    }
    json_t *all = json_pack(
        "{s:I,s:s,s:s,s:s,s:o,s:o,s:I,s:o,s:o,s:o,s:o,s:I,s:o,s:o}", "id", (json_int_t)r->seq,
        "kind", r->kind == REQUEST_ACCESS ? "access" : "change", "state",
        asking_state_name(r->state), "user", r->user, r->kind == REQUEST_ACCESS ? "rule" : "class",
        json_text(span_str(r->subject)), "reason", json_text(span_str(r->reason)), "duration",
        (json_int_t)r->duration, "created", json_time(r->created), "expires", json_time(r->expires),
        "decided", json_time(r->decided), "ends", json_time(r->ends), "seconds_left",
        (json_int_t)(runs ? r->ends - now : 0), "note", json_text(span_str(r->note)), "voices",
        voices);
    if (all != NULL && (put_charge(c, r, all) < 0 || put_action(c, r, all) < 0)) {
        json_decref(all);
        all = NULL;
    }
    return all;
}

static int answer(struct call *c, unsigned status, uint64_t seq)
{
    struct request r;
    int rc = requests_find(c->keeper->store, seq, &r);
    return rc < 0 ? rc : call_answer(c, status, asking_json(c, &r));
}

/* ---- asking ---- */

bool asking_eligible(const struct rule_def *rule, const char *user, struct span groups)
{
    return rule_asks_grant(rule) && live_rule_names(rule, span_str(user), groups, SPAN_NONE, false);
}

/* false: the call has ended with a problem. */
static bool read_sentence(struct call *c, const char *field, struct span in, bool required,
                          char out[SENTENCE_SIZE])
{
    int len = sentence_read(in, out);
    if (len > 0 || (len == 0 && !required)) {
        return true;
    }
    (void)call_problem(c, 400, field,
                       len == 0             ? "say why in a sentence"
                       : len == FAULT_LIMIT ? "at most 1024 bytes"
                                            : "this is not UTF-8");
    return false;
}

static bool read_duration(struct call *c, const struct rule_def *rule, struct span in,
                          uint32_t *ret)
{
    uint64_t seconds = 0;
    if (text_seconds(in, &seconds) == 0 && seconds >= DURATION_MIN && seconds <= rule->grant_max) {
        *ret = (uint32_t)seconds;
        return true;
    }
    char most[32];
    struct buf words;
    buf_init(&words, sizeof(most));
    (void)text_duration(&words, rule->grant_max);
    (void)call_problem(c, 400, "duration", "expected a duration from 5s to %.*s, such as 30m",
                       SPAN_FMT(buf_view(&words)));
    buf_fini(&words);
    return false;
}

/* A person, whom the rule names. false: the call has ended, or *fault. */
static bool may_ask(struct call *c, const struct rule_def *rule, int *fault)
{
    struct user user = {.name = ""};
    uint64_t open = 0;
    *fault = c->actor.user[0] == '\0' ? 0 : users_find(c->keeper->store, c->actor.user, &user);
    if (*fault < 0) {
        return false;
    }
    if (user.name[0] == '\0' || user.kind != USER_PERSON) {
        (void)call_problem(c, 403, NULL, "only people ask for access");
        return false;
    }
    /* Whether there is such a rule is told to those whom it names. */
    if (rule == NULL || !asking_eligible(rule, c->actor.user, c->actor.groups)) {
        (void)call_problem(c, 404, "rule", "no rule of this name admits you when others agree");
        return false;
    }
    *fault = requests_count_open(c->keeper->store, c->actor.user, &open);
    if (*fault == 0 && open >= GRANTS_OPEN_MAX) {
        (void)call_problem(c, 429, NULL, "%u requests of yours wait or run; that is the most",
                           GRANTS_OPEN_MAX);
    }
    return *fault == 0 && open < GRANTS_OPEN_MAX;
}

static int make(struct call *c, const struct rule_def *rule, struct request *r)
{
    struct keeper *k = c->keeper;
    int rc = grants_basis(k, rule->name, r->basis);
    rc = rc < 0 ? rc : requests_add(k->store, r, NULL, &r->seq);
    if (rc == FAULT_EXISTS) {
        return call_problem(c, 409, "rule", "a request of yours for this waits or runs already");
    }
    rc = rc < 0 ? rc
                : grants_audit(k, c, AUDIT_REQUEST_MADE, r,
                               json_pack("{s:I,s:s}", "duration", (json_int_t)r->duration,
                                         "approvers", rule->approvers));
    if (rc < 0) {
        return rc;
    }
    grants_arm(k);
    return answer(c, 201, r->seq);
}

int asking_access(struct call *c, struct span name, struct span reason, struct span duration)
{
    const struct snapshot *s = c->keeper->live == NULL ? NULL : live_snapshot(c->keeper->live);
    const char *text = text_is_name(name) ? arena_string(&c->arena, name) : NULL;
    const struct rule_def *rule = s == NULL || text == NULL ? NULL : snapshot_rule(s, text);
    struct request r = {.kind = REQUEST_ACCESS, .state = REQUEST_PENDING};
    int fault = 0;
    if (!may_ask(c, rule, &fault)) {
        return fault;
    }
    /* Who asks is to be known as surely as who comes in. */
    if (c->actor.kind == CREDENTIAL_CONSOLE &&
        !stepup_satisfied(&c->actor.proven, rule->assurance, 0, c->now_ms / 1000)) {
        return stepup_demand(c, rule->assurance, 0);
    }
    if (!read_sentence(c, "reason", reason, true, r.reason) ||
        !read_duration(c, rule, duration, &r.duration)) {
        return 0;
    }
    (void)snprintf(r.user, sizeof(r.user), "%s", c->actor.user);
    (void)snprintf(r.token, sizeof(r.token), "%s",
                   c->actor.token == NULL ? "" : c->actor.token->name);
    (void)snprintf(r.subject, sizeof(r.subject), "%s", rule->name);
    r.created = grants_now(c->keeper);
    r.expires = r.created + s->changes.wait;
    return make(c, rule, &r);
}

/* ---- deciding ---- */

/* One that waits and exists for the actor. false: the call has ended, or *fault. */
static bool find_pending(struct call *c, uint64_t seq, struct request *r, int *fault)
{
    bool sees = false;
    *fault = requests_find(c->keeper->store, seq, r);
    *fault = *fault < 0 ? *fault : asking_may_see(c, r, &sees);
    if (*fault == FAULT_ABSENT || (*fault == 0 && !sees)) {
        *fault = call_problem(c, 404, NULL, "request: no such thing");
        return false;
    }
    if (*fault < 0) {
        return false;
    }
    if (r->state != REQUEST_PENDING || r->expires <= grants_now(c->keeper)) {
        (void)call_problem(c, 409, NULL, "this request is %s",
                           r->state == REQUEST_PENDING ? "expired" : asking_state_name(r->state));
        return false;
    }
    return true;
}

/* It rests on something that is gone: nobody can agree to it any more. */
static int fail(struct call *c, const struct request *r, const char *why)
{
    int rc = requests_move(c->keeper->store, r->seq, REQUEST_PENDING, REQUEST_FAILED,
                           grants_now(c->keeper), 0, why);
    rc = rc < 0
             ? rc
             : grants_audit(c->keeper, c, AUDIT_REQUEST_FAILED, r, json_pack("{s:s}", "why", why));
    c->keep = true;
    return rc < 0 ? rc : call_problem(c, 409, NULL, "%s; the request has failed", why);
}

static int change_stands(struct call *c, const struct request *r, const char **why)
{
    uint8_t basis[STORE_HASH_SIZE];
    int rc = guarded_basis(c->keeper, r->subject, basis);
    if (rc == 0 && memcmp(basis, r->basis, sizeof(basis)) != 0) {
        *why = "the policy was changed since this was asked for";
    }
    return rc;
}

/* NULL: what it rests on is as it was when it was asked. */
static int stands(struct call *c, const struct request *r, const char **why)
{
    struct keeper *k = c->keeper;
    *why = NULL;
    if (r->kind == REQUEST_CHANGE) {
        return change_stands(c, r, why);
    }
    struct user user;
    struct buf groups;
    uint8_t basis[STORE_HASH_SIZE];
    int rc = users_find(k->store, r->user, &user);
    if (rc == 0 && user.disabled) {
        *why = "who asks is disabled";
    }
    rc = rc < 0 || *why != NULL ? rc : grants_basis(k, r->subject, basis);
    if (rc == FAULT_ABSENT || (rc == 0 && *why == NULL && memcmp(basis, r->basis, 32) != 0)) {
        *why = "the rule is not the one that was asked for any more";
        return 0;
    }
    buf_init(&groups, 8192);
    rc = rc < 0 ? rc : groups_of(k->store, r->user, &groups);
    if (rc == 0 && *why == NULL &&
        !asking_eligible(snapshot_rule(live_snapshot(k->live), r->subject), r->user,
                         buf_view(&groups))) {
        *why = "the rule does not name who asks any more";
    }
    buf_fini(&groups);
    return rc;
}

static int grant(struct call *c, struct request *r, json_t *more)
{
    struct keeper *k = c->keeper;
    const struct rule_def *rule = snapshot_rule(live_snapshot(k->live), r->subject);
    uint32_t seconds = r->duration < rule->grant_max ? r->duration : rule->grant_max;
    uint64_t now = grants_now(k);
    int rc =
        requests_move(k->store, r->seq, REQUEST_PENDING, REQUEST_APPROVED, now, now + seconds, "");
    rc = rc < 0 ? rc : json_put(more, "ends", json_time(now + seconds));
    rc = rc < 0 ? rc : grants_audit(k, c, AUDIT_REQUEST_APPROVED, r, json_incref(more));
    json_decref(more);
    /* Views carry grants. */
    rc = rc < 0 ? rc : call_revoke(c, REVOKE_ALL, SPAN_NONE);
    if (rc < 0) {
        return rc;
    }
    grants_arm(k);
    return answer(c, 200, r->seq);
}

/* The request, and beside it what the operation answered. */
static int answer_done(struct call *c, uint64_t seq, json_t *result)
{
    struct request r;
    int rc = requests_find(c->keeper->store, seq, &r);
    json_t *all = rc < 0 ? NULL : asking_json(c, &r);
    if (all != NULL && result != NULL && json_put(all, "result", json_incref(result)) < 0) {
        json_decref(all);
        all = NULL;
    }
    json_decref(result);
    return rc < 0 ? rc : call_answer(c, 200, all);
}

/* Takes more. */
static int carry_out(struct call *c, struct request *r, json_t *more)
{
    struct keeper *k = c->keeper;
    json_t *result = NULL;
    const char *why = NULL;
    int rc = guarded_run(c, r, &result, &why);
    if (rc == FAULT_DENIED && why != NULL) {
        json_decref(more);
        return fail(c, r, why);
    }
    rc = rc < 0 ? rc
                : requests_move(k->store, r->seq, REQUEST_PENDING, REQUEST_APPROVED, grants_now(k),
                                0, "");
    rc = rc < 0 ? rc : grants_audit(k, c, AUDIT_REQUEST_APPROVED, r, json_incref(more));
    json_decref(more);
    if (rc < 0) {
        json_decref(result);
        return rc;
    }
    grants_arm(k);
    return answer_done(c, r->seq, result);
}

/* One more has agreed. *enough: as many as it needs. */
static int add_voice(struct call *c, const struct request *r, const struct matter *m,
                     const char *comment, bool *enough)
{
    struct vote v = {.at = c->now_ms / 1000};
    uint32_t given = 0;
    (void)snprintf(v.user, sizeof(v.user), "%s", c->actor.user);
    (void)snprintf(v.comment, sizeof(v.comment), "%s", comment);
    int rc = votes_add(c->keeper->store, r->seq, &v);
    bool again = rc == FAULT_EXISTS;
    rc = rc < 0 && !again ? rc : voices_given(c->keeper, r, m, v.at, &given);
    *enough = rc == 0 && given >= m->needed;
    /* A yes that is said again may be the one that is heard, when others count again. */
    if (rc == 0 && !*enough && again) {
        return call_problem(c, 409, NULL, "you have agreed already; it takes another person");
    }
    if (rc == 0 && !*enough) {
        rc = grants_audit(c->keeper, c, AUDIT_REQUEST_VOTED, r,
                          json_pack("{s:s,s:i,s:i}", "comment", comment, "given", (int)given,
                                    "needed", (int)m->needed));
        rc = rc < 0 ? rc : answer(c, 200, r->seq);
    }
    return rc;
}

int asking_approve(struct call *c, uint64_t seq, struct span said)
{
    struct request r;
    struct matter m;
    char comment[SENTENCE_SIZE];
    const char *why = NULL;
    int rc = 0;
    bool enough = c->actor.kind == CREDENTIAL_HOST;
    if (!read_sentence(c, "comment", said, false, comment) || !find_pending(c, seq, &r, &rc)) {
        return rc;
    }
    if (r.kind == REQUEST_CHANGE && c->keeper->changes.current != NULL) {
        c->need = CALL_LATER; /* Another change is on its way: after it, this one is looked at. */
        return 0;
    }
    rc = voices_matter(c->keeper, &r, &m);
    rc = rc < 0 || enough ? rc : voices_may(c, &r, &m, &why);
    if (rc == FAULT_ABSENT) {
        return fail(c, &r, "what it is about does not exist any more");
    }
    if (rc < 0 || why != NULL) {
        return rc < 0 ? rc : operation_deny(c, why);
    }
    rc = stands(c, &r, &why);
    if (rc < 0 || why != NULL) {
        return rc < 0 ? rc : fail(c, &r, why);
    }
    /* The host's owner could do everything by himself; that he did is said. */
    if (!enough) {
        rc = add_voice(c, &r, &m, comment, &enough);
    }
    if (rc < 0 || c->status != 0) {
        return rc;
    }
    json_t *more =
        json_pack("{s:s,s:b}", "comment", comment, "override", c->actor.kind == CREDENTIAL_HOST);
    return more == NULL               ? -ENOMEM
           : r.kind == REQUEST_ACCESS ? grant(c, &r, more)
                                      : carry_out(c, &r, more);
}

int asking_deny(struct call *c, uint64_t seq, struct span said)
{
    struct request r;
    struct matter m = {.roles = ROLE_OWNER};
    char comment[SENTENCE_SIZE];
    const char *why = NULL;
    int rc = 0;
    if (!read_sentence(c, "comment", said, false, comment) || !find_pending(c, seq, &r, &rc)) {
        return rc;
    }
    rc = voices_matter(c->keeper, &r, &m);
    rc = rc == FAULT_ABSENT ? 0 : rc;
    /* A no is never too much: owners and the host may say it, too. */
    if (rc == 0 && (c->actor.roles & (ROLE_OWNER | ROLE_HOST)) == 0) {
        rc = voices_may(c, &r, &m, &why);
    }
    if (rc < 0 || why != NULL) {
        return rc < 0 ? rc : operation_deny(c, why);
    }
    rc = requests_move(c->keeper->store, seq, REQUEST_PENDING, REQUEST_DENIED,
                       grants_now(c->keeper), 0, comment);
    rc = rc < 0 ? rc
                : grants_audit(c->keeper, c, AUDIT_REQUEST_DENIED, &r,
                               json_pack("{s:s}", "comment", comment));
    return rc < 0 ? rc : answer(c, 200, seq);
}

/* Who asked, who is in charge, and those who may end sessions. */
static int may_drop(struct call *c, const struct request *r, bool *ret)
{
    struct matter m;
    const char *why = "";
    *ret = strcmp(c->actor.user, r->user) == 0 ||
           (r->state == REQUEST_APPROVED && roles_admit(ENDS, c->actor.roles));
    if (*ret || r->state != REQUEST_APPROVED) {
        return 0;
    }
    int rc = voices_matter(c->keeper, r, &m);
    rc = rc < 0 ? rc : voices_may(c, r, &m, &why);
    *ret = rc == 0 && why == NULL;
    return rc == FAULT_ABSENT ? 0 : rc;
}

int asking_drop(struct call *c, uint64_t seq)
{
    struct keeper *k = c->keeper;
    struct request r;
    bool sees = false, may = false;
    int rc = requests_find(k->store, seq, &r);
    rc = rc < 0 ? rc : asking_may_see(c, &r, &sees);
    if (rc == FAULT_ABSENT || (rc == 0 && !sees)) {
        return call_problem(c, 404, NULL, "request: no such thing");
    }
    rc = rc < 0 ? rc : may_drop(c, &r, &may);
    if (rc < 0 || !may) {
        return rc < 0 ? rc : operation_deny(c, "this is for who asked to take back");
    }
    bool runs = r.kind == REQUEST_ACCESS && r.state == REQUEST_APPROVED;
    if (r.state != REQUEST_PENDING && !runs) {
        return call_problem(c, 409, NULL, "this request is %s", asking_state_name(r.state));
    }
    rc = requests_move(k->store, seq, r.state, runs ? REQUEST_ENDED : REQUEST_WITHDRAWN,
                       runs ? 0 : grants_now(k), 0, "");
    rc = rc < 0 ? rc
                : grants_audit(k, c, runs ? AUDIT_GRANT_ENDED : AUDIT_REQUEST_WITHDRAWN, &r, NULL);
    rc = rc < 0 || !runs ? rc : call_revoke(c, REVOKE_ALL, SPAN_NONE);
    return rc < 0 ? rc : answer(c, 200, seq);
}

int asking_may_see(struct call *c, const struct request *r, bool *ret)
{
    struct matter m;
    struct span group = SPAN_NONE;
    *ret = strcmp(c->actor.user, r->user) == 0 || roles_admit(SEES, c->actor.roles);
    if (*ret) {
        return 0;
    }
    int rc = voices_matter(c->keeper, r, &m);
    if (rc == 0 && m.group != NULL) {
        group = span_str(m.group);
    }
    *ret = rc == 0 && (m.group != NULL ? lines_have(c->actor.groups, group)
                                       : roles_admit(m.roles, c->actor.roles));
    return rc == FAULT_ABSENT ? 0 : rc;
}
