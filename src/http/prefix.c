#include "http/prefix.h"

#include <errno.h>

#include "base/fault.h"
#include "http/uri.h"

bool prefix_covers(struct span prefix, struct span path)
{
    return span_starts(path, prefix) &&
           (prefix.len == 0 || path.len == prefix.len || path.at[prefix.len] == '/');
}

static struct span or_root(struct span path)
{
    return path.len > 0 ? path : SPAN("/");
}

int prefix_strip(struct span prefix, struct span target, struct span path, struct span canonical,
                 struct arena *a, struct span *ret)
{
    struct span rest, again;
    const char *why;
    /* "/redis;v=1/x" is below the prefix to the policy; what its parameter means to a console that
     * never sees the segment is nobody's guess. */
    if (!prefix_covers(prefix, path) || !prefix_covers(prefix, canonical))
        return FAULT_FORMAT;
    rest = or_root(span_sub(path, prefix.len, SIZE_MAX));
    int rc = uri_canonical(rest, a, &again, &why);
    if (rc == 0 && !span_eq(again, or_root(span_sub(canonical, prefix.len, SIZE_MAX))))
        rc = FAULT_FORMAT;
    if (rc < 0)
        return rc;
    if (path.len > prefix.len) {
        *ret = span_sub(target, prefix.len, SIZE_MAX);
        return 0;
    }
    struct span query = span_sub(target, prefix.len, SIZE_MAX);
    uint8_t *at = arena_alloc(a, query.len + 1);
    if (at == NULL)
        return -ENOMEM;
    at[0] = '/';
    if (query.len > 0)
        memcpy(at + 1, query.at, query.len);
    *ret = span_of(at, query.len + 1);
    return 0;
}
