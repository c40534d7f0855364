/* An HTTP/2 field section: whatever it holds is judged without a byte outside of it, and a request
 * that is accepted is one that the HTTP/1.1 parser accepts too, with the same meaning, when it is
 * written down for an HTTP/1.1 upstream. The first byte says how the request ends and what is
 * offered; fields follow, each a length byte and a name, a length byte and a value. */
#include <assert.h>
#include <stdlib.h>

#include "http/chars.h"
#include "http/h2_request.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct h1_limits limits = {.head_bytes = 16384, .header_count = 100};

/* An exact copy, so that one byte too far is found. */
static struct span piece(const uint8_t **at, const uint8_t *end, uint8_t **owned)
{
    size_t len = *at < end ? *(*at)++ : 0;
    if (len > (size_t)(end - *at))
        len = (size_t)(end - *at);
    *owned = malloc(len + 1);
    assert(*owned != NULL);
    if (len > 0)
        memcpy(*owned, *at, len);
    *at += len;
    return span_of(*owned, len);
}

static void fill(struct h2_head *h, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint8_t *one, *two;
        struct span name = piece(&at, end, &one), value = piece(&at, end, &two);
        h2_head_add(h, name, value);
        free(one);
        free(two);
    }
}

static void check_head(const struct request *r)
{
    assert(r->h2 && r->minor == 1 && r->keep_alive);
    assert(chars_is_token(r->method) && r->host.len > 0);
    assert(headers_count(&r->headers, HEADER_HOST) == 1);
    assert(headers_count(&r->headers, HEADER_COOKIE) <= 1);
    assert(headers_find(&r->headers, HEADER_CONNECTION) == NULL);
    assert(headers_find(&r->headers, HEADER_TRANSFER_ENCODING) == NULL);
    assert(headers_find(&r->headers, HEADER_UPGRADE) == NULL);
    for (size_t i = 0; i < r->headers.count; i++) {
        const struct header *h = &r->headers.at[i];
        assert(chars_is_token(h->name) && h->name.at[0] != ':');
        for (size_t k = 0; k < h->name.len; k++)
            assert(char_lower(h->name.at[k]) == h->name.at[k]);
        assert(chars_find_control(h->value.at, h->value.len) == h->value.len);
    }
}

/* As HTTP/1.1 has it: the framing and the upgrade are the only things that HTTP/2 says elsewhere.
 */
static void write_down(const struct request *r, struct buf *out)
{
    (void)buf_append(out, r->method);
    (void)buf_byte(out, ' ');
    (void)buf_append(out, r->target);
    (void)buf_text(out, " HTTP/1.1\r\n");
    for (size_t i = 0; i < r->headers.count; i++)
        assert(h1_write_header(out, r->headers.at[i].name, r->headers.at[i].value) == 0);
    if (r->framing == BODY_CHUNKED)
        (void)buf_text(out, "Transfer-Encoding: chunked\r\n");
    if (r->upgrade_websocket)
        (void)buf_text(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    (void)buf_text(out, "\r\n");
    assert(!out->bad);
}

static void check_same_in_http1(const struct request *r)
{
    struct buf out;
    struct arena a;
    struct request again;
    unsigned status;
    const char *why;
    const struct h1_limits wide = {.head_bytes = 65536, .header_count = 200};
    buf_init(&out, 65536);
    arena_init(&a, 8192, 1 << 20);
    write_down(r, &out);
    int rc = h1_request_parse(buf_view(&out), &wide, &a, &again, &status, &why);
    assert(rc == 0);
    assert(span_eq(r->method, again.method) && span_eq(r->target, again.target));
    assert(span_eq(r->canonical, again.canonical) && span_eq(r->authority, again.authority));
    assert(r->framing == again.framing && r->length == again.length);
    assert(r->expect_continue == again.expect_continue);
    assert(r->upgrade_websocket == again.upgrade_websocket);
    arena_fini(&a);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct h2_head h;
    struct arena a;
    struct request r;
    unsigned status = 0;
    const char *why = NULL;
    if (size == 0)
        return 0;
    struct h2_request_more more = {.end = (data[0] & 1) != 0, .websocket = (data[0] & 2) != 0};
    h2_head_init(&h);
    arena_init(&a, 8192, 1 << 20);
    h2_head_begin(&h, &limits);
    fill(&h, data + 1, data + size);
    int rc = h2_request_make(&h, &more, &a, &r, &status, &why);
    if (rc == 0) {
        assert(h.malformed == NULL && status == 0);
        check_head(&r);
        check_same_in_http1(&r);
    } else {
        assert(status >= 400 && status < 600 && why[0] != 0);
        assert(h.malformed == NULL || status == 400);
    }
    /* The same fields as trailers. */
    (void)h2_trailers_ok(&h);
    arena_fini(&a);
    h2_head_fini(&h);
    return 0;
}
