#include "identity/session.h"

/* How far a clock may be set back before what it left in the future is no longer believed. */
#define SKEW 300u

bool session_is_live(const struct session *s, uint64_t now)
{
    return s->ended == 0 && !s->user_disabled && now < s->ends_at && now < session_idle_until(s) &&
           s->created <= now + SKEW && s->last_seen <= now + SKEW;
}

uint64_t session_idle_until(const struct session *s)
{
    uint64_t until;
    if (__builtin_add_overflow(s->last_seen, (uint64_t)s->idle, &until) || until > s->ends_at)
        return s->ends_at;
    return until;
}

bool session_is_fresh(const struct session *s, enum assurance level, uint32_t max_age, uint64_t now)
{
    uint64_t at = s->proven.at[level];
    return at != 0 && at <= now + SKEW && (max_age == 0 || now <= at || now - at <= max_age);
}
