/* Deadlines: many waits, one timer.
 *
 * A wheel of slots, a quarter of a second each. Moving a deadline further away is one store: the
 * slot it stands in finds out and puts it back. So every byte that arrives may push a deadline, and
 * no system call or heap operation follows. Deadlines are met late by at most one slot, never
 * early. */
#ifndef EDGE_DEADLINE_H
#define EDGE_DEADLINE_H

#include <uv.h>

#include "base/list.h"

#define DEADLINE_SLOT_MS 250u
#define DEADLINE_SLOTS 256u

struct deadline {
    struct list link; /* in a slot while armed */
    uint64_t due;     /* ms of the loop's clock */
    uint64_t stands;  /* when its slot comes round */
    void (*on_due)(struct deadline *d);
};

struct deadlines {
    uv_loop_t *loop;
    uv_timer_t timer; /* runs while any deadline is armed */
    uint64_t turned;  /* slots before this number were looked at */
    size_t armed;
    struct list slot[DEADLINE_SLOTS];
};

must_check int deadlines_init(struct deadlines *ds, uv_loop_t *loop);
/* Stops and closes the timer. Armed deadlines are forgotten. */
void deadlines_fini(struct deadlines *ds);
/* Calls on_due of all that are due at `now`. The timer does this; tests do too. */
void deadlines_turn(struct deadlines *ds, uint64_t now);

void deadline_init(struct deadline *d, void (*on_due)(struct deadline *d));
void deadline_set(struct deadlines *ds, struct deadline *d, uint64_t due);
/* Safe on one that is not armed. */
void deadline_clear(struct deadlines *ds, struct deadline *d);

#endif
