/* Slices: a snapshot as bytes, as much of it as the receiver may know.
 *
 * SLICE_FILE, supervisor to keeper: everything the file says. SLICE_EDGE, keeper to edges by way of
 * the supervisor: no paths, no secret file names, no store. A decoder refuses what does not hold
 * together (a rule that names an unknown zone, a bad path pattern, …): FAULT_FORMAT. */
#ifndef CONF_SLICE_H
#define CONF_SLICE_H

#include "base/buf.h"
#include "conf/snapshot.h"

enum slice { SLICE_FILE = 1, SLICE_EDGE = 2 };

#define SLICE_MAX (64u * 1024 * 1024)

/* Appends to out. 0, FAULT_LIMIT; FAULT_MISUSE for an edge while a route's authorities were not
 * read. */
must_check int slice_encode(const struct snapshot *s, enum slice which, struct buf *out);
/* *ret: a new snapshot. FAULT_FORMAT, FAULT_VERSION, -ENOMEM. */
must_check int slice_decode(struct span bytes, enum slice which, struct snapshot **ret);

#endif
