#include "edge/flow.h"

#include "base/text.h"
#include "edge/credential.h"

#define ROUNDS_MAX 99u

struct flow flow_read(const struct headers *h, uint16_t port)
{
    struct flow f = {.rounds = 0};
    struct span rest, secret, rounds;
    uint64_t count, since;
    if (cookie_own(h, COOKIE_FLOW, port, &rest) < 0 || !span_cut(&rest, '.', &secret) ||
        !credential_is_opaque(secret))
        return f;
    f.secret = secret;
    if (span_cut(&rest, '.', &rounds) && text_u64(rounds, ROUNDS_MAX, &count) == 0 &&
        text_u64(rest, UINT64_MAX, &since) == 0) {
        f.rounds = (unsigned)count;
        f.since = since;
    }
    return f;
}

/* A beginning that lies in the future is none: the clock was set. */
static bool is_recent(const struct flow *f, uint64_t now)
{
    return f->rounds > 0 && now >= f->since && now - f->since <= FLOW_SECONDS;
}

bool flow_loops(const struct flow *f, uint64_t now)
{
    return is_recent(f, now) && f->rounds >= FLOW_ROUNDS;
}

void flow_count(struct flow *f, uint64_t now)
{
    if (!is_recent(f, now)) {
        f->rounds = 0;
        f->since = now;
    }
    if (f->rounds < ROUNDS_MAX)
        f->rounds++;
}

struct span flow_cookie(struct arena *a, const struct flow *f, uint16_t port)
{
    if (f->rounds == 0)
        return cookie_set(a, COOKIE_FLOW, port, f->secret);
    const char *value = arena_printf(a, "%.*s.%u.%llu", SPAN_FMT(f->secret), f->rounds,
                                     (unsigned long long)f->since);
    return value == NULL ? SPAN_NONE : cookie_set(a, COOKIE_FLOW, port, span_str(value));
}
