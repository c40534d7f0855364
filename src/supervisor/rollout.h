/* The rollout of one snapshot: everybody prepares, then everybody commits, or nobody does.
 *
 *   IDLE ── begin ──▶ PREPARING ── all prepared ──▶ COMMITTING ── all committed ──▶ IDLE
 *                        │ one refused, died, or was late
 *                        └──────────────▶ IDLE (abort)
 *
 * Pure: no messages, no clock. The caller tells what happened and does what the answer says. A
 * member that dies while it prepares counts as a refusal, because a snapshot that kills must not be
 * committed; one that dies while it commits is no longer awaited, because it will start with the
 * new one. */
#ifndef SUPERVISOR_ROLLOUT_H
#define SUPERVISOR_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* The signer and two generations of at most 256 edges. */
#define ROLLOUT_MEMBERS_MAX 520u

enum rollout_phase { ROLLOUT_IDLE, ROLLOUT_PREPARING, ROLLOUT_COMMITTING };

enum rollout_step {
    ROLLOUT_WAIT,   /* nothing to do yet */
    ROLLOUT_COMMIT, /* send `commit` to every member: the phase is COMMITTING now */
    ROLLOUT_ABORT,  /* send `abort` to every member: the phase is IDLE now */
    ROLLOUT_SETTLE, /* everybody uses it: the phase is IDLE now */
};

struct rollout_member {
    uint64_t key;
    bool done; /* with the present phase */
};

struct rollout {
    enum rollout_phase phase;
    uint64_t number;
    struct rollout_member members[ROLLOUT_MEMBERS_MAX];
    size_t count;
};

/* Starts a rollout; only when idle. */
void rollout_begin(struct rollout *r, uint64_t number);
/* FAULT_LIMIT. */
must_check int rollout_add(struct rollout *r, uint64_t key);
bool rollout_has(const struct rollout *r, uint64_t key);
/* What now, without any news? For after the last rollout_add. */
enum rollout_step rollout_step(struct rollout *r);
/* News of a stranger or of another number changes nothing. */
enum rollout_step rollout_prepared(struct rollout *r, uint64_t key, uint64_t number, bool ok);
enum rollout_step rollout_committed(struct rollout *r, uint64_t key, uint64_t number);
enum rollout_step rollout_gone(struct rollout *r, uint64_t key);
/* Time is up. While committing, rollout_late finds those who have to be ended. */
enum rollout_step rollout_expire(struct rollout *r);
bool rollout_late(const struct rollout *r, uint64_t key);

#endif
