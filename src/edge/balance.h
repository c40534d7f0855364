/* Which of several endpoints gets a request. Pure.
 *
 * BALANCE_SESSION gives a session the endpoint that scores highest for it (rendezvous hashing): all
 * edges choose alike without asking each other, and an endpoint that goes takes only its own
 * sessions along. BALANCE_ROUND_ROBIN counts through what works.
 *
 * Health decides only among endpoints: when none works, the one whose failure is the longest ago is
 * tried all the same, because a request that fails is no worse than one that is refused. */
#ifndef EDGE_BALANCE_H
#define EDGE_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/snapshot.h"

#define BALANCE_WHOLE 1024u

struct balance_candidate {
    uint64_t id;
    uint32_t share; /* of BALANCE_WHOLE: less while it starts slowly */
    bool barred;    /* not for this request */
    bool down;
    uint64_t failed_at;
};

/* The index, or SIZE_MAX when all are barred. key: of the session, or a count. */
size_t balance_choose(enum balance how, const struct balance_candidate *c, size_t count,
                      uint64_t key);
/* A hash that spreads all its bits. */
uint64_t balance_mix(uint64_t a, uint64_t b);
/* Of bytes, for ids and keys. */
uint64_t balance_hash(const void *at, size_t len);

#endif
