/* The edge's link to the keeper: questions with answers, pushes, and batches.
 *
 * A question goes out with a serial and comes back to its callback exactly once: with the reply, or
 * with a fault when five seconds pass, when the channel breaks, or when too much is outstanding
 * already. keeper_cancel forgets it; the callback is then never called. Callbacks never run inside
 * the call that asks. The link outlives the keeper: a new channel (the supervisor sends one when it
 * has started a new keeper) replaces the old one. Questions that find no keeper wait two seconds
 * for the next one; of those that a keeper left unanswered only the ones about sessions are asked
 * again, the others fail, because what they did may have been done.
 *
 * The keeper's word is the stronger side's: an edge that gets a malformed packet closes the channel
 * and waits for the supervisor to send another. */
#ifndef EDGE_KEEPER_H
#define EDGE_KEEPER_H

#include "ipc/channel.h"

struct edge;
struct keeper;
struct keeper_ask;

/* payload: the reply, of the type the table names, good only during the call; empty with a fault.
 * fault: 0, FAULT_TIMEOUT, FAULT_CLOSED. */
typedef void (*keeper_done)(void *owner, int fault, struct span payload);

/* Makes edge->keeper, which has no channel yet. 0, -ENOMEM or -errno. */
must_check int keeper_init(struct edge *e);
/* Installs a channel that the supervisor sent; takes fd, also on failure. Every view is asked again
 * under the new channel. 0, -ENOMEM, -errno. */
must_check int keeper_link_init(struct edge *e, int fd);
/* The end of the process: closes the handles; the loop must still run once. */
void keeper_link_fini(struct edge *e);
bool keeper_is_up(const struct edge *e);

/* Ask. *ret is set on success only and must be forgotten when the callback runs. FAULT_CLOSED (no
 * keeper), FAULT_BUSY (too much outstanding), FAULT_LIMIT (a field is too long), -ENOMEM. */
#define KEEPER_ASK(name)                                                                           \
    must_check int keeper_ask_##name(struct edge *e, const struct msg_##name *m, keeper_done done, \
                                     void *owner, struct keeper_ask **ret)
KEEPER_ASK(session);
KEEPER_ASK(login);
KEEPER_ASK(handover);
KEEPER_ASK(redeem);
KEEPER_ASK(logout);
KEEPER_ASK(enrol);
KEEPER_ASK(verb);
#undef KEEPER_ASK
/* NULL is nothing to cancel. */
void keeper_cancel(struct keeper_ask *ask);

/* Sends a batch of access records (see messages.def). A fault means that it was not sent: the
 * caller counts its records as lost, or keeps them. */
must_check int keeper_send_access(struct edge *e, struct span records, uint64_t lost);
/* The health of the upstreams, "route\tup|down\tdetail\n…". Sent when it differs from what the
 * keeper last heard, and again to every new keeper. */
void keeper_send_upstreams(struct edge *e, struct span text);
/* This session did something now. Sent in batches of ten seconds. */
void keeper_note_activity(struct edge *e, const uint8_t id[16], uint64_t wall_s);
/* Sends what has been noted, at once. */
void keeper_flush_activity(struct edge *e);

#endif
