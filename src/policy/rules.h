/* The compiled rules: names as numbers, and for every route the rules that concern it.
 *
 * Inside src/policy only; decide.c and explain.c walk the same rules through it. */
#ifndef POLICY_RULES_H
#define POLICY_RULES_H

#include "policy/decide.h"

struct rule;

/* What a rule does. Each class has lists of its own, so that one that is not used costs nothing. */
enum rule_class { RULE_ADMITS, RULE_DEMANDS, RULE_DENIES, RULE_OPENS, RULE_CLASS_COUNT };

/* Who asks, as numbers. Made on the stack for each decision. The first `count` of them admit; all
 * of them are refused when a deny rule names one. */
struct asker {
    const struct question *question;
    enum reason token; /* why a token is not good here at all, or REASON_ALLOWED */
    uint64_t mask;     /* bits that a rule must share to be worth trying; see rules.c */
    uint64_t all_mask; /* the same for deny rules */
    size_t count, all_count;
    bool overflow; /* in more groups than there is room for */
    uint32_t id[SUBJECT_GROUPS_MAX + 1];
};
void asker_init(struct asker *a, const struct policy *p, const struct question *q);

/* Walks the rules that concern the question's route, in the order of the snapshot: the rules that
 * name it and the rules for every route, merged. */
struct rule_walk {
    struct rule_cursor {
        const uint32_t *rule;
        const uint64_t *mask; /* of each rule, side by side, so that the walk over them is quick */
        size_t at, count;
    } named, every;
};
struct rule_walk rules_of(const struct policy *p, enum rule_class class,
                          const struct route_def *route);
/* The next rule that shares a bit with mask; RULES_ALL: the next. NULL at the end. A rule that is
 * passed over fails at REASON_WHO. */
#define RULES_ALL UINT64_MAX
#define RULES_EVERYBODY ((uint64_t)1 << 63) /* rules for anybody at all */
const struct rule *rules_next(const struct policy *p, struct rule_walk *w, uint64_t mask);

/* Of a deny rule: REASON_DENIED, or the test at which it turned out not to concern the request. */
enum reason rule_refuses(const struct rule *r, const struct asker *a);
/* Of an anonymous rule: REASON_ANONYMOUS, or the test that it failed at. */
enum reason rule_opens(const struct rule *r, const struct question *q);
/* Of any other: REASON_ALLOWED, or the test that the rule failed at. */
enum reason rule_try(const struct rule *r, const struct asker *a);
const struct rule_def *rule_def_of(const struct rule *r);

const struct snapshot *policy_snapshot(const struct policy *p);

#endif
