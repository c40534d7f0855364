/* Grants in time: requests that nobody decided expire, grants end, and what runs under them is
 * judged anew by every edge.
 *
 * Time is the wall clock, except that it does not go back while the process lives: a clock that is
 * set back makes no grant longer, one that is set forward ends grants early. After a restart a
 * grant that seems to begin in the future does not run.
 *
 * A grant is for the rule as it was when it was asked for. When another of the same name is in
 * force, the grant ends. */
#ifndef KEEPER_GRANTS_H
#define KEEPER_GRANTS_H

#include <jansson.h>
#include <uv.h>

#include "audit/record.h"
#include "base/macros.h"
#include "policy/decide.h"
#include "store/requests.h"

struct keeper;
struct call;

struct grants {
    struct keeper *keeper; /* NULL: nothing is waited for (tests, offline) */
    uv_timer_t timer;
    uint64_t wall_s, mono_ms; /* one moment by both clocks; 0: the wall clock alone */
};

/* Beyond this a person has to wait for the others. */
#define GRANTS_OPEN_MAX 32u

/* With a loop. */
must_check int grants_start(struct grants *g, struct keeper *k);
/* Pure: the time now, when `base` was the same moment by both clocks. */
uint64_t grants_time(uint64_t base_s, uint64_t base_mono_ms, uint64_t wall_s, uint64_t mono_ms);
/* Wall seconds as said above. */
uint64_t grants_now(const struct keeper *k);
/* Something was asked, granted or ended: looks when the next moment is. */
void grants_arm(struct keeper *k);
/* Ends what is over, now, in a turn of its own. Also after another snapshot came into force. */
void grants_sweep(struct keeper *k);
/* The same inside the turn of the caller, who arms; c carries what is pushed to the edges. */
must_check int grants_sweep_step(struct keeper *k, struct call *c);

/* What a request for this rule rests on: SHA-256 of the rule. FAULT_ABSENT: there is no such rule,
 * or it asks for no grant. */
must_check int grants_basis(const struct keeper *k, const char *rule, uint8_t ret[STORE_HASH_SIZE]);
/* Records a step of a request in the name of the actor of c, or with nobody behind it: the target
 * is who asked. Takes more, an object or NULL. */
must_check int grants_audit(struct keeper *k, struct call *c, enum audit_event event,
                            const struct request *r, json_t *more);

#endif
