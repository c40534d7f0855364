/* A detour by the portal: somebody has to log in, or to prove more, and comes back to where he was.
 *
 *   a page is looked at     303 to the portal, and back by a hand-over (handover.h)
 *   a form was sent         a page: nothing was passed on; the proof is made in another tab, and
 * the browser, which has kept the data, sends it again when this one is loaded anew. What people
 * typed is in one place only, and never lost silently a program, a script,    401 with a problem of
 * the type DETOUR_PROBLEM that names the level, the a WebSocket             age and the address
 * where to prove it
 *
 * Each way ends on a page that says why when it goes in circles. */
#ifndef EDGE_DETOUR_H
#define EDGE_DETOUR_H

#include "edge/exchange.h"

#define DETOUR_PROBLEM "urn:postern:problem:proof-needed"
/* A rule would admit this only to whom somebody has granted it: a page leads to the portal, where
 * it can be asked for, a form and everything else are told where. */
#define DETOUR_GRANT_PROBLEM "urn:postern:problem:grant-needed"
#define DETOUR_GRANT "/signin/access"
/* Where the portal asks for a proof, and where a console's host says that there was one. */
#define DETOUR_STEP_UP "/signin/stepup"
#define DETOUR_PROVEN "/.postern/proven"

/* A person looks at a page of its own: the only request that a redirect to a login page serves. */
bool detour_may_follow(const struct exchange *x);
/* cookie_came: a session's cookie came along that is worth nothing. */
void detour_login(struct exchange *x, bool cookie_came);
/* x->decision is VERDICT_PROVE for somebody who is logged in: a rule demands more than was proven,
 * the session has left its binding, which only a new login mends, or a grant is missing. */
void detour_prove(struct exchange *x);
/* Gets DETOUR_PROVEN. */
void detour_proven(struct exchange *x);

#endif
