#include "store/seal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/fault.h"
#include "base/secret.h"

#define ALGORITHM_SIV 1u
#define HEAD (1 + SEAL_ID_SIZE)
#define NONCE 16u
#define TAG 16u

_Static_assert(HEAD + NONCE + TAG == SEAL_OVERHEAD, "one layout");

struct bound {
    struct span part[4]; /* head, purpose, owner, nonce: RFC 5297 section 3 wants the nonce last */
};

/* tag is read when opening, written when closing. */
static int run(const struct seal_key *key, bool closing, const struct bound *bound, struct span in,
               uint8_t *out, uint8_t tag[TAG])
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-SIV", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n, rc = FAULT_CRYPTO;
    bool ok = cipher != NULL && ctx != NULL &&
              EVP_CipherInit_ex2(ctx, cipher, key->key, NULL, closing, NULL) == 1 &&
              (closing || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)TAG, tag) == 1);
    for (size_t i = 0; ok && i < countof(bound->part); i++)
        ok = EVP_CipherUpdate(ctx, NULL, &n, bound->part[i].at, (int)bound->part[i].len) == 1;
    if (ok) {
        rc = EVP_CipherUpdate(ctx, out, &n, in.at, (int)in.len) == 1 ? 0 : FAULT_DENIED;
        if (rc == 0 && closing &&
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)TAG, tag) != 1)
            rc = FAULT_CRYPTO;
    }
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return rc;
}

static struct bound bound_of(const uint8_t *blob, struct span purpose, struct span owner)
{
    return (struct bound){{span_of(blob, HEAD), purpose, owner, span_of(blob + HEAD, NONCE)}};
}

int seal_start(void)
{
    struct seal_ring ring = {.count = 1};
    uint8_t blob[SEAL_OVERHEAD + 4], out[4];
    int rc = seal_key_new(&ring.keys[0]);
    rc = rc < 0 ? rc : seal_close(&ring, SPAN("start"), SPAN("nobody"), SPAN("warm"), blob);
    rc = rc < 0 ? rc
                : seal_open(&ring, SPAN("start"), SPAN("nobody"), span_of(blob, sizeof(blob)), out);
    secret_wipe(&ring, sizeof(ring));
    return rc;
}

int seal_key_new(struct seal_key *ret)
{
    return RAND_bytes(ret->id, sizeof(ret->id)) == 1 &&
                   RAND_priv_bytes(ret->key, sizeof(ret->key)) == 1
               ? 0
               : FAULT_CRYPTO;
}

int seal_close(const struct seal_ring *ring, struct span purpose, struct span owner,
               struct span plain, uint8_t *out)
{
    if (ring->count == 0 || plain.len == 0 || plain.len > UINT16_MAX || purpose.len == 0 ||
        owner.len == 0)
        return FAULT_CRYPTO;
    out[0] = ALGORITHM_SIV;
    memcpy(out + 1, ring->keys[0].id, SEAL_ID_SIZE);
    if (RAND_bytes(out + HEAD, NONCE) != 1)
        return FAULT_CRYPTO;
    struct bound bound = bound_of(out, purpose, owner);
    return run(&ring->keys[0], true, &bound, plain, out + SEAL_OVERHEAD, out + HEAD + NONCE);
}

int seal_open(const struct seal_ring *ring, struct span purpose, struct span owner,
              struct span blob, uint8_t *out)
{
    uint8_t tag[TAG];
    if (blob.len <= SEAL_OVERHEAD || blob.len > UINT16_MAX || blob.at[0] != ALGORITHM_SIV ||
        purpose.len == 0 || owner.len == 0)
        return FAULT_FORMAT;
    memcpy(tag, blob.at + HEAD + NONCE, TAG);
    struct bound bound = bound_of(blob.at, purpose, owner);
    for (size_t i = 0; i < ring->count; i++)
        if (memcmp(ring->keys[i].id, blob.at + 1, SEAL_ID_SIZE) == 0)
            return run(&ring->keys[i], false, &bound,
                       span_sub(blob, SEAL_OVERHEAD, blob.len - SEAL_OVERHEAD), out, tag);
    return FAULT_ABSENT;
}

bool seal_is_current(const struct seal_ring *ring, struct span blob)
{
    return ring->count > 0 && blob.len > SEAL_OVERHEAD && blob.at[0] == ALGORITHM_SIV &&
           memcmp(ring->keys[0].id, blob.at + 1, SEAL_ID_SIZE) == 0;
}
