#include "keeper/guarded.h"

#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "identity/token.h"
#include "keeper/actor.h"
#include "keeper/asking.h"
#include "keeper/change.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/operation.h"
#include "keeper/sentence.h"
#include "store/tokens.h"
#include "store/users.h"
#include "store/versions.h"

#define POLICY "policy"
#define AUTHORITIES "authorities"
#define BREAKGLASS "breakglass"

/* By template, as in the table of operations. */
static const struct guard {
    const char *method, *path, *class;
} GUARDS[] = {
    /* Of the policy is what makes a new snapshot, but for these: others have agreed to a version
     * when it was made, and a program of this host leases a place with the host's own right. */
    {"POST", "/api/v1/versions/{n}/confirm", NULL},
    {"POST", "/api/v1/leases", NULL},
    {"POST", "/api/v1/certificates", AUTHORITIES},
    {"POST", "/api/v1/assertion/rotate", AUTHORITIES},
    {"POST", "/api/v1/sealing/rotate", AUTHORITIES},
};

/* What is done to a break-glass account, whichever operation of users it is. */
static bool is_emergency_account(const struct call *c)
{
    struct user user;
    char name[STORE_NAME_SIZE];
    if ((c->op->flags & OPERATION_USER) == 0 || c->param[0].len >= sizeof(name)) {
        return false;
    }
    (void)snprintf(name, sizeof(name), "%.*s", SPAN_FMT(c->param[0]));
    return users_find(c->keeper->store, name, &user) == 0 && user.kind == USER_BREAK_GLASS;
}

static const char *class_of(const struct call *c)
{
    for (size_t i = 0; i < countof(GUARDS); i++) {
        if (strcmp(c->op->method, GUARDS[i].method) == 0 &&
            strcmp(c->op->path, GUARDS[i].path) == 0) {
            return GUARDS[i].class;
        }
    }
    if ((c->op->flags & OPERATION_CHANGE) != 0) {
        return POLICY;
    }
    return is_emergency_account(c) ? BREAKGLASS : NULL;
}

const char *guarded_class(const struct call *c)
{
    const char *class = class_of(c);
    if (class == NULL || c->keeper->live == NULL) {
        return NULL;
    }
    const struct names *guarded = &live_snapshot(c->keeper->live)->changes.two_person;
    for (size_t i = 0; i < guarded->count; i++) {
        if (strcmp(guarded->name[i], class) == 0) {
            return class;
        }
    }
    return NULL;
}

int guarded_basis(struct keeper *k, const char *class, uint8_t ret[STORE_HASH_SIZE])
{
    char text[64];
    uint64_t version = 0;
    int r = strcmp(class, POLICY) == 0 ? versions_current(k->store, &version) : 0;
    (void)snprintf(text, sizeof(text), "version %llu", (unsigned long long)version);
    return r < 0 ? r : token_digest(span_str(text), ret);
}

/* ---- holding ---- */

/* A look at what would be changes nothing. */
static bool is_dry(const struct call *c)
{
    struct span query = SPAN_NONE;
    return json_is_true(call_member(c, "dry_run")) ||
           (call_query((struct call *)(uintptr_t)c, "dry_run", &query) == 0 && span_is(query, "1"));
}

static void forget_run(struct call *c)
{
    change_free(c->change);
    c->change = NULL;
    call_drop_revokes(c);
}

/* What could not be done is said to who asks, not to who agrees. false: the call has ended, or
 * *fault. Only for changes of the policy: they touch nothing but the store. */
static bool try_it(struct call *c, int *fault)
{
    struct store *s = c->keeper->store;
    *fault = (c->op->flags & OPERATION_CHANGE) == 0 ? 0 : store_mark(s);
    if (*fault < 0 || (c->op->flags & OPERATION_CHANGE) == 0) {
        return *fault == 0;
    }
    json_t *body = json_deep_copy(c->body);
    *fault = c->op->run(c);
    store_undo(s);
    forget_run(c);
    json_decref(c->body);
    c->body = body;
    if (*fault < 0 || c->need != CALL_ANSWER || c->status >= 400) {
        return false;
    }
    json_decref(c->answer);
    c->answer = NULL;
    c->status = 0;
    return true;
}

static int write_body(struct call *c, struct span *ret)
{
    struct buf text;
    buf_init(&text, JSON_BODY_MAX * 2);
    int r = c->body == NULL ? 0 : json_write(c->body, &text);
    *ret = buf_len(&text) == 0 ? SPAN("") : arena_copy(&c->arena, buf_view(&text));
    buf_fini(&text);
    return r < 0 ? r : ret->at == NULL ? -ENOMEM : 0;
}

static int make(struct call *c, struct request *r)
{
    struct keeper *k = c->keeper;
    struct request_action a = {
        .method = span_str(c->op->method), .path = c->in.path, .query = c->in.query};
    int rc = write_body(c, &a.body);
    rc = rc < 0 ? rc : guarded_basis(k, r->subject, r->basis);
    rc = rc < 0 ? rc : requests_add(k->store, r, &a, &r->seq);
    if (rc == FAULT_LIMIT) {
        return call_problem(c, 413, NULL, "this is too large to wait for another person");
    }
    rc = rc < 0 ? rc
                : grants_audit(k, c, AUDIT_REQUEST_MADE, r,
                               json_pack("{s:o,s:o,s:s}", "method", json_text(a.method), "path",
                                         json_text(a.path), "approvers", GROUP_OWNERS));
    if (rc < 0) {
        return rc;
    }
    grants_arm(k);
    rc = requests_find(k->store, r->seq, r);
    return rc < 0 ? rc : call_answer(c, 202, json_pack("{s:o}", "request", asking_json(c, r)));
}

int guarded_hold(struct call *c, bool *held)
{
    const char *class =
        c->second != NULL || c->actor.kind == CREDENTIAL_HOST ? NULL : guarded_class(c);
    struct request r = {.kind = REQUEST_CHANGE, .state = REQUEST_PENDING};
    uint64_t open = 0;
    int fault = 0;
    *held = class != NULL && !is_dry(c);
    if (!*held || !try_it(c, &fault)) {
        return fault;
    }
    fault = requests_count_open(c->keeper->store, c->actor.user, &open);
    if (fault < 0 || open >= GRANTS_OPEN_MAX) {
        return fault < 0 ? fault
                         : call_problem(c, 429, NULL, "too many requests of yours wait or run");
    }
    /* What is said of a change is why it is made. */
    if (sentence_read(call_string(c, "comment"), r.reason) <= 0) {
        (void)snprintf(r.reason, sizeof(r.reason), "%s %.*s", c->op->method,
                       SPAN_FMT(span_sub(c->in.path, 0, 256)));
    }
    (void)snprintf(r.user, sizeof(r.user), "%s", c->actor.user);
    (void)snprintf(r.token, sizeof(r.token), "%s",
                   c->actor.token == NULL ? "" : c->actor.token->name);
    (void)snprintf(r.subject, sizeof(r.subject), "%s", class);
    r.created = grants_now(c->keeper);
    r.expires = r.created + live_snapshot(c->keeper->live)->changes.wait;
    return make(c, &r);
}

/* ---- doing ---- */

int guarded_find(struct keeper *k, uint64_t seq, struct arena *arena, struct request_action *action,
                 const struct operation **ret, struct span params[2])
{
    bool other;
    int r = requests_action(k->store, seq, arena, action);
    *ret = r < 0 ? NULL : operation_find(action->method, action->path, params, &other);
    return r < 0 ? r : *ret == NULL ? FAULT_ABSENT : 0;
}

/* Who asked, as he is now. *why: may not do it any more. */
static int become(struct call *c, const struct request *r, const char **why)
{
    struct user user;
    int rc = users_find(c->keeper->store, r->user, &user);
    *why = NULL;
    if (rc == FAULT_ABSENT || (rc == 0 && user.disabled)) {
        *why = "who asks is disabled";
        return 0;
    }
    rc = rc < 0 ? rc : actor_stand_for(c, r->user, r->token);
    if (rc == FAULT_DENIED) {
        *why = "the token that asked is not good any more";
        return 0;
    }
    if (rc == 0 && (!roles_admit(c->op->roles, c->actor.roles) ||
                    !actor_covers(&c->actor, c->in.method, c->in.path))) {
        *why = "who asks may not do this any more";
    }
    if (rc == 0 && *why == NULL && (c->op->flags & OPERATION_USER) != 0) {
        const char *name = arena_string(&c->arena, c->param[0]);
        rc = name == NULL ? -ENOMEM : roles_guard(c, name);
        *why = rc == 0 ? "who asks may not do this any more" : NULL;
        rc = rc > 0 ? 0 : rc;
    }
    return rc;
}

/* What of a call is the caller's, while it runs as somebody else's. */
struct part {
    struct actor actor;
    const struct operation *op;
    struct span param[2], method, path, query;
    json_t *body;
};

static struct part part_of(const struct call *c)
{
    return (struct part){.actor = c->actor,
                         .op = c->op,
                         .param = {c->param[0], c->param[1]},
                         .method = c->in.method,
                         .path = c->in.path,
                         .query = c->in.query,
                         .body = c->body};
}

static void play(struct call *c, const struct part *p)
{
    c->actor = p->actor;
    c->op = p->op;
    c->param[0] = p->param[0];
    c->param[1] = p->param[1];
    c->in.method = p->method;
    c->in.path = p->path;
    c->in.query = p->query;
    c->body = p->body;
}

/* false: *why or *fault. */
static bool act(struct call *c, const struct request *r, const char **why, int *fault)
{
    *fault = become(c, r, why);
    if (*fault < 0 || *why != NULL) {
        return false;
    }
    *fault = c->op->run(c);
    if (*fault == 0 && (c->need != CALL_ANSWER || c->status >= 400)) {
        *why = c->need != CALL_ANSWER ? "it needs what can not be waited for"
                                      : arena_printf(&c->arena, "%s", c->detail);
        c->need = CALL_ANSWER;
    }
    return *fault == 0 && *why == NULL;
}

int guarded_run(struct call *c, const struct request *r, json_t **result, const char **why)
{
    struct store *s = c->keeper->store;
    struct request_action a;
    struct part mine = part_of(c), theirs = mine;
    int fault = guarded_find(c->keeper, r->seq, &c->arena, &a, &theirs.op, theirs.param);
    *why = NULL;
    theirs.method = a.method;
    theirs.path = a.path;
    theirs.query = a.query;
    theirs.body = NULL;
    fault = fault < 0 || a.body.len == 0 ? fault : json_read(a.body, &theirs.body, NULL, 0);
    fault = fault < 0 ? fault : store_mark(s);
    if (fault < 0) {
        json_decref(theirs.body);
        return fault;
    }
    c->second = mine.actor.text;
    play(c, &theirs);
    bool done = act(c, r, why, &fault);
    json_decref(c->body);
    play(c, &mine);
    c->second = NULL;
    *result = c->answer;
    c->answer = NULL;
    c->status = 0;
    c->keep = false;
    if (done) {
        if (c->change != NULL) {
            c->change->request = r->seq;
        }
        return store_keep(s);
    }
    store_undo(s);
    forget_run(c);
    json_decref(*result);
    *result = NULL;
    return fault < 0 ? fault : FAULT_DENIED;
}
