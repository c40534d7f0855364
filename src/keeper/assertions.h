/* Who asks, as consoles are told it: the keys that sign, and what is signed for whom.
 *
 * There is one key that signs and at most one that has signed. The latter stays published for an
 * hour after a rotation, so that what it signed last can still be verified; it has no private part
 * any more. Both lie in one file of the keeper's directory that nobody else may read. A file that
 * cannot be read leaves the keeper without a key: edges then refuse requests to consoles that are
 * to get an assertion, and everything else goes on. */
#ifndef KEEPER_ASSERTIONS_H
#define KEEPER_ASSERTIONS_H

#include "conf/snapshot.h"
#include "identity/assertion.h"

struct keeper;
struct msg_view;

/* Seconds that a retired key is published. */
#define ASSERTIONS_PUBLISHED 3600u
/* Seconds after which a key is replaced by itself. */
#define ASSERTIONS_ROTATE (90u * 86400)

struct assertions {
    struct assertion_key current, previous;
    const char *path; /* NULL: nothing is kept on disk */
};

/* Reads the file or makes it with a first key, and replaces a key that is too old. Records what it
 * makes. A fault leaves no key. */
must_check int assertions_open(struct keeper *k, uint64_t now);
void assertions_fini(struct assertions *a);
/* A new key signs from now on; the file is on disk when this returns. revoke: the old one is not
 * published any more. On a fault everything is as it was. */
must_check int assertions_rotate(struct assertions *a, bool revoke, uint64_t now);
/* Once a minute: the rotation that is due. */
void assertions_minute(struct keeper *k, uint64_t now);
/* Is the retired key still published? */
bool assertions_has_previous(const struct assertions *a, uint64_t now);
/* Appends the published keys as a JSON Web Key Set (RFC 7517 section 5). */
must_check int assertions_jwks(const struct assertions *a, uint64_t now, struct buf *out);
/* Appends "ROUTE\tTOKEN\n" for the view's person or token (user, token_name, groups, … are filled
 * in); nothing while there is no key. */
must_check int assertions_add(const struct keeper *k, const struct route_def *route,
                              const struct msg_view *v, uint64_t now, struct buf *out);

#endif
