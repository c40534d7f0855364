/* The audit trail of a large site is verified by the reader, while everybody else goes on: whoever
 * asks hears how far it is, and asks again. The last finding is kept for a minute. */
#ifndef KEEPER_VERIFICATION_H
#define KEEPER_VERIFICATION_H

#include <stdatomic.h>

#include "audit/verify.h"
#include "keeper/reader.h"

struct keeper;

/* A trail of no more records is verified at once. */
#define VERIFICATION_AT_ONCE 20000u
#define VERIFICATION_KEPT_MS 60000u

struct verification {
    struct reader_job job;
    bool at_work;
    bool found;           /* there is a finding, … */
    uint64_t finished_ms; /* … since then, monotonic */
    int fault;            /* or none, because of this */
    struct verify verify; /* of the thread while it is at work */
    const char *head_file;
    bool placed;
    atomic_uint_fast64_t done;
    uint64_t total;
};

/* Starts when there is neither a recent finding nor work on one. 0: ask *v; FAULT_BUSY,
 * FAULT_CLOSED, or what made the last one fail. */
must_check int verification_ask(struct keeper *k, uint64_t records);

#endif
