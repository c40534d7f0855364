/* Revocations: an ended session must end at every edge, and somebody waits to hear that it did.
 *
 * Each is one message with the next epoch. An edge acknowledges epochs in order, so "has
 * acknowledged 17" covers everything before. An edge that takes longer than REVOKE_PATIENCE_MS is
 * reported to the supervisor, which kills it: a dead process streams nothing either. An edge that
 * joins later asks about every session anew and is up to date from the start. */
#ifndef KEEPER_REVOKE_H
#define KEEPER_REVOKE_H

#include "base/list.h"
#include "base/macros.h"
#include "base/span.h"
#include "ipc/message.h"

#define REVOKE_PATIENCE_MS 500u

struct keeper;
struct peer;

struct revokes {
    uint64_t epoch;   /* of the newest */
    struct list sent; /* not yet acknowledged by all, oldest first */
    /* From the moment one was said until the last edge had ended what it concerned. */
    struct {
        uint64_t count, streams; /* settled; closed by them */
        uint64_t last_ms, most_ms;
    } seen;
};

void revokes_init(struct revokes *r);
void revokes_fini(struct revokes *r);
/* Pushes to every edge. Returns the epoch; 0 without memory (every edge is then treated as
 * stalled). */
uint64_t revoke_push(struct keeper *k, enum revoke_kind kind, struct span id);
/* An edge has acknowledged, and closed so many streams. FAULT_FORMAT: an epoch that never was. */
must_check int revoke_acked(struct keeper *k, struct peer *edge, uint64_t epoch, uint32_t closed);
/* Has every edge acknowledged (or been given up)? *acked: how many did. */
bool revoke_settled(const struct keeper *k, uint64_t epoch, unsigned *acked);
/* Reports edges whose patience has run out; returns the monotonic ms of the next look, 0: none. */
uint64_t revoke_watch(struct keeper *k, uint64_t now_ms);

#endif
