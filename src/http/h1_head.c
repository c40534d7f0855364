#include <errno.h>

#include "base/fault.h"
#include "http/chars.h"
#include "http/h1.h"

/* Method, spaces and version beside the longest target. */
#define LINE_MAX_BYTES (H1_TARGET_MAX + 64)

static int refuse(unsigned *status, unsigned code)
{
    *status = code;
    return code == 400 ? FAULT_FORMAT : FAULT_LIMIT;
}

/* Is the first line longer than any request line may be? */
static bool line_too_long(struct span in)
{
    return in.len > LINE_MAX_BYTES && memchr(in.at + 2, '\n', LINE_MAX_BYTES - 2) == NULL;
}

int h1_head_find(struct span in, size_t *scanned, const struct h1_limits *limits, unsigned *status)
{
    size_t at = *scanned;
    *status = 0;
    while (at < in.len) {
        at += chars_find_control(in.at + at, in.len - at);
        if (at == in.len)
            break;
        if (in.at[at] != '\r')
            return refuse(status, 400);
        if (at + 1 == in.len)
            break;
        if (in.at[at + 1] != '\n')
            return refuse(status, 400);
        bool empty = at >= 2 && in.at[at - 1] == '\n';
        at += 2;
        if (!empty)
            continue;
        /* One empty line before a request is tolerated (RFC 9112 section 2.2), a second one is not.
         */
        if (at == 4)
            return refuse(status, 400);
        *scanned = at;
        if (line_too_long(in))
            return refuse(status, 414);
        return at > limits->head_bytes ? refuse(status, 431) : (int)at;
    }
    *scanned = at;
    if (line_too_long(in))
        return refuse(status, 414);
    return in.len >= limits->head_bytes ? refuse(status, 431) : 0;
}
