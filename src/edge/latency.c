#include "edge/latency.h"

/* Values below 4 have a class each; above, the two bits behind the leading one choose. */
static unsigned class_of(uint64_t us)
{
    if (us < 4)
        return (unsigned)us;
    unsigned power = 63u - (unsigned)__builtin_clzll(us);
    unsigned c = (power - 1) * 4 + (unsigned)(us >> (power - 2) & 3);
    return c < LATENCY_CLASSES ? c : LATENCY_CLASSES - 1;
}

/* The greatest value of a class. */
static uint64_t top_of(unsigned c)
{
    if (c < 4)
        return c;
    unsigned power = c / 4 + 1;
    return ((uint64_t)(4 + c % 4 + 1) << (power - 2)) - 1;
}

void latency_note(struct latency *l, uint64_t us)
{
    l->count++;
    l->of[class_of(us)]++;
    if (us > l->most)
        l->most = us;
}

uint64_t latency_at(const struct latency *l, unsigned permille)
{
    uint64_t want = (l->count * permille + 999) / 1000, seen = 0;
    if (l->count == 0)
        return 0;
    for (unsigned c = 0; c < LATENCY_CLASSES; c++) {
        seen += l->of[c];
        if (seen >= want && seen > 0)
            return top_of(c) < l->most ? top_of(c) : l->most;
    }
    return l->most;
}
