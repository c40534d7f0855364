/* What each person has signed in with, as browsers and programs name themselves: so that a new one
 * can be told. The name is no proof of anything; the oldest of a person are forgotten. */
#ifndef STORE_AGENTS_H
#define STORE_AGENTS_H

#include "store/store.h"

#define AGENTS_MAX 32u
#define AGENT_SIZE_MAX 256u

/* Seen now. *ret_new: not before. Longer names are one with others of the same beginning.
 * FAULT_ABSENT: no such user. */
must_check int agents_seen(struct store *s, const char *user, struct span agent, uint64_t now,
                           bool *ret_new);

#endif
