/* Resources as JSON documents, the form of the API and of the store; the same key table as the
 * file.
 *
 * kind: "zone", "route", "rule". An object has the keys of that kind and "name":
 *   {"name": "office", "cidrs": ["10.1.0.0/16"]}
 * Durations and sizes are numbers (seconds, bytes) or texts ("15m", "16KiB").
 *
 * Links jansson (conf_json_dep): not for the edge or the supervisor. */
#ifndef CONF_RESOURCE_H
#define CONF_RESOURCE_H

#include "base/buf.h"
#include "conf/keys.h"
#include "conf/snapshot.h"

#define RESOURCE_MAX (4u * 1024 * 1024)

/* Accepts one object and appends it to s with ORIGIN_STORE. Unknown keys, duplicate keys and wrong
 * types are errors, all of them reported, one a line: "key: expected …, found …; did you mean …?".
 * What concerns other resources (a zone that does not exist, a name that is taken) is for
 * verify_snapshot and merge_snapshots. 0, FAULT_FORMAT, FAULT_LIMIT (too many of the kind),
 * FAULT_MISUSE (no such kind), -ENOMEM; s is unchanged unless 0. */
must_check int resource_parse(struct snapshot *s, const char *kind, struct span json,
                              struct buf *errors);
/* A setting: {"name": "session.idle", "value": "20m"}. Sets it in the machine part of s and notes
 * it as said. Faults as resource_parse(). */
must_check int setting_parse(struct snapshot *s, struct span json, struct buf *errors);
/* Appends the value of a setting as JSON. */
must_check int setting_write(const struct key *k, const struct snapshot *s, struct buf *out);
/* Appends one object to out. FAULT_ABSENT, FAULT_MISUSE, FAULT_LIMIT. */
must_check int resource_write(const struct snapshot *s, const char *kind, const char *name,
                              struct buf *out);

#endif
