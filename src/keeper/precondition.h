/* Preconditions (RFC 9110 section 13): a change that is meant for what its author has seen.
 *
 * A GET of the API answers with an ETag: of the policy as a whole its version, else a digest of the
 * answer without what changes by mere use. A change may bring it back as If-Match and is refused
 * with 412 when something else stands there now. What a change is compared with is the answer of
 * the GET of the same resource, or of the nearest one above it that has a GET:
 * POST /users/{name}/disable is compared with GET /users/{name}, a change of the policy that has no
 * such with GET /policy. */
#ifndef KEEPER_PRECONDITION_H
#define KEEPER_PRECONDITION_H

#include "keeper/call.h"

/* A list of entity tags, or "*". */
bool precondition_is_shaped(struct span if_match);
/* After a GET that succeeded: fills c->etag. */
must_check int precondition_tag(struct call *c);
/* Before a change that brings If-Match. 1: it holds. 0: the call has ended with 412, or 400 where
 * there is nothing to compare with. A fault: nobody knows. */
must_check int precondition_check(struct call *c);

#endif
