/* How surely somebody is known: the levels that rules demand and sessions reach, in order.
 *
 * What reaches which level is decided in identity/assurance.h; here are only the words that the
 * configuration, the messages, the store and the decision share. */
#ifndef BASE_ASSURANCE_H
#define BASE_ASSURANCE_H

#include <stdint.h>

enum assurance {
    ASSURANCE_NONE = 0,
    ASSURANCE_PASSWORD = 1,
    ASSURANCE_MFA = 2,
    ASSURANCE_PHISHING_RESISTANT = 3,
    ASSURANCE_HARDWARE = 4,
};
#define ASSURANCE_COUNT 5u

/* When each level was last proven, in wall seconds; 0: never. What proves a level proves those
 * below it, so the times never rise with the level. at[ASSURANCE_NONE] is not used. */
struct proven {
    uint64_t at[ASSURANCE_COUNT];
};

/* The level is proven now, and with it those below. */
static inline void proven_add(struct proven *p, enum assurance level, uint64_t now)
{
    for (unsigned i = ASSURANCE_PASSWORD; i <= (unsigned)level && i < ASSURANCE_COUNT; i++)
        p->at[i] = now;
}
static inline struct proven proven_as(enum assurance level, uint64_t now)
{
    struct proven p = {{0}};
    proven_add(&p, level, now);
    return p;
}
/* The highest level that was ever proven. */
static inline enum assurance proven_level(const struct proven *p)
{
    unsigned level = ASSURANCE_COUNT - 1;
    while (level > ASSURANCE_NONE && p->at[level] == 0)
        level--;
    return (enum assurance)level;
}
/* When that was. */
static inline uint64_t proven_last(const struct proven *p)
{
    return p->at[proven_level(p)];
}

#endif
