#include "identity/totp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/fault.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/text.h"

int totp_new_secret(uint8_t out[TOTP_SECRET_LEN])
{
    return rng_fill(out, TOTP_SECRET_LEN);
}

int totp_code(struct span secret, uint64_t step, unsigned digits, char out[9])
{
    uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    if (digits < 6 || digits > 8 || secret.len == 0 || secret.len > INT16_MAX)
        return FAULT_MISUSE;
    for (size_t i = 0; i < sizeof(counter); i++)
        counter[i] = (uint8_t)(step >> (56 - 8 * i));
    if (HMAC(EVP_sha1(), secret.at, (int)secret.len, counter, sizeof(counter), mac, &mac_len) ==
            NULL ||
        mac_len != 20)
        return FAULT_CRYPTO;
    /* Dynamic truncation, RFC 4226 section 5.3. */
    size_t at = mac[19] & 15;
    uint32_t value = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 |
                     (uint32_t)mac[at + 2] << 8 | mac[at + 3];
    for (unsigned i = digits; i > 0; i--, value /= 10)
        out[i - 1] = (char)('0' + value % 10);
    out[digits] = 0;
    secret_wipe(mac, sizeof(mac));
    return 0;
}

/* The digits without spaces; false when it is anything else than TOTP_DIGITS of them. */
static bool strip(struct span code, char out[TOTP_DIGITS])
{
    size_t n = 0;
    for (size_t i = 0; i < code.len; i++) {
        uint8_t c = code.at[i];
        if (c == ' ')
            continue;
        if (c < '0' || c > '9' || n == TOTP_DIGITS)
            return false;
        out[n++] = (char)c;
    }
    return n == TOTP_DIGITS;
}

bool totp_is_shaped(struct span code)
{
    char digits[TOTP_DIGITS];
    return code.len <= 16 && strip(code, digits);
}

int totp_verify(struct span secret, struct span code, uint64_t now, uint64_t last_step,
                uint64_t *ret_step)
{
    char typed[TOTP_DIGITS], right[9];
    uint64_t here = now / TOTP_PERIOD, hit = 0;
    bool any = false, fresh = false;
    if (code.len > 16 || !strip(code, typed))
        return FAULT_FORMAT;
    /* All three are computed and compared whatever matches, the oldest first, so that of two
     * matching steps the later one counts. */
    for (uint64_t step = here > 0 ? here - 1 : 0; step <= here + 1; step++) {
        int rc = totp_code(secret, step, TOTP_DIGITS, right);
        if (rc < 0)
            return rc;
        bool same = secret_eq(span_of(typed, TOTP_DIGITS), span_of(right, TOTP_DIGITS));
        any = any || same;
        if (same && step > last_step) {
            fresh = true;
            hit = step;
        }
    }
    secret_wipe(right, sizeof(right));
    if (!fresh)
        return any ? FAULT_STALE : FAULT_DENIED;
    *ret_step = hit;
    return 0;
}

/* ---- base32 ---- */

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void base32_encode(char *out, struct span in)
{
    uint32_t v = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < in.len; i++) {
        v = v << 8 | in.at[i];
        for (bits += 8; bits >= 5; bits -= 5)
            *out++ = ALPHABET[v >> (bits - 5) & 31];
        v &= (1u << bits) - 1;
    }
    if (bits > 0)
        *out++ = ALPHABET[v << (5 - bits) & 31];
    *out = 0;
}

static int base32_value(uint8_t c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

int base32_decode(struct span text, uint8_t *out, size_t cap)
{
    size_t o = 0, chars = 0, padding = 0;
    uint32_t v = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c == ' ' || c == '-')
            continue;
        if (c == '=') {
            padding++;
            continue;
        }
        int digit = base32_value(c);
        if (digit < 0 || padding > 0)
            return FAULT_FORMAT;
        chars++;
        v = v << 5 | (uint32_t)digit;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            if (o == cap)
                return FAULT_LIMIT;
            out[o++] = (uint8_t)(v >> bits);
            v &= (1u << bits) - 1;
        }
    }
    /* 1, 3 and 6 characters over make no whole byte; spare bits must be zero, else two texts would
     * be one secret. */
    size_t over = chars % 8;
    if (over == 1 || over == 3 || over == 6 || v != 0 || padding > 6 ||
        (padding > 0 && (chars + padding) % 8 != 0))
        return FAULT_FORMAT;
    return (int)o;
}

int totp_uri(struct buf *out, struct span secret, struct span issuer, struct span user)
{
    char text[TOTP_BASE32_SIZE(64)];
    if (secret.len > 64)
        return FAULT_LIMIT;
    base32_encode(text, secret);
    int rc = buf_text(out, "otpauth://totp/");
    if (rc == 0)
        rc = text_urlencode(out, issuer);
    if (rc == 0)
        rc = buf_byte(out, ':');
    if (rc == 0)
        rc = text_urlencode(out, user);
    if (rc == 0)
        rc = buf_printf(out, "?secret=%s&issuer=", text);
    if (rc == 0)
        rc = text_urlencode(out, issuer);
    if (rc == 0)
        rc = buf_printf(out, "&algorithm=SHA1&digits=%u&period=%u", TOTP_DIGITS, TOTP_PERIOD);
    secret_wipe(text, sizeof(text));
    return rc;
}
