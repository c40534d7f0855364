/* Which users are entries of a directory, and which one each is.
 *
 * An entry is known by the identifier that its directory never changes and never gives to another
 * (entryUUID, objectGUID), not by its name: who gets the name of somebody who has left is somebody
 * else. A user whom an administrator has announced has no identifier until his first sign-in. */
#ifndef STORE_ENTRIES_H
#define STORE_ENTRIES_H

#include "store/store.h"

#define ENTRY_ID_SIZE 129u
#define ENTRY_DN_SIZE 1025u

struct entry {
    char user[STORE_NAME_SIZE];
    char directory[STORE_NAME_SIZE];
    char id[ENTRY_ID_SIZE]; /* in hex; "": not known yet */
    char dn[ENTRY_DN_SIZE]; /* where it was last seen */
    uint64_t checked;       /* when the directory last vouched for it */
    bool gone;              /* it said that the entry is disabled or not there */
    bool settled;           /* has been on once; entries_put leaves it as it is */
};

/* Adds or replaces the user's. FAULT_ABSENT: no such user; FAULT_EXISTS: another user is this
 * entry.
 */
must_check int entries_put(struct store *s, const struct entry *e);
/* FAULT_ABSENT. */
must_check int entries_find(struct store *s, const char *user, struct entry *ret);
must_check int entries_find_id(struct store *s, const char *directory, const char *id,
                               struct entry *ret);
/* The user has been on: there is a second factor from now on, and the first one alone never makes
 * another. Nothing to do for a user who is no entry. */
must_check int entries_settle(struct store *s, const char *user);
must_check int entries_remove(struct store *s, const char *user);
/* Those of the directory that were last vouched for before `before` and whose user is on or owns a
 * token that is good at `now`; the longest ago first. */
must_check int entries_due(struct store *s, const char *directory, uint64_t before, uint64_t now,
                           uint32_t limit, int (*each)(void *context, const struct entry *entry),
                           void *context);

#endif
