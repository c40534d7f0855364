/* Asking for what others have to agree to, and their answer: the requests of store/requests.h.
 *
 * These are the steps, for the API and the pages alike. Each ends the call: with the request, or
 * with a problem. Who may say what: voices.h; what becomes of a grant in time: grants.h. */
#ifndef KEEPER_ASKING_H
#define KEEPER_ASKING_H

#include "conf/snapshot.h"
#include "keeper/voices.h"

/* What a rule that asks for a grant says of this person. false: it does not name him. */
bool asking_eligible(const struct rule_def *rule, const char *user, struct span groups);
/* duration: "2h", "90m". */
must_check int asking_access(struct call *c, struct span rule, struct span reason,
                             struct span duration);
must_check int asking_approve(struct call *c, uint64_t seq, struct span comment);
must_check int asking_deny(struct call *c, uint64_t seq, struct span comment);
/* Takes back what waits, or ends what runs. */
must_check int asking_drop(struct call *c, uint64_t seq);

/* May the actor see it? */
must_check int asking_may_see(struct call *c, const struct request *r, bool *ret);
const char *asking_state_name(enum request_state state);
json_t *asking_json(struct call *c, const struct request *r);

#endif
