/* The policy as a whole: its versions, going back, confirming, export and apply. */
#include <errno.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "conf/keys.h"
#include "conf/resource.h"
#include "keeper/confirm.h"
#include "keeper/intent.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/operation.h"

/* Of the entries of one version in one answer. */
#define ENTRIES_BYTES_MAX (96u * 1024)

/* The {n} of the path. false: the call has ended with a problem. */
static bool number_of(struct call *c, uint64_t *ret)
{
    if (text_u64(c->param[0], INT64_MAX, ret) == 0) {
        return true;
    }
    (void)call_problem(c, 404, NULL, "version: no such thing");
    return false;
}

/* ---- reading ---- */

static json_t *pending_json(struct call *c, int *fault)
{
    const struct keeper *k = c->keeper;
    struct version v;
    uint64_t left = confirm_left(k);
    *fault = k->changes.confirm.version == 0
                 ? FAULT_ABSENT
                 : versions_find(k->store, k->changes.confirm.version, &v);
    if (*fault < 0) {
        *fault = *fault == FAULT_ABSENT ? 0 : *fault;
        return json_null();
    }
    return json_pack("{s:I,s:o,s:o,s:I}", "version", (json_int_t)v.number, "author",
                     json_text(span_str(v.author)), "confirm_by",
                     json_time(c->now_ms / 1000 + left), "seconds_left", (json_int_t)left);
}

static json_t *counts_json(const struct snapshot *s)
{
    json_t *counts = json_object();
    for (size_t i = 0; i < DOCUMENT_KIND_COUNT; i++) {
        const struct section *sec = section_of_kind(DOCUMENT_KINDS[i].kind);
        json_int_t n = sec == NULL ? 0 : (json_int_t)section_count(sec, s);
        if (sec != NULL && json_put(counts, DOCUMENT_KINDS[i].plural, json_integer(n)) < 0) {
            json_decref(counts);
            return NULL;
        }
    }
    return counts;
}

int op_policy(struct call *c)
{
    uint64_t version;
    int fault;
    if (c->keeper->live == NULL) {
        return call_problem(c, 503, NULL, "no configuration is in force yet");
    }
    int r = versions_current(c->keeper->store, &version);
    if (r < 0) {
        return r;
    }
    json_t *pending = pending_json(c, &fault);
    if (fault < 0) {
        json_decref(pending);
        return fault;
    }
    return call_answer(c, 200,
                       json_pack("{s:I,s:o,s:o}", "version", (json_int_t)version, "pending",
                                 pending, "counts", counts_json(live_snapshot(c->keeper->live))));
}

static json_t *version_json(const struct version *v)
{
    static const char *const STATES[] = {
        [VERSION_MADE] = "made", [VERSION_IN_FORCE] = "in-force", [VERSION_UNDONE] = "undone"};
    return json_pack("{s:I,s:o,s:o,s:s,s:o,s:s,s:o}", "number", (json_int_t)v->number, "at",
                     json_time(v->at), "author", json_text(span_str(v->author)), "cause", v->cause,
                     "comment", json_text(span_str(v->comment)), "state",
                     v->state <= VERSION_UNDONE ? STATES[v->state] : "unknown", "confirm_by",
                     json_time(v->confirm_by));
}

/* The first of its entries, so that a list tells what happened. */
#define SUMMARY_MAX 5u

struct summary {
    json_t *list;
    uint64_t count;
};

static int each_summary(void *context, const struct version_entry *e)
{
    struct summary *s = context;
    if (s->count++ >= SUMMARY_MAX) {
        return 0;
    }
    const char *action = !e->had ? "added" : !e->has ? "removed" : "changed";
    return json_push(
        s->list, json_pack("{s:s,s:s,s:s}", "kind", e->kind, "name", e->name, "action", action));
}

static int each_version(void *context, const struct version *v)
{
    struct op_rows *rows = context;
    struct summary s = {.list = json_array()};
    json_t *one = version_json(v);
    rows->seen++;
    rows->last = v->number;
    int r = s.list == NULL || one == NULL
                ? -ENOMEM
                : versions_entries(rows->call->keeper->store, v->number, each_summary, &s);
    int put = json_put(one, "changes", s.list);
    put = put < 0 ? put : json_put(one, "count", json_integer((json_int_t)s.count));
    r = r < 0 ? r : put;
    if (r < 0) {
        json_decref(one);
        return r;
    }
    return json_push(rows->items, one);
}

int op_versions_list(struct call *c)
{
    struct page page;
    if (!op_page(c, &page)) {
        return 0;
    }
    page.newest_first = true;
    struct op_rows rows = {.call = c, .items = json_array(), .limit = page.limit};
    int r = versions_list(c->keeper->store, &page, each_version, &rows);
    return op_list_done(&rows, r, "versions", true);
}

struct entries {
    json_t *list;
    uint64_t position, after; /* those from `after` on */
    size_t used;
    uint64_t next; /* 0: all of them are in the list */
};

static int each_entry(void *context, const struct version_entry *e)
{
    struct entries *s = context;
    if (s->position++ < s->after || s->next != 0) {
        return 0;
    }
    json_t *one = entry_json(e);
    s->used += one == NULL ? 0 : json_dumpb(one, NULL, 0, JSON_COMPACT);
    if (s->used > ENTRIES_BYTES_MAX && json_array_size(s->list) > 0) {
        json_decref(one);
        s->next = s->position - 1;
        return 0;
    }
    return json_push(s->list, one);
}

int op_versions_get(struct call *c)
{
    struct version v;
    uint64_t number, after;
    if (!number_of(c, &number)) {
        return 0;
    }
    if (call_query_u64(c, "after", INT64_MAX, 0, &after) < 0) {
        return call_problem(c, 400, "after", "expected a number");
    }
    int r = versions_find(c->keeper->store, number, &v);
    if (r < 0) {
        return call_fault(c, r, "version");
    }
    struct entries s = {.list = json_array(), .after = after};
    json_t *answer = version_json(&v);
    r = s.list == NULL ? -ENOMEM : versions_entries(c->keeper->store, number, each_entry, &s);
    int put = json_put(answer, "changes", s.list);
    put = put < 0 || s.next == 0 ? put : json_put(answer, "next", json_integer((json_int_t)s.next));
    r = r < 0 ? r : put;
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 200, answer);
}

/* ---- going back, staying ---- */

static json_t *audit_detail(const struct intent *intent, const struct candidate *plan)
{
    return json_pack("{s:I,s:o,s:I}", "version", (json_int_t)intent->version, "comment",
                     json_text(intent->terms.comment), "entries", (json_int_t)plan->entry_count);
}

/* Carries out and records; what was done is in the change that the call has now. */
static int carry_out(struct call *c, struct candidate *plan, struct intent *intent,
                     enum audit_event event, struct span target)
{
    json_t *said = NULL;
    int r = intent_carry_out(c, plan, intent, &said);
    if (r < 0 || c->status != 0) {
        return r;
    }
    if (intent->version != 0) {
        r = call_audit(c, event, target, audit_detail(intent, c->change->plan));
    }
    if (r < 0) {
        json_decref(said);
        return r;
    }
    return call_answer(c, 200, said);
}

int op_versions_rollback(struct call *c)
{
    struct intent intent;
    struct candidate *plan;
    uint64_t number, waiting = c->keeper->changes.confirm.version;
    if (!number_of(c, &number) || !intent_read(c, true, "rollback", &intent)) {
        return 0;
    }
    if (waiting != 0 && number >= waiting) {
        return call_problem(c, 409, NULL, "version %llu waits to be confirmed",
                            (unsigned long long)waiting);
    }
    intent.back = true;
    int r = candidate_begin(c->keeper, &plan);
    if (r < 0) {
        return r;
    }
    r = candidate_rewind(plan, c->keeper->store, number);
    if (r < 0) {
        candidate_free(plan);
        return call_fault(c, r, "version");
    }
    return carry_out(c, plan, &intent, AUDIT_POLICY_ROLLBACK, c->param[0]);
}

int op_versions_confirm(struct call *c)
{
    struct keeper *k = c->keeper;
    struct version v;
    uint64_t number;
    if (!number_of(c, &number)) {
        return 0;
    }
    int r = versions_find(k->store, number, &v);
    if (r < 0) {
        return call_fault(c, r, "version");
    }
    if (number != k->changes.confirm.version || confirm_left(k) == 0) {
        return call_problem(c, 409, NULL, "this version does not wait to be confirmed");
    }
    r = call_audit(c, AUDIT_POLICY_CONFIRMED, c->param[0], NULL);
    r = r < 0 ? r : confirm_given(k, &v);
    v.confirm_by = 0;
    return r < 0 ? r : call_answer(c, 200, version_json(&v));
}

/* ---- export ---- */

static json_t *store_list(const struct documents *d, size_t kind)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->count && list != NULL; i++) {
        const struct document *at = &d->at[i];
        if (at->kind == kind &&
            json_push(list, json_loadb((const char *)at->doc.at, at->doc.len, 0, NULL)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* The settings as one object by their names. Takes the list. */
static json_t *settings_object(json_t *list)
{
    size_t i;
    json_t *one, *object = json_object();
    json_array_foreach(list, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name == NULL ||
            json_put(object, name, json_incref(json_object_get(one, "value"))) < 0) {
            json_decref(object);
            object = NULL;
            break;
        }
    }
    json_decref(list);
    return object;
}

/* What comes from elsewhere, each marked with where. */
static int add_others(const struct live *live, size_t kind, json_t *list)
{
    const struct snapshot *s = live_snapshot(live);
    const char *name = DOCUMENT_KINDS[kind].kind;
    const struct section *sec = section_of_kind(name);
    size_t count = sec == NULL ? 0 : section_count(sec, s);
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        const char *element = section_element_name(sec, s, i);
        enum origin origin;
        if (!live_origin(live, name, span_str(element), &origin) || origin == ORIGIN_STORE) {
            continue;
        }
        struct buf text;
        buf_init(&text, 16u * 1024 * 1024);
        r = resource_write(s, name, element, &text);
        struct span view = buf_view(&text);
        json_t *one = r < 0 ? NULL : json_loadb((const char *)view.at, view.len, 0, NULL);
        buf_fini(&text);
        (void)json_put(one, "origin", json_string(op_origin_name(origin)));
        r = json_push(list, one);
    }
    return r;
}

int op_export(struct call *c)
{
    struct documents d;
    uint64_t version;
    struct span all = SPAN_NONE;
    json_t *answer = json_object();
    if (c->keeper->live == NULL) {
        json_decref(answer);
        return call_problem(c, 503, NULL, "no configuration is in force yet");
    }
    bool others = call_query(c, "all", &all) == 0 && (span_is(all, "1") || span_is(all, "true"));
    documents_init(&d);
    int r = versions_current(c->keeper->store, &version);
    r = r < 0 ? r : documents_read(&d, c->keeper->store);
    r = r < 0 ? r : json_put(answer, "version", json_integer((json_int_t)version));
    for (size_t i = 0; r == 0 && i < DOCUMENT_KIND_COUNT; i++) {
        json_t *list = store_list(&d, i);
        r = list == NULL || !others ? 0 : add_others(c->keeper->live, i, list);
        if (list != NULL && strcmp(DOCUMENT_KINDS[i].kind, "setting") == 0) {
            list = settings_object(list);
        }
        int put = json_put(answer, DOCUMENT_KINDS[i].plural, list);
        r = r < 0 ? r : put;
    }
    documents_fini(&d);
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 200, answer);
}

/* ---- apply ---- */

/* The version that the caller has looked at. false: the call has ended, or *fault. */
static bool is_fresh(struct call *c, int *fault)
{
    const json_t *base = call_member(c, "base");
    uint64_t current;
    *fault = versions_current(c->keeper->store, &current);
    if (*fault < 0 || base == NULL) {
        return *fault == 0;
    }
    if ((uint64_t)json_integer_value(base) != current) {
        (void)call_problem(c, 412, "base", "version %llu is in force; look at what it has changed",
                           (unsigned long long)current);
        return false;
    }
    return true;
}

int op_apply(struct call *c)
{
    struct intent intent;
    struct candidate *plan;
    struct candidate_error why;
    int r = 0;
    if (!intent_read(c, true, "apply", &intent) || !is_fresh(c, &r)) {
        return r;
    }
    r = candidate_begin(c->keeper, &plan);
    if (r < 0) {
        return r;
    }
    candidate_error_init(&why);
    r = c->body == NULL ? 0 : candidate_take(plan, c->keeper, c->body, &why);
    if (r == FAULT_FORMAT) {
        (void)change_refuse(c, 422, buf_view(&why.text));
        (void)snprintf(c->field, sizeof(c->field), "%s", why.field);
    }
    candidate_error_fini(&why);
    if (r < 0) {
        candidate_free(plan);
        return r == FAULT_FORMAT ? 0 : r == FAULT_LIMIT ? call_fault(c, r, "the policy") : r;
    }
    return carry_out(c, plan, &intent, AUDIT_POLICY_APPLIED, SPAN_NONE);
}
