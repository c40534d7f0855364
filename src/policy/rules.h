/* The compiled rules: names as numbers, and for every route the rules that concern it.
 *
 * Inside src/policy only; decide.c and explain.c walk the same rules through it. */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H

#include "policy/decide.h"

struct rule;

/* Who asks, as numbers. Made on the stack for each decision. */
struct asker {
    const struct question *question;
    uint64_t mask; /* one bit for each number, modulo 64: most rules are told apart by it */
    size_t count;
    uint32_t id[SUBJECT_GROUPS_MAX + 1];
};
void asker_init(struct asker *a, const struct policy *p, const struct question *q);

/* Walks the rules that concern the question's route, in the order of the snapshot. */
struct rule_walk {
    const uint32_t *named, *named_end; /* rules that name the route */
    const uint32_t *every, *every_end; /* rules for every route */
};
struct rule_walk rules_for(const struct policy *p, const struct route_def *route);
/* NULL at the end. */
const struct rule *rules_next(const struct policy *p, struct rule_walk *w);

/* REASON_ALLOWED, or the test that the rule failed at. */
enum reason rule_try(const struct rule *r, const struct asker *a);
const struct rule_def *rule_def_of(const struct rule *r);

const struct snapshot *policy_snapshot(const struct policy *p);

/* How near is a failure to being let in? Greater is nearer. */
int reason_nearness(const struct question *q, enum reason reason);

#endif
