#include "keeper/pace.h"

#include <stdio.h>
#include <string.h>

#define NEAR 8u /* slots that one name may stand in */
#define ONE_US (1000000u / PACE_PER_SECOND)
#define BURST_US ((uint64_t)ONE_US * PACE_BURST)

static uint32_t first_slot(const char *who)
{
    uint32_t h = 2166136261u; /* FNV-1a: spreads, and whoever finds collisions gains nothing */
    for (; *who != '\0'; who++) {
        h = (h ^ (uint8_t)*who) * 16777619u;
    }
    return h % PACE_SLOTS;
}

static struct pace_slot *slot_of(struct pace *p, const char *who)
{
    struct pace_slot *best = NULL;
    uint32_t first = first_slot(who);
    for (uint32_t i = 0; i < NEAR; i++) {
        struct pace_slot *s = &p->slot[(first + i) % PACE_SLOTS];
        if (strncmp(s->who, who, sizeof(s->who) - 1) == 0) {
            return s;
        }
        if (best == NULL || s->full_at_us < best->full_at_us) {
            best = s;
        }
    }
    (void)snprintf(best->who, sizeof(best->who), "%s", who);
    best->full_at_us = 0;
    return best;
}

bool pace_take(struct pace *p, const char *who, uint64_t now_us)
{
    struct pace_slot *s = slot_of(p, who);
    uint64_t from = s->full_at_us > now_us ? s->full_at_us : now_us;
    if (from + ONE_US > now_us + BURST_US) {
        return false;
    }
    s->full_at_us = from + ONE_US;
    return true;
}
