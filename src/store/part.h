/* What the nouns of the store share; not for callers. */
#ifndef STORE_PART_H
#define STORE_PART_H

#include "base/fault.h"
#include "store/db.h"

/* Statements of the store itself start here: refuses everything with FAULT_STORE after the database
 * has undone the caller's transaction by itself, until the caller has ended it. */
void store_query(struct query *q, struct store *s, enum statement which);
void store_query_access(struct query *q, struct store *s, enum statement which);
/* Ends the query and notices such a loss. Every query of the nouns ends in one of these two. */
int store_close_query(struct query *q, struct store *s);
must_check int store_run_query(struct query *q, struct store *s);
/* store_run_query, but FAULT_ABSENT when no row was changed; 0 otherwise. */
must_check int store_run_one(struct query *q, struct store *s);
struct db *store_access_db(struct store *s);
const struct seal_ring *store_ring(const struct store *s);

/* rc 0: keeps the mark, else undoes it. Returns the first fault: the end of every function that
 * changes several rows. */
must_check int store_settle(struct store *s, int rc);

static inline uint32_t page_limit(uint32_t limit)
{
    return limit == 0 || limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : limit;
}

/* Binds anchor and limit, the first two parameters of every numbered list. */
void store_query_page(struct query *q, const struct page *page);

/* A search reads so many rows at the most, and says where to go on: each of its questions is short,
 * however long the table and however rare what is looked for. */
#define SCAN_MAX 5000u
/* By an index each row is on a page of its own, which has to be read. */
#define SCAN_APART_MAX 2000u

/* The numbers between which a search goes, both excluded, and how it went. */
struct scan {
    uint64_t low, high;
    uint64_t last;  /* number of the last row that was looked at */
    uint32_t read;  /* rows looked at */
    uint32_t given; /* rows given */
    uint32_t limit; /* no more are given */
    uint32_t most;  /* nor looked at */
};
/* apart: its rows do not lie side by side. */
static inline void scan_init(struct scan *s, const struct page *page, bool apart)
{
    bool back = page->newest_first;
    *s = (struct scan){.low = back ? 0 : page->anchor,
                       .high = back && page->anchor != 0 ? page->anchor : INT64_MAX,
                       .limit = page_limit(page->limit),
                       .most = apart ? SCAN_APART_MAX : SCAN_MAX};
}
/* Binds the numbers and the most rows: the first three parameters of every search. */
void store_query_scan(struct query *q, const struct scan *s);
/* Where to go on; 0: there is nothing more. */
static inline uint64_t scan_next(const struct scan *s)
{
    return s->given == s->limit || s->read == s->most ? s->last : 0;
}
/* The first number from low + 1 on whose time is not before `ms`, where times rise with the
 * numbers; time_of: the time of a row, 0 when there is none. */
must_check int scan_find_time(struct store *s, uint64_t low, uint64_t high, uint64_t ms,
                              int (*time_of)(struct store *s, uint64_t seq, uint64_t *ret),
                              uint64_t *ret);

/* Does the text occur, whatever the case of its ASCII letters? */
bool store_has_text(struct span in, const char *text);

/* A text that has to fit into a column of at most max bytes; FAULT_LIMIT. */
static inline int fits(struct span text, size_t max)
{
    return text.len <= max ? 0 : FAULT_LIMIT;
}

#endif
