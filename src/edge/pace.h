/* Whether a client that is waited for moves at all, on the whole.
 *
 * Who sends a body or takes an answer byte by byte is never idle, and would keep a connection for
 * ever. So there must be so many bytes in each window, and only the time that the client is waited
 * for counts. Pure: the clock and the count of bytes are parameters. */
#ifndef EDGE_PACE_H
#define EDGE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint64_t waited_ms; /* in the present window, … */
    uint64_t mark_ms;   /* … up to then */
    uint64_t from;      /* the bytes that had passed when the window began */
    bool waits;         /* the client has been waited for since the mark */
};

struct pace_rule {
    uint64_t window_ms;
    uint64_t rate; /* least bytes a second; 0: none */
};

/* Is the window over without what it should have brought? */
static inline bool pace_is_lost(const struct pace *p, struct pace_rule rule, uint64_t bytes,
                                uint64_t now_ms)
{
    return p->waits && rule.rate != 0 && p->waited_ms + (now_ms - p->mark_ms) >= rule.window_ms &&
           bytes - p->from < rule.rate * rule.window_ms / 1000;
}

/* Notes whether the client is waited for from now on. When to ask again: the end of the window, if
 * it is waited for until then; UINT64_MAX when it is not. */
static inline uint64_t pace_note(struct pace *p, struct pace_rule rule, uint64_t bytes, bool waits,
                                 uint64_t now_ms)
{
    bool lost = pace_is_lost(p, rule, bytes, now_ms);
    if (p->waits)
        p->waited_ms += now_ms - p->mark_ms;
    p->mark_ms = now_ms;
    p->waits = waits;
    if (!waits || rule.rate == 0)
        return UINT64_MAX;
    /* Another window. The bytes of a new exchange may be fewer than those of the last one. */
    if (bytes < p->from || (p->waited_ms >= rule.window_ms && !lost)) {
        p->waited_ms = 0;
        p->from = bytes;
    }
    return now_ms + (rule.window_ms > p->waited_ms ? rule.window_ms - p->waited_ms : 0);
}

#endif
