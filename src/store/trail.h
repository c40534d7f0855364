/* The rows of the audit trail. Only src/audit appends here: it makes the numbers and the hashes.
 *
 * Rows are never changed. They are removed only from the front, by audit/retention.h. */
#ifndef STORE_TRAIL_H
#define STORE_TRAIL_H

#include "store/store.h"

struct record {
    uint64_t seq; /* 1, 2, 3, … without gaps */
    uint64_t wall_ms;
    uint8_t actor_kind; /* enum audit_actor */
    struct span actor;  /* user, or "owner/token" */
    uint8_t source[16]; /* all zero: from no network address */
    struct span event;  /* a name of audit/events.def */
    struct span target;
    uint8_t outcome; /* enum audit_outcome */
    struct span request_id;
    struct span detail;            /* JSON object or empty */
    uint8_t prev[STORE_HASH_SIZE]; /* hash of the record before; zero for the first */
    uint8_t hash[STORE_HASH_SIZE];
};

/* Number and hash of the last row; 0 and zero bytes when there is none. */
must_check int trail_last(struct store *s, uint64_t *ret_seq, uint8_t ret_hash[STORE_HASH_SIZE]);
/* The hash of one row. FAULT_ABSENT. */
must_check int trail_hash(struct store *s, uint64_t seq, uint8_t ret_hash[STORE_HASH_SIZE]);
/* Number of the first row; 0: none. */
must_check int trail_first(struct store *s, uint64_t *ret_seq);
/* FAULT_ABSENT. */
must_check int trail_time(struct store *s, uint64_t seq, uint64_t *ret_ms);
/* The number of the first row whose time is not before `ms`; one more than the last: none. */
must_check int trail_find_time(struct store *s, uint64_t ms, uint64_t *ret_seq);
/* Removes the rows up to this number; how many. */
must_check int trail_remove(struct store *s, uint64_t upto);
must_check int trail_append(struct store *s, const struct record *r);
must_check int trail_list(struct store *s, const struct page *page,
                          int (*each)(void *context, const struct record *record), void *context);
/* Only those of one event, one actor, one target; NULL: any. */
struct trail_filter {
    const char *event;
    const char *actor;
    const char *target;
    uint64_t since_ms;
    uint64_t until_ms; /* before this; 0: any */
    const char *text;  /* in actor, event, target, request or detail; NULL: any */
};
/* A call looks at a bounded number of records. *ret_next (or NULL): the anchor with which to go on,
 * also when fewer were given than the page holds; 0: there are no more. Where the clock was set
 * back by more than a minute, since_ms and until_ms may miss records. */
must_check int trail_search(struct store *s, const struct trail_filter *filter,
                            const struct page *page,
                            int (*each)(void *context, const struct record *record), void *context,
                            uint64_t *ret_next);
/* Every row from the first on, in one consistent view, without the limit of a page: for verifying
 * and exporting. Memory does not grow with the trail. */
must_check int trail_walk(struct store *s, int (*each)(void *context, const struct record *record),
                          void *context);

#endif
