#include "base/span.h"

#include <sys/random.h>

static inline uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool span_eq_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

bool span_ends(struct span s, struct span suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.at + s.len - suffix.len, suffix.at, suffix.len) == 0);
}

bool span_starts_nocase(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_eq_nocase(span_sub(s, 0, prefix.len), prefix);
}

size_t span_find(struct span s, uint8_t byte)
{
    const uint8_t *hit = s.len == 0 ? NULL : memchr(s.at, byte, s.len);
    return hit == NULL ? SIZE_MAX : (size_t)(hit - s.at);
}

struct span span_sub(struct span s, size_t from, size_t len)
{
    if (from >= s.len)
        return (struct span){s.at == NULL ? NULL : s.at + s.len, 0};
    size_t rest = s.len - from;
    return (struct span){s.at + from, len < rest ? len : rest};
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

bool span_cut(struct span *s, uint8_t byte, struct span *head)
{
    if (s->len == 0)
        return false;
    size_t cut = span_find(*s, byte);
    if (cut == SIZE_MAX) {
        *head = *s;
        *s = SPAN_NONE;
        return true;
    }
    *head = span_sub(*s, 0, cut);
    *s = span_sub(*s, cut + 1, SIZE_MAX);
    return true;
}

/* SipHash-2-4 (Aumasson, Bernstein 2012) over a key drawn once per process. */
static uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

#define SIPROUND                                                                                   \
    do {                                                                                           \
        v0 += v1;                                                                                  \
        v1 = rotl(v1, 13) ^ v0;                                                                    \
        v0 = rotl(v0, 32);                                                                         \
        v2 += v3;                                                                                  \
        v3 = rotl(v3, 16) ^ v2;                                                                    \
        v0 += v3;                                                                                  \
        v3 = rotl(v3, 21) ^ v0;                                                                    \
        v2 += v1;                                                                                  \
        v1 = rotl(v1, 17) ^ v2;                                                                    \
        v2 = rotl(v2, 32);                                                                         \
    } while (0)

uint64_t span_hash(struct span s)
{
    static uint64_t key[2];
    static bool keyed;
    if (!keyed) {
        /* A short answer leaves a zero key: weaker tables, never wrong ones. */
        ssize_t got = getrandom(key, sizeof(key), 0);
        (void)got;
        keyed = true;
    }
    uint64_t v0 = key[0] ^ 0x736f6d6570736575u, v1 = key[1] ^ 0x646f72616e646f6du;
    uint64_t v2 = key[0] ^ 0x6c7967656e657261u, v3 = key[1] ^ 0x7465646279746573u;
    size_t whole = s.len & ~(size_t)7;
    uint64_t m;
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&m, s.at + i, 8);
        v3 ^= m;
        SIPROUND;
        SIPROUND;
        v0 ^= m;
    }
    m = (uint64_t)s.len << 56;
    for (size_t i = whole; i < s.len; i++)
        m |= (uint64_t)s.at[i] << (8 * (i - whole));
    v3 ^= m;
    SIPROUND;
    SIPROUND;
    v0 ^= m;
    v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        SIPROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}
