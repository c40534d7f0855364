#include "edge/circle.h"

#include "edge/credential.h"

static bool is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool circle_is(const struct request *r, const struct response *answer, struct span location)
{
    if (!is_redirect(answer->status) || location.len == 0 ||
        !(span_is(r->method, "GET") || span_is(r->method, "HEAD")) ||
        headers_find(&answer->headers, HEADER_SET_COOKIE) != NULL)
        return false;
    struct span scheme = SPAN("https://");
    if (span_starts_nocase(location, scheme)) {
        location = span_sub(location, scheme.len, SIZE_MAX);
        if (!span_eq_nocase(span_sub(location, 0, r->authority.len), r->authority))
            return false;
        location = span_sub(location, r->authority.len, SIZE_MAX);
    }
    return span_eq(location, r->target);
}

unsigned circle_count(const struct headers *h, uint16_t port)
{
    struct span value;
    if (cookie_own(h, COOKIE_CIRCLE, port, &value) < 0 || value.len != 1 || value.at[0] < '0' ||
        value.at[0] > '9')
        return 0;
    return (unsigned)(value.at[0] - '0');
}

struct span circle_cookie(struct arena *a, unsigned count, uint16_t port)
{
    char digit[2] = {(char)('0' + (count < 9 ? count : 9)), 0};
    return cookie_set(a, COOKIE_CIRCLE, port, span_str(digit));
}
