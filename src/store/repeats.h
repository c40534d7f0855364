/* Keys of requests that made something (keeper/repeat.h). Both are digests: neither the key nor the
 * request can be read from the store. */
#ifndef STORE_REPEATS_H
#define STORE_REPEATS_H

#include "store/store.h"

#define REPEAT_HASH 32u

/* FAULT_ABSENT. */
must_check int repeats_find(struct store *s, const uint8_t id[REPEAT_HASH],
                            uint8_t question[REPEAT_HASH]);
/* FAULT_EXISTS. */
must_check int repeats_add(struct store *s, const uint8_t id[REPEAT_HASH],
                           const uint8_t question[REPEAT_HASH], uint64_t now);
/* Forgets those that were used before `before`. */
must_check int repeats_prune(struct store *s, uint64_t before);

#endif
