/* The compiled zone table: which named zones does this address belong to?
 *
 * Pure, immutable, no allocation after zones_new. A lookup is a binary search over disjoint address
 * intervals, each of which points to its set of zones; equal sets are kept once, in one copy for
 * each interface that zones name and one for all the others. */
#ifndef POLICY_ZONES_H
#define POLICY_ZONES_H

#include "conf/snapshot.h"

struct zones;

/* A set of zones: bit i is zone i of the snapshot. Borrowed from the table. */
struct zone_set {
    const uint64_t *word;
    size_t words;
};

/* Copies what it needs; the snapshot may go. 0 or -ENOMEM. */
must_check int zones_new(const struct snapshot *s, struct zones **ret);
void zones_free(struct zones *z);
/* Of a connection that came in by this interface; "": by one that is not known, where a zone that
 * asks for an interface holds nobody. */
struct zone_set zones_at(const struct zones *z, const struct addr *a, const char *interface);
static inline struct zone_set zones_find(const struct zones *z, const struct addr *a)
{
    return zones_at(z, a, "");
}
/* Does any zone ask for an interface? */
bool zones_ask_interface(const struct zones *z);
static inline bool zone_set_has(struct zone_set set, size_t zone)
{
    return zone / 64 < set.words && (set.word[zone / 64] >> zone % 64 & 1) != 0;
}
bool zone_set_meets(struct zone_set a, struct zone_set b);

#endif
