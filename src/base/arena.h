/* Memory that ends all at once: one arena per request (or per decoded snapshot).
 *
 * Allocations come from blocks and are never released singly. The arena has a maximum; past it, or
 * without memory, allocation gives NULL. arena_reset keeps the first block for the next request. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/macros.h"
#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t block;               /* size of an ordinary block */
    size_t used;                /* sum over all blocks, allocated bytes */
    size_t max;
};

void arena_init(struct arena *a, size_t block, size_t max);
void arena_fini(struct arena *a);
void arena_reset(struct arena *a);
/* Zeroed, aligned for any type; NULL past the maximum. */
void *arena_alloc(struct arena *a, size_t len);
/* count * size, checked. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* A terminated copy. Bytes are copied as they are, NUL included. */
char *arena_string(struct arena *a, struct span bytes);
struct span arena_copy(struct arena *a, struct span bytes);
char *arena_printf(struct arena *a, const char *fmt, ...) printf_like(2, 3);

#endif
