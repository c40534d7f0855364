#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct arena_block {
    struct arena_block *next;
    size_t cap;
    size_t used;
    _Alignas(max_align_t) uint8_t bytes[];
};

void arena_init(struct arena *a, size_t block, size_t max)
{
    *a = (struct arena){.block = block, .max = max};
}

void arena_fini(struct arena *a)
{
    struct arena_block *b = a->blocks;
    while (b != NULL) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    a->blocks = NULL;
    a->used = 0;
}

void arena_reset(struct arena *a)
{
    struct arena_block *b = a->blocks;
    while (b != NULL && b->next != NULL) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    if (b != NULL && b->cap != a->block) {
        free(b);
        b = NULL;
    }
    if (b != NULL)
        b->used = 0;
    a->blocks = b;
    a->used = b != NULL ? b->cap : 0;
}

void *arena_alloc(struct arena *a, size_t len)
{
    const size_t align = _Alignof(max_align_t);
    if (len > a->max)
        return NULL;
    len = (len + align - 1) & ~(align - 1);
    if (len == 0)
        len = align;
    struct arena_block *b = a->blocks;
    if (b == NULL || b->cap - b->used < len) {
        size_t cap = len > a->block ? len : a->block;
        if (cap > a->max || a->used > a->max - cap)
            return NULL;
        b = malloc(sizeof(*b) + cap);
        if (b == NULL)
            return NULL;
        *b = (struct arena_block){.next = a->blocks, .cap = cap};
        a->blocks = b;
        a->used += cap;
    }
    void *at = b->bytes + b->used;
    b->used += len;
    memset(at, 0, len);
    return at;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t len;
    return __builtin_mul_overflow(count, size, &len) ? NULL : arena_alloc(a, len);
}

char *arena_string(struct arena *a, struct span bytes)
{
    char *text = bytes.len == SIZE_MAX ? NULL : arena_alloc(a, bytes.len + 1);
    if (text != NULL && bytes.len > 0)
        memcpy(text, bytes.at, bytes.len);
    return text;
}

struct span arena_copy(struct arena *a, struct span bytes)
{
    char *copy = arena_string(a, bytes);
    return copy == NULL ? SPAN_NONE : span_of(copy, bytes.len);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = need < 0 ? NULL : arena_alloc(a, (size_t)need + 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)need + 1, fmt, again);
    va_end(again);
    return text;
}
