/* The longest of h1_*.c: a request line has four forms and a request many ways to mean two things.
 */
#include <errno.h>

#include "base/fault.h"
#include "http/chars.h"
#include "http/h1.h"
#include "http/h1_fields.h"
#include "http/hygiene.h"
#include "http/rawtunnel.h"
#include "http/uri.h"
#include "http/websocket.h"

/* One attempt at one head: where the answer's status and the reason for the log go. */
struct attempt {
    struct arena *arena;
    struct request *request;
    unsigned *status;
    const char **why;
};

static int refuse(const struct attempt *t, unsigned status, const char *why)
{
    *t->status = status;
    *t->why = why;
    return status == 431 || status == 414 ? FAULT_LIMIT : FAULT_FORMAT;
}

static int no_memory(const struct attempt *t)
{
    (void)refuse(t, 503, "no memory for the request");
    return -ENOMEM;
}

/* ---- the request line ---- */

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

static int check_method(const struct attempt *t, struct span method)
{
    for (size_t i = 0; i < countof(methods); i++)
        if (span_is(method, methods[i]))
            return 0;
    if (!chars_is_token(method))
        return refuse(t, 400, "the method is not a token");
    /* Neither has a meaning behind a gateway: one asks for a tunnel, the other for its own headers
     * back. */
    if (span_is(method, "CONNECT") || span_is(method, "TRACE"))
        return refuse(t, 405, "CONNECT and TRACE are not served");
    return refuse(t, 501, "an unknown method");
}

static int check_version(const struct attempt *t, struct span version)
{
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 || version.at[6] != '.' ||
        !char_is(version.at[5], CHAR_DIGIT) || !char_is(version.at[7], CHAR_DIGIT))
        return refuse(t, 400, "the request line does not end with an HTTP version");
    if (version.at[5] != '1' || version.at[7] > '1')
        return refuse(t, 505, "an HTTP version other than 1.0 and 1.1");
    t->request->minor = (unsigned)(version.at[7] - '0');
    return 0;
}

/* The bytes of a target (RFC 3986, and what browsers leave unescaped in a query); the path's own
 * are checked by uri_canonical. */
static int split_target(const struct attempt *t, struct span target)
{
    struct request *r = t->request;
    for (size_t i = 0; i < target.len; i++) {
        if (target.at[i] <= 0x20 || target.at[i] >= 0x7f)
            return refuse(t, 400, "a blank, control or non-ASCII byte in the target");
        if (target.at[i] == '#')
            return refuse(t, 400, "a fragment in the target");
    }
    size_t mark = span_find(target, '?');
    r->target = target;
    r->path = span_sub(target, 0, mark);
    r->has_query = mark != SIZE_MAX;
    r->query = r->has_query ? span_sub(target, mark + 1, SIZE_MAX) : SPAN_NONE;
    return 0;
}

/* "https://authority/path?query": what stands before the path. 0 when the target has another form.
 */
static size_t absolute_prefix(struct span target)
{
    return span_starts_nocase(target, SPAN("https://"))  ? 8
           : span_starts_nocase(target, SPAN("http://")) ? 7
                                                         : 0;
}

/* Brings an absolute-form target (RFC 9112 section 3.2.2) into origin-form. *authority gets the one
 * it names. The head is ours to change: an empty path before '?' gets its slash there. */
static int from_absolute(const struct attempt *t, struct span *target, size_t prefix,
                         struct span *authority)
{
    struct span rest = span_sub(*target, prefix, SIZE_MAX);
    size_t len = 0;
    while (len < rest.len && rest.at[len] != '/' && rest.at[len] != '?')
        len++;
    struct span named = span_sub(rest, 0, len), host;
    uint16_t port;
    int rc = uri_authority(named, t->arena, authority, &host, &port);
    if (rc == -ENOMEM)
        return no_memory(t);
    if (rc < 0)
        return refuse(t, 400, "the target's authority is malformed");
    if (len == rest.len) {
        /* Without any path OPTIONS asks about the server as a whole (section 3.2.4). */
        *target = span_is(t->request->method, "OPTIONS") ? SPAN("*") : SPAN("/");
    } else if (rest.at[len] == '?') {
        uint8_t *copy = arena_alloc(t->arena, rest.len - len + 1);
        if (copy == NULL)
            return no_memory(t);
        copy[0] = '/';
        memcpy(copy + 1, rest.at + len, rest.len - len);
        *target = span_of(copy, rest.len - len + 1);
    } else {
        *target = span_sub(rest, len, SIZE_MAX);
    }
    return 0;
}

static int parse_target(const struct attempt *t, struct span target, struct span *absolute)
{
    struct request *r = t->request;
    if (target.len > H1_TARGET_MAX)
        return refuse(t, 414, "the target is too long");
    if (target.len == 0)
        return refuse(t, 400, "an empty target");
    if (target.at[0] != '/') {
        size_t prefix = absolute_prefix(target);
        if (prefix > 0) {
            int rc = from_absolute(t, &target, prefix, absolute);
            if (rc < 0)
                return rc;
        } else if (!span_is(target, "*") || !span_is(r->method, "OPTIONS")) {
            return refuse(t, 400, "a target in no form that is served");
        }
    }
    int rc = split_target(t, target);
    if (rc < 0)
        return rc;
    if (span_is(target, "*")) {
        r->canonical = r->path;
        return 0;
    }
    const char *why;
    rc = uri_canonical(r->path, t->arena, &r->canonical, &why);
    return rc == -ENOMEM ? no_memory(t) : rc < 0 ? refuse(t, 400, why) : 0;
}

/* method SP request-target SP HTTP-version (RFC 9112 section 3), single spaces only. The version
 * comes first: in another version the rest might mean something else. */
static int parse_line(const struct attempt *t, struct span line, struct span *absolute)
{
    struct span method, target, version = line;
    if (!span_cut(&version, ' ', &method) || !span_cut(&version, ' ', &target))
        return refuse(t, 400, "the request line has no three parts");
    int rc = check_version(t, version);
    if (rc == 0)
        rc = check_method(t, method);
    if (rc < 0)
        return rc;
    t->request->method = method;
    return parse_target(t, target, absolute);
}

/* ---- what the headers mean ---- */

/* Headers that postern or a console decides by: two of them are two meanings. */
static const uint64_t singletons =
    H1_BIT(HEADER_HOST) | H1_BIT(HEADER_AUTHORIZATION) | H1_BIT(HEADER_POSTERN_TOKEN) |
    H1_BIT(HEADER_CONTENT_TYPE) | H1_BIT(HEADER_CONTENT_RANGE) | H1_BIT(HEADER_EXPECT) |
    H1_BIT(HEADER_ORIGIN) | H1_BIT(HEADER_SEC_FETCH_SITE) | H1_BIT(HEADER_SEC_FETCH_MODE) |
    H1_BIT(HEADER_SEC_FETCH_DEST) | H1_BIT(HEADER_SEC_WEBSOCKET_KEY) |
    H1_BIT(HEADER_SEC_WEBSOCKET_VERSION);

static int read_host(const struct attempt *t, const struct h1_fields *f, struct span absolute)
{
    struct request *r = t->request;
    /* HTTP/1.0 did not require Host. One rule for both: nothing is routed by guessing. */
    if (!h1_seen(f, HEADER_HOST))
        return refuse(t, 400, "no Host header");
    int rc = uri_authority(h1_value(f, HEADER_HOST), t->arena, &r->authority, &r->host, &r->port);
    if (rc == -ENOMEM)
        return no_memory(t);
    if (rc < 0)
        return refuse(t, 400, "the Host header is malformed");
    if (absolute.len > 0 && !span_eq(absolute, r->authority))
        return refuse(t, 400, "the target and the Host header name different hosts");
    return 0;
}

static int read_expect(const struct attempt *t, const struct h1_fields *f)
{
    if (!h1_seen(f, HEADER_EXPECT))
        return 0;
    if (!span_eq_nocase(h1_value(f, HEADER_EXPECT), SPAN("100-continue")))
        return refuse(t, 417, "an expectation other than 100-continue");
    /* RFC 9110 section 10.1.1: not from an HTTP/1.0 client, and not without a body. */
    t->request->expect_continue = t->request->minor >= 1 && t->request->framing != BODY_NONE;
    return 0;
}

static int read_fields(const struct attempt *t, const struct h1_fields *f, struct span absolute)
{
    struct request *r = t->request;
    const char *why;
    r->headers = f->headers;
    if (f->twice & singletons)
        return refuse(t, 400, "a header that may occur once occurs twice");
    int rc = read_host(t, f, absolute);
    if (rc < 0)
        return rc;
    if (h1_fields_framing(f, r->minor, &r->framing, &r->length, &why) < 0)
        return refuse(t, 400, why);
    if (h1_seen(f, HEADER_CONNECTION) && !hygiene_connection_ok(&f->headers))
        return refuse(t, 400, "Connection names an end-to-end header");
    r->keep_alive = h1_fields_keep_alive(f, r->minor);
    rc = read_expect(t, f);
    if (rc < 0)
        return rc;
    if (h1_seen(f, HEADER_UPGRADE)) {
        rc = websocket_request(r);
        if (rc < 0)
            return refuse(t, 400, "a malformed WebSocket handshake");
        r->upgrade_websocket = rc > 0;
        rc = rawtunnel_request(r);
        if (rc < 0)
            return refuse(t, 400, "a malformed request for a tunnel");
        r->upgrade_tunnel = rc > 0;
    }
    return 0;
}

int h1_request_parse(struct span head, const struct h1_limits *limits, struct arena *a,
                     struct request *ret, unsigned *status, const char **why)
{
    struct attempt t = {.arena = a, .request = ret, .status = status, .why = why};
    *ret = (struct request){0};
    *status = 0;
    *why = "";
    if (head.len > limits->head_bytes)
        return refuse(&t, 431, "the head is too large");
    if (span_starts(head, SPAN("\r\n")))
        head = span_sub(head, 2, SIZE_MAX);
    struct span copy = arena_copy(a, head);
    if (copy.at == NULL)
        return no_memory(&t);
    struct span line = copy;
    line.len = chars_find_control(line.at, line.len);
    struct span rest = span_sub(copy, line.len, SIZE_MAX);
    if (!span_starts(rest, SPAN("\r\n")))
        return refuse(&t, 400, "a control byte in the request line");
    struct span absolute = SPAN_NONE;
    int rc = parse_line(&t, line, &absolute);
    if (rc < 0)
        return rc;
    struct h1_fields fields;
    rc = h1_fields_parse(span_sub(rest, 2, SIZE_MAX), limits->header_count, a, &fields, why);
    if (rc == -ENOMEM)
        return no_memory(&t);
    if (rc < 0)
        return refuse(&t, rc == FAULT_LIMIT ? 431 : 400, *why);
    return read_fields(&t, &fields, absolute);
}
