#include "identity/recovery.h"

#include "base/fault.h"
#include "base/rng.h"
#include "base/secret.h"
#include "identity/token.h"

#define CHARS 25u
#define GROUP 5u

/* 32 characters of which no two look alike on paper (Crockford's base32): no i, l, o, u. */
static const char ALPHABET[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* What is hashed: the 25 characters without dashes, as the alphabet spells them. */
static int digest(const char plain[CHARS], uint8_t hash[RECOVERY_HASH_SIZE])
{
    return token_digest(span_of(plain, CHARS), hash);
}

int recovery_new(char out[RECOVERY_CODE_SIZE], uint8_t hash[RECOVERY_HASH_SIZE])
{
    uint8_t random[CHARS];
    char plain[CHARS];
    size_t n = 0;
    int rc = rng_fill(random, sizeof(random));
    if (rc < 0)
        return rc;
    /* 5 bits of each byte: 256 is a multiple of 32, so every character is as likely as any other.
     */
    for (size_t i = 0; i < CHARS; i++) {
        if (i > 0 && i % GROUP == 0)
            out[n++] = '-';
        plain[i] = ALPHABET[random[i] & 31];
        out[n++] = plain[i];
    }
    out[n] = 0;
    rc = digest(plain, hash);
    secret_wipe(random, sizeof(random));
    secret_wipe(plain, sizeof(plain));
    if (rc < 0)
        secret_wipe(out, RECOVERY_CODE_SIZE);
    return rc;
}

int recovery_hash(struct span typed, uint8_t hash[RECOVERY_HASH_SIZE])
{
    char plain[CHARS];
    size_t n = 0;
    int rc = 0;
    for (size_t i = 0; i < typed.len && rc == 0; i++) {
        char c = (char)typed.at[i];
        if (c == '-' || c == ' ')
            continue;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (c == 'o')
            c = '0';
        if (c == 'i' || c == 'l')
            c = '1';
        if (n == CHARS || c == 0 || strchr(ALPHABET, c) == NULL)
            rc = FAULT_FORMAT;
        else
            plain[n++] = c;
    }
    if (rc == 0)
        rc = n == CHARS ? digest(plain, hash) : FAULT_FORMAT;
    secret_wipe(plain, sizeof(plain));
    return rc;
}
