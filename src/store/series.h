/* What was counted in each minute and each hour, for looking back. Rows are few: the keeper prunes
 * them, minutes after days and hours after a year. */
#ifndef STORE_SERIES_H
#define STORE_SERIES_H

#include "store/store.h"

#define SERIES_MINUTE 60u
#define SERIES_HOUR 3600u
/* Of latency, see keeper/series.h: so many 32-bit numbers, big-endian. */
#define SERIES_BUCKETS 40u

struct series_row {
    uint64_t at; /* wall seconds, a multiple of the step */
    uint64_t requests, denials;
    uint64_t sessions; /* the most that were on at once */
    uint32_t latency[SERIES_BUCKETS];
};

/* Replaces what is there of the same step and time. */
must_check int series_add(struct store *s, uint64_t step, const struct series_row *row);
/* from <= at < to, in order of time. */
must_check int series_list(struct store *s, uint64_t step, uint64_t from, uint64_t to,
                           int (*each)(void *context, const struct series_row *row), void *context);
must_check int series_prune(struct store *s, uint64_t step, uint64_t before);

#endif
