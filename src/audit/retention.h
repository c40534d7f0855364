/* Old records go, and what stays can still be verified.
 *
 * First a record, audit.pruned, says up to which number records go, and the hash of the last of
 * them; it is part of the chain, and the head file knows it. After that they are removed from the
 * front, a few at a time. So whoever finds the trail beginning later than with record 1 finds in it
 * who said so (verify.h), and the first record that is left holds the hash of the one before it.
 *
 *   1 … 400 │ 401 … 900, 901 = audit.pruned {"upto": 400, "hash": hash(400)}, 902 …
 *   removed │ verified from hash(400) on */
#ifndef AUDIT_RETENTION_H
#define AUDIT_RETENTION_H

#include "audit/record.h"

struct retention_limit {
    uint64_t before_ms; /* what is older goes; 0: nothing */
    uint64_t rows;      /* no more are kept; 0: any number */
};

/* What an audit.pruned says. FAULT_FORMAT: it is none, or not one of ours. */
struct retention_word {
    uint64_t upto;
    uint8_t hash[STORE_HASH_SIZE];
};
must_check int retention_read(const struct record *r, struct retention_word *ret);

/* The number up to which records should go by these limits and have not been said to; 0: none. The
 * last record always stays. */
must_check int retention_due(struct store *s, const struct retention_limit *limit, uint64_t *ret);
/* Says it, inside the caller's transaction. */
must_check int retention_announce(struct store *s, uint64_t upto, uint64_t wall_ms);
/* Removes at most `budget` of those that were announced; how many. known: the number in the head
 * file: what it still points to stays, because it is compared with it. */
must_check int retention_remove(struct store *s, uint64_t known, uint32_t budget);

#endif
