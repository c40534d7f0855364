/* Breaking the seal: signing in with a break-glass account (store/breakglass.h).
 *
 * It takes a sealed code or a hardware key, and a reason, before there is a session. The session is
 * short; from the first sign-in the account is active for a while, and then all of it ends at once.
 * Everything that is done with it stands in the trail with an actor of its own kind, "emergency". A
 * drill is the same sign-in with a code that opens nothing. */
#ifndef KEEPER_EMERGENCY_H
#define KEEPER_EMERGENCY_H

#include <jansson.h>

#include "keeper/signin.h"
#include "store/breakglass.h"
#include "store/sessions.h"

/* Shorter is no reason. In bytes, trimmed. */
#define REASON_MIN 10u
#define REASON_MAX 400u

/* Only what lies in a safe: a sealed code, or a key that cannot be copied. */
bool emergency_takes(const struct proofs *p);
/* Activates the account and records BREAKGLASS_USED; in *ret how long all of it lasts. */
must_check int emergency_begin(struct keeper *k, const struct signin *s, uint64_t now,
                               struct breakglass *ret);
void emergency_bound(const struct breakglass *b, uint64_t now, struct session *session);
/* Ends the account's sessions, into the call's revocations, and seals it. why: "time", "closed". */
must_check int emergency_end(struct call *c, const char *user, const char *why, uint64_t now);
/* Once a minute: accounts whose time is over. */
must_check int emergency_sweep(struct call *c, uint64_t now);
/* Sentences about what somebody should look after: an account that is active, that has no codes
 * left, that was not practised for long. Appends to the list. */
must_check int emergency_warn(struct keeper *k, uint64_t now, json_t *list);

#endif
