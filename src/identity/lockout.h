/* How long must somebody wait after failed attempts? Pure: state and time in, answer out.
 *
 * The first failures cost nothing, because people mistype. From the fifth (an account from one
 * place), the tenth (an account from everywhere) or the twentieth (a place, behind which many
 * people may sit) the wait doubles with every failure up to a quarter of an hour, and is forgotten
 * after a day without one. A lockout that only ends by an administrator would be a weapon in the
 * hands of anybody who knows a name; so the account is never locked, it gets slow. And it gets slow
 * for strangers only: where a person has signed in before, the caller does not ask about the
 * account as a whole.
 *
 * Apart from that a factor with 100 failures in a row is spent (SP 800-63B section 5.2.2): the
 * caller disables that factor, not the person. */
#ifndef IDENTITY_LOCKOUT_H
#define IDENTITY_LOCKOUT_H

#include "base/addr.h"
#include "store/throttles.h"

#define LOCKOUT_FACTOR_MAX 100u
#define LOCKOUT_KEY_SIZE (ADDR_TEXT_SIZE + 4)
#define LOCKOUT_PAIR_SIZE (STORE_NAME_SIZE + LOCKOUT_KEY_SIZE)

enum lockout_scope {
    LOCKOUT_ACCOUNT, /* THROTTLE_ACCOUNT: from everywhere */
    LOCKOUT_PAIR,    /* THROTTLE_PAIR: an account from one place */
    LOCKOUT_SOURCE,  /* THROTTLE_SOURCE */
    LOCKOUT_FACTOR,  /* THROTTLE_PASSWORD and the other factors: counts only, nobody waits */
};

/* Seconds until the next attempt may be made; 0: now. A clock that was set back never makes the
 * wait longer than the longest one. */
uint32_t lockout_wait(enum lockout_scope scope, const struct throttle *t, uint64_t now);
/* One more failure. */
void lockout_fail(enum lockout_scope scope, struct throttle *t, uint64_t now);
/* A success. For a pair or factor: everything is forgotten. For a source: one failure is taken
 * back, since an attacker with one account of his own could else wash his address clean; and for an
 * account as well, since else every login of its owner would give the others a fresh start. */
void lockout_succeed(enum lockout_scope scope, struct throttle *t);
/* For LOCKOUT_FACTOR: the factor has to be disabled now. */
bool lockout_is_spent(const struct throttle *t);

/* The prefix that stands for one place: an IPv4 address, or the /64 of an IPv6 address. */
void lockout_source_key(const struct addr *a, char out[LOCKOUT_KEY_SIZE]);
/* An account from such a place. No name holds a blank, so no two pairs share a key. */
void lockout_pair_key(const char *user, const char *place, char out[LOCKOUT_PAIR_SIZE]);

#endif
