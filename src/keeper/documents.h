/* The store's part of the policy as a list of documents, so that one can be changed, compared and
 * tried out without writing anything.
 *
 * The list is in the order in which the parts are merged: by kind, and within a kind by place. An
 * arena holds the texts; a copy of a list borrows those of its original. */
#ifndef KEEPER_DOCUMENTS_H
#define KEEPER_DOCUMENTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "conf/snapshot.h"
#include "store/resources.h"
#include "store/versions.h"

struct document_kind {
    const char *kind;   /* in the store */
    const char *plural; /* in paths and bodies */
};

extern const struct document_kind DOCUMENT_KINDS[];
extern const size_t DOCUMENT_KIND_COUNT;

struct document {
    size_t kind; /* index in DOCUMENT_KINDS */
    const char *name;
    struct span doc;
    uint64_t place; /* 0: it gets one behind all others */
    bool gone;      /* not part of the list any more */
};

struct documents {
    struct arena arena;
    struct document *at;
    size_t count, room;
};

/* The index of a kind by its name in the store, or DOCUMENT_KIND_COUNT. */
size_t document_kind(const char *kind);

void documents_init(struct documents *d);
void documents_fini(struct documents *d);
/* All that the store holds now. 0, FAULT_LIMIT or a fault of the store. */
must_check int documents_read(struct documents *d, struct store *store);
/* The same list again; `of` must outlive it. 0 or -ENOMEM. */
must_check int documents_copy(struct documents *d, const struct documents *of);
/* NULL: none. */
struct document *documents_find(const struct documents *d, size_t kind, const char *name);
/* At the end of its kind; copies both texts. 0, FAULT_LIMIT or -ENOMEM. */
must_check int documents_add(struct documents *d, size_t kind, const char *name, struct span doc,
                             uint64_t place);
/* Back in order after changes: by kind and place, what has none last. */
void documents_sort(struct documents *d);
/* Appends all of them to a snapshot. As resource_parse(); what is wrong is named with its kind and
 * name. */
must_check int documents_parse(const struct documents *d, struct snapshot *into,
                               struct buf *errors);

/* Do both mean the same? A key that is not said means its default. */
bool document_same(size_t kind, const char *name, struct span a, struct span b);

/* What differs between two lists: what goes first, then what comes, changes or moves, in the order
 * of `after`. *ret is the caller's to free(); its texts are the lists'. 0 or -ENOMEM. */
must_check int documents_compare(const struct documents *before, const struct documents *after,
                                 struct version_entry **ret, size_t *count);
/* What the file says, without places. 0, FAULT_LIMIT or -ENOMEM. */
must_check int documents_file(struct documents *d, const struct snapshot *file);

#endif
