#include "http/h2_request.h"

#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "http/chars.h"
#include "http/request_read.h"
#include "http/uri.h"

/* RFC 9113 section 6.5.2. */
#define FIELD_OVERHEAD 32u

struct h2_row {
    uint32_t at, name_len, value_len; /* the value follows the name */
};

static const struct span pseudo_names[H2_PSEUDO_COUNT] = {
    [H2_METHOD] = {(const uint8_t *)":method", 7},
    [H2_SCHEME] = {(const uint8_t *)":scheme", 7},
    [H2_AUTHORITY] = {(const uint8_t *)":authority", 10},
    [H2_PATH] = {(const uint8_t *)":path", 5},
    [H2_PROTOCOL] = {(const uint8_t *)":protocol", 9},
};

void h2_head_init(struct h2_head *h)
{
    *h = (struct h2_head){0};
}

void h2_head_fini(struct h2_head *h)
{
    buf_fini(&h->text);
    buf_fini(&h->rows);
}

void h2_head_begin(struct h2_head *h, const struct h1_limits *limits)
{
    struct buf text = h->text, rows = h->rows;
    *h = (struct h2_head){.limits = *limits, .text = text, .rows = rows};
    buf_clear(&h->text);
    buf_clear(&h->rows);
    h->text.max = limits->head_bytes;
    h->rows.max = limits->header_count * sizeof(struct h2_row);
}

/* ---- one field ---- */

static void malformed(struct h2_head *h, const char *why)
{
    if (h->malformed == NULL)
        h->malformed = why;
}

static const char *value_fault(struct span v)
{
    if (chars_find_control(v.at, v.len) != v.len)
        return "a control byte in a header value";
    if (v.len > 0 &&
        (v.at[0] == ' ' || v.at[0] == '\t' || v.at[v.len - 1] == ' ' || v.at[v.len - 1] == '\t'))
        return "a blank around a header value";
    return NULL;
}

static const uint64_t of_the_connection = H1_BIT(HEADER_CONNECTION) | H1_BIT(HEADER_KEEP_ALIVE) |
                                          H1_BIT(HEADER_PROXY_CONNECTION) |
                                          H1_BIT(HEADER_TRANSFER_ENCODING) | H1_BIT(HEADER_UPGRADE);

/* Field names are tokens in lower case (section 8.2.1), and none speaks of the connection (section
 * 8.2.2). */
static const char *field_fault(struct span name, struct span value)
{
    if (name.len == 0)
        return "a header without a name";
    for (size_t i = 0; i < name.len; i++)
        if (chars_token_lower[name.at[i]] != name.at[i] || name.at[i] == 0)
            return "a header name that is not a token in lower case";
    enum header_id id = header_find_id(name);
    if ((H1_BIT(id) & of_the_connection) != 0)
        return "a header that speaks of the connection";
    if (id == HEADER_TE && !span_eq_nocase(value, SPAN("trailers")))
        return "TE other than trailers";
    return NULL;
}

static bool keep(struct h2_head *h, struct span name, struct span value)
{
    struct h2_row row = {(uint32_t)h->text.tail, (uint32_t)name.len, (uint32_t)value.len};
    h->count++;
    return buf_append(&h->text, name) == 0 && buf_append(&h->text, value) == 0 &&
           buf_append(&h->rows, span_of(&row, sizeof(row))) == 0;
}

static void add_pseudo(struct h2_head *h, struct span name, struct span value)
{
    size_t i = 0;
    while (i < H2_PSEUDO_COUNT && !span_eq(name, pseudo_names[i]))
        i++;
    if (i == H2_PSEUDO_COUNT) {
        malformed(h, "an unknown pseudo header");
    } else if (h->has[i]) {
        malformed(h, "a pseudo header twice");
    } else if (h->count > 0) {
        malformed(h, "a pseudo header behind other headers");
    } else {
        h->has[i] = true;
        h->pseudo[i].at = (uint32_t)h->text.tail;
        h->pseudo[i].len = (uint32_t)value.len;
        if (buf_append(&h->text, value) < 0)
            h->too_large = true;
    }
}

void h2_head_add(struct h2_head *h, struct span name, struct span value)
{
    h->bytes += name.len + value.len + FIELD_OVERHEAD;
    if (h->bytes > h->limits.head_bytes)
        h->too_large = true;
    if (h->too_large || h->malformed != NULL)
        return;
    bool pseudo = name.len > 0 && name.at[0] == ':';
    const char *why = value_fault(value);
    if (why == NULL && !pseudo)
        why = field_fault(name, value);
    if (why != NULL)
        malformed(h, why);
    else if (pseudo)
        add_pseudo(h, name, value);
    else if (h->count == h->limits.header_count || !keep(h, name, value))
        h->too_large = true;
}

/* ---- a whole request ---- */

static int reset(struct h2_head *h, const struct request_reader *t, const char *why)
{
    malformed(h, why);
    return request_refuse(t, 400, h->malformed);
}

static struct span pseudo_of(const struct h2_head *h, struct span text, enum h2_pseudo i)
{
    return h->has[i] ? span_sub(text, h->pseudo[i].at, h->pseudo[i].len) : SPAN_NONE;
}

/* Which pseudo headers there must be (sections 8.3.1 and 8.5, RFC 8441 section 4). */
static const char *pseudo_fault(const struct h2_head *h, struct span method, struct span path,
                                const struct h2_request_more *more)
{
    if (method.len == 0)
        return "no :method";
    if (h->has[H2_PROTOCOL] && (!more->websocket || !span_is(method, "CONNECT")))
        return ":protocol without an extended CONNECT";
    if (span_is(method, "CONNECT") && !h->has[H2_PROTOCOL])
        return h->has[H2_SCHEME] || h->has[H2_PATH] ? "CONNECT with a scheme or a path" : NULL;
    if (!h->has[H2_SCHEME])
        return "no :scheme";
    if (path.len == 0)
        return "no :path";
    return NULL;
}

/* All cookies in one field: `first` gets them, the others are left out. */
static int join_cookies(struct headers *headers, struct arena *a)
{
    size_t len = 0, kept = 0;
    struct header *first = NULL;
    for (size_t i = 0; i < headers->count; i++)
        if (headers->at[i].id == HEADER_COOKIE)
            len += headers->at[i].value.len + 2;
    uint8_t *at = arena_alloc(a, len), *end = at;
    if (at == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < headers->count; i++) {
        struct header h = headers->at[i];
        if (h.id != HEADER_COOKIE || first == NULL)
            headers->at[kept++] = h;
        if (h.id != HEADER_COOKIE)
            continue;
        if (first == NULL) {
            first = &headers->at[kept - 1];
        } else {
            memcpy(end, "; ", 2);
            end += 2;
        }
        if (h.value.len > 0)
            memcpy(end, h.value.at, h.value.len);
        end += h.value.len;
    }
    headers->count = kept;
    first->value = span_of(at, (size_t)(end - at));
    return 0;
}

/* The fields as HTTP/1.1 would have given them: :authority stands in for a Host that is not there,
 * and an opened WebSocket has a key. */
static int make_fields(const struct h2_head *h, const struct request_reader *t, struct span text,
                       const struct h2_request_more *more, struct h1_fields *f)
{
    /* Two more than a client may send. */
    size_t max = h->limits.header_count + 2;
    struct span rows = buf_view(&h->rows);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < h->count; i++) {
        struct h2_row row;
        memcpy(&row, rows.at + i * sizeof(row), sizeof(row));
        rc = h1_fields_add(f, span_sub(text, row.at, row.name_len),
                           span_sub(text, row.at + row.name_len, row.value_len), max, t->arena);
    }
    if (rc == 0 && h->has[H2_AUTHORITY] && !h1_seen(f, HEADER_HOST))
        rc = h1_fields_add(f, SPAN("host"), pseudo_of(h, text, H2_AUTHORITY), max, t->arena);
    if (rc == 0 && h->has[H2_PROTOCOL]) {
        char key[25];
        text_b64(key, span_of(more->nonce, sizeof(more->nonce)));
        struct span copy = arena_copy(t->arena, span_str(key));
        rc = copy.len == 0 ? -ENOMEM
                           : h1_fields_add(f, SPAN("sec-websocket-key"), copy, max, t->arena);
    }
    if (rc == 0 && (f->twice & H1_BIT(HEADER_COOKIE)) != 0)
        rc = join_cookies(&f->headers, t->arena);
    return rc == 0 ? 0 : request_no_memory(t);
}

static int read_framing(struct h2_head *h, const struct request_reader *t,
                        const struct h1_fields *f, bool end)
{
    struct request *r = t->request;
    const char *why;
    if (h1_fields_framing(f, 1, &r->framing, &r->length, &why) < 0)
        return reset(h, t, why);
    if (end && r->length > 0)
        return reset(h, t, "no body where Content-Length promises one");
    if (!end && r->framing == BODY_NONE)
        r->framing = BODY_CHUNKED;
    return 0;
}

/* A WebSocket's opening: no version but 13 exists, and there is no body to begin with. */
static int read_websocket(struct h2_head *h, const struct request_reader *t,
                          const struct h1_fields *f, struct span protocol, bool end)
{
    struct request *r = t->request;
    if (!span_is(protocol, "websocket"))
        return request_refuse(t, 501, "a protocol other than WebSocket");
    if (end || h1_seen(f, HEADER_CONTENT_LENGTH) ||
        (f->twice & H1_BIT(HEADER_SEC_WEBSOCKET_KEY)) != 0)
        return reset(h, t, "a malformed WebSocket handshake");
    if (!h1_seen(f, HEADER_SEC_WEBSOCKET_VERSION) ||
        !span_is(h1_value(f, HEADER_SEC_WEBSOCKET_VERSION), "13"))
        return request_refuse(t, 400, "a malformed WebSocket handshake");
    r->method = SPAN("GET");
    r->framing = BODY_NONE;
    r->upgrade_websocket = true;
    return 0;
}

static int read_target(const struct request_reader *t, struct span scheme, struct span path)
{
    if (!span_eq_nocase(scheme, SPAN("https")))
        return request_refuse(t, 400, "a scheme other than https");
    if (path.len > H1_TARGET_MAX)
        return request_refuse(t, 414, "the target is too long");
    if (path.at[0] != '/' && !(span_is(path, "*") && span_is(t->request->method, "OPTIONS")))
        return request_refuse(t, 400, "a target in no form that is served");
    return request_target(t, path);
}

static int read_authority(const struct request_reader *t, const struct h1_fields *f,
                          const struct h2_head *h, struct span text)
{
    struct span named = SPAN_NONE, host;
    uint16_t port;
    if (h->has[H2_AUTHORITY]) {
        int rc = uri_authority(pseudo_of(h, text, H2_AUTHORITY), t->arena, &named, &host, &port);
        if (rc < 0)
            return rc == -ENOMEM ? request_no_memory(t)
                                 : request_refuse(t, 400, "the authority is malformed");
    }
    return request_host(t, f, named);
}

static int make(struct h2_head *h, const struct h2_request_more *more,
                const struct request_reader *t, struct span text)
{
    struct request *r = t->request;
    struct span method = pseudo_of(h, text, H2_METHOD), path = pseudo_of(h, text, H2_PATH);
    struct h1_fields f = {0};
    const char *fault = h->malformed != NULL ? h->malformed : pseudo_fault(h, method, path, more);
    if (fault != NULL)
        return reset(h, t, fault);
    r->method = method;
    r->minor = 1;
    r->h2 = r->keep_alive = true;
    int rc = make_fields(h, t, text, more, &f);
    if (rc == 0)
        rc = read_framing(h, t, &f, more->end);
    if (rc == 0 && h->has[H2_PROTOCOL])
        rc = read_websocket(h, t, &f, pseudo_of(h, text, H2_PROTOCOL), more->end);
    if (rc == 0)
        rc = request_method(t, r->method);
    if (rc == 0)
        rc = read_target(t, pseudo_of(h, text, H2_SCHEME), path);
    if (rc == 0)
        rc = read_authority(t, &f, h, text);
    return rc == 0 ? request_expect(t, &f) : rc;
}

int h2_request_make(struct h2_head *h, const struct h2_request_more *more, struct arena *a,
                    struct request *ret, unsigned *status, const char **why)
{
    struct request_reader t = {.arena = a, .request = ret, .status = status, .why = why};
    *ret = (struct request){0};
    *status = 0;
    *why = "";
    if (h->too_large && h->malformed == NULL)
        return request_refuse(&t, 431, "the head is too large");
    struct span text = arena_copy(a, buf_view(&h->text));
    if (text.at == NULL && buf_len(&h->text) > 0)
        return request_no_memory(&t);
    return make(h, more, &t, text);
}

bool h2_trailers_ok(struct h2_head *h)
{
    for (size_t i = 0; i < H2_PSEUDO_COUNT; i++)
        if (h->has[i])
            malformed(h, "a pseudo header in a trailer section");
    return h->malformed == NULL && !h->too_large;
}

int h2_trailers_lines(const struct h2_head *h, struct buf *out)
{
    struct span text = buf_view(&h->text), rows = buf_view(&h->rows);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < h->count; i++) {
        struct h2_row row;
        memcpy(&row, rows.at + i * sizeof(row), sizeof(row));
        rc = h1_write_header(out, span_sub(text, row.at, row.name_len),
                             span_sub(text, row.at + row.name_len, row.value_len));
    }
    return rc;
}
