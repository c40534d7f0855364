/* Character classes of HTTP and URIs, and the scan that every line goes through.
 *
 * Tables instead of comparisons: one load per byte answers every question a parser has. Sources:
 * RFC 9110 section 5.6.2 (token), RFC 3986 section 3.3 (pchar), RFC 1123 section 2.1 (host names).
 */
#ifndef HTTP_CHARS_H
#define HTTP_CHARS_H

#include "base/span.h"

enum char_class {
    CHAR_TOKEN = 1, /* tchar */
    CHAR_PATH = 2,  /* pchar, '/' and '%': may stand in a path as sent */
    CHAR_PLAIN = 4, /* CHAR_PATH without '%' and ';': means itself wherever it stands */
    CHAR_HEX = 8,
    CHAR_DIGIT = 16,
    CHAR_HOST = 32,   /* letters, digits, '-', '.', '_' */
    CHAR_BASE64 = 64, /* letters, digits, '+', '/' */
};

extern const uint8_t chars_class[256];
/* The lower-case form of a token character; 0 for every byte that is none. */
extern const uint8_t chars_token_lower[256];

static inline bool char_is(uint8_t c, unsigned class)
{
    return (chars_class[c] & class) != 0;
}

static inline uint8_t char_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* 0–15; only for CHAR_HEX bytes. */
static inline unsigned char_hex(uint8_t c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

/* Index of the first control byte that is not a tab (0–8, 10–31, 127), or len. */
size_t chars_find_control(const uint8_t *at, size_t len);
/* Is s a nonempty token? */
bool chars_is_token(struct span s);

#endif
