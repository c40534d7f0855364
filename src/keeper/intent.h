/* What somebody wants with a change of the policy, and carrying it out.
 *
 * Every way to change zones, routes, rules, tests or settings ends here: one resource, an apply of
 * many, going back. A dry run goes the same way up to the point where something would be written.
 */
#ifndef KEEPER_INTENT_H
#define KEEPER_INTENT_H

#include "keeper/candidate.h"
#include "keeper/change.h"
#include "keeper/confirm.h"
#include "keeper/operation.h"

struct call;

struct intent {
    struct change_terms terms;
    bool dry_run;
    bool override; /* although it locks out every owner; of the host only */
    bool back;     /* goes back: the one thing that is done while a version waits to be confirmed */
    uint64_t version; /* that was made; 0: nothing differs, or a dry run */
};

/* What a query, or the body of an apply, may say. */
#define INTENT_MEMBERS                                                                             \
    {"dry_run", FIELD_FLAG, false, "nothing is changed; the answer says what would be"},           \
        {"comment", FIELD_STRING, false, "why, for those who read the versions",                   \
         .max = VERSION_COMMENT_SIZE - 1},                                                         \
        {"confirm",                                                                                \
         FIELD_DURATION,                                                                           \
         false,                                                                                    \
         "the change is taken back unless it is confirmed within this",                            \
         .min = CONFIRM_LEAST_S,                                                                   \
         .max = CONFIRM_MOST_S},                                                                   \
    {                                                                                              \
        "override_lockout", FIELD_FLAG, false, "although no owner gets in then; on this host only" \
    }
extern const struct field INTENT_QUERY[];

/* From the query, or from the body. false: the call has ended with a problem. */
bool intent_read(struct call *c, bool from_body, const char *cause, struct intent *ret);
/* Finishes the candidate, judges it and makes the change, or with a dry run only *answer: takes the
 * candidate. *answer gets {version, changes, …}, which the caller may add to. The call may have
 * ended with a problem instead: c->status says so. */
must_check int intent_carry_out(struct call *c, struct candidate *plan, struct intent *intent,
                                json_t **answer);

#endif
