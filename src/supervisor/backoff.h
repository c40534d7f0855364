/* How long a dead child waits before it is started again.
 *
 * The first time not at all: whoever was cut off comes back at once. A child that dies again and
 * again waits longer each time, so that a broken machine is not kept busy with starting, but never
 * so long that service is not back within a second; one that has served for a moment starts over.
 */
#ifndef SUPERVISOR_BACKOFF_H
#define SUPERVISOR_BACKOFF_H

#include <stdint.h>

struct backoff {
    unsigned deaths; /* in a row */
};

#define BACKOFF_LIVED_MS 500u

/* Notes a death after `lived_ms` of life and says how many milliseconds to wait. */
uint64_t backoff_next(struct backoff *b, uint64_t lived_ms);

#endif
