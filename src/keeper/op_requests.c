#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "keeper/asking.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "store/users.h"

bool op_request_number(struct call *c, uint64_t *ret)
{
    if (text_u64(c->param[0], INT64_MAX, ret) == 0 && *ret > 0) {
        return true;
    }
    (void)call_problem(c, 404, NULL, "request: no such thing");
    return false;
}

/* ---- the list ---- */

struct listing {
    struct op_rows rows;
    bool deciding; /* only what the actor may decide */
};

static int each_request(void *context, const struct request *r)
{
    struct listing *l = context;
    struct call *c = l->rows.call;
    bool sees = false;
    l->rows.seen++;
    l->rows.last = r->seq;
    int rc = asking_may_see(c, r, &sees);
    json_t *item = rc < 0 || !sees ? NULL : asking_json(c, r);
    if (rc < 0 || !sees) {
        return rc;
    }
    if (l->deciding && item != NULL && !json_is_true(json_object_get(item, "may_decide"))) {
        json_decref(item);
        return 0;
    }
    return json_push(l->rows.items, item);
}

/* One word of a list; 0: it is not given. false: the call has ended with a problem. */
static bool read_word(struct call *c, const char *key, const char *const *words, unsigned count,
                      unsigned *ret)
{
    struct span word = SPAN_NONE;
    int r = call_query(c, key, &word);
    *ret = 0;
    if (r == FAULT_ABSENT) {
        return true;
    }
    for (unsigned i = 1; i < count && r == 0; i++) {
        if (words[i] != NULL && span_is(word, words[i])) {
            *ret = i;
            return true;
        }
    }
    (void)call_problem(c, 400, key, "this is none of its words");
    return false;
}

static bool read_filter(struct call *c, struct request_filter *f)
{
    static const char *const KINDS[] = {[REQUEST_ACCESS] = "access", [REQUEST_CHANGE] = "change"};
    const char *states[REQUEST_STATES] = {NULL};
    struct span user = SPAN_NONE;
    unsigned kind, state;
    for (unsigned i = 1; i < REQUEST_STATES; i++) {
        states[i] = asking_state_name((enum request_state)i);
    }
    if (!read_word(c, "kind", KINDS, countof(KINDS), &kind) ||
        !read_word(c, "state", states, REQUEST_STATES, &state)) {
        return false;
    }
    int r = call_query(c, "user", &user);
    if (r == 0 && !text_is_name(user)) {
        (void)call_problem(c, 400, "user", "expected a name");
        return false;
    }
    *f = (struct request_filter){.user = r == 0 ? arena_string(&c->arena, user) : NULL,
                                 .kind = (enum request_kind)kind,
                                 .state = (enum request_state)state};
    return true;
}

int op_requests_list(struct call *c)
{
    struct page page;
    struct request_filter filter;
    uint64_t deciding;
    if (!op_page(c, &page) || !read_filter(c, &filter)) {
        return 0;
    }
    if (call_query_u64(c, "deciding", 1, 0, &deciding) < 0) {
        return call_problem(c, 400, "deciding", "expected 0 or 1");
    }
    struct listing l = {.rows = {.call = c, .items = json_array(), .limit = page.limit},
                        .deciding = deciding == 1};
    filter.state = l.deciding ? REQUEST_PENDING : filter.state;
    int r = requests_list(c->keeper->store, &filter, &page, each_request, &l);
    return op_list_done(&l.rows, r, "requests", true);
}

int op_requests_get(struct call *c)
{
    struct request r;
    uint64_t seq;
    bool sees = false;
    if (!op_request_number(c, &seq)) {
        return 0;
    }
    int rc = requests_find(c->keeper->store, seq, &r);
    rc = rc < 0 ? rc : asking_may_see(c, &r, &sees);
    if (rc == FAULT_ABSENT || (rc == 0 && !sees)) {
        return call_problem(c, 404, NULL, "request: no such thing");
    }
    return rc < 0 ? rc : call_answer(c, 200, asking_json(c, &r));
}

/* ---- the steps ---- */

int op_requests_add(struct call *c)
{
    return asking_access(c, call_string(c, "rule"), call_string(c, "reason"),
                         call_string(c, "duration"));
}

int op_requests_approve(struct call *c)
{
    uint64_t seq;
    return op_request_number(c, &seq) ? asking_approve(c, seq, call_string(c, "comment")) : 0;
}

int op_requests_deny(struct call *c)
{
    uint64_t seq;
    return op_request_number(c, &seq) ? asking_deny(c, seq, call_string(c, "comment")) : 0;
}

int op_requests_drop(struct call *c)
{
    uint64_t seq;
    return op_request_number(c, &seq) ? asking_drop(c, seq) : 0;
}

/* ---- what could be asked for ---- */

static json_t *requestable(struct call *c, const struct rule_def *rule)
{
    struct request open = {.seq = 0};
    int r = requests_find_open(c->keeper->store, c->actor.user, rule->name, &open);
    if (r < 0 && r != FAULT_ABSENT) {
        return NULL;
    }
    json_t *routes = json_array();
    for (size_t i = 0; i < rule->routes.count && routes != NULL; i++) {
        if (json_push(routes, json_string(rule->routes.name[i])) < 0) {
            json_decref(routes);
            routes = NULL;
        }
    }
    return json_pack("{s:s,s:o,s:s,s:i,s:i,s:o,s:o}", "rule", rule->name, "routes", routes,
                     "approvers", rule->approvers, "approvals", (int)rule->approvals, "longest",
                     (int)rule->grant_max, "request",
                     r == 0 ? json_integer((json_int_t)open.seq) : json_null(), "state",
                     r == 0 ? json_string(asking_state_name(open.state)) : json_null());
}

int op_me_requestable(struct call *c)
{
    const struct snapshot *s = c->keeper->live == NULL ? NULL : live_snapshot(c->keeper->live);
    json_t *items = json_array();
    int r = items == NULL ? -ENOMEM : 0;
    for (size_t i = 0; s != NULL && i < s->rule_count && r == 0; i++) {
        if (asking_eligible(&s->rules[i], c->actor.user, c->actor.groups)) {
            r = json_push(items, requestable(c, &s->rules[i]));
        }
    }
    if (r < 0) {
        json_decref(items);
        return r;
    }
    return call_answer(c, 200, json_pack("{s:o}", "rules", items));
}
