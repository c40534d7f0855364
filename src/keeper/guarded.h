/* The two-person rule: chosen classes of changes wait until another person agrees.
 *
 *   an operation of a guarded class ──▶ 202, a request (store/requests.h); nothing is done
 *   another person approves it      ──▶ it is done as the one who asked, whose rights, and whose
 *                                       token's, are asked anew; the record names both
 *
 * Who may agree could make the change alone (voices.h). A change of the policy is refused when the
 * policy is another than the one that was there when it was asked for, because what was agreed to
 * would mean something else. The host's owner is asked for nobody's agreement. Operations of the
 * guarded classes take no secrets, so none is kept; what one answers is told to the one who agrees.
 */
#ifndef KEEPER_GUARDED_H
#define KEEPER_GUARDED_H

#include "keeper/call.h"
#include "store/requests.h"

/* The class of this operation when the configuration guards it, or NULL. */
const char *guarded_class(const struct call *c);
/* *held: the call has ended with a request, or with the problem that the change would have; else it
 * may go on. After the body has been read. */
must_check int guarded_hold(struct call *c, bool *held);
/* What a change rests on, in the words of requests.basis. */
must_check int guarded_basis(struct keeper *k, const char *class, uint8_t ret[STORE_HASH_SIZE]);
/* The row that the request is for, and its parameters. FAULT_ABSENT: there is none any more. */
must_check int guarded_find(struct keeper *k, uint64_t seq, struct arena *arena,
                            struct request_action *action, const struct operation **ret,
                            struct span params[2]);
/* Does it, in the name of who asked. 0: done, *result is what it answered (owned). FAULT_DENIED: it
 * was not, *why (in the arena of c) says it, and nothing of it is left. */
must_check int guarded_run(struct call *c, const struct request *r, json_t **result,
                           const char **why);

#endif
