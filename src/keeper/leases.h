/* Routes that last as long as somebody holds on to them: `postern guard`.
 *
 *   control connection ──asks──▶ lease (route and its rules, in memory) ──merged──▶ snapshot
 *           │ closes
 *           └──▶ ended ──a snapshot without it is in force──▶ streams ended, forgotten
 *
 * A lease is never in the store, so nothing is left behind by anybody's death: with the connection,
 * with the keeper, with the machine it is gone, and who still wants it asks again. No rule but its
 * own may name its route (`*` does not name it): the end of a lease must leave a configuration that
 * is right. */
#ifndef KEEPER_LEASES_H
#define KEEPER_LEASES_H

#include "base/buf.h"
#include "base/list.h"
#include "conf/snapshot.h"

struct keeper;

#define LEASES_MAX 64u
#define LEASE_RULES_MAX 16u

struct lease {
    struct list link;
    uint64_t connection; /* number of the control connection */
    char name[64];
    struct buf route; /* JSON */
    struct buf rules; /* JSON, one a line */
    bool ended;
};

struct leases {
    struct list all;
};

void leases_init(struct leases *l);
void leases_fini(struct leases *l);
/* A new one, its documents empty. FAULT_LIMIT, -ENOMEM. */
must_check int leases_add(struct leases *l, uint64_t connection, const char *name,
                          struct lease **ret);
/* As if it had never been. */
void lease_drop(struct lease *lease);
/* Does this connection hold one that has not ended? How many do? */
bool leases_held(const struct leases *l, uint64_t connection);
size_t leases_count(const struct leases *l);
/* Adds their resources to what the store says. As resource_parse. */
must_check int leases_collect(const struct leases *l, struct snapshot *into, struct buf *errors);
/* 0, or FAULT_FORMAT: a rule of somebody else names a route that will end. */
must_check int leases_check(const struct leases *l, const struct snapshot *merged,
                            struct buf *errors);

/* ---- with a loop ---- */

/* The connection is gone: a snapshot without its lease follows. */
void leases_end(struct keeper *k, uint64_t connection);
/* A snapshot is in force everywhere: ends the streams of leases that are not in it. */
void leases_settled(struct keeper *k);

#endif
