/* Where each person has signed in from, the latest PLACES_MAX of each: an address, or the network
 * that stands for one (lockout_source_key of identity/lockout.h). Somebody who comes from such a
 * place is no stranger, whoever attacks his account from elsewhere. */
#ifndef STORE_PLACES_H
#define STORE_PLACES_H

#include "store/store.h"

#define PLACES_MAX 32u

/* A sign-in was completed there. *ret_new: it was the first (may be NULL). FAULT_ABSENT: no such
 * user. */
must_check int places_seen(struct store *s, const char *user, const char *place, uint64_t now,
                           bool *ret_new);
/* Has one been, at or after `since`? */
must_check int places_known(struct store *s, const char *user, const char *place, uint64_t since,
                            bool *ret);
must_check int places_list(struct store *s, const char *user,
                           int (*each)(void *context, const char *place), void *context);
/* Forgets places where the last one was before `before`. */
must_check int places_prune(struct store *s, uint64_t before);

#endif
