#include "keeper/replay.h"

#include <stdio.h>

#include "base/fault.h"
#include "conf/snapshot.h"
#include "keeper/live.h"
#include "policy/binding.h"

void replay_init(struct replay *r, const struct live *before, const struct live *after)
{
    *r = (struct replay){.before = before, .after = after};
    map_init(&r->by_person, REPLAY_ROWS_MAX);
    map_init(&r->by_route, REPLAY_ROWS_MAX);
}

void replay_fini(struct replay *r)
{
    map_fini(&r->by_person);
    map_fini(&r->by_route);
}

/* ---- the question ---- */

static bool is_program(const struct access_record *r)
{
    return r->principal_kind == CREDENTIAL_TOKEN || r->principal_kind == CREDENTIAL_CERTIFICATE;
}

/* A token that was without its certificate is so again: it never matches this one. */
static const uint8_t NO_CERTIFICATE[32] = {0xff};

static struct subject subject_of(const struct access_record *r)
{
    struct subject s = {.kind = SUBJECT_NOBODY};
    if (r->principal_kind == CREDENTIAL_NONE || r->principal.len == 0)
        return s;
    s.kind = is_program(r) ? SUBJECT_TOKEN : SUBJECT_PERSON;
    s.user = is_program(r) ? r->owner : r->principal;
    s.groups = r->groups;
    s.grants = r->grants;
    s.named_only = (r->flags & ACCESS_NAMED_ONLY) != 0;
    s.proven.at[ASSURANCE_PASSWORD] = r->password_at;
    s.proven.at[ASSURANCE_MFA] = r->mfa_at;
    s.proven.at[ASSURANCE_PHISHING_RESISTANT] = r->resistant_at;
    s.proven.at[ASSURANCE_HARDWARE] = r->hardware_at;
    if (!is_program(r))
        return s;
    s.token = r->principal;
    s.by_certificate = r->principal_kind == CREDENTIAL_CERTIFICATE;
    s.scope_routes = r->own == REASON_TOKEN_SCOPE ? SPAN_NONE : r->token_routes;
    s.scope_zones = r->token_zones;
    s.scope_certificate = r->own == REASON_TOKEN_CERTIFICATE ? NO_CERTIFICATE : NULL;
    return s;
}

static uint16_t port_of(const struct snapshot *s, struct span listener)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (span_is(listener, s->listeners[i].name))
            return s->listeners[i].port;
    return 0;
}

static bool is_bound(const struct live *l, const struct route_def *route,
                     const struct access_record *r)
{
    struct addr began, now;
    bool same = (r->flags & ACCESS_SAME_PROGRAM) != 0;
    memcpy(began.byte, r->began, sizeof(began.byte));
    memcpy(now.byte, r->source, sizeof(now.byte));
    /* The record says whether they were the same, not what they were. */
    const struct whereabouts then = {&began, same ? SPAN("same") : SPAN_NONE};
    const struct whereabouts here = {&now, SPAN("same")};
    return binding_holds(route, policy_zones(live_policy(l)), &then, &here);
}

/* As the gate of the edge does it (edge/gate.c). */
static struct decision decide(const struct live *l, const struct route_def *route, uint16_t port,
                              const struct access_record *r, struct question *q)
{
    const struct policy *p = live_policy(l);
    struct decision d = policy_decide(p, q);
    if (d.verdict != VERDICT_ALLOW)
        return d;
    bool open = d.reason != REASON_ALLOWED; /* to whoever comes */
    if (open && r->destination.len > 0)
        return (struct decision){VERDICT_DENY, REASON_METHOD, d.rule};
    if (!open && q->subject->kind == SUBJECT_PERSON && !is_bound(l, route, r))
        return (struct decision){VERDICT_PROVE, REASON_MOVED, d.rule};
    if (r->destination.len > 0) {
        if (policy_route(p, port, r->host, r->destination) != route)
            return (struct decision){VERDICT_DENY, REASON_PATH, d.rule};
        q->path = r->destination;
        d = policy_decide(p, q);
    }
    bool minds = (d.rule != NULL && (d.rule->methods.count > 0 || d.rule->read_only)) ||
                 policy_minds_method(p, route);
    if (d.verdict == VERDICT_ALLOW && (r->flags & ACCESS_OVERRIDE) != 0 && minds)
        return (struct decision){VERDICT_DENY, REASON_METHOD, d.rule};
    return d;
}

bool replay_decide(const struct live *l, const struct access_record *record, struct decision *ret)
{
    const struct policy *p = live_policy(l);
    uint16_t port = port_of(live_snapshot(l), record->listener);
    if (policy_is_portal(p, record->host))
        return false;
    const struct route_def *route = policy_route(p, port, record->host, record->path);
    *ret = (struct decision){VERDICT_DENY, REASON_NO_RULE, NULL};
    if (route == NULL)
        return true;
    struct addr source;
    char interface[17];
    memcpy(source.byte, record->source, sizeof(source.byte));
    (void)snprintf(interface, sizeof(interface), "%.*s", SPAN_FMT(record->interface));
    struct subject subject = subject_of(record);
    struct question q = {.subject = &subject,
                         .zones = zones_at(policy_zones(p), &source, interface),
                         .route = route,
                         .method = record->method,
                         .path = record->path,
                         .upgrade = (record->flags & ACCESS_UPGRADE) != 0,
                         .now = record->wall_ms / 1000};
    *ret = decide(l, route, port, record, &q);
    return true;
}

/* ---- the sum ---- */

/* Did rules decide it? A tunnel's second record repeats its first. */
static bool concerns_rules(const struct access_record *r)
{
    bool own = span_starts(r->path, SPAN("/.postern"));
    if (r->route.len == 0 || own || r->stream > STREAM_OPENED)
        return false;
    return r->outcome == ACCESS_ALLOWED || r->outcome == ACCESS_DENIED ||
           r->outcome == ACCESS_UNAUTHENTICATED || r->outcome == ACCESS_UPSTREAM ||
           r->outcome == ACCESS_OWN;
}

static void copy_text(char *out, size_t size, struct span text)
{
    size_t len = text.len < size ? text.len : size - 1;
    if (len > 0)
        memcpy(out, text.at, len);
    out[len] = '\0';
}

static struct replay_person *person_of(struct replay *r, const struct access_record *record,
                                       enum verdict was, enum verdict would)
{
    char key[80];
    (void)snprintf(key, sizeof(key), "%d%d%d%.*s", is_program(record), (int)was, (int)would,
                   SPAN_FMT(span_sub(record->principal, 0, 64)));
    struct replay_person *p = map_find(&r->by_person, span_str(key));
    if (p != NULL || r->person_count == REPLAY_ROWS_MAX)
        return p;
    p = &r->people[r->person_count];
    (void)snprintf(p->key, sizeof(p->key), "%s", key);
    copy_text(p->name, sizeof(p->name), record->principal);
    p->program = is_program(record);
    p->was = was;
    p->would = would;
    if (map_put(&r->by_person, span_str(p->key), p) < 0)
        return NULL;
    r->person_count++;
    return p;
}

static struct replay_route *route_of(struct replay *r, struct span name)
{
    struct replay_route *route = map_find(&r->by_route, name);
    if (route != NULL || r->route_count == REPLAY_ROWS_MAX)
        return route;
    route = &r->routes[r->route_count];
    copy_text(route->name, sizeof(route->name), name);
    if (map_put(&r->by_route, span_str(route->name), route) < 0)
        return NULL;
    r->route_count++;
    return route;
}

static void add_count(struct replay_count *c, enum verdict would)
{
    c->requests++;
    c->denied += would == VERDICT_DENY;
    c->allowed += would == VERDICT_ALLOW;
    c->prove += would == VERDICT_PROVE;
}

static void add_difference(struct replay *r, const struct access_record *record, enum verdict was,
                           const struct decision *would)
{
    struct replay_route *route = route_of(r, record->route);
    struct replay_person *p = person_of(r, record, was, would->verdict);
    add_count(&r->count, would->verdict);
    if (route != NULL)
        add_count(&route->count, would->verdict);
    if (p == NULL) {
        r->more_people++;
        return;
    }
    p->requests++;
    if (record->wall_ms < p->last_ms)
        return;
    p->last_ms = record->wall_ms;
    p->reason = would->reason;
    copy_text(p->method, sizeof(p->method), record->method);
    copy_text(p->host, sizeof(p->host), record->host);
    copy_text(p->path, sizeof(p->path), record->path);
    copy_text(p->rule, sizeof(p->rule),
              would->rule == NULL ? SPAN_NONE : span_str(would->rule->name));
}

void replay_add(struct replay *r, const struct access_record *record)
{
    struct decision was, would;
    if (!concerns_rules(record)) {
        r->passed++;
        return;
    }
    if (record->version < 3 || (record->flags & ACCESS_CUT) != 0) {
        r->old++;
        return;
    }
    if (!replay_decide(r->before, record, &was) || !replay_decide(r->after, record, &would)) {
        r->passed++;
        return;
    }
    r->requests++;
    if (was.verdict == would.verdict)
        r->same++;
    else
        add_difference(r, record, was.verdict, &would);
}
