/* The gate: who asks, for what, and is it allowed now?
 *
 * Cheapest question first: is this host ours, has this place access to the portal, is the
 * credential shaped like one of ours and the only one, did a page of this console send it, do we
 * know it already, and only then: does the keeper know it, and does policy admit it. Keep the
 * order: asking the keeper first would let anyone on the network spend its time. Whatever is
 * unknown is refused. */
#ifndef EDGE_GATE_H
#define EDGE_GATE_H

#include "edge/exchange.h"
#include "edge/view.h"

/* gate_enter is in exchange.h. */

/* Makes edge->views and starts its timer; before the first exchange. 0, -ENOMEM. */
must_check int gate_init(struct edge *e);
void gate_fini(struct edge *e);
/* x is going away: it leaves its view and forgets its question. For exchange_retire; safe twice. */
void gate_leave(struct exchange *x);
/* Does a header name another method than the request has? */
bool gate_names_method(const struct request *r);
/* Does it ask for another protocol, in which anything may follow? */
static inline bool gate_upgrades(const struct request *r)
{
    return r->upgrade_websocket || r->upgrade_tunnel;
}
/* A new snapshot is in force (edge->generation): every open exchange is decided again and ended
 * when it would no longer be admitted. Returns how many were ended. */
unsigned gate_recheck(struct edge *e);

#endif
