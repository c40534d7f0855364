#include "edge/balance.h"

uint64_t balance_mix(uint64_t a, uint64_t b)
{
    /* The finisher of SplitMix64. */
    uint64_t z = a ^ (b + UINT64_C(0x9e3779b97f4a7c15) + (a << 6) + (a >> 2));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t balance_hash(const void *at, size_t len)
{
    const uint8_t *byte = at;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        h = (h ^ byte[i]) * UINT64_C(0x100000001b3);
    return balance_mix(h, len);
}

/* A slow start takes more and more of the keys and gives none back on the way. */
static bool has_share(const struct balance_candidate *c, uint64_t key)
{
    return c->share >= BALANCE_WHOLE ||
           balance_mix(c->id, ~key) % BALANCE_WHOLE < (uint64_t)c->share;
}

static bool works(const struct balance_candidate *c, uint64_t key, bool shares)
{
    return !c->barred && !c->down && (!shares || has_share(c, key));
}

static size_t by_session(const struct balance_candidate *c, size_t count, uint64_t key, bool shares)
{
    size_t best = SIZE_MAX;
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t score = balance_mix(key, c[i].id);
        if (works(&c[i], key, shares) && (best == SIZE_MAX || score > most)) {
            best = i;
            most = score;
        }
    }
    return best;
}

static size_t by_turn(const struct balance_candidate *c, size_t count, uint64_t key, bool shares)
{
    size_t working = 0;
    for (size_t i = 0; i < count; i++)
        working += works(&c[i], key, shares);
    if (working == 0)
        return SIZE_MAX;
    size_t turn = (size_t)(key % working);
    for (size_t i = 0; i < count; i++)
        if (works(&c[i], key, shares) && turn-- == 0)
            return i;
    return SIZE_MAX;
}

static size_t least_recently_failed(const struct balance_candidate *c, size_t count)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        if (!c[i].barred && (best == SIZE_MAX || c[i].failed_at < c[best].failed_at))
            best = i;
    return best;
}

size_t balance_choose(enum balance how, const struct balance_candidate *c, size_t count,
                      uint64_t key)
{
    size_t best = SIZE_MAX;
    for (int shares = 1; shares >= 0 && best == SIZE_MAX; shares--)
        best = how == BALANCE_SESSION ? by_session(c, count, key, shares != 0)
                                      : by_turn(c, count, key, shares != 0);
    return best == SIZE_MAX ? least_recently_failed(c, count) : best;
}
