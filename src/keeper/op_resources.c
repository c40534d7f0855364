#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/keys.h"
#include "conf/resource.h"
#include "http/uri.h"
#include "keeper/change.h"
#include "keeper/intent.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/operation.h"
#include "policy/decide.h"
#include "store/certificates.h"
#include "store/requests.h"
#include "store/resources.h"
#include "store/tokens.h"

struct noun {
    const char *plural; /* in paths and answers */
    const char *kind;
    enum audit_event put, removed;
};

static const struct noun NOUNS[] = {
    {"zones", "zone", AUDIT_ZONE_PUT, AUDIT_ZONE_REMOVED},
    {"routes", "route", AUDIT_ROUTE_PUT, AUDIT_ROUTE_REMOVED},
    {"rules", "rule", AUDIT_RULE_PUT, AUDIT_RULE_REMOVED},
    {"tests", "test", AUDIT_TEST_PUT, AUDIT_TEST_REMOVED},
};

/* The row found is one of these by its path: "/api/v1/zones…". */
static const struct noun *noun_of(const struct call *c)
{
    struct span rest = span_str(c->op->path + strlen("/api/v1/"));
    struct span word;
    (void)span_cut(&rest, '/', &word);
    for (size_t i = 0; i < countof(NOUNS); i++) {
        if (span_is(word, NOUNS[i].plural)) {
            return &NOUNS[i];
        }
    }
    return NULL;
}

const char *op_origin_name(enum origin origin)
{
    static const char *const ORIGINS[] = {[ORIGIN_FILE] = "file",
                                          [ORIGIN_STORE] = "store",
                                          [ORIGIN_BUILTIN] = "builtin",
                                          [ORIGIN_GUARD] = "guard"};
    return ORIGINS[origin];
}

static json_t *resource_json(const struct snapshot *s, const char *kind, const char *name,
                             enum origin origin)
{
    struct buf text;
    buf_init(&text, 16u * 1024 * 1024);
    json_t *value = NULL;
    if (resource_write(s, kind, name, &text) == 0) {
        struct span view = buf_view(&text);
        value = json_loadb((const char *)view.at, view.len, 0, NULL);
    }
    buf_fini(&text);
    if (value != NULL && json_put(value, "origin", json_string(op_origin_name(origin))) < 0) {
        json_decref(value);
        return NULL;
    }
    return value;
}

static const struct snapshot *in_force(struct call *c)
{
    if (c->keeper->live == NULL) {
        (void)call_problem(c, 503, NULL, "no configuration is in force yet");
        return NULL;
    }
    return live_snapshot(c->keeper->live);
}

int op_resources_list(struct call *c)
{
    const struct noun *noun = noun_of(c);
    const struct snapshot *s = in_force(c);
    struct page page;
    if (s == NULL || !op_page(c, &page)) {
        return 0;
    }
    struct op_rows rows = {.call = c, .items = json_array(), .limit = page.limit};
    const struct section *section = section_of_kind(noun->kind);
    size_t count = section_count(section, s);
    int r = 0;
    for (size_t i = page.anchor; r == 0 && rows.seen < rows.limit && i < count; i++) {
        const char *name = section_element_name(section, s, i);
        enum origin origin = ORIGIN_BUILTIN;
        (void)live_origin(c->keeper->live, noun->kind, span_str(name), &origin);
        r = json_push(rows.items, resource_json(s, noun->kind, name, origin));
        rows.seen++;
        rows.last = i + 1;
    }
    return op_list_done(&rows, r, noun->plural, true);
}

int op_resources_get(struct call *c)
{
    const struct noun *noun = noun_of(c);
    const struct snapshot *s = in_force(c);
    enum origin origin;
    if (s == NULL) {
        return 0;
    }
    const char *name = op_name(c, 0, noun->kind);
    if (name == NULL || !live_origin(c->keeper->live, noun->kind, span_str(name), &origin)) {
        return call_problem(c, 404, NULL, "%s: no such thing", noun->kind);
    }
    return call_answer(c, 200, resource_json(s, noun->kind, name, origin));
}

/* A resource of the file is changed in the file. false: the call has ended with a problem. */
static bool may_change(struct call *c, const char *kind, const char *name)
{
    enum origin origin;
    if (!live_origin(c->keeper->live, kind, span_str(name), &origin) || origin == ORIGIN_STORE) {
        return true;
    }
    (void)call_problem(c, 409, NULL, "%s %s comes from %s and cannot be changed here", kind, name,
                       origin == ORIGIN_FILE    ? "the configuration file"
                       : origin == ORIGIN_GUARD ? "postern guard"
                                                : "postern itself");
    return false;
}

static bool removes(const struct call *c)
{
    return strcmp(c->op->method, "DELETE") == 0;
}

/* The candidate with this one change. FAULT_ABSENT. */
static int one_change(struct call *c, const char *of, const char *name, struct candidate **ret,
                      bool *existed)
{
    struct candidate *plan;
    size_t kind = document_kind(of);
    int r = candidate_begin(c->keeper, &plan);
    if (r < 0) {
        return r;
    }
    *existed = documents_find(&plan->before, kind, name) != NULL;
    if (removes(c)) {
        r = candidate_remove(plan, kind, name);
    } else {
        struct buf doc;
        buf_init(&doc, RESOURCE_DOC_MAX);
        r = json_write(c->body, &doc);
        r = r < 0 ? r : candidate_put(plan, kind, name, buf_view(&doc));
        buf_fini(&doc);
    }
    if (r < 0) {
        candidate_free(plan);
        return r;
    }
    *ret = plan;
    return 0;
}

int op_change_one(struct call *c, const char *kind, const char *name, enum audit_event event)
{
    struct intent intent;
    struct candidate *plan;
    json_t *said = NULL;
    bool existed;
    if (!may_change(c, kind, name) || !intent_read(c, false, "api", &intent)) {
        return 0;
    }
    int r = one_change(c, kind, name, &plan, &existed);
    if (r < 0) {
        return call_fault(c, r, kind);
    }
    r = intent_carry_out(c, plan, &intent, &said);
    if (r < 0 || c->status != 0) {
        return r;
    }
    if (intent.dry_run) {
        return call_answer(c, 200, said);
    }
    json_decref(said);
    if (intent.version != 0) {
        json_t *detail = json_pack("{s:O?,s:I}", "doc", removes(c) ? NULL : c->body, "version",
                                   (json_int_t)intent.version);
        r = call_audit(c, event, span_str(name), detail);
    }
    if (r < 0) {
        return r;
    }
    json_t *answer = removes(c) ? json_object() : json_incref(c->body);
    return call_answer(c, removes(c) || existed ? 200 : 201, answer);
}

int op_resources_put(struct call *c)
{
    const struct noun *noun = noun_of(c);
    const char *name = op_name(c, 0, noun->kind);
    if (name == NULL || !may_change(c, noun->kind, name)) {
        return 0;
    }
    const json_t *inside = call_member(c, "name");
    if (inside != NULL && !span_is(json_span(inside), name)) {
        return call_problem(c, 400, "name", "the name in the body is not the one in the path");
    }
    if (c->body == NULL) {
        return call_problem(c, 400, NULL, "a body is required");
    }
    /* What a read gave may be sent back: the origin is ours to say, not the caller's. */
    (void)json_object_del(c->body, "origin");
    if (json_put(c->body, "name", json_string(name)) < 0) {
        return -ENOMEM;
    }
    return op_change_one(c, noun->kind, name, noun->put);
}

int op_resources_remove(struct call *c)
{
    const struct noun *noun = noun_of(c);
    const char *name = op_name(c, 0, noun->kind);
    if (name == NULL || !may_change(c, noun->kind, name)) {
        return 0;
    }
    return op_change_one(c, noun->kind, name, noun->removed);
}

/* ---- explain ---- */

static const struct route_def *explain_route(struct call *c, struct span *path)
{
    const struct live *live = c->keeper->live;
    struct span url = call_string(c, "url"), name = call_string(c, "route");
    *path = call_member(c, "path") == NULL ? SPAN("/") : call_string(c, "path");
    if (url.len > 0) {
        if (span_starts(url, SPAN("https://"))) {
            url = span_sub(url, 8, url.len);
        }
        size_t cut = span_find(url, '/');
        if (cut != SIZE_MAX && call_member(c, "path") == NULL) {
            struct span rest = span_sub(url, cut, url.len);
            *path = span_sub(rest, 0, span_find(rest, '?'));
        }
        struct span authority = span_sub(url, 0, cut), canonical;
        const char *why;
        /* A path that is refused reaches no route; the caller says what is wrong with it. */
        if (uri_canonical(*path, &c->arena, &canonical, &why) < 0) {
            struct route_list routes = live_routes(live, authority);
            return routes.count > 0 ? routes.at[0] : NULL;
        }
        return live_route(live, authority, canonical);
    }
    const struct snapshot *s = live_snapshot(live);
    for (size_t i = 0; i < s->route_count; i++) {
        if (span_is(name, s->routes[i].name)) {
            return &s->routes[i];
        }
    }
    return NULL;
}

/* What the person has proven, and when. false: the call has ended with a problem. */
static bool explain_proof(struct call *c, struct proven *ret)
{
    struct span level = call_string(c, "assurance"), ago = call_string(c, "proven");
    enum assurance assurance = ASSURANCE_MFA;
    uint64_t seconds = 0, now = c->now_ms / 1000;
    if (level.len > 0 && assurance_parse(level, &assurance) < 0) {
        (void)call_problem(c, 400, "assurance",
                           "expected none, password, mfa, phishing-resistant or hardware");
        return false;
    }
    if (ago.len > 0 && (text_seconds(ago, &seconds) < 0 || seconds >= now)) {
        (void)call_problem(c, 400, "proven", "expected a duration such as \"20m\"");
        return false;
    }
    *ret = proven_as(assurance, now - seconds);
    return true;
}

/* false: the call has ended with a problem; *fault when the store failed. */
static bool explain_subject(struct call *c, struct subject *subject, int *fault)
{
    struct span user = call_string(c, "user"), token = call_string(c, "token");
    const char *owner = NULL;
    bool by_certificate = false;
    *subject = (struct subject){.kind = SUBJECT_NOBODY};
    *fault = 0;
    if (token.len > 0) {
        struct token t;
        struct certificate other;
        const char *name = json_string_value(call_member(c, "token"));
        *fault = tokens_find_name(c->keeper->store, name, &c->arena, &t);
        if (*fault == FAULT_ABSENT && certificates_find(c->keeper->store, name, &other) == 0 &&
            other.user_kind == USER_SERVICE) {
            /* A program's certificate, which rules name as they name tokens. */
            t = (struct token){.routes = SPAN("*")};
            by_certificate = true;
            memcpy(t.owner, other.user, sizeof(t.owner));
            *fault = 0;
        }
        if (*fault == FAULT_ABSENT) {
            *fault = 0;
            (void)call_problem(c, 404, "token", "no such token");
            return false;
        }
        if (*fault < 0) {
            return false;
        }
        subject->kind = SUBJECT_TOKEN;
        subject->token = token;
        subject->by_certificate = by_certificate;
        subject->scope_routes = t.routes;
        subject->scope_methods = t.methods;
        subject->scope_paths = t.paths;
        subject->scope_zones = t.zones;
        owner = arena_string(&c->arena, span_str(t.owner));
    } else if (user.len > 0) {
        subject->kind = SUBJECT_PERSON;
        if (!explain_proof(c, &subject->proven)) {
            return false;
        }
        owner = json_string_value(call_member(c, "user"));
    }
    if (owner == NULL) {
        return true;
    }
    struct user row;
    struct buf groups;
    buf_init(&groups, 4096);
    *fault = users_find(c->keeper->store, owner, &row);
    *fault = *fault < 0 ? *fault : groups_of(c->keeper->store, owner, &groups);
    subject->user = span_str(owner);
    subject->named_only = *fault == 0 && row.kind == USER_BREAK_GLASS;
    subject->groups = arena_copy(&c->arena, buf_view(&groups));
    buf_clear(&groups);
    if (*fault == 0 && subject->kind == SUBJECT_PERSON) {
        *fault = requests_grants(c->keeper->store, owner, grants_now(c->keeper), &groups);
        subject->grants = arena_copy(&c->arena, buf_view(&groups));
    }
    buf_fini(&groups);
    if (*fault == FAULT_ABSENT) {
        *fault = 0;
        (void)call_problem(c, 404, "user", "no such user");
    }
    return *fault == 0 && c->status == 0;
}

int op_explain(struct call *c)
{
    struct subject subject;
    struct span path, canonical;
    struct addr source;
    const char *why = NULL;
    int fault = 0;
    if (in_force(c) == NULL || !explain_subject(c, &subject, &fault)) {
        return c->status != 0 ? 0 : fault;
    }
    if (addr_parse(call_string(c, "source"), &source) < 0) {
        return call_problem(c, 400, "source", "expected an IP address");
    }
    const struct route_def *route = explain_route(c, &path);
    if (route == NULL) {
        return call_problem(c, 404, "route", "no route has this name or answers this address");
    }
    if (uri_canonical(path, &c->arena, &canonical, &why) < 0) {
        return call_problem(c, 400, "path", "this path is refused: %s", why == NULL ? "" : why);
    }
    struct span method = call_string(c, "method");
    const char *interface = json_string_value(call_member(c, "interface"));
    interface = interface == NULL ? "" : interface;
    const struct policy *policy = live_policy(c->keeper->live);
    struct question q = {
        .subject = &subject,
        .zones = zones_at(policy_zones(policy), &source, interface),
        .route = route,
        .method = method.len > 0 ? method : SPAN("GET"),
        .path = canonical,
        .now = c->now_ms / 1000,
    };
    struct buf text;
    buf_init(&text, 1024 * 1024);
    int r = policy_explain(policy, &q, &text);
    struct span view = buf_view(&text);
    json_t *answer = r < 0 ? NULL : json_loadb((const char *)view.at, view.len, 0, NULL);
    buf_fini(&text);
    if (answer != NULL && json_put(answer, "route", json_string(route->name)) < 0) {
        json_decref(answer);
        answer = NULL;
    }
    return r < 0 ? r : call_answer(c, 200, answer);
}
