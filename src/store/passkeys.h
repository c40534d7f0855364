/* Passkeys: public keys that people sign in with (identity/passkey.h), several by name for each.
 *
 * A credential id exists once, whoever it belongs to. Beside the keys stand two things that belong
 * to no key: the handle under which authenticators know a person, random so that it tells nothing,
 * and the secret from which ids are made up for names that have none. */
#ifndef STORE_PASSKEYS_H
#define STORE_PASSKEYS_H

#include "store/store.h"

#define PASSKEYS_PER_USER 16u
#define PASSKEYS_ID_MAX 1023u
#define PASSKEYS_KEY_MAX 259u
#define PASSKEYS_HANDLE_SIZE 32u

struct passkey {
    uint8_t id[PASSKEYS_ID_MAX];
    size_t id_len;
    char user[STORE_NAME_SIZE];
    char name[STORE_NAME_SIZE]; /* unique for the user; any printable text */
    int32_t alg;
    uint8_t key[PASSKEYS_KEY_MAX];
    size_t key_len;
    uint32_t count;    /* of signatures, as the key last said */
    bool verified;     /* it checked who its user is when it was made */
    bool synced;       /* it may exist on several devices */
    bool backed_up;    /* it does, when last used */
    bool attested;     /* its maker was on the list */
    uint8_t model[16]; /* AAGUID */
    uint64_t made, last_used;
    bool disabled; /* it may have been copied */
};

/* FAULT_EXISTS: the id is known, or the user has one of that name; FAULT_LIMIT: the user has
 * PASSKEYS_PER_USER, or something is too long; FAULT_ABSENT: no such user. */
must_check int passkeys_add(struct store *s, const struct passkey *p);
/* FAULT_ABSENT. */
must_check int passkeys_find(struct store *s, struct span id, struct passkey *ret);
must_check int passkeys_find_name(struct store *s, const char *user, const char *name,
                                  struct passkey *ret);
/* All of the user, oldest first. */
must_check int passkeys_list(struct store *s, const char *user,
                             int (*each)(void *context, const struct passkey *p), void *context);
/* Those that are not disabled. */
must_check int passkeys_count(struct store *s, const char *user, uint64_t *ret);
/* A signature was right: what the key says now. FAULT_STALE: it is disabled, or the count has risen
 * as far or farther in the meantime (0 and 0 are equal and good). */
must_check int passkeys_used(struct store *s, struct span id, uint32_t count, bool backed_up,
                             uint64_t now);
/* FAULT_ABSENT. */
must_check int passkeys_disable(struct store *s, struct span id);
/* FAULT_ABSENT, FAULT_EXISTS. */
must_check int passkeys_rename(struct store *s, const char *user, const char *name, const char *to);
must_check int passkeys_remove(struct store *s, const char *user, const char *name);
/* None is no fault. */
must_check int passkeys_remove_all(struct store *s, const char *user);
/* Good again. FAULT_ABSENT. */
must_check int passkeys_enable(struct store *s, const char *user, const char *name);

/* The user's handle; `fresh` becomes it when there is none. FAULT_ABSENT: no such user. */
must_check int passkeys_handle(struct store *s, const char *user,
                               const uint8_t fresh[PASSKEYS_HANDLE_SIZE],
                               uint8_t ret[PASSKEYS_HANDLE_SIZE]);
/* The secret of this store for ids that do not exist. The caller wipes it. */
must_check int passkeys_decoy(struct store *s, uint8_t ret[STORE_HASH_SIZE]);

#endif
