#include "identity/cborshape.h"

#include <limits.h>

#include "base/cursor.h"
#include "base/fault.h"

enum major { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

/* The argument of an item's head (RFC 8949 section 3). */
static uint64_t argument(struct cursor *c, unsigned info)
{
    switch (info) {
    case 24:
        return cursor_u8(c);
    case 25:
        return cursor_u16(c);
    case 26:
        return cursor_u32(c);
    case 27:
        return cursor_u64(c);
    default:
        c->bad = c->bad || info > 27; /* 28 to 30 are not assigned, 31 is an indefinite length */
        return info;
    }
}

/* Items that follow the head and belong to it. Every one takes a byte at least, so that a count
 * beyond the bytes that are left is a lie. */
static uint64_t members(struct cursor *c, unsigned major, uint64_t arg)
{
    if (major != ARRAY && major != MAP)
        return 0;
    c->bad = c->bad || arg > c->rest.len / (major == MAP ? 2 : 1);
    return c->bad ? 0 : major == MAP ? 2 * arg : arg;
}

static void head(struct cursor *c, unsigned *major, uint64_t *arg)
{
    uint8_t first = cursor_u8(c);
    *major = first >> 5;
    *arg = argument(c, first & 31u);
    if (*major == TAG)
        c->bad = true;
    if (*major == BYTES || *major == TEXT) {
        c->bad = c->bad || *arg > c->rest.len;
        (void)cursor_take(c, c->bad ? 0 : (size_t)*arg);
    }
}

int cborshape_item(struct span bytes)
{
    struct cursor c = cursor_over(bytes);
    uint64_t open[CBORSHAPE_DEPTH + 1] = {1}; /* items still to come, by depth */
    size_t depth = 0, items = 0;
    if (bytes.len > INT_MAX)
        return FAULT_LIMIT;
    for (;;) {
        unsigned major;
        uint64_t arg;
        while (open[depth] == 0) {
            if (depth == 0)
                return (int)(bytes.len - c.rest.len);
            depth--;
        }
        open[depth]--;
        head(&c, &major, &arg);
        uint64_t inside = members(&c, major, arg);
        if (c.bad)
            return FAULT_FORMAT;
        if (++items > CBORSHAPE_ITEMS || (inside > 0 && depth == CBORSHAPE_DEPTH))
            return FAULT_LIMIT;
        if (inside > 0)
            open[++depth] = inside;
    }
}
