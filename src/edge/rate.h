/* How often something may happen: a token bucket in one number.
 *
 * The number is the time, in microseconds, at which the bucket will be full again; a bucket holds
 * what comes in within one second (the generic cell rate algorithm, ITU-T I.371). Pure; the time is
 * a parameter. */
#ifndef EDGE_RATE_H
#define EDGE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_BURST_US 1000000u

static inline bool rate_is_full(uint64_t full_at_us, uint64_t now_us)
{
    return full_at_us <= now_us;
}

/* Takes one of per_second; 0 is no limit. False: there is none left. */
static inline bool rate_take(uint64_t *full_at_us, uint64_t now_us, uint32_t per_second)
{
    if (per_second == 0)
        return true;
    uint64_t one = RATE_BURST_US / per_second > 0 ? RATE_BURST_US / per_second : 1;
    uint64_t from = *full_at_us > now_us ? *full_at_us : now_us;
    if (from + one > now_us + RATE_BURST_US)
        return false;
    *full_at_us = from + one;
    return true;
}

#endif
