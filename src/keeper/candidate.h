/* A policy that might come: what is in the store with some changes, verified and compiled, without
 * anything being written.
 *
 *   candidate_begin() ─▶ put, remove, restore, take … ─▶ candidate_finish() ─▶ live, entries
 *
 * Whoever wants to know what a change would do (a dry run, the guard against lock-outs, the tests
 * of a policy, a simulation) looks at its live; whoever makes the change writes its entries
 * (change.h). It belongs to the store as it was at candidate_begin(), and borrows nothing of it. */
#ifndef KEEPER_CANDIDATE_H
#define KEEPER_CANDIDATE_H

#include <jansson.h>

#include "keeper/documents.h"
#include "keeper/live.h"
#include "store/versions.h"

struct keeper;

struct candidate {
    struct documents before, after;
    struct version_entry *entries; /* what differs, in the order of `after`, removals first */
    size_t entry_count;
    struct live *live; /* owned until somebody takes it; number 0 */
};

/* Why a candidate cannot be made. */
struct candidate_error {
    char field[64];  /* of the body; "" */
    struct buf text; /* one reason a line */
};

void candidate_error_init(struct candidate_error *e);
void candidate_error_fini(struct candidate_error *e);

/* 0, or a fault of the store. */
must_check int candidate_begin(struct keeper *k, struct candidate **ret);
void candidate_free(struct candidate *c);

/* Makes or replaces; what is replaced keeps its place. */
must_check int candidate_put(struct candidate *c, size_t kind, const char *name, struct span doc);
/* FAULT_ABSENT. */
must_check int candidate_remove(struct candidate *c, size_t kind, const char *name);
/* As it was after version `number`. FAULT_ABSENT: too old, or it never was. */
must_check int candidate_rewind(struct candidate *c, struct store *store, uint64_t number);
/* What an apply body says: a list under the plural of each kind. With "prune" a kind that the body
 * names has nothing else than the body's afterwards, in the body's order. FAULT_FORMAT with the
 * reason. Names of the file are refused: the file says what they are. */
must_check int candidate_take(struct candidate *c, const struct keeper *k, const json_t *body,
                              struct candidate_error *why);
/* Compares and compiles. FAULT_FORMAT with the reasons. */
must_check int candidate_finish(struct candidate *c, struct keeper *k, struct candidate_error *why);

/* All of it for an apply body: what a simulation and the tests of a policy need. The caller frees
 * *ret. */
must_check int candidate_new(struct keeper *k, const json_t *body, struct candidate **ret,
                             struct candidate_error *why);

/* The entries as JSON: [{kind, name, action, before, after, lines}, …]. NULL without memory. */
json_t *candidate_changes(const struct candidate *c);
json_t *entry_json(const struct version_entry *e);

#endif
