#include "identity/lockout.h"

#include <stdio.h>

#define WAIT_MAX 900u
#define FORGET 86400u

struct scope {
    uint32_t free;   /* failures that cost nothing */
    uint32_t first;  /* seconds to wait after the next one; doubles from there */
    uint64_t forget; /* seconds after which the count starts again; 0: never */
};

static const struct scope SCOPES[] = {
    [LOCKOUT_ACCOUNT] = {9, 2, FORGET},
    [LOCKOUT_PAIR] = {4, 2, FORGET},
    [LOCKOUT_SOURCE] = {19, 2, FORGET},
    /* SP 800-63B counts failures in a row, however far apart. The wait is that of the account. */
    [LOCKOUT_FACTOR] = {UINT32_MAX, 0, 0},
};

static uint32_t longest(const struct scope *scope, uint32_t failures)
{
    if (failures <= scope->free)
        return 0;
    uint32_t doublings = failures - scope->free - 1;
    uint64_t wait = doublings > 10 ? WAIT_MAX : (uint64_t)scope->first << doublings;
    return wait > WAIT_MAX ? WAIT_MAX : (uint32_t)wait;
}

uint32_t lockout_wait(enum lockout_scope scope, const struct throttle *t, uint64_t now)
{
    uint32_t wait = longest(&SCOPES[scope], t->failures);
    if (now <= t->last_failure)
        return wait;
    uint64_t gone = now - t->last_failure;
    return gone >= wait ? 0 : wait - (uint32_t)gone;
}

void lockout_fail(enum lockout_scope scope, struct throttle *t, uint64_t now)
{
    uint64_t forget = SCOPES[scope].forget;
    if (forget > 0 && now > t->last_failure && now - t->last_failure > forget)
        t->failures = 0;
    if (t->failures < UINT32_MAX)
        t->failures++;
    t->last_failure = now;
}

void lockout_succeed(enum lockout_scope scope, struct throttle *t)
{
    bool one = scope == LOCKOUT_SOURCE || scope == LOCKOUT_ACCOUNT;
    t->failures = one && t->failures > 0 ? t->failures - 1 : 0;
}

bool lockout_is_spent(const struct throttle *t)
{
    return t->failures >= LOCKOUT_FACTOR_MAX;
}

void lockout_source_key(const struct addr *a, char out[LOCKOUT_KEY_SIZE])
{
    struct cidr place = {.addr = *a, .bits = 128};
    if (!addr_is_v4(a)) {
        memset(place.addr.byte + 8, 0, 8);
        place.bits = 64;
    }
    cidr_format(&place, out);
}

void lockout_pair_key(const char *user, const char *place, char out[LOCKOUT_PAIR_SIZE])
{
    (void)snprintf(out, LOCKOUT_PAIR_SIZE, "%s %s", user, place);
}
