/* API tokens of programs. The store knows the SHA-256 of a token's text only.
 *
 * A token's name is unique among those not revoked, because rules name tokens. A rotation gives it
 * a new text; the former one stays good until a time of its own, so that nobody has to change all
 * programs in one moment. There is one former text at the most. */
#ifndef STORE_TOKENS_H
#define STORE_TOKENS_H

#include "store/store.h"

struct token {
    uint64_t seq; /* not set by the caller */
    uint8_t id[STORE_ID_SIZE];
    uint8_t hash[STORE_HASH_SIZE];
    char name[STORE_NAME_SIZE];
    char owner[STORE_NAME_SIZE];
    struct span routes;  /* one item a line, at most 4096 bytes */
    struct span methods; /* at most 256 */
    struct span paths;   /* at most 8192 */
    struct span zones;   /* where it is good, at most 1024; none: anywhere */
    bool bound;          /* good only beside the certificate whose public key has … */
    uint8_t certificate[STORE_HASH_SIZE]; /* … this hash */
    uint64_t created;
    uint64_t expires; /* 0: never */

    /* Not set by the caller. */
    uint64_t rotated; /* 0: never */
    uint8_t former[STORE_HASH_SIZE];
    uint64_t former_ends; /* 0: there is no former text */
    uint64_t former_used;
    bool by_former;     /* found by the hash of its former text */
    uint64_t last_used; /* exact to a minute, as are the others of their kind */
    uint8_t last_source[16];
    uint64_t strayed; /* used where it is not good */
    uint8_t stray_source[16];
    uint64_t revoked; /* 0: not revoked */
    bool owner_disabled;
};

/* FAULT_EXISTS: a token of this name; FAULT_ABSENT: no such owner. */
must_check int tokens_add(struct store *s, const struct token *t);
/* By either text. Revoked and expired ones are found too. */
must_check int tokens_find_hash(struct store *s, const uint8_t hash[STORE_HASH_SIZE],
                                struct arena *arena, struct token *ret);
must_check int tokens_find(struct store *s, const uint8_t id[STORE_ID_SIZE], struct arena *arena,
                           struct token *ret);
/* The one of this name that is not revoked. */
must_check int tokens_find_name(struct store *s, const char *name, struct arena *arena,
                                struct token *ret);
/* FAULT_ABSENT: unknown or revoked already. */
must_check int tokens_revoke(struct store *s, const uint8_t id[STORE_ID_SIZE], uint64_t now);
/* hash is good from now on and until expires (0: for ever); what was good is so until former_ends,
 * or not any more when that is not after now. FAULT_ABSENT: unknown or revoked. */
must_check int tokens_rotate(struct store *s, const uint8_t id[STORE_ID_SIZE],
                             const uint8_t hash[STORE_HASH_SIZE], uint64_t now,
                             uint64_t former_ends, uint64_t expires);
/* It was used from there. Writes once a minute at the most. */
must_check int tokens_touch(struct store *s, const uint8_t id[STORE_ID_SIZE], bool by_former,
                            const uint8_t source[16], uint64_t now);
/* It was refused there. 1: worth a record; 0: there was one less than a minute ago. */
must_check int tokens_stray(struct store *s, const uint8_t id[STORE_ID_SIZE],
                            const uint8_t source[16], uint64_t now);
/* Those that end within `within` seconds and have lived three quarters of their time, first those
 * that end first. */
must_check int tokens_ending(struct store *s, uint64_t now, uint64_t within, uint32_t limit,
                             int (*each)(void *context, const struct token *token), void *context);
/* Those not revoked, of one owner or with NULL of all; by seq. */
must_check int tokens_list(struct store *s, const char *owner, const struct page *page,
                           int (*each)(void *context, const struct token *token), void *context);

#endif
