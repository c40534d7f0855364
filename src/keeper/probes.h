/* Looks at upstreams that are under way: calls that wait for the courier.
 *
 * A look goes out to an address that somebody chose, so there is one at a time for each caller,
 * four at once, and PROBES_PER_MINUTE in all. A call that waits runs again when there is an answer,
 * and authenticates again: whoever lost his rights meanwhile sees nothing. */
#ifndef KEEPER_PROBES_H
#define KEEPER_PROBES_H

#include <uv.h>

#include "base/list.h"
#include "ipc/message.h"

struct keeper;
struct reply;

#define PROBES_AT_ONCE 4u
#define PROBES_PER_MINUTE 30u
/* For an answer; the courier itself gives up earlier. */
#define PROBES_PATIENCE_MS 8000u

struct probes {
    struct keeper *keeper; /* NULL: nobody asks (tests) */
    struct list open;
    unsigned count;
    uint64_t minute_ms; /* monotonic: when the present minute began */
    unsigned in_minute;
    uv_timer_t timer;
};

void probes_init(struct probes *p);
/* With a loop. */
must_check int probes_start(struct probes *p, struct keeper *k);
void probes_stop(struct probes *p);

/* Takes a reply whose call needs a look. false: it may not have one now; the call has ended with a
 * problem and the reply is still the caller's. */
bool probes_begin(struct probes *p, struct keeper *k, struct reply *r);
/* What was seen. Another serial is ignored. FAULT_FORMAT: no courier may say this. */
must_check int probes_answer(struct probes *p, uint32_t serial, const struct msg_probed *m);
/* Whatever is open will not be answered. */
void probes_unanswered(struct probes *p);

#endif
