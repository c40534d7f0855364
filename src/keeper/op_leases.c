/* A route for as long as a connection lasts. */
#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "keeper/change.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/operation.h"

/* "user:alice", "group:owners@local,office" */
static json_t *rule_json(struct span who, const char *route, size_t number)
{
    static const struct {
        const char *kind, *member;
    } KINDS[] = {{"group", "groups"}, {"user", "users"}, {"token", "tokens"}};
    struct span kind, name, zone;
    if (!span_cut(&who, ':', &kind) || !span_cut(&who, '@', &name) || name.len == 0) {
        return NULL;
    }
    const char *member = NULL;
    for (size_t i = 0; i < countof(KINDS); i++) {
        member = span_is(kind, KINDS[i].kind) ? KINDS[i].member : member;
    }
    json_t *zones = json_array();
    while (span_cut(&who, ',', &zone)) {
        (void)json_push(zones, json_text(zone));
    }
    if (json_array_size(zones) == 0) {
        (void)json_push(zones, json_string("local"));
    }
    char own[80];
    int len = number == 0 ? snprintf(own, sizeof(own), "%s", route)
                          : snprintf(own, sizeof(own), "%s-%zu", route, number + 1);
    if (member == NULL || len >= 64) {
        json_decref(zones);
        return NULL;
    }
    return json_pack("{s:s,s:[o],s:o,s:[s]}", "name", own, member, json_text(name), "zones", zones,
                     "routes", route);
}

/* FAULT_FORMAT: the call has ended with a problem. */
static int write_rules(struct call *c, struct lease *lease)
{
    const json_t *allow = call_member(c, "allow");
    int r = 0;
    if (json_array_size(allow) > LEASE_RULES_MAX) {
        (void)call_problem(c, 400, "allow", "at most %u", LEASE_RULES_MAX);
        return FAULT_FORMAT;
    }
    for (size_t i = 0; r == 0 && i < json_array_size(allow); i++) {
        json_t *rule = rule_json(json_span(json_array_get(allow, i)), lease->name, i);
        if (rule == NULL) {
            (void)call_problem(c, 400, "allow",
                               "expected group:NAME@ZONE, user:NAME@ZONE or token:NAME@ZONE");
            return FAULT_FORMAT;
        }
        r = json_write(rule, &lease->rules);
        json_decref(rule);
        r = r < 0 ? r : buf_byte(&lease->rules, '\n');
    }
    return r < 0 ? r : 0;
}

/* What the body says, and a host below the portal's where it names no place. */
static int write_route(struct call *c, struct lease *lease)
{
    static const char *const MEMBERS[] = {"name", "upstream", "host", "port", "title", "start"};
    json_t *route = json_object();
    int r = route == NULL ? -ENOMEM : 0;
    for (size_t i = 0; r == 0 && i < countof(MEMBERS); i++) {
        json_t *value = json_object_get(c->body, MEMBERS[i]);
        if (value != NULL) {
            r = json_put(route, MEMBERS[i], json_incref(value));
        }
    }
    if (r == 0 && call_member(c, "host") == NULL && call_member(c, "port") == NULL) {
        const char *host = arena_printf(&c->arena, "%s.%s", lease->name,
                                        live_snapshot(c->keeper->live)->portal_host);
        r = host == NULL ? -ENOMEM : json_put(route, "host", json_string(host));
    }
    r = r < 0 ? r : json_write(route, &lease->route);
    json_decref(route);
    return r;
}

/* The rest, with the lease in the book. Whoever calls drops it after a fault. */
static int grant(struct call *c, struct lease *lease)
{
    int r = write_route(c, lease);
    r = r < 0 ? r : write_rules(c, lease);
    /* The change drops it from then on, unless it comes into force. */
    r = r < 0 ? r : change_lease(c, lease);
    if (r < 0) {
        return r;
    }
    json_t *detail = json_pack("{s:O}", "request", c->body);
    r = call_audit(c, AUDIT_LEASE_BEGAN, span_str(lease->name), detail);
    struct span route = buf_view(&lease->route);
    return r < 0 ? r : call_answer(c, 201, json_loadb((const char *)route.at, route.len, 0, NULL));
}

int op_leases_add(struct call *c)
{
    struct keeper *k = c->keeper;
    struct span name = call_string(c, "name");
    if (c->in.kind != CREDENTIAL_HOST || c->in.connection == 0) {
        return call_problem(c, 403, NULL, "a lease lives with a connection to keeper.sock");
    }
    if (!text_is_name(name) || name.len >= 64) {
        return call_problem(c, 400, "name", "expected letters in lower case, digits and hyphens");
    }
    if (!span_starts(call_string(c, "upstream"), SPAN("unix:/"))) {
        return call_problem(c, 400, "upstream", "expected unix:/path");
    }
    if (leases_held(&k->leases, c->in.connection)) {
        return call_problem(c, 409, NULL, "this connection holds a lease already");
    }
    struct lease *lease;
    int r =
        leases_add(&k->leases, c->in.connection, json_string_value(call_member(c, "name")), &lease);
    if (r == FAULT_LIMIT) {
        return call_problem(c, 422, NULL, "at most %u leases at once", LEASES_MAX);
    }
    if (r < 0) {
        return r;
    }
    r = grant(c, lease);
    if (r < 0 && c->change == NULL) {
        lease_drop(lease);
    }
    return r == FAULT_FORMAT ? 0 : r;
}
