#include "base/cursor.h"

#include <limits.h>

#include "base/fault.h"

struct cursor cursor_over(struct span bytes)
{
    return (struct cursor){.rest = bytes};
}

struct span cursor_take(struct cursor *c, size_t len)
{
    if (c->bad || c->rest.len < len) {
        c->bad = true;
        return SPAN_NONE;
    }
    struct span head = span_of(c->rest.at, len);
    c->rest = span_sub(c->rest, len, SIZE_MAX);
    return head;
}

static uint64_t read_be(struct cursor *c, size_t len)
{
    struct span s = cursor_take(c, len);
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++)
        v = v << 8 | s.at[i];
    return v;
}

uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)read_be(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
    return (uint16_t)read_be(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
    return (uint32_t)read_be(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
    return read_be(c, 8);
}

struct span cursor_bytes(struct cursor *c, size_t cap)
{
    uint32_t len = cursor_u32(c);
    if (len > cap) {
        c->bad = true;
        return SPAN_NONE;
    }
    return cursor_take(c, len);
}

void cursor_fixed(struct cursor *c, void *into, size_t len)
{
    struct span s = cursor_take(c, len);
    if (s.len == len && len > 0)
        memcpy(into, s.at, len);
    else
        memset(into, 0, len);
}

int cursor_finish(const struct cursor *c)
{
    return c->bad || c->rest.len != 0 ? FAULT_FORMAT : 0;
}

struct writer writer_into(void *memory, size_t cap)
{
    return (struct writer){.at = memory, .cap = cap};
}

static void write_be(struct writer *w, uint64_t v, size_t len)
{
    if (w->bad || w->cap - w->len < len) {
        w->bad = true;
        return;
    }
    for (size_t i = 0; i < len; i++)
        w->at[w->len + i] = (uint8_t)(v >> (8 * (len - 1 - i)));
    w->len += len;
}

void writer_u8(struct writer *w, uint8_t v)
{
    write_be(w, v, 1);
}

void writer_u16(struct writer *w, uint16_t v)
{
    write_be(w, v, 2);
}

void writer_u32(struct writer *w, uint32_t v)
{
    write_be(w, v, 4);
}

void writer_u64(struct writer *w, uint64_t v)
{
    write_be(w, v, 8);
}

void writer_fixed(struct writer *w, const void *from, size_t len)
{
    if (w->bad || w->cap - w->len < len) {
        w->bad = true;
        return;
    }
    if (len > 0)
        memcpy(w->at + w->len, from, len);
    w->len += len;
}

void writer_bytes(struct writer *w, struct span bytes, size_t cap)
{
    if (bytes.len > cap || bytes.len > UINT32_MAX) {
        w->bad = true;
        return;
    }
    writer_u32(w, (uint32_t)bytes.len);
    writer_fixed(w, bytes.at, bytes.len);
}

int writer_finish(const struct writer *w)
{
    return w->bad || w->len > INT_MAX ? FAULT_LIMIT : (int)w->len;
}
