#include "supervisor/backoff.h"

#include <stddef.h>

#include "base/macros.h"

static const uint64_t WAIT_MS[] = {0, 50, 100, 200, 400, 800};

uint64_t backoff_next(struct backoff *b, uint64_t lived_ms)
{
    if (lived_ms >= BACKOFF_LIVED_MS)
        b->deaths = 0;
    unsigned last = (unsigned)countof(WAIT_MS) - 1;
    uint64_t wait = WAIT_MS[b->deaths < last ? b->deaths : last];
    if (b->deaths < last)
        b->deaths++;
    return wait;
}
