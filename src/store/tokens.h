/* API tokens of programs. The store knows the SHA-256 of a token only.
 *
 * A token's name is unique among those not revoked, because rules name tokens. */
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
    uint64_t created;
    uint64_t expires;    /* 0: never */
    uint64_t last_used;  /* exact to a minute */
    uint64_t revoked;    /* 0: not revoked */
    bool owner_disabled; /* not set by the caller */
};

/* FAULT_EXISTS: a token of this name; FAULT_ABSENT: no such owner. */
must_check int tokens_add(struct store *s, const struct token *t);
/* Revoked and expired ones are found too. */
must_check int tokens_find_hash(struct store *s, const uint8_t hash[STORE_HASH_SIZE],
                                struct arena *arena, struct token *ret);
must_check int tokens_find(struct store *s, const uint8_t id[STORE_ID_SIZE], struct arena *arena,
                           struct token *ret);
/* The one of this name that is not revoked. */
must_check int tokens_find_name(struct store *s, const char *name, struct arena *arena,
                                struct token *ret);
/* FAULT_ABSENT: unknown or revoked already. */
must_check int tokens_revoke(struct store *s, const uint8_t id[STORE_ID_SIZE], uint64_t now);
must_check int tokens_touch(struct store *s, const uint8_t id[STORE_ID_SIZE], uint64_t now);
/* Those not revoked, of one owner or with NULL of all; by seq. */
must_check int tokens_list(struct store *s, const char *owner, const struct page *page,
                           int (*each)(void *context, const struct token *token), void *context);

#endif
