/* How long must somebody wait after failed attempts? Pure: state and time in, answer out.
 *
 * The first failures cost nothing, because people mistype. From the fifth (an account) or the
 * twentieth (a source, behind which many people may sit) the wait doubles with every failure up to
 * a quarter of an hour, and is forgotten after a day without one. A lockout that only ends by an
 * administrator would be a weapon in the hands of anybody who knows a name; so the account is never
 * locked, it gets slow.
 *
 * Apart from that a factor with 100 failures in a row is spent (SP 800-63B section 5.2.2): the
 * caller disables that factor, not the person. */
#ifndef IDENTITY_LOCKOUT_H
#define IDENTITY_LOCKOUT_H

#include "base/addr.h"
#include "store/throttles.h"

#define LOCKOUT_FACTOR_MAX 100u
#define LOCKOUT_KEY_SIZE (ADDR_TEXT_SIZE + 4)

enum lockout_scope {
    LOCKOUT_ACCOUNT, /* THROTTLE_ACCOUNT */
    LOCKOUT_SOURCE,  /* THROTTLE_SOURCE */
    LOCKOUT_FACTOR,  /* THROTTLE_PASSWORD, THROTTLE_CODE: counts only, never makes anybody wait */
};

/* Seconds until the next attempt may be made; 0: now. A clock that was set back never makes the
 * wait longer than the longest one. */
uint32_t lockout_wait(enum lockout_scope scope, const struct throttle *t, uint64_t now);
/* One more failure. */
void lockout_fail(enum lockout_scope scope, struct throttle *t, uint64_t now);
/* A success. For an account or factor: everything is forgotten. For a source: one failure is taken
 * back, since an attacker with one account of his own could else wash his address clean. */
void lockout_succeed(enum lockout_scope scope, struct throttle *t);
/* For LOCKOUT_FACTOR: the factor has to be disabled now. */
bool lockout_is_spent(const struct throttle *t);

/* The prefix that stands for one place: an IPv4 address, or the /64 of an IPv6 address. */
void lockout_source_key(const struct addr *a, char out[LOCKOUT_KEY_SIZE]);

#endif
