/* The account that the service runs as, and the way down to it from root.
 *
 * Started as root, postern binds its ports and then becomes this account for good; started as
 * anybody else it stays who it is. It never runs its loop as uid 0. */
#ifndef SUPERVISOR_PRIVILEGE_H
#define SUPERVISOR_PRIVILEGE_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/macros.h"

struct account {
    uid_t uid;
    gid_t gid;
};

/* For root: the account of this name ("" means "postern"). For anybody else: the caller's own.
 * FAULT_ABSENT: no such user; FAULT_DENIED: the user is root itself. */
must_check int account_find(const char *name, struct account *ret);
/* Becomes the account, without supplementary groups, and makes sure that root cannot be regained.
 * Nothing happens when not root. -errno, or FAULT_DENIED when the way back is open. */
must_check int privilege_drop(const struct account *account);

#endif
