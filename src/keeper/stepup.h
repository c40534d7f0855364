/* Step-up: somebody who is logged in proves more, or proves it again.
 *
 *   GET  /signin/stepup   says what is asked, by whom, and has a form for each way that suffices
 *   POST /signin/stepup   a password and a code; or a password, and a key on the next page
 *   a passkey             by the operations of every sign-in with one (passkeys.h)
 *
 * Each ends in signin_finish(), which raises the session that this browser has: new keys, the old
 * ones are dead. What is asked stands in the address, in the open: whoever changes it changes what
 * he himself is asked, and is asked again by the rule that stays as it is. */
#ifndef KEEPER_STEPUP_H
#define KEEPER_STEPUP_H

#include "base/assurance.h"
#include "keeper/call.h"

#define STEPUP_PROBLEM "urn:postern:problem:proof-needed"

/* Was this level proven, at most so many seconds ago (0: ever)? A time that lies more than a minute
 * ahead proves nothing. */
bool stepup_satisfied(const struct proven *p, enum assurance level, uint64_t max_age, uint64_t now);
/* The session of this browser, by either of the portal's cookies. *found false: it has none. */
struct session;
must_check int stepup_session(struct call *c, struct session *s, bool *found);
/* On a page whose forms need the proof that changes need (authentication.admin_assurance): a link
 * to it, so that nobody fills them in vain. place: of the page, a constant without anything to
 * encode but its slashes. Nothing when it is there. */
void stepup_offer(struct call *c, const char *place);
/* Ends the call of somebody whose session proves too little for it: a page leads on to the proof
 * and back, or says that nothing was done; a program gets a problem of the type STEPUP_PROBLEM. */
must_check int stepup_demand(struct call *c, enum assurance level, uint32_t max_age);

#endif
