/* The flow cookie of a console's host: ties a hand-over to the browser that began it, and counts.
 *
 *   SECRET                   before the first hand-over
 *   SECRET.ROUNDS.SINCE      hand-overs in a row that have ended with a session, since when
 *
 * A hand-over needs this cookie to come back, so that whoever can go round in circles has it, even
 * a browser that loses every other cookie. The count is written by whoever holds it: somebody who
 * changes it changes what he himself is shown. Pure. */
#ifndef EDGE_FLOW_H
#define EDGE_FLOW_H

#include "base/arena.h"
#include "http/header.h"

struct flow {
    struct span secret; /* CREDENTIAL_LEN characters, borrowed from the headers; empty: none */
    unsigned rounds;
    uint64_t since; /* wall seconds of the first of them */
};

/* So many hand-overs within so many seconds are no accident. */
#define FLOW_ROUNDS 3u
#define FLOW_SECONDS 30u

/* The flow of this request. Without a good cookie everything in it is empty. */
struct flow flow_read(const struct headers *h, uint16_t port);
/* Does this browser go round in circles? */
bool flow_loops(const struct flow *f, uint64_t now);
/* One more hand-over has ended with a session. */
void flow_count(struct flow *f, uint64_t now);
/* The Set-Cookie value, in the arena; SPAN_NONE without memory. */
struct span flow_cookie(struct arena *a, const struct flow *f, uint16_t port);

#endif
