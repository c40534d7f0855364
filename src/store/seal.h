/* Secrets that must be read again (of TOTP), sealed with a key that lies outside the database.
 *
 * A copy of the database alone gives nobody a second factor. AES-256-SIV (RFC 5297): authenticated,
 * and a nonce that came twice would tell no more than that the same was sealed twice. What is
 * sealed is bound to its purpose and its owner, so that no row can stand in for another. A blob
 * says by itself how it is to be opened:
 *
 *   algorithm 1 | key id 8 | nonce 16 | tag 16 | ciphertext, as long as the secret
 *
 * Pure but for the random numbers. The keys are the caller's, who wipes them. */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include "base/macros.h"
#include "base/span.h"

#define SEAL_ID_SIZE 8u
#define SEAL_KEY_SIZE 64u
#define SEAL_OVERHEAD 41u

struct seal_key {
    uint8_t id[SEAL_ID_SIZE];
    uint8_t key[SEAL_KEY_SIZE];
};

/* keys[0] seals, each opens. None at all: nothing can be sealed or opened. */
struct seal_ring {
    struct seal_key keys[2];
    size_t count;
};

/* Once per process, before the sandbox closes: libcrypto finds the algorithm on first use. */
must_check int seal_start(void);
/* A new random key. FAULT_CRYPTO. */
must_check int seal_key_new(struct seal_key *ret);
/* out: room for plain.len + SEAL_OVERHEAD. purpose and owner are not empty. FAULT_CRYPTO. */
must_check int seal_close(const struct seal_ring *ring, struct span purpose, struct span owner,
                          struct span plain, uint8_t *out);
/* out: room for blob.len - SEAL_OVERHEAD. FAULT_FORMAT: no blob of ours; FAULT_ABSENT: its key is
 * not in the ring; FAULT_DENIED: changed, or another's. */
must_check int seal_open(const struct seal_ring *ring, struct span purpose, struct span owner,
                         struct span blob, uint8_t *out);
/* Is it sealed with the key that seals now? */
bool seal_is_current(const struct seal_ring *ring, struct span blob);

#endif
