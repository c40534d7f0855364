/* Series: how many requests, denials and people there were, and how long consoles took, over time.
 *
 *   access records ──▶ the present minute ──once a minute──▶ a row of the store ──▶ a row of its
 * hour
 *
 * A minute is counted in memory, with the clock of the keeper, from what the edges report; what was
 * counted by a process before this one in the same minute is added to. Minutes are kept for two
 * days, hours for four hundred: some twelve thousand rows in all. A minute without a row is one in
 * which nobody counted.
 *
 * Latency is counted in buckets two to an octave, so that quantiles of any span of time can be made
 * from its minutes: 0 ms, 1, 2, 3, 4, 6, 8, 12, … */
#ifndef KEEPER_SERIES_H
#define KEEPER_SERIES_H

#include "ipc/message.h"
#include "store/series.h"

struct keeper;

/* Minutes that wait to be stored: the sweep comes once a minute, and may fail once. */
#define SERIES_WAITING 4u

struct series {
    struct series_row now; /* at 0: nothing was counted yet */
    struct series_row waiting[SERIES_WAITING];
    size_t waiting_count;
};

void series_note(struct series *s, const struct access_record *records, size_t count, uint64_t now);
/* Stores the minutes that are over, with how many are on, and the hours that they belong to; the
 * present one as well when `all`. Forgets what is too old. Inside a transaction. */
must_check int series_sweep(struct keeper *k, uint64_t now, bool all);
/* Adds b to a: sums, and the greater number of sessions. */
void series_merge(struct series_row *a, const struct series_row *b);
/* In ms, of so many per mille; 0 when there is none. */
uint64_t series_quantile(const struct series_row *row, unsigned per_mille);
/* Everything from `from` on and before `to`, stored or not, in one row. */
must_check int series_sum(struct keeper *k, uint64_t from, uint64_t to, struct series_row *ret);

#endif
