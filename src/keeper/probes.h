/* Looks at upstreams: how many there may be.
 *
 * A look goes out to an address that somebody chose, so there is one at a time for each caller,
 * four at once, and PROBES_PER_MINUTE in all. */
#ifndef KEEPER_PROBES_H
#define KEEPER_PROBES_H

#include <jansson.h>

#include "ipc/message.h"

struct call;

#define PROBES_AT_ONCE 4u
#define PROBES_PER_MINUTE 30u
/* For an answer; the courier itself gives up earlier, and both before an edge does that has 5 s for
 * the keeper: whoever asked shall hear which part was silent. */
#define PROBES_PATIENCE_MS 4500u
#define PROBES_TRIAL_MS 3500u

struct probes {
    uint64_t minute_ms; /* monotonic: when the present minute began */
    unsigned in_minute;
};

/* May this call look now, with questions of this type? Counts it. false: the call has ended with a
 * problem. */
bool probes_admit(struct probes *p, struct call *c, enum msg_type type);
/* FAULT_FORMAT: flags that are none, times that no calendar has: no courier may say this. */
must_check int probes_check(struct span answer);
/* What was seen, or why nothing was, as JSON. */
json_t *probes_json(int fault, struct span answer);

#endif
