/* Versions of the policy: each change of zones, routes, rules and what else `resources` holds, with
 * who made it and why, and of everything that it touched what it was before and what it is after.
 *
 * A version is written in the transaction that changes the resources. It is MADE until every
 * process uses it, then IN_FORCE; what did not get so far is UNDONE and stays as a record. One that
 * has to be confirmed has a deadline as long as it waits.
 *
 * Entries of the file tell what an operator changed there; nobody but he can take that back. */
#ifndef STORE_VERSIONS_H
#define STORE_VERSIONS_H

#include "store/store.h"

#define VERSION_AUTHOR_SIZE 192u
#define VERSION_CAUSE_SIZE 16u
#define VERSION_COMMENT_SIZE 1024u

/* Numbers are stored: they never change. */
enum version_state { VERSION_MADE = 0, VERSION_IN_FORCE = 1, VERSION_UNDONE = 2 };

struct version {
    uint64_t number; /* from 1, never used again */
    uint64_t at;
    char author[VERSION_AUTHOR_SIZE];
    char cause[VERSION_CAUSE_SIZE]; /* "api", "apply", "rollback", "file", "expired" */
    enum version_state state;
    uint64_t confirm_by;  /* wall seconds; 0: does not wait */
    uint64_t confirm_for; /* how long it was given, in seconds */
    char comment[VERSION_COMMENT_SIZE];
};

struct version_entry {
    const char *kind;
    const char *name;
    bool from_file;
    bool had, has; /* there was a document before; there is one after */
    struct span before, after;
    /* In the order of its kind, as in resources.h; 0 when there is none, or with a new one whose
     * place the store chooses. */
    uint64_t place_before, place_after;
};

/* Writes the row; its number and its entries are for what follows. FAULT_LIMIT: a text is too long.
 */
must_check int versions_add(struct store *s, const struct version *v, uint64_t *number);
/* position: from 0, ascending. */
must_check int versions_add_entry(struct store *s, uint64_t number, uint64_t position,
                                  const struct version_entry *e);
/* FAULT_ABSENT. */
must_check int versions_find(struct store *s, uint64_t number, struct version *ret);
/* The newest in force; 0: there was none yet. */
must_check int versions_current(struct store *s, uint64_t *ret);
/* The oldest that is kept; 0: there is none. */
must_check int versions_oldest(struct store *s, uint64_t *ret);
/* The one that waits to be confirmed, or that was never seen in force. FAULT_ABSENT. */
must_check int versions_pending(struct store *s, struct version *ret);
must_check int versions_unsettled(struct store *s, struct version *ret);
must_check int versions_set_state(struct store *s, uint64_t number, enum version_state state);
/* by 0: it does not wait any more. */
must_check int versions_set_confirm(struct store *s, uint64_t number, uint64_t by, uint64_t time);
must_check int versions_list(struct store *s, const struct page *page,
                             int (*each)(void *context, const struct version *version),
                             void *context);
/* In their order. */
must_check int versions_entries(struct store *s, uint64_t number,
                                int (*each)(void *context, const struct version_entry *entry),
                                void *context);
/* The store's own entries of all versions in force that are newer than this one, newest first: the
 * last one seen of a name tells what it was then. */
must_check int versions_since(struct store *s, uint64_t number,
                              int (*each)(void *context, const struct version_entry *entry),
                              void *context);
/* Restores the resources that a version has changed, and marks it UNDONE. */
must_check int versions_undo(struct store *s, uint64_t number, uint64_t now);
/* Forgets all but the newest `keep`. */
must_check int versions_prune(struct store *s, uint64_t keep);

/* ---- what the file said last ---- */
must_check int filed_put(struct store *s, const char *kind, const char *name, struct span doc);
must_check int filed_remove(struct store *s, const char *kind, const char *name);
/* kind and name, ordered by them. */
must_check int filed_list(struct store *s,
                          int (*each)(void *context, const struct version_entry *entry),
                          void *context);

#endif
