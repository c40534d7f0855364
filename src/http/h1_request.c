/* The longest of h1_*.c: a request line has four forms and a request many ways to mean two things.
 */
#include <errno.h>

#include "base/fault.h"
#include "http/chars.h"
#include "http/h1.h"
#include "http/hygiene.h"
#include "http/rawtunnel.h"
#include "http/request_read.h"
#include "http/uri.h"
#include "http/websocket.h"

/* ---- the request line ---- */

static int check_version(const struct request_reader *t, struct span version)
{
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 || version.at[6] != '.' ||
        !char_is(version.at[5], CHAR_DIGIT) || !char_is(version.at[7], CHAR_DIGIT))
        return request_refuse(t, 400, "the request line does not end with an HTTP version");
    if (version.at[5] != '1' || version.at[7] > '1')
        return request_refuse(t, 505, "an HTTP version other than 1.0 and 1.1");
    t->request->minor = (unsigned)(version.at[7] - '0');
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
static int from_absolute(const struct request_reader *t, struct span *target, size_t prefix,
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
        return request_no_memory(t);
    if (rc < 0)
        return request_refuse(t, 400, "the target's authority is malformed");
    if (len == rest.len) {
        /* Without any path OPTIONS asks about the server as a whole (section 3.2.4). */
        *target = span_is(t->request->method, "OPTIONS") ? SPAN("*") : SPAN("/");
    } else if (rest.at[len] == '?') {
        uint8_t *copy = arena_alloc(t->arena, rest.len - len + 1);
        if (copy == NULL)
            return request_no_memory(t);
        copy[0] = '/';
        memcpy(copy + 1, rest.at + len, rest.len - len);
        *target = span_of(copy, rest.len - len + 1);
    } else {
        *target = span_sub(rest, len, SIZE_MAX);
    }
    return 0;
}

static int parse_target(const struct request_reader *t, struct span target, struct span *absolute)
{
    if (target.len > H1_TARGET_MAX)
        return request_refuse(t, 414, "the target is too long");
    if (target.len == 0)
        return request_refuse(t, 400, "an empty target");
    if (target.at[0] != '/') {
        size_t prefix = absolute_prefix(target);
        if (prefix > 0) {
            int rc = from_absolute(t, &target, prefix, absolute);
            if (rc < 0)
                return rc;
        } else if (!span_is(target, "*") || !span_is(t->request->method, "OPTIONS")) {
            return request_refuse(t, 400, "a target in no form that is served");
        }
    }
    return request_target(t, target);
}

/* method SP request-target SP HTTP-version (RFC 9112 section 3), single spaces only. The version
 * comes first: in another version the rest might mean something else. */
static int parse_line(const struct request_reader *t, struct span line, struct span *absolute)
{
    struct span method, target, version = line;
    if (!span_cut(&version, ' ', &method) || !span_cut(&version, ' ', &target))
        return request_refuse(t, 400, "the request line has no three parts");
    int rc = check_version(t, version);
    if (rc == 0)
        rc = request_method(t, method);
    if (rc < 0)
        return rc;
    t->request->method = method;
    return parse_target(t, target, absolute);
}

/* ---- what the headers mean ---- */

static int read_fields(const struct request_reader *t, const struct h1_fields *f,
                       struct span absolute)
{
    struct request *r = t->request;
    const char *why;
    int rc = request_host(t, f, absolute);
    if (rc < 0)
        return rc;
    if (h1_fields_framing(f, r->minor, &r->framing, &r->length, &why) < 0)
        return request_refuse(t, 400, why);
    if (h1_seen(f, HEADER_CONNECTION) && !hygiene_connection_ok(&f->headers))
        return request_refuse(t, 400, "Connection names an end-to-end header");
    r->keep_alive = h1_fields_keep_alive(f, r->minor);
    rc = request_expect(t, f);
    if (rc < 0)
        return rc;
    if (h1_seen(f, HEADER_UPGRADE)) {
        rc = websocket_request(r);
        if (rc < 0)
            return request_refuse(t, 400, "a malformed WebSocket handshake");
        r->upgrade_websocket = rc > 0;
        rc = rawtunnel_request(r);
        if (rc < 0)
            return request_refuse(t, 400, "a malformed request for a tunnel");
        r->upgrade_tunnel = rc > 0;
    }
    return 0;
}

int h1_request_parse(struct span head, const struct h1_limits *limits, struct arena *a,
                     struct request *ret, unsigned *status, const char **why)
{
    struct request_reader t = {.arena = a, .request = ret, .status = status, .why = why};
    *ret = (struct request){0};
    *status = 0;
    *why = "";
    if (head.len > limits->head_bytes)
        return request_refuse(&t, 431, "the head is too large");
    if (span_starts(head, SPAN("\r\n")))
        head = span_sub(head, 2, SIZE_MAX);
    struct span copy = arena_copy(a, head);
    if (copy.at == NULL)
        return request_no_memory(&t);
    struct span line = copy;
    line.len = chars_find_control(line.at, line.len);
    struct span rest = span_sub(copy, line.len, SIZE_MAX);
    if (!span_starts(rest, SPAN("\r\n")))
        return request_refuse(&t, 400, "a control byte in the request line");
    struct span absolute = SPAN_NONE;
    int rc = parse_line(&t, line, &absolute);
    if (rc < 0)
        return rc;
    struct h1_fields fields;
    rc = h1_fields_parse(span_sub(rest, 2, SIZE_MAX), limits->header_count, a, &fields, why);
    if (rc == -ENOMEM)
        return request_no_memory(&t);
    if (rc < 0)
        return request_refuse(&t, rc == FAULT_LIMIT ? 431 : 400, *why);
    return read_fields(&t, &fields, absolute);
}
