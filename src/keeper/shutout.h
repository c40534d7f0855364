/* Would there be an owner left who gets in? The guard against the change that locks out the last.
 *
 * An owner counts who is enabled, has what reaches the assurance that changes of postern ask for,
 * and has signed in before from an address that is in a zone of the portal (nothing is known of
 * somebody who never did: such a one counts). Break-glass accounts do not count: an emergency is
 * what is to be avoided. A change is refused when somebody counted before it and nobody does after
 * it; what is worse off already may be changed, or nobody could mend it. Only the owner of this
 * host may do it all the same, and that is recorded. */
#ifndef KEEPER_SHUTOUT_H
#define KEEPER_SHUTOUT_H

#include <jansson.h>

#include "base/buf.h"

struct call;
struct keeper;
struct live;

#define SHUTOUT_TEXT_MAX 400u

struct shutout {
    uint64_t able;
    json_t *who;     /* names of owners who are not */
    struct buf text; /* why, one reason after the other */
};

void shutout_init(struct shutout *s);
void shutout_fini(struct shutout *s);
/* Who gets in under this policy, with the credentials that the store holds now. live NULL: under
 * any policy. 0 or a fault. */
must_check int shutout_count(struct keeper *k, const struct live *live, struct shutout *ret);

/* The policy would change from what is in force to `next`. *ret: NULL, or {sentence, who} when no
 * owner would get in. 0 or a fault. */
must_check int shutout_judge(struct keeper *k, const struct live *next, json_t **ret);
/* Ends the call with 409 because of it, or with an override records it. 1: go on. 0: it has ended.
 * A fault. */
must_check int shutout_refuse(struct call *c, const json_t *verdict, bool override);

/* Around a change of users: counts before, and after it ends the call when nobody is left. The
 * override is the query's. *before as shutout_before() gave it. */
must_check int shutout_before(struct call *c, const char *user, uint64_t *before);
/* 1: go on. 0: the call has ended. A fault. */
must_check int shutout_after(struct call *c, uint64_t before);
/* The query says override_lockout, and the caller is the owner of this host. */
bool shutout_overridden(struct call *c);

#endif
