/* What processes of one version say to each other, as one number.
 *
 * Made from the tables that everything else is made from: the messages, and the keys that a slice
 * of a snapshot carries. Two versions with the same number understand each other, and only they: an
 * old edge that finishes what runs needs that from a new supervisor and a new keeper. */
#ifndef SUPERVISOR_LANGUAGE_H
#define SUPERVISOR_LANGUAGE_H

#include <stdint.h>

uint64_t language_number(void);

#endif
