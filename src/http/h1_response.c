#include <errno.h>

#include "base/fault.h"
#include "http/chars.h"
#include "http/h1.h"
#include "http/h1_fields.h"
#include "http/hygiene.h"

/* More than any console sends; the bytes of the head are bounded by h1_head_find. */
#define HEADERS_MAX 256

static const uint64_t singletons = H1_BIT(HEADER_LOCATION) | H1_BIT(HEADER_CONTENT_TYPE) |
                                   H1_BIT(HEADER_CONTENT_RANGE) | H1_BIT(HEADER_REFRESH) |
                                   H1_BIT(HEADER_SEC_WEBSOCKET_ACCEPT);

static int refuse(const char **why, const char *text)
{
    *why = text;
    return FAULT_FORMAT;
}

/* HTTP-version SP status-code SP reason (RFC 9112 section 4). The space before an empty reason is
 * missing in the answers of some servers; that has one meaning too. */
static int parse_line(struct span line, struct response *r, const char **why)
{
    if (line.len < 12 || memcmp(line.at, "HTTP/1.", 7) != 0 || line.at[8] != ' ' ||
        (line.at[7] != '0' && line.at[7] != '1'))
        return refuse(why, "the status line is malformed");
    r->minor = (unsigned)(line.at[7] - '0');
    for (size_t i = 9; i < 12; i++) {
        if (!char_is(line.at[i], CHAR_DIGIT))
            return refuse(why, "the status is not a number");
        r->status = r->status * 10 + (unsigned)(line.at[i] - '0');
    }
    if (r->status < 100 || r->status > 599)
        return refuse(why, "the status is out of range");
    if (line.len > 12 && line.at[12] != ' ')
        return refuse(why, "the status line is malformed");
    r->reason = span_sub(line, 13, SIZE_MAX);
    return 0;
}

/* RFC 9112 section 6.3. */
static int read_framing(const struct h1_fields *f, struct span method, struct response *r,
                        const char **why)
{
    int rc = h1_fields_framing(f, r->minor, &r->framing, &r->length, why);
    if (rc < 0)
        return rc;
    r->has_length = r->framing == BODY_LENGTH;
    if (r->status < 200 || r->status == 204) {
        if (r->framing == BODY_CHUNKED || r->length > 0)
            return refuse(why, "a body announced by an answer that has none");
        r->has_length = false;
        r->framing = BODY_NONE;
    } else if (r->status == 304 || span_is(method, "HEAD")) {
        r->framing = BODY_NONE;
    } else if (r->framing == BODY_NONE) {
        r->framing = BODY_UNTIL_CLOSE;
        r->keep_alive = false;
    }
    return 0;
}

int h1_response_parse(struct span head, struct span method, struct arena *a, struct response *ret,
                      const char **why)
{
    *ret = (struct response){0};
    *why = "no memory";
    struct span copy = arena_copy(a, head);
    if (copy.at == NULL)
        return -ENOMEM;
    struct span line = copy;
    line.len = chars_find_control(line.at, line.len);
    struct span rest = span_sub(copy, line.len, SIZE_MAX);
    if (!span_starts(rest, SPAN("\r\n")))
        return refuse(why, "a control byte in the status line");
    int rc = parse_line(line, ret, why);
    if (rc < 0)
        return rc;
    struct h1_fields fields;
    rc = h1_fields_parse(span_sub(rest, 2, SIZE_MAX), HEADERS_MAX, a, &fields, why);
    if (rc < 0)
        return rc;
    ret->headers = fields.headers;
    if (fields.twice & singletons)
        return refuse(why, "a header that may occur once occurs twice");
    if (!hygiene_connection_ok(&fields.headers))
        return refuse(why, "Connection names an end-to-end header");
    ret->keep_alive = h1_fields_keep_alive(&fields, ret->minor);
    return read_framing(&fields, method, ret, why);
}
