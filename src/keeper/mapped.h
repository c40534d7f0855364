/* Groups that follow what somebody else says of a user, by a table of the configuration: rows that
 * name a group of ours and what it takes to be in it.
 *
 * Several rows there may be of one group: one that holds is enough. Of the groups of a user exactly
 * those are touched that the table names; all others are left alone. */
#ifndef KEEPER_MAPPED_H
#define KEEPER_MAPPED_H

#include <jansson.h>

#include "base/buf.h"
#include "base/macros.h"
#include "base/span.h"

struct keeper;
struct call;

/* The groups of a table in the order of their first rows, each "+name" or "-name" on a line. */
struct mapped {
    struct buf lines;
};

/* rows: how many the table has. mapped_fini gives back what it holds. */
void mapped_init(struct mapped *m, size_t rows);
void mapped_fini(struct mapped *m);
/* One row: its group, a name, and whether what it asks for is so. */
void mapped_row(struct mapped *m, struct span group, bool holds);

/* The user is in those groups afterwards that hold, and in no other group of the table; groups that
 * do not exist are made. Changes are recorded with {kind: name}, as "provider", and pushed to the
 * edges after the commit of revokes. Runs in a step of the present turn. -ENOMEM. */
must_check int mapped_follow(struct keeper *k, const struct mapped *m, const char *user,
                             const char *kind, const char *name, struct call *revokes);
/* The groups that hold, as an array of strings; NULL without memory. */
json_t *mapped_json(const struct mapped *m);

#endif
