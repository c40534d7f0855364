/* How long something took, as a distribution: what fraction was done after how many microseconds.
 *
 * Counts in classes that grow by a quarter, so that a percentile read from them is at most 25 % too
 * high and never too low, in a kilobyte and without allocation. */
#ifndef EDGE_LATENCY_H
#define EDGE_LATENCY_H

#include <stdint.h>

#define LATENCY_CLASSES 160u /* four per power of two, up to 2^40 µs */

struct latency {
    uint64_t count, most; /* of all; µs */
    uint32_t of[LATENCY_CLASSES];
};

void latency_note(struct latency *l, uint64_t us);
/* So many of a thousand took at most this many µs; 0 when there was none. */
uint64_t latency_at(const struct latency *l, unsigned permille);

#endif
