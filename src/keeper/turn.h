/* A turn: everything that arrived in one pass of the loop, in one transaction.
 *
 *   CLOSED ──first change──▶ OPEN ──end of the pass, or enough──▶ commit ──▶ CLOSED
 *                             │                                     │
 *                             └── each operation in a mark          ├─ 0: head file, then replies
 *                                                                   └─ fault: every reply FAILED
 *
 * 1. Nobody is answered before the commit that holds the answer's cause is on disk.
 * 2. What one operation did is undone alone when it fails; the others of the turn go on.
 * 3. A failed commit turns every answer of the turn into the "cannot say" of its kind.
 * 4. While a turn is open the loop does not sleep. */
#ifndef KEEPER_TURN_H
#define KEEPER_TURN_H

#include <uv.h>

#include "keeper/reply.h"

/* A turn is committed early when it has this many operations, so that the first do not wait for
 * ever behind the last. */
#define TURN_OPERATIONS_MAX 64u

struct keeper;
struct change;

struct turn {
    struct keeper *keeper;
    bool open;
    bool broken;     /* a begin or a mark failed: nothing more runs in this turn */
    bool audited;    /* the head file will be behind */
    uint32_t topics; /* of ipc/topic.h: what the turn has changed */
    unsigned count;
    uint64_t locked_until; /* monotonic ms: another process held the store a moment ago */
    struct list replies;   /* wait for the commit */
    struct list held;      /* committed; wait for acknowledgements, a snapshot or a moment */
    uv_check_t check;
    uv_idle_t idle;       /* active while open: the loop does not sleep */
    uv_prepare_t prepare; /* between two passes of the loop */
    struct {
        uint64_t began_us, idle_us, cpu_us;  /* when the present pass began */
        uint64_t longest_us, longest_cpu_us; /* passes */
    } pass;
    uv_timer_t due; /* the next moment that a held reply or a revocation waits for */
};

void turn_init(struct turn *t, struct keeper *k);
/* With a loop. */
must_check int turn_start(struct turn *t);
void turn_stop(struct turn *t);

typedef int (*turn_step)(struct keeper *k, void *context);
/* Runs step in a mark of the present turn (opened when need be) and keeps what it did when it
 * returns 0 or more, else undoes it. Returns what step returned, or the store's fault when it could
 * not run. */
must_check int turn_run(struct turn *t, turn_step step, void *context);
/* Takes the reply; it goes out after the commit of the present turn, at once when none is open. */
void turn_reply(struct turn *t, struct reply *r);
/* Commits now and answers. */
void turn_end(struct turn *t);
/* Compares the head file with the trail and brings it up to date; outside a transaction. start:
 * before the first record of this process. */
void turn_head(struct turn *t, bool start);
/* The longest pass of the loop since the process began, without the wait for something to do: by
 * the clock, and the thread's own processor time of the pass that had most. Microseconds. */
void turn_longest_pass(const struct turn *t, uint64_t *clock_us, uint64_t *cpu_us);
/* Sends every held reply whose conditions are met; sets the timer for the next. */
void turn_settle(struct turn *t);
/* The same in the next pass of the loop. */
void turn_soon(struct turn *t);

#endif
