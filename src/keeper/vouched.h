/* What a directory says of somebody becomes who he is here and what he may.
 *
 * An entry is the user that it was the first time, known by the identifier that never changes. A
 * user of our own is never taken over by an entry of the same name, nor is the user of an entry
 * that has left taken over by the next who has the name. Of the groups of a user exactly those are
 * the directory's that its table names; membership in them follows it at every sign-in and look,
 * and all others are left alone. Runs in a step of the present turn. */
#ifndef KEEPER_VOUCHED_H
#define KEEPER_VOUCHED_H

#include <jansson.h>

#include "keeper/directories.h"

struct call;

/* After BOUND_OK: *user is who it is (STORE_NAME_SIZE bytes), new when the directory may make
 * users; groups are those that it says. *why: not NULL when there is no such user, as "local",
 * "disabled", …; then nothing was done. revokes: what is to be pushed to the edges. */
must_check int vouched_accept(struct keeper *k, const struct directory_def *def,
                              const struct directory_answer *a, char *user, const char **why,
                              struct call *revokes);
/* Whom an answer is about that is not BOUND_OK: the entry of its identifier, else of the user of
 * this name. FAULT_ABSENT. */
must_check int vouched_whom(struct keeper *k, const struct directory_answer *a, const char *typed,
                            struct entry *ret);
/* The directory has shut this entry out: the user is disabled, sessions and tokens end. */
must_check int vouched_gone(struct keeper *k, const struct entry *entry, const char *why,
                            struct call *revokes);
/* A look at somebody who is on: rights follow, or end. An answer that says nothing changes nothing.
 */
must_check int vouched_again(struct keeper *k, const struct entry *entry,
                             const struct directory_answer *a, struct call *revokes);

/* What would become of it, for `postern directory test`. NULL without memory. */
json_t *vouched_json(struct keeper *k, const struct directory_answer *a);

#endif
