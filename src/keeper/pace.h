/* How often one principal may ask: PACE_PER_SECOND for long, PACE_BURST at once. Who asks more is
 * told when to come again, and costs no more than being recognised. The owner of the host is not
 * held back.
 *
 * The table has room for a fixed number of principals; when more ask at one time, the one that
 * could ask most anyway is forgotten, which never takes anything from anybody. */
#ifndef KEEPER_PACE_H
#define KEEPER_PACE_H

#include "base/macros.h"
#include "base/span.h"

#define PACE_PER_SECOND 100u
#define PACE_BURST 1000u
#define PACE_SLOTS 256u
#define PACE_NAME_SIZE 132u

/* All zero is empty. */
struct pace {
    struct pace_slot {
        char who[PACE_NAME_SIZE];
        uint64_t full_at_us; /* monotonic: when all of the burst is there again */
    } slot[PACE_SLOTS];
};

/* Takes one; false: there is none left. who: not empty. */
bool pace_take(struct pace *p, const char *who, uint64_t now_us);

#endif
