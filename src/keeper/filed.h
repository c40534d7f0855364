/* The file's part of the policy over time: what an operator changes in postern.yaml is a version
 * like any other, with what was before and after, although only he can take it back. */
#ifndef KEEPER_FILED_H
#define KEEPER_FILED_H

#include "base/macros.h"

struct keeper;

/* Compares the file in force with what the last one said, which the store remembers, and records a
 * version when they differ. Inside a step of a turn. */
must_check int filed_record(struct keeper *k);

#endif
