/* The head of the trail, kept in a small file outside the database.
 *
 *   postern-audit-head 1
 *   count 1234
 *   hash 64 hex digits
 *
 * It is written after the commit, to a new file that is synced and then renamed over the old one.
 * So after a crash at any moment the file is whole and names a record that the trail has: it may
 * lag by what the last commits added, never lead. A trail that is shorter than the file says, or
 * has another hash at that number, was cut or rewritten; no crash looks like that. */
#ifndef AUDIT_HEAD_H
#define AUDIT_HEAD_H

#include "store/trail.h"

struct head {
    uint64_t count;
    uint8_t hash[STORE_HASH_SIZE];
};

/* FAULT_ABSENT; FAULT_FORMAT: damaged; -errno. */
must_check int head_read(const char *path, struct head *ret);
/* -errno. */
must_check int head_write(const char *path, const struct head *head);
/* Both bring the file up to date with the trail. They first check that the trail still has the
 * record that the file knows: a trail cut or rewritten while postern runs is noticed with the next
 * record, and the file, which is the evidence, is left alone. Outside a transaction. head_settle
 * once at start, before the first record: makes the file when it is missing and the trail is empty.
 *   head_update  after every commit that added records; a missing file is not made again.
 * FAULT_CONFLICT: cut or rewritten. FAULT_ABSENT: no file. FAULT_FORMAT: the file is damaged.
 * -errno: not written; what was committed stays, and the file lags until the next call. */
must_check int head_settle(const char *path, struct store *s);
must_check int head_update(const char *path, struct store *s);

#endif
