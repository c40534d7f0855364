/* Break-glass accounts: for the day on which nobody else can sign in.
 *
 *   SEALED ──a sealed code or a hardware key, with a reason──▶ ACTIVE ──time──▶ SEALED
 *
 * The codes lie in envelopes; here are their SHA-256 hashes, each good once. An account has neither
 * password nor TOTP, recovery codes or an enrolment: the store refuses them. Removing the user
 * removes all of it. */
#ifndef STORE_BREAKGLASS_H
#define STORE_BREAKGLASS_H

#include "store/store.h"

#define SEALED_CODES_MAX 16u
/* Seconds after its making in which an account takes hardware keys: those who opened an envelope
 * later must not leave a way in of their own. */
#define BREAKGLASS_FILL_S 3600u

struct breakglass {
    char user[STORE_NAME_SIZE];
    bool disabled; /* as of users.h; not set by the caller */
    uint64_t made;
    uint32_t session;      /* seconds that one sign-in lasts at the most */
    uint32_t active;       /* seconds from the first sign-in until everything ends */
    uint64_t active_until; /* 0: sealed */
    uint64_t last_used, last_drill;
    uint32_t codes; /* unused; not set by the caller */
};

/* The user must exist. FAULT_ABSENT, FAULT_EXISTS. */
must_check int breakglass_add(struct store *s, const struct breakglass *b);
/* FAULT_ABSENT. */
must_check int breakglass_find(struct store *s, const char *user, struct breakglass *ret);
/* By name; not many. */
must_check int breakglass_list(struct store *s,
                               int (*each)(void *context, const struct breakglass *b),
                               void *context);
/* Replaces the unused codes. FAULT_LIMIT, FAULT_ABSENT. */
must_check int breakglass_set_codes(struct store *s, const char *user,
                                    const uint8_t (*hashes)[STORE_HASH_SIZE], size_t count);
/* Replaces the drill's code. FAULT_ABSENT. */
must_check int breakglass_set_drill(struct store *s, const char *user,
                                    const uint8_t hash[STORE_HASH_SIZE], uint64_t expires);
/* Uses the code up. FAULT_ABSENT: not one of this account's, or expired. */
must_check int breakglass_use(struct store *s, const char *user,
                              const uint8_t hash[STORE_HASH_SIZE], uint64_t now, bool *drill);
/* until 0: sealed again. FAULT_ABSENT. */
must_check int breakglass_activate(struct store *s, const char *user, uint64_t until, uint64_t now);
must_check int breakglass_drilled(struct store *s, const char *user, uint64_t now);

#endif
