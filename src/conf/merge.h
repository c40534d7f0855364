/* The file's resources and the store's, as one snapshot. */
#ifndef CONF_MERGE_H
#define CONF_MERGE_H

#include "base/buf.h"
#include "conf/snapshot.h"

/* A new snapshot with everything of `file` and the zones, routes and rules of `store` (whose machine
 * part is ignored). A name in both is an error. The result is verified. 0, FAULT_FORMAT (messages in
 * errors), -ENOMEM. */
must_check int merge_snapshots(const struct snapshot *file, const struct snapshot *store,
                               struct snapshot **ret, struct buf *errors);

/* Resources as JSON documents, the form of the API and of the store; the same key table as the file.
 * kind: "zone", "route", "rule". The parser accepts an object with the keys of that kind (and "name")
 * and appends it to s. The writer appends one object to out. */
must_check int resource_parse(struct snapshot *s, const char *kind, struct span json,
                              struct buf *errors);
must_check int resource_write(const struct snapshot *s, const char *kind, const char *name,
                              struct buf *out);

#endif
