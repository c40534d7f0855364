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

/* A text that has to fit into a column of at most max bytes; FAULT_LIMIT. */
static inline int fits(struct span text, size_t max)
{
    return text.len <= max ? 0 : FAULT_LIMIT;
}

#endif
