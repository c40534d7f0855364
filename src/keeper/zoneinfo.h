/* How the clocks of time zones go, from the files of tzdata.
 *
 * Looked up while a configuration is compiled and carried in it (rule_def.time_rules), so that no
 * edge reads a file and all of them decide alike. */
#ifndef KEEPER_ZONEINFO_H
#define KEEPER_ZONEINFO_H

#include "base/buf.h"
#include "conf/snapshot.h"

#define ZONEINFO_DIRECTORY "/usr/share/zoneinfo"

/* Fills in the rules of every zone that the times of a rule are in. now: wall seconds. 0;
 * FAULT_FORMAT with one reason a line in errors; -ENOMEM. */
must_check int zoneinfo_fill(struct snapshot *s, uint64_t now, struct buf *errors);

#endif
