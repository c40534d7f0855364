/* What a client may cost without getting anything done.
 *
 * Control frames, resets and requests that are none are cheap to send and not free to handle: every
 * flood of HTTP/2 (rapid reset, CVE-2023-44487; resets that the server is brought to make,
 * CVE-2025-8671; PING, SETTINGS, PRIORITY, empty frames) is one of these without end. All are paid
 * for from one purse, which fills slowly by itself and with every piece of real work. Empty, the
 * connection ends. Pure. */
#ifndef EDGE_H2_BUDGET_H
#define EDGE_H2_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct h2_budget {
    uint32_t left;
    uint64_t filled; /* ms: up to when the slow filling has been counted */
};

/* A page with hundreds of requests may be left at once, and again a moment later. */
#define H2_BUDGET_MAX 4000u
#define H2_BUDGET_PER_SECOND 100u

#define H2_COST_FRAME 1u   /* a control frame, or one without contents */
#define H2_COST_RESET 10u  /* a stream that comes to nothing */
#define H2_COST_STALL 100u /* a stream whose answer nobody took in time */
#define H2_EARN_EXCHANGE 10u
/* A frame of a body, for which a client may open two windows; not one that is short because the
 * client opens them by the byte. */
#define H2_EARN_DATA 4u
#define H2_DRIBBLE 1024u

void h2_budget_init(struct h2_budget *b, uint64_t now_ms);
/* False: it is spent. */
bool h2_budget_spend(struct h2_budget *b, uint64_t now_ms, uint32_t cost);
void h2_budget_earn(struct h2_budget *b, uint32_t gain);

#endif
