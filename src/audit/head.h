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
/* Reads the last record's number and hash from the store and writes them. Outside a transaction. A
 * failure does not undo what was committed: the file lags until the next call. */
must_check int head_update(const char *path, struct store *s);
/* For the keeper's start: compares file and trail; makes the file when the trail is empty and there
 * is none. 0: the file is the trail's head or a prefix of it, and now up to date. FAULT_CONFLICT:
 * the trail was cut or rewritten (the file is left alone). FAULT_ABSENT: records, but no file.
 * FAULT_FORMAT. */
must_check int head_settle(const char *path, struct store *s);

#endif
