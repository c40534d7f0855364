#include "keeper/leases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/log.h"
#include "conf/resource.h"
#include "keeper/keeper.h"

void leases_init(struct leases *l)
{
    list_init(&l->all);
}

void lease_drop(struct lease *lease)
{
    list_remove(&lease->link);
    buf_fini(&lease->route);
    buf_fini(&lease->rules);
    free(lease);
}

void leases_fini(struct leases *l)
{
    list_each_safe(at, &l->all)
    {
        lease_drop(container_of(at, struct lease, link));
    }
}

size_t leases_count(const struct leases *l)
{
    size_t count = 0;
    list_each(at, &l->all)
    {
        count += !container_of(at, struct lease, link)->ended;
    }
    return count;
}

int leases_add(struct leases *l, uint64_t connection, const char *name, struct lease **ret)
{
    if (leases_count(l) >= LEASES_MAX) {
        return FAULT_LIMIT;
    }
    struct lease *lease = calloc(1, sizeof(*lease));
    if (lease == NULL) {
        return -ENOMEM;
    }
    lease->connection = connection;
    (void)snprintf(lease->name, sizeof(lease->name), "%s", name);
    buf_init(&lease->route, RESOURCE_MAX);
    buf_init(&lease->rules, RESOURCE_MAX);
    list_push(&l->all, &lease->link);
    *ret = lease;
    return 0;
}

bool leases_held(const struct leases *l, uint64_t connection)
{
    list_each(at, &l->all)
    {
        const struct lease *lease = container_of(at, struct lease, link);
        if (lease->connection == connection && !lease->ended) {
            return true;
        }
    }
    return false;
}

static int collect_one(const struct lease *lease, struct snapshot *into, struct buf *errors)
{
    struct span rules = buf_view(&lease->rules), rule;
    int r = resource_parse(into, "route", buf_view(&lease->route), errors);
    if (r == 0) {
        into->routes[into->route_count - 1].origin = ORIGIN_GUARD;
    }
    while (r == 0 && span_cut(&rules, '\n', &rule)) {
        r = resource_parse(into, "rule", rule, errors);
        if (r == 0) {
            into->rules[into->rule_count - 1].origin = ORIGIN_GUARD;
        }
    }
    return r;
}

int leases_collect(const struct leases *l, struct snapshot *into, struct buf *errors)
{
    int r = 0;
    list_each(at, &l->all)
    {
        const struct lease *lease = container_of(at, struct lease, link);
        if (r == 0 && !lease->ended) {
            r = collect_one(lease, into, errors);
        }
    }
    return r;
}

static bool is_leased(const struct leases *l, const char *route)
{
    list_each(at, &l->all)
    {
        const struct lease *lease = container_of(at, struct lease, link);
        if (!lease->ended && strcmp(lease->name, route) == 0) {
            return true;
        }
    }
    return false;
}

int leases_check(const struct leases *l, const struct snapshot *merged, struct buf *errors)
{
    for (size_t i = 0; i < merged->rule_count; i++) {
        const struct rule_def *rule = &merged->rules[i];
        for (size_t k = 0; k < rule->routes.count && rule->origin != ORIGIN_GUARD; k++) {
            if (is_leased(l, rule->routes.name[k])) {
                (void)buf_printf(errors,
                                 "rules.%s.routes: expected a route that stays, found \"%s\" of "
                                 "postern guard, which says itself who is admitted\n",
                                 rule->name, rule->routes.name[k]);
                return FAULT_FORMAT;
            }
        }
    }
    return 0;
}

/* ---- with a loop ---- */

static int ended_step(struct keeper *k, void *context)
{
    const struct lease *lease = context;
    return keeper_audit(k, AUDIT_LEASE_ENDED, span_str(lease->name), AUDIT_DONE, SPAN_NONE);
}

void leases_end(struct keeper *k, uint64_t connection)
{
    if (k->stopping) {
        return;
    }
    list_each(at, &k->leases.all)
    {
        struct lease *lease = container_of(at, struct lease, link);
        if (lease->connection != connection || lease->ended) {
            continue;
        }
        lease->ended = true;
        log_kv(LOG_LEVEL_INFO, "lease_ended", "route", lease->name);
        if (turn_run(&k->turn, ended_step, lease) < 0) {
            log_event(LOG_LEVEL_ERROR, "audit_lease_ended");
        }
        hosts_publish(&k->hosts);
    }
}

void leases_settled(struct keeper *k)
{
    list_each_safe(at, &k->leases.all)
    {
        struct lease *lease = container_of(at, struct lease, link);
        const struct route_def *route = snapshot_route(live_snapshot(k->live), lease->name);
        /* One that ended while a snapshot with it was on its way waits for the next. */
        if (!lease->ended || (route != NULL && route->origin == ORIGIN_GUARD)) {
            continue;
        }
        (void)revoke_push(k, REVOKE_ROUTE, span_str(lease->name));
        lease_drop(lease);
    }
}
