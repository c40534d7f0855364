#include "keeper/sentence.h"

#include <string.h>

#include "base/fault.h"
#include "base/text.h"

static size_t length_of(uint8_t first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Of text that is UTF-8. */
static uint32_t point_of(const uint8_t *at, size_t len)
{
    uint32_t point = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        point = point << 6 | (at[i] & 0x3fu);
    }
    return point;
}

/* Spaces, controls, and what formats without being seen (Unicode, general categories Zs, Zl, Zp,
 * Cc, Cf and the tags). */
static bool is_seen(uint32_t point)
{
    static const struct {
        uint32_t from, to;
    } UNSEEN[] = {
        {0x00, 0x20},     {0x7f, 0xa0},       {0xad, 0xad},       {0x61c, 0x61c},
        {0x115f, 0x1160}, {0x180e, 0x180e},   {0x2000, 0x200f},   {0x2028, 0x202f},
        {0x205f, 0x206f}, {0x3000, 0x3000},   {0x3164, 0x3164},   {0xfeff, 0xfeff},
        {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < countof(UNSEEN); i++) {
        if (point >= UNSEEN[i].from && point <= UNSEEN[i].to) {
            return false;
        }
    }
    return true;
}

int sentence_read(struct span in, char out[SENTENCE_SIZE])
{
    size_t len = 0;
    bool gap = false;
    if (!text_is_utf8(in)) {
        return FAULT_FORMAT;
    }
    for (size_t i = 0; i < in.len;) {
        size_t bytes = length_of(in.at[i]);
        bool seen = is_seen(point_of(in.at + i, bytes));
        if (seen && len + (gap && len > 0) + bytes > SENTENCE_MAX) {
            return FAULT_LIMIT;
        }
        if (seen && gap && len > 0) {
            out[len++] = ' ';
        }
        if (seen) {
            memcpy(out + len, in.at + i, bytes);
            len += bytes;
        }
        gap = !seen;
        i += bytes;
    }
    out[len] = '\0';
    return (int)len;
}
