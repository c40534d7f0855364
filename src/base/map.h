/* A hash map from byte strings to pointers: open addressing, keyed hash, bounded.
 *
 * Keys are borrowed: they must live in the value and stay unchanged while it is in the map. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/macros.h"
#include "base/span.h"

struct map_slot {
    struct span key;
    void *value; /* NULL: free; MAP_GONE inside: was removed */
};

struct map {
    struct map_slot *slots;
    size_t cap;   /* power of two, or 0 */
    size_t count; /* live entries */
    size_t dirty; /* live and removed */
    size_t max;
};

void map_init(struct map *m, size_t max);
void map_fini(struct map *m);
void *map_find(const struct map *m, struct span key);
/* Replaces an equal key. 0, FAULT_LIMIT past max, or -ENOMEM. */
must_check int map_put(struct map *m, struct span key, void *value);
/* The removed value or NULL. */
void *map_remove(struct map *m, struct span key);
/* Walks in no order: *at starts at 0. NULL at the end. Removing the returned key is allowed. */
void *map_next(const struct map *m, size_t *at);

#endif
