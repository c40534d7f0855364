#include "conf/pattern.h"

#include "base/text.h"

/* Takes the first segment off a path that begins with "/": "/a/b" gives "a" and leaves "/b". */
static struct span take_segment(struct span *path)
{
    struct span rest = span_sub(*path, 1, SIZE_MAX);
    size_t end = span_find(rest, '/');
    struct span segment = span_sub(rest, 0, end);
    *path = end == SIZE_MAX ? SPAN_NONE : span_sub(rest, end, SIZE_MAX);
    return segment;
}

static bool byte_ok(uint8_t c)
{
    return c >= 0x20 && c != 0x7f && strchr("\\?#;%", c) == NULL;
}

bool pattern_ok(struct span pattern)
{
    if (pattern.len == 0 || pattern.len > PATTERN_MAX || pattern.at[0] != '/' ||
        !text_is_utf8(pattern))
        return false;
    for (size_t i = 0; i < pattern.len; i++)
        if (!byte_ok(pattern.at[i]))
            return false;
    while (pattern.len > 0) {
        struct span segment = take_segment(&pattern);
        bool last = pattern.len == 0;
        if (span_is(segment, "**") ? !last : segment.len == 0 && !last)
            return false;
        if (span_is(segment, ".") || span_is(segment, ".."))
            return false;
        if (span_find(segment, '*') != SIZE_MAX && !span_is(segment, "*") &&
            !span_is(segment, "**"))
            return false;
    }
    return true;
}

bool pattern_match(struct span pattern, struct span path)
{
    if (path.len == 0 || path.at[0] != '/' || pattern.len == 0)
        return false;
    while (pattern.len > 0) {
        struct span want = take_segment(&pattern);
        if (span_is(want, "**"))
            return true;
        if (path.len == 0)
            return false;
        struct span have = take_segment(&path);
        if (span_is(want, "*") ? have.len == 0 : !span_eq(want, have))
            return false;
    }
    return path.len == 0;
}
