/* The store: everything that postern must remember, behind functions that know no SQL.
 *
 * One struct store is one open database (SQLite now) and, beside it in "<path>.access", a second
 * one for the access records, so that the busy log can neither slow down nor fill up the careful
 * one. It belongs to one thread. The nouns have headers of their own: users.h, credentials.h,
 * sessions.h, tokens.h, resources.h, throttles.h, trail.h (audit), access.h.
 *
 * Common rules of all of them
 *   - Times are wall seconds since 1970 unless a name ends in _ms. 0 means never or not set.
 *   - Names are terminated text of at most STORE_NAME_SIZE - 1 bytes.
 *   - Small rows are structs with their text inside: the caller's memory, filled on success only.
 *   - Long text is a span. In a list's callback it is good until the callback returns; a find
 * copies it into the arena that it is given.
 *   - A list calls back once per row. A callback that returns other than 0 ends the list, which
 * then returns that value. A callback must not call the function that is calling it (FAULT_MISUSE).
 *   - Functions that change several rows do so all or nothing, inside or outside a transaction.
 *   - Faults: FAULT_ABSENT, FAULT_EXISTS, FAULT_CONFLICT, FAULT_STALE as the functions say;
 *     FAULT_BUSY (another process holds the lock for over a second), FAULT_STORE (full disk, input
 * or output error), FAULT_CORRUPT, FAULT_LIMIT (too long), -ENOMEM.
 *
 * Group commit: the caller brackets everything that one turn of its loop brings in store_begin and
 * store_commit, each operation in store_mark and store_keep (or store_undo), and answers nobody
 * before store_commit returned 0. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/span.h"

#define STORE_NAME_SIZE 64u
#define STORE_HASH_SIZE 32u /* SHA-256 */
#define STORE_ID_SIZE 16u
/* No list gives more rows at a time. */
#define STORE_PAGE_MAX 500u

struct store;

enum store_mode {
    STORE_OPEN = 0,   /* must exist */
    STORE_CREATE = 1, /* made when it does not exist */
    STORE_READ = 2,   /* must exist and have the present schema; nothing is ever written */
};

/* Opens, checks and, when it is older, migrates. Every file is opened here, so the sandbox may
 * close afterwards; the directory must stay writable for the journal. note (may be NULL) gets a
 * sentence for a person on failure. FAULT_ABSENT; FAULT_VERSION: made by a newer postern;
 * FAULT_CORRUPT: damaged or not a store; FAULT_DENIED: others can read or write the file;
 * FAULT_BUSY; FAULT_STORE. */
must_check int store_open(const char *path, enum store_mode mode, struct store **ret,
                          struct buf *note);
/* Undoes an open transaction. NULL is allowed. */
void store_close(struct store *s);

/* One transaction. When a statement fails so badly that the database undoes the whole transaction,
 * everything that follows fails with FAULT_STORE until the caller has called store_commit (which
 * fails) or store_rollback: nothing slips out of the bracket. */
must_check int store_begin(struct store *s);
/* 0: everything since store_begin is on disk. Otherwise all of it is undone. */
must_check int store_commit(struct store *s);
void store_rollback(struct store *s);
bool store_in_transaction(const struct store *s);

/* A part of a transaction that can be undone alone. Marks nest; each is ended by one of the two. */
must_check int store_mark(struct store *s);
must_check int store_keep(struct store *s);
void store_undo(struct store *s);

/* From now on secrets are sealed with this ring (seal.h), which outlives the store; without one
 * they are stored as they come and only those can be read. */
struct seal_ring;
void store_set_ring(struct store *s, const struct seal_ring *ring);

/* Moves what is in the journal into the main file as far as readers allow, for quiet moments. */
must_check int store_checkpoint(struct store *s);

/* How large the two databases are, and how much of that is free pages. */
struct store_room {
    uint64_t bytes, free_bytes;
};
must_check int store_room(struct store *s, struct store_room *main, struct store_room *access);
/* Gives free pages back to the file system, at most 256 of each database, where so many are free
 * that they will not soon be used again. Outside a transaction. 1: there are more, 0: none. A
 * database that an older postern made and that was too large to be rewritten gives none back: its
 * free pages are used again. */
must_check int store_vacuum(struct store *s);

/* Which rows a numbered list gives: those after `anchor`, oldest first, or with newest_first those
 * before it (0: from the newest). limit 0 means STORE_PAGE_MAX. */
struct page {
    uint64_t anchor;
    uint32_t limit;
    bool newest_first;
};

#endif
