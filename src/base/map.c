#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"

static char gone;
#define MAP_GONE ((void *)&gone)

void map_init(struct map *m, size_t max)
{
    *m = (struct map){.max = max};
}

void map_fini(struct map *m)
{
    free(m->slots);
    *m = (struct map){.max = m->max};
}

static struct map_slot *probe(const struct map *m, struct span key)
{
    if (m->cap == 0)
        return NULL;
    size_t i = span_hash(key) & (m->cap - 1);
    for (;; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *s = &m->slots[i];
        if (s->value == NULL)
            return s;
        if (s->value != MAP_GONE && span_eq(s->key, key))
            return s;
    }
}

void *map_find(const struct map *m, struct span key)
{
    struct map_slot *s = probe(m, key);
    return s == NULL ? NULL : s->value;
}

static int rehash(struct map *m, size_t cap)
{
    struct map_slot *slots = calloc(cap, sizeof(*slots));
    if (slots == NULL)
        return -ENOMEM;
    struct map old = *m;
    m->slots = slots;
    m->cap = cap;
    m->dirty = m->count;
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].value != NULL && old.slots[i].value != MAP_GONE)
            *probe(m, old.slots[i].key) = old.slots[i];
    }
    free(old.slots);
    return 0;
}

int map_put(struct map *m, struct span key, void *value)
{
    if (m->cap == 0 || (m->dirty + 1) * 4 > m->cap * 3) {
        size_t cap = 16;
        while (cap < (m->count + 1) * 2)
            cap *= 2;
        int rc = rehash(m, cap);
        if (rc < 0)
            return rc;
    }
    struct map_slot *s = probe(m, key);
    if (s->value == NULL) {
        if (m->count >= m->max)
            return FAULT_LIMIT;
        m->count++;
        m->dirty++;
    }
    *s = (struct map_slot){key, value};
    return 0;
}

void *map_remove(struct map *m, struct span key)
{
    struct map_slot *s = probe(m, key);
    if (s == NULL || s->value == NULL)
        return NULL;
    void *value = s->value;
    *s = (struct map_slot){SPAN_NONE, MAP_GONE};
    m->count--;
    return value;
}

void *map_next(const struct map *m, size_t *at)
{
    while (*at < m->cap) {
        struct map_slot *s = &m->slots[(*at)++];
        if (s->value != NULL && s->value != MAP_GONE)
            return s->value;
    }
    return NULL;
}
