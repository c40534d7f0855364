/* Simulations: what would a change of the policy have decided about the requests of the last days?
 *
 *   POST ─▶ WAITING ─▶ RUNNING ─▶ DONE
 *              │          ├─────▶ FAILED
 *              └──────────┴─────▶ CANCELLED
 *
 * The two policies, the one of now and the one that might come, are made on the loop when somebody
 * asks; the reader's thread then walks the access records (replay.h). The last few results are
 * kept in memory, for whoever may see them; a new keeper knows none. */
#ifndef KEEPER_SIMULATION_H
#define KEEPER_SIMULATION_H

#include <jansson.h>

#include "keeper/reader.h"

struct candidate;
struct keeper;
struct simulation;

#define SIMULATIONS_MAX 8u
#define SIMULATION_DAYS_MAX 366u

struct simulations {
    struct simulation *at[SIMULATIONS_MAX];
};

/* Takes the two candidates, also on failure. asker: a name, or "". FAULT_BUSY: so many are at work;
 * FAULT_CLOSED: there is no reader; -ENOMEM. */
must_check int simulation_start(struct keeper *k, struct candidate *before, struct candidate *after,
                                uint32_t days, const char *asker, struct simulation **ret);
/* By the text of its id; NULL: none. */
struct simulation *simulation_find(struct keeper *k, const char *id);
const char *simulation_id(const struct simulation *s);
/* Cancels it and forgets it. */
void simulation_end(struct keeper *k, struct simulation *s);
/* {id, state, asker, days, done, total, result}; asker: who the result is shown to. */
json_t *simulation_json(const struct simulation *s, const char *asker);
/* After reader_stop(). */
void simulations_fini(struct simulations *all);

#endif
