/* Roles: what somebody may ask of postern, as a set of bits.
 *
 * A role comes from membership of a built-in group (store/users.h) and from nothing else, so that
 * everything that decides about groups decides about roles too; a person may have several. A row of
 * the table of operations names those who may call it. Owners and the host's owner may call every
 * row that is not for the host alone.
 *
 * Privileged are members of owners and administrators, and break-glass accounts. Whoever could
 * change one of them, give somebody a credential for one of them, or take one's access away would
 * have their rights or end their hold on postern: only owners may. roles_guard() is the one place
 * that says so. */
#ifndef KEEPER_ROLES_H
#define KEEPER_ROLES_H

#include <jansson.h>

#include "base/buf.h"

struct call;

enum role {
    ROLE_NOBODY = 1, /* not logged in: the operation brings its own proof, or is for everybody */
    ROLE_USER = 2,   /* everybody who is logged in, tokens too */
    ROLE_OPERATOR = 4,
    ROLE_AUDITOR = 8,
    ROLE_ADMINISTRATOR = 16,
    ROLE_OWNER = 32,
    ROLE_HOST = 64, /* the owner of this host, over keeper.sock; has no user */
};

/* Of somebody logged in who is in these groups, one a line. */
unsigned roles_of(struct span groups);
/* Whether somebody with the roles `held` may call a row for `wanted`. */
bool roles_admit(unsigned wanted, unsigned held);
/* The strongest of them: "host", "owner", …, "user", "nobody". */
const char *roles_name(unsigned held);
/* All names, the strongest first. NULL without memory. */
json_t *roles_json(unsigned held);
/* "owners, administrators and auditors": all who may call a row for `wanted`. */
void roles_text(unsigned wanted, struct buf *out);

/* May the actor change this user? 1: yes, also when there is no such user. 0: no, and the call has
 * ended with a problem and a record of the attempt; nothing may have been written before. A fault:
 * the store cannot say. */
must_check int roles_guard(struct call *c, const char *user);
/* The same for what is somebody's own: credentials of a program that acts for the caller, the
 * caller's sessions. */
must_check int roles_guard_own(struct call *c, const char *user);
/* May the actor make the groups `before` (one a line) those of the list? Built-in groups have their
 * members from owners. As roles_guard(). */
must_check int roles_guard_groups(struct call *c, struct span before, const char *const *after,
                                  size_t count);

#endif
