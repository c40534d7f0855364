/* The files that clients' certificates are verified with, looked at again and again: a list of
 * revoked certificates that somebody puts there is in force within seconds, without a command.
 *
 * A file that can not be read any more, or is no list, changes nothing: what was read last stays in
 * force until the file is right, or until the list itself ends. */
#ifndef KEEPER_TRUSTWATCH_H
#define KEEPER_TRUSTWATCH_H

#include <uv.h>

#include "base/macros.h"

struct keeper;

struct trustwatch {
    uv_timer_t timer;
    struct keeper *keeper;
    uint64_t seen; /* what they looked like last; 0: nobody has looked */
};

#define TRUSTWATCH_MS 2000u

/* Until the loop's handles are closed. */
must_check int trustwatch_start(struct trustwatch *w, struct keeper *k);

#endif
