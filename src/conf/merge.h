/* The file's resources and the store's, as one snapshot. */
#ifndef CONF_MERGE_H
#define CONF_MERGE_H

#include "base/buf.h"
#include "conf/snapshot.h"

/* A new snapshot with everything of `file` and the zones, routes and rules of `store` (whose
 * built-in zones are ignored, and of whose machine part only the settings count that it says and
 * the file does not). The file's rules come first, so what the store says never takes the place of
 * what the file says. A name in both is an error. The result is verified; its number is 0. 0,
 * FAULT_FORMAT (messages in errors), -ENOMEM. */
must_check int merge_snapshots(const struct snapshot *file, const struct snapshot *store,
                               struct snapshot **ret, struct buf *errors);

#endif
