/* Attempts to prove something: how long somebody has to wait, what a failure costs, whether a code
 * is good. Every page and message that takes a secret from a stranger asks here, inside a step of
 * the present turn (turn.h).
 *
 * An attempt is charged as a failure before anything is looked at and taken back on success, so
 * that many attempts at once do not all find the account fresh. */
#ifndef KEEPER_ATTEMPTS_H
#define KEEPER_ATTEMPTS_H

#include "base/addr.h"
#include "identity/assurance.h"
#include "keeper/keeper.h"

struct attempt {
    struct keeper *keeper;
    const char *user; /* "" when it cannot be a name: only the source is charged */
    struct addr source;
    struct span request_id;
};

/* *wait: seconds until the next attempt may be made; 0: it has been charged. */
must_check int attempts_charge(const struct attempt *a, uint32_t *wait);
/* The factor of a user that exists was wrong: one more in a row; the hundredth disables the factor,
 * and that is recorded. */
must_check int attempts_failed(const struct attempt *a, enum factor factor);
/* Everything was right: the charges of the account and its factors are forgotten. `charges`: how
 * many times this sign-in was charged; each is taken back from the source, and one more. */
must_check int attempts_forgive(const struct attempt *a, unsigned charges);

/* Is it a code of this user, of the TOTP kind or a recovery code? 0 with *good, and *factor says
 * which; a good one is used up. A code that came before is recorded. */
must_check int attempts_code(const struct attempt *a, struct span code, bool *good,
                             enum factor *factor);

/* Records LOGIN_REFUSED with why: "user", "password", "code", … */
must_check int attempts_refused(const struct attempt *a, const char *why);
/* Records that somebody had to wait: the first of a minute with its particulars, the others
 * counted, so that a flood of attempts is no flood of records. */
must_check int attempts_throttled(const struct attempt *a);
/* Once a minute: those counted, as one record. */
void attempts_minute(struct keeper *k);

#endif
