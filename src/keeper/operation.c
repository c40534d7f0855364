#include "keeper/operation.h"

#include <errno.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "keeper/actor.h"
#include "keeper/guarded.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/precondition.h"
#include "keeper/stepup.h"

/* Takes one segment off a path that begins with "/". */
static struct span take_segment(struct span *path)
{
    *path = span_sub(*path, 1, path->len);
    size_t end = span_find(*path, '/');
    struct span segment = span_sub(*path, 0, end);
    *path = end == SIZE_MAX ? SPAN_NONE : span_sub(*path, end, path->len);
    return segment;
}

static bool path_fits(const char *template, struct span path, struct span params[2])
{
    struct span want = span_str(template);
    size_t filled = 0;
    if (path.len == 0 || path.at[0] != '/') {
        return false;
    }
    while (want.len > 0 && path.len > 0) {
        struct span pattern = take_segment(&want);
        struct span segment = take_segment(&path);
        if (pattern.len > 2 && pattern.at[0] == '{') {
            if (segment.len == 0 || filled == 2) {
                return false;
            }
            params[filled++] = segment;
        } else if (!span_eq(pattern, segment)) {
            return false;
        }
    }
    return want.len == 0 && path.len == 0;
}

const struct operation *operation_find(struct span method, struct span path, struct span params[2],
                                       bool *other)
{
    /* HEAD is GET without the body, which whoever sends the answer leaves out. */
    if (span_is(method, "HEAD")) {
        method = SPAN("GET");
    }
    *other = false;
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        const struct operation *op = &OPERATIONS[i];
        struct span found[2] = {SPAN_NONE, SPAN_NONE};
        if (!path_fits(op->path, path, found)) {
            continue;
        }
        if (span_is(method, op->method)) {
            params[0] = found[0];
            params[1] = found[1];
            return op;
        }
        *other = true;
    }
    return NULL;
}

/* ---- the body ---- */

/* false: the call has been ended with a problem. */
static bool check_fields(struct call *c)
{
    struct field_fault fault;
    if (fields_fit(c->op->fields, c->body, &fault)) {
        return true;
    }
    (void)call_problem(c, 400, fault.path, "%s", fault.why);
    return false;
}

/* The same for the query. Pages read theirs themselves: a provider adds what it likes. */
static bool check_query(struct call *c)
{
    struct field_fault fault;
    if ((c->op->flags & OPERATION_PAGE) != 0 ||
        fields_fit_query(c->op->query, c->in.query, &c->arena, &fault)) {
        return true;
    }
    (void)call_problem(c, 400, fault.path, "%s", fault.why);
    return false;
}

static bool is_json_type(struct span type)
{
    struct span word = SPAN_NONE;
    (void)span_cut(&type, ';', &word);
    return span_eq_nocase(span_trim(word), SPAN("application/json"));
}

/* 0 with *good, or a fault. */
static int read_body(struct call *c, bool *good)
{
    *good = true;
    if ((c->op->flags & OPERATION_PAGE) != 0) {
        return 0;
    }
    bool wants = c->op->fields != NULL || (c->op->flags & OPERATION_ANY) != 0;
    if (c->in.body.len == 0) {
        *good = !wants || (c->op->flags & OPERATION_ANY) != 0 || check_fields(c);
        return 0;
    }
    *good = false;
    if (c->in.kind != CREDENTIAL_HOST && !is_json_type(c->in.type)) {
        return call_problem(c, 415, NULL, "the body must be application/json");
    }
    char why[160];
    size_t most = c->in.kind == CREDENTIAL_HOST ? JSON_HOST_MAX : JSON_BODY_MAX;
    int r = json_read_most(c->in.body, most, &c->body, why, sizeof(why));
    if (r == FAULT_FORMAT || r == FAULT_LIMIT) {
        return call_problem(c, r == FAULT_LIMIT ? 413 : 400, NULL, "%s", why);
    }
    if (r < 0) {
        return r;
    }
    *good = (c->op->flags & OPERATION_ANY) != 0 || check_fields(c);
    return 0;
}

/* ---- the way through ---- */

static int answer_stranger(struct call *c)
{
    bool page = c->op != NULL && (c->op->flags & OPERATION_PAGE) != 0;
    (void)call_problem(c, page ? 303 : 401, NULL, "log in first, or send a valid token");
    if (page) {
        c->location = "/login";
    }
    return 0;
}

int operation_deny(struct call *c, const char *why)
{
    (void)call_problem(c, 403, NULL, "%s", why);
    if (span_is(c->in.method, "GET") || span_is(c->in.method, "HEAD")) {
        return 0;
    }
    /* An attempt to change something is remembered. The refused answer must not undo the record. */
    c->keep = true;
    json_t *detail =
        json_pack("{s:o,s:o}", "method", json_text(c->in.method), "path", json_text(c->in.path));
    return detail == NULL ? -ENOMEM : call_audit(c, AUDIT_OPERATION_DENIED, c->in.path, detail);
}

static int deny_role(struct call *c)
{
    if (c->op->roles == ROLE_HOST) {
        return operation_deny(c, "only the owner of this host may do this, there");
    }
    char why[160];
    struct buf who;
    buf_init(&who, sizeof(why));
    roles_text(c->op->roles, &who);
    (void)snprintf(why, sizeof(why), "only for %.*s", SPAN_FMT(buf_view(&who)));
    buf_fini(&who);
    return operation_deny(c, why);
}

/* The methods of the path that was asked for. */
static void list_methods(struct call *c)
{
    static const char *const METHODS[] = {"GET", "PUT", "POST", "DELETE"};
    struct span ignored[2];
    bool other;
    size_t len = 0;
    for (size_t i = 0; i < countof(METHODS); i++) {
        if (operation_find(span_str(METHODS[i]), c->in.path, ignored, &other) != NULL) {
            len += (size_t)snprintf(c->allow + len, sizeof(c->allow) - len, "%s%s%s",
                                    len > 0 ? ", " : "", METHODS[i], i == 0 ? ", HEAD" : "");
        }
    }
    (void)snprintf(c->allow + len, sizeof(c->allow) - len, ", OPTIONS");
}

static int answer_without_row(struct call *c, bool other)
{
    if (!other) {
        return call_problem(c, 404, NULL, "no such operation");
    }
    list_methods(c);
    if (span_is(c->in.method, "OPTIONS")) {
        c->status = 204;
        return 0;
    }
    return call_problem(c, 405, NULL, "this path has the methods %s", c->allow);
}

/* May the caller call this row? 1: yes. 0: the call has ended. */
static int may_call(struct call *c)
{
    if (actor_strays(c)) {
        return operation_deny(c, reason_text(REASON_TOKEN_ZONE));
    }
    if (c->op->roles != ROLE_NOBODY && !actor_covers(&c->actor, c->in.method, c->in.path)) {
        return operation_deny(c, "the token's scope does not cover this");
    }
    if (!roles_admit(c->op->roles, c->actor.roles)) {
        return deny_role(c);
    }
    if ((c->op->flags & OPERATION_USER) != 0 && text_is_name(c->param[0])) {
        const char *user = arena_string(&c->arena, c->param[0]);
        return user == NULL ? -ENOMEM : roles_guard(c, user);
    }
    return 1;
}

/* Has enough been proven, and is it this change's turn? As may_call(). */
static int may_now(struct call *c)
{
    const struct keeper *k = c->keeper;
    if (k->live != NULL && (c->op->flags & OPERATION_PROVE) != 0 &&
        c->actor.kind == CREDENTIAL_CONSOLE) {
        const struct authentication_conf *conf = &live_snapshot(k->live)->authentication;
        enum assurance level = conf->admin_assurance;
        uint32_t age = conf->admin_max_age;
        if (!stepup_satisfied(&c->actor.proven, level, age, c->now_ms / 1000)) {
            return stepup_demand(c, level, age);
        }
    }
    if ((c->op->flags & OPERATION_CHANGE) != 0) {
        if (k->live == NULL) {
            return call_problem(c, 503, NULL, "no configuration is in force yet");
        }
        if (k->changes.current != NULL) {
            c->need = CALL_LATER;
            return 0;
        }
    }
    return 1;
}

/* false: the caller asks too often, and the call has ended. */
static bool in_pace(struct call *c)
{
    struct keeper *k = c->keeper;
    if (c->paced || !k->looped || c->in.kind == CREDENTIAL_HOST) {
        return true;
    }
    c->paced = true;
    if (pace_take(&k->pace, c->actor.text, clock_mono_us())) {
        return true;
    }
    (void)call_problem(c, 429, NULL, "more than %u requests a second for long, or %u at once",
                       PACE_PER_SECOND, PACE_BURST);
    c->retry_after = 1;
    return false;
}

/* Does it, or has it wait for a second person. */
static int run_or_hold(struct call *c)
{
    bool held = false;
    int r = guarded_hold(c, &held);
    return r < 0 || held ? r : c->op->run(c);
}

static int perform(struct call *c)
{
    bool looks = strcmp(c->op->method, "GET") == 0;
    bool api = (c->op->flags & OPERATION_PAGE) == 0;
    if (api && !looks && c->in.if_match.len > 0) {
        int held = precondition_check(c);
        if (held <= 0) {
            return held;
        }
    }
    bool makes = api && c->in.repeat.len > 0 && strcmp(c->op->method, "POST") == 0 &&
                 (c->op->flags & (OPERATION_READS | OPERATION_CHANGE)) == 0 &&
                 c->actor.text != NULL;
    int r = makes ? repeat_check(c) : 1;
    if (r <= 0) {
        return r;
    }
    r = run_or_hold(c);
    if (r == 0 && makes && c->need == CALL_ANSWER && c->status >= 200 && c->status < 300) {
        return repeat_done(c);
    }
    return r == 0 && api && looks && c->need == CALL_ANSWER && c->status == 200
               ? precondition_tag(c)
               : r;
}

int operation_run(struct call *c)
{
    bool other, known = false, good;
    c->now_ms = clock_wall_ms();
    c->op = operation_find(c->in.method, c->in.path, c->param, &other);
    if (c->keeper->live == NULL && c->in.kind != CREDENTIAL_HOST) {
        return call_problem(c, 503, NULL, "the service is starting");
    }
    if (c->op == NULL || c->op->roles != ROLE_NOBODY) {
        int r = actor_find(c, &known);
        if (r < 0) {
            return r;
        }
        if (!known) {
            return answer_stranger(c);
        }
    }
    if (known && !in_pace(c)) {
        return 0;
    }
    if (c->op == NULL) {
        return answer_without_row(c, other);
    }
    int r = may_call(c);
    if (r <= 0 || !check_query(c)) {
        return r < 0 ? r : 0;
    }
    r = may_now(c);
    if (r <= 0) {
        return r;
    }
    r = read_body(c, &good);
    return r < 0 || !good ? r : perform(c);
}
