/* Voices: whose yes counts for a request of somebody else.
 *
 * A voice is that of a person who is in charge of the matter: a member of the rule's approvers, or
 * whoever could make the change alone. It is never that of the one who asks, and of no account that
 * could be the same person under another name: a program, a break-glass account, an account with
 * the same mail address, one that the one who asks made, gave a way to sign in, or put into a group
 * within the last day. What was true when somebody said yes is asked again when the yes is counted.
 */
#ifndef KEEPER_VOICES_H
#define KEEPER_VOICES_H

#include "keeper/call.h"
#include "store/requests.h"

/* What the one who asks did to the account of the one who agrees is held against both so long. */
#define VOICES_MEMORY 86400u

/* The matter of a request as it is in force now. */
struct matter {
    const char *group; /* whose members are in charge, or NULL: … */
    unsigned roles;    /* … those with one of these roles, owners besides */
    uint32_t needed;
};
/* FAULT_ABSENT: what it is about does not exist any more. */
must_check int voices_matter(struct keeper *k, const struct request *r, struct matter *ret);
/* *why NULL: this user's voice counts; else a sentence that says why not. now: wall seconds. */
must_check int voices_count(struct keeper *k, const struct request *r, const struct matter *m,
                            const char *user, uint64_t now, const char **why);
/* The same for the actor of a call, who must be a person in a browser. */
must_check int voices_may(struct call *c, const struct request *r, const struct matter *m,
                          const char **why);
/* How many of those who have agreed still count. */
must_check int voices_given(struct keeper *k, const struct request *r, const struct matter *m,
                            uint64_t now, uint32_t *ret);

#endif
