/* Records go when they are old, or too many, in steps so small that nobody waits for them: some of
 * the access records, some of the audit records that a record has announced (audit/retention.h),
 * some free pages back to the file system. While there is more to do a step follows soon, else a
 * second later. The limits are those of the snapshot in force. */
#ifndef KEEPER_RETENTION_H
#define KEEPER_RETENTION_H

#include <stdbool.h>

#include <uv.h>

#include "base/macros.h"

struct keeper;

struct retention {
    struct keeper *keeper;
    uv_timer_t timer;
    uint64_t announce_ms; /* monotonic: not before */
    bool failed;          /* and said so; until a step goes well */
};

must_check int retention_start(struct retention *r, struct keeper *k);
/* One step; true: there is more to do. */
bool retention_step(struct retention *r);

#endif
