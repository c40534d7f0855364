#include "identity/token.h"

#include <openssl/sha.h>

#include "base/fault.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/text.h"

_Static_assert(TOKEN_TEXT_SIZE == TEXT_B64_SIZE(TOKEN_BYTES), "32 bytes as base64url");

int token_digest(struct span bytes, uint8_t hash[TOKEN_HASH_SIZE])
{
    const unsigned char *at = bytes.len == 0 ? (const unsigned char *)"" : bytes.at;
    return SHA256(at, bytes.len, hash) == NULL ? FAULT_CRYPTO : 0;
}

int token_new(char out[TOKEN_TEXT_SIZE], uint8_t hash[TOKEN_HASH_SIZE])
{
    uint8_t random[TOKEN_BYTES];
    int rc = rng_fill(random, sizeof(random));
    if (rc < 0)
        return rc;
    text_b64url(out, span_of(random, sizeof(random)));
    secret_wipe(random, sizeof(random));
    if (hash != NULL)
        rc = token_digest(span_of(out, TOKEN_TEXT_SIZE - 1), hash);
    if (rc < 0)
        secret_wipe(out, TOKEN_TEXT_SIZE);
    return rc;
}

int token_new_api(char out[TOKEN_API_TEXT_SIZE], uint8_t hash[TOKEN_HASH_SIZE])
{
    size_t prefix = sizeof(TOKEN_API_PREFIX) - 1;
    memcpy(out, TOKEN_API_PREFIX, prefix);
    int rc = token_new(out + prefix, NULL);
    if (rc == 0 && hash != NULL)
        rc = token_digest(span_of(out, TOKEN_API_TEXT_SIZE - 1), hash);
    if (rc < 0)
        secret_wipe(out, TOKEN_API_TEXT_SIZE);
    return rc;
}

int token_new_id(uint8_t out[TOKEN_ID_SIZE])
{
    return rng_fill(out, TOKEN_ID_SIZE);
}

bool token_is_shaped(struct span text)
{
    uint8_t bytes[TOKEN_BYTES];
    bool shaped = text.len == TOKEN_TEXT_SIZE - 1 &&
                  text_unb64url(text, bytes, sizeof(bytes)) == (int)TOKEN_BYTES;
    secret_wipe(bytes, sizeof(bytes));
    return shaped;
}

bool token_is_shaped_api(struct span text)
{
    return span_starts(text, SPAN(TOKEN_API_PREFIX)) &&
           token_is_shaped(span_sub(text, sizeof(TOKEN_API_PREFIX) - 1, SIZE_MAX));
}

int token_hash(struct span text, uint8_t hash[TOKEN_HASH_SIZE])
{
    if (!token_is_shaped(text) && !token_is_shaped_api(text))
        return FAULT_FORMAT;
    return token_digest(text, hash);
}
