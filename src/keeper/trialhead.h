/* The head of an answer to a test request, as JSON: bytes from a server that nobody knows yet. */
#ifndef KEEPER_TRIALHEAD_H
#define KEEPER_TRIALHEAD_H

#include <jansson.h>

#include "base/arena.h"
#include "base/macros.h"

/* [{"name", "value"}], both bounded; cookies that it sets are named, not told. FAULT_FORMAT: it is
 * no head of HTTP/1.1, for the static reason *why. */
must_check int trialhead_read(struct span bytes, struct arena *arena, unsigned *status,
                              json_t **headers, const char **why);

#endif
