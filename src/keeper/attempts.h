/* Attempts to prove something: how long somebody has to wait, what a failure costs, whether a code
 * is good. Every page and message that takes a secret from a stranger asks here, inside a step of
 * the present turn (turn.h).
 *
 * An attempt is charged as a failure before anything is looked at and taken back on success, so
 * that many attempts at once do not all find the account fresh. Three things are charged: the place
 * it comes from, the account, and the two together. Whoever comes from a place where he has signed
 * in lately does not wait for what strangers elsewhere have done to his account. */
#ifndef KEEPER_ATTEMPTS_H
#define KEEPER_ATTEMPTS_H

#include "base/addr.h"
#include "identity/assurance.h"
#include "keeper/keeper.h"

struct call;

struct attempt {
    struct keeper *keeper;
    const char *user; /* "" when it cannot be a name: only the source is charged */
    struct addr source;
    struct span request_id;
};

/* *wait: seconds until the next attempt may be made; 0: it has been charged. */
must_check int attempts_charge(const struct attempt *a, uint32_t *wait);
/* The same for a page or an operation, whose answer comes at a fixed time then. 1: it has been
 * charged. 0: somebody has to wait, which is recorded and stands in the call; the answer is a 429
 * with ATTEMPTS_WAIT. What the run writes from here on stays. */
must_check int attempts_admit(struct call *c, const struct attempt *a);
#define ATTEMPTS_WAIT "Too many attempts. Wait, then try again."
/* An attempt that a call is, of this user. Borrows from both. */
struct attempt attempts_by(const struct call *c, const char *user);
/* The factor of a user that exists was wrong: one more in a row; the hundredth disables the factor,
 * and that is recorded. */
must_check int attempts_failed(const struct attempt *a, enum factor factor);
/* Everything was right. `charges`: how many times this sign-in was charged; each is taken back from
 * the source and the account, and from the source one more; what the two did together is
 * forgotten. */
must_check int attempts_forgive(const struct attempt *a, unsigned charges);
/* Has this factor of a user failed too often in a row? It proves nothing then, until an
 * administrator enables the user again or the factor is replaced. */
must_check int attempts_spent(struct store *s, const char *user, enum factor factor, bool *ret);
/* A session has come of these factors: their failures in a row end here, and the place is known
 * from now on. *ret_new (may be NULL): it was not known before. */
/* *ret_failures (may be NULL): the most that any of them had. */
must_check int attempts_proven(const struct attempt *a, uint32_t factors, bool *ret_new,
                               uint32_t *ret_failures);
/* Forgets what was charged to the user from everywhere, and enables all factors that were disabled
 * for their failures. */
must_check int attempts_restore(struct store *s, const char *user);

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
