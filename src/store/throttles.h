/* Failed attempts in a row, per account, per source, per pair of both, and per factor. What they
 * mean is decided in identity/lockout.h; here they are only remembered. */
#ifndef STORE_THROTTLES_H
#define STORE_THROTTLES_H

#include "store/store.h"

enum throttle_kind {
    THROTTLE_ACCOUNT = 1,  /* key: a user name, known or not */
    THROTTLE_SOURCE = 2,   /* key: lockout_source_key() */
    THROTTLE_PASSWORD = 3, /* key: a known user; counts towards disabling the password */
    THROTTLE_CODE = 4,     /* key: a known user; counts towards disabling TOTP */
    THROTTLE_RECOVERY = 5, /* … recovery codes; */
    THROTTLE_PASSKEY = 6,
    THROTTLE_KEY = 7,
    THROTTLE_DIRECTORY = 8,
    THROTTLE_SEALED = 9,
    THROTTLE_PAIR = 10, /* key: lockout_pair_key() */
};

struct throttle {
    uint32_t failures; /* in a row */
    uint64_t last_failure;
};

/* Zero failures when nothing is known. */
must_check int throttles_find(struct store *s, enum throttle_kind kind, const char *key,
                              struct throttle *ret);
/* Zero failures: forgotten. */
must_check int throttles_put(struct store *s, enum throttle_kind kind, const char *key,
                             const struct throttle *t);
/* Forgets the pairs of one account. */
must_check int throttles_forget_pairs(struct store *s, const char *user);
/* Forgets accounts, sources and pairs that failed last before `before`; and of names that are no
 * users, of sources and of pairs the oldest beyond `max`, because anybody can make those. Counts of
 * factors stay. */
must_check int throttles_prune(struct store *s, uint64_t before, uint32_t max);

#endif
