/* Tests of the policy: what it says of a request that somebody wrote down beside it.
 *
 * A test says who asks, how surely known, from where, for what and when, and what has to come of
 * it. It says all of that itself: a person is in the groups that the test names and in no other, a
 * token is as wide as its owner made it, so that the answer depends on the policy alone. Without a
 * time every rule counts as in its time. A policy of which a test fails does not come into force.
 */
#ifndef KEEPER_TRIALS_H
#define KEEPER_TRIALS_H

#include "base/buf.h"
#include "policy/decide.h"

struct trial {
    const struct test_def *test;
    bool passed;
    const char *fault; /* why it could not be asked, or NULL */
    struct decision found;
};

/* One test against a compiled policy. */
void trial_run(const struct policy *p, const struct snapshot *s, const struct test_def *test,
               struct trial *ret);
/* All of them: 0, or FAULT_FORMAT with a line for each that failed. */
must_check int trials_check(const struct policy *p, const struct snapshot *s, struct buf *errors);

#endif
