/* Access records: what was asked of the consoles and how it was decided.
 *
 * They live in a database of their own, "<store>.access", with relaxed durability: a crash of the
 * process loses nothing, a power failure may lose the last moments. The number is bounded. These
 * functions take no part in store_begin and store_commit. */
#ifndef STORE_ACCESS_H
#define STORE_ACCESS_H

#include "ipc/message.h"
#include "store/store.h"

struct access_row {
    uint64_t seq;
    struct access_record record; /* spans borrow */
};

/* All of them in one transaction. lost: how many more were dropped before they came here. */
must_check int access_append(struct store *s, const struct access_record *records, size_t count,
                             uint64_t lost, uint64_t wall_ms);

struct access_filter {
    bool denials;          /* only what was refused: outcomes ACCESS_DENIED to ACCESS_LIMIT */
    uint64_t since_ms;     /* when it had ended; 0: any, … */
    uint64_t until_ms;     /* … and before this */
    const char *route;     /* NULL: any */
    const char *principal; /* NULL: any */
    const uint8_t *source; /* NULL: any; 16 bytes */
    const char *method;    /* NULL: any */
    const char *text;      /* in path, host, principal, rule; NULL: any */
};

/* A call looks at a bounded number of records. *ret_next (or NULL): the anchor with which to go on,
 * also when fewer were given than the page holds; 0: there are no more. Records are in order of
 * their numbers, and as good as in order of the times at which they ended: what an edge sends late
 * by more than a minute may be missed by since_ms and until_ms. */
must_check int access_list(struct store *s, const struct access_filter *filter,
                           const struct page *page,
                           int (*each)(void *context, const struct access_row *row), void *context,
                           uint64_t *ret_next);

/* The numbers of the records that ended at since_ms or later (as good as access_list knows): those
 * after *low and before *high. */
must_check int access_range(struct store *s, uint64_t since_ms, uint64_t *low, uint64_t *high);
/* Up to `count` records between low and high, both excluded, oldest first: how many. */
must_check int access_walk(struct store *s, uint64_t low, uint64_t high, uint32_t count,
                           void (*each)(void *context, const struct access_row *row),
                           void *context);

/* Refusals by source, most first: "who was turned away since then, and from where"; of the newest
 * ACCESS_DENIED_MAX. */
#define ACCESS_DENIED_MAX 10000u
struct access_denials {
    uint8_t source[16];
    uint64_t count;
    uint64_t last_ms;
    uint8_t last_outcome; /* enum access_outcome: the reason is the policy's and may have none */
    uint8_t last_reason;  /* enum reason */
    struct span last_route;
};
must_check int access_denied_sources(struct store *s, uint64_t since_ms, uint32_t limit,
                                     int (*each)(void *context, const struct access_denials *d),
                                     void *context);

struct access_limit {
    uint64_t rows;
    uint64_t bytes; /* that all of them need in the file; 0: any number */
    uint64_t before_ms;
};
/* Removes the oldest beyond these limits; at most `budget` rows a call, so that a turn of the loop
 * stays short. Returns how many were removed. */
must_check int access_prune(struct store *s, const struct access_limit *limit, uint32_t budget);

struct access_stats {
    uint64_t rows;
    uint64_t oldest_ms, newest_ms; /* 0 when there are none */
    uint64_t lost;                 /* dropped in all, ever */
};
must_check int access_stats(struct store *s, struct access_stats *ret);

#endif
