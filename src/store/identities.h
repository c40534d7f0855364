/* Who somebody is elsewhere: (issuer, subject) of an OpenID provider, and what that provider calls
 * the sessions that it has vouched for.
 *
 * The subject is the only name that a provider never gives to another person, and only beside the
 * issuer; e-mail addresses and display names identify nobody. One user may have several identities,
 * an identity has one user. */
#ifndef STORE_IDENTITIES_H
#define STORE_IDENTITIES_H

#include "store/store.h"

#define IDENTITY_ISSUER_MAX 1024u
#define IDENTITY_SUBJECT_MAX 255u
#define IDENTITIES_PER_USER 16u

struct identity {
    char issuer[IDENTITY_ISSUER_MAX + 1];
    char subject[IDENTITY_SUBJECT_MAX + 1];
    char user[STORE_NAME_SIZE];
    uint64_t created, used; /* used: 0: never */
};

/* FAULT_EXISTS: it is somebody's already; FAULT_ABSENT: no such user; FAULT_LIMIT. */
must_check int identities_add(struct store *s, const struct identity *i);
must_check int identities_find(struct store *s, struct span issuer, struct span subject,
                               struct identity *ret);
must_check int identities_used(struct store *s, struct span issuer, struct span subject,
                               uint64_t now);
/* FAULT_ABSENT: this user has no such identity. */
must_check int identities_remove(struct store *s, const char *user, struct span issuer,
                                 struct span subject);
must_check int identities_list(struct store *s, const char *user,
                               int (*each)(void *context, const struct identity *i), void *context);

/* The provider has vouched for this session, and calls it sid (may be empty). */
must_check int vouches_add(struct store *s, const uint8_t session[STORE_ID_SIZE],
                           struct span issuer, struct span subject, struct span sid);
/* Sessions that live, of the subject and the sid as far as either is given. */
must_check int vouches_each(struct store *s, struct span issuer, struct span subject,
                            struct span sid, int (*each)(void *context, const uint8_t *session),
                            void *context);

/* A logout token is good once: FAULT_EXISTS the second time. Remembered until `forget`. */
must_check int endings_add(struct store *s, struct span issuer, struct span jti, uint64_t forget);
must_check int endings_prune(struct store *s, uint64_t now);

#endif
