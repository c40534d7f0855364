#include "http/request_read.h"

#include <errno.h>

#include "base/fault.h"
#include "http/chars.h"
#include "http/uri.h"

int request_refuse(const struct request_reader *t, unsigned status, const char *why)
{
    *t->status = status;
    *t->why = why;
    return status == 431 || status == 414 ? FAULT_LIMIT : FAULT_FORMAT;
}

int request_no_memory(const struct request_reader *t)
{
    (void)request_refuse(t, 503, "no memory for the request");
    return -ENOMEM;
}

/* Registered methods (IANA HTTP Method Registry) and PURGE, the usual ones first. A method outside
 * the list is a 501: rules name methods, and a console may take a misspelt one for another. */
/* clang-format off */
static const char *const methods[] = {
    "GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "ACL", "COPY", "MOVE", "LOCK",
    "BIND", "LINK", "MERGE", "MKCOL", "LABEL", "QUERY", "PURGE", "REPORT", "SEARCH", "UNLOCK",
    "UPDATE", "REBIND", "UNBIND", "UNLINK", "NOTIFY", "CHECKIN", "PROPFIND", "CHECKOUT",
    "PROPPATCH", "SUBSCRIBE", "ORDERPATCH", "MKCALENDAR", "UNCHECKOUT", "MKACTIVITY",
    "UNSUBSCRIBE", "MKWORKSPACE", "MKREDIRECTREF", "VERSION-CONTROL", "BASELINE-CONTROL",
    "UPDATEREDIRECTREF",
};
/* clang-format on */

int request_method(const struct request_reader *t, struct span method)
{
    for (size_t i = 0; i < countof(methods); i++)
        if (span_is(method, methods[i]))
            return 0;
    if (!chars_is_token(method))
        return request_refuse(t, 400, "the method is not a token");
    /* Neither has a meaning behind a gateway: one asks for a tunnel, the other for its own headers
     * back. */
    if (span_is(method, "CONNECT") || span_is(method, "TRACE"))
        return request_refuse(t, 405, "CONNECT and TRACE are not served");
    return request_refuse(t, 501, "an unknown method");
}

/* The bytes of a target (RFC 3986, and what browsers leave unescaped in a query); the path's own
 * are checked by uri_canonical. */
static int split_target(const struct request_reader *t, struct span target)
{
    struct request *r = t->request;
    for (size_t i = 0; i < target.len; i++) {
        if (target.at[i] <= 0x20 || target.at[i] >= 0x7f)
            return request_refuse(t, 400, "a blank, control or non-ASCII byte in the target");
        if (target.at[i] == '#')
            return request_refuse(t, 400, "a fragment in the target");
    }
    size_t mark = span_find(target, '?');
    r->target = target;
    r->path = span_sub(target, 0, mark);
    r->has_query = mark != SIZE_MAX;
    r->query = r->has_query ? span_sub(target, mark + 1, SIZE_MAX) : SPAN_NONE;
    return 0;
}

int request_target(const struct request_reader *t, struct span target)
{
    struct request *r = t->request;
    int rc = split_target(t, target);
    if (rc < 0)
        return rc;
    if (span_is(target, "*")) {
        r->canonical = r->path;
        return 0;
    }
    const char *why;
    rc = uri_canonical(r->path, t->arena, &r->canonical, &why);
    return rc == -ENOMEM ? request_no_memory(t) : rc < 0 ? request_refuse(t, 400, why) : 0;
}

/* Headers that postern or a console decides by: two of them are two meanings. */
static const uint64_t singletons =
    H1_BIT(HEADER_HOST) | H1_BIT(HEADER_AUTHORIZATION) | H1_BIT(HEADER_POSTERN_TOKEN) |
    H1_BIT(HEADER_CONTENT_TYPE) | H1_BIT(HEADER_CONTENT_RANGE) | H1_BIT(HEADER_EXPECT) |
    H1_BIT(HEADER_ORIGIN) | H1_BIT(HEADER_SEC_FETCH_SITE) | H1_BIT(HEADER_SEC_FETCH_MODE) |
    H1_BIT(HEADER_SEC_FETCH_DEST) | H1_BIT(HEADER_SEC_WEBSOCKET_KEY) |
    H1_BIT(HEADER_SEC_WEBSOCKET_VERSION);

int request_host(const struct request_reader *t, const struct h1_fields *f, struct span absolute)
{
    struct request *r = t->request;
    r->headers = f->headers;
    if (f->twice & singletons)
        return request_refuse(t, 400, "a header that may occur once occurs twice");
    /* HTTP/1.0 did not require Host. One rule for both: nothing is routed by guessing. */
    if (!h1_seen(f, HEADER_HOST))
        return request_refuse(t, 400, "no Host header");
    int rc = uri_authority(h1_value(f, HEADER_HOST), t->arena, &r->authority, &r->host, &r->port);
    if (rc == -ENOMEM)
        return request_no_memory(t);
    if (rc < 0)
        return request_refuse(t, 400, "the Host header is malformed");
    if (absolute.len > 0 && !span_eq(absolute, r->authority))
        return request_refuse(t, 400, "the target and the Host header name different hosts");
    return 0;
}

int request_expect(const struct request_reader *t, const struct h1_fields *f)
{
    if (!h1_seen(f, HEADER_EXPECT))
        return 0;
    if (!span_eq_nocase(h1_value(f, HEADER_EXPECT), SPAN("100-continue")))
        return request_refuse(t, 417, "an expectation other than 100-continue");
    /* RFC 9110 section 10.1.1: not from an HTTP/1.0 client, and not without a body. */
    t->request->expect_continue = t->request->minor >= 1 && t->request->framing != BODY_NONE;
    return 0;
}
