/* A request head: found the same however it arrives, parsed into spans that stay inside the head's
 * copy, with one canonical path, one host, one framing; and a request that was accepted is accepted
 * again, with the same meaning, when it is written down from what was understood. */
#include <assert.h>
#include <stdlib.h>

#include "base/fault.h"
#include "http/chars.h"
#include "http/fetchmeta.h"
#include "http/h1.h"
#include "http/hygiene.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct h1_limits limits = {.head_bytes = 16384, .header_count = 100};

static void check_path(struct span canonical)
{
    assert(canonical.len > 0);
    if (span_is(canonical, "*"))
        return;
    assert(canonical.at[0] == '/');
    /* A directory's closing slash aside, the result is in canonical form. */
    assert(uri_is_canonical(canonical));
    for (size_t i = 0; i + 1 < canonical.len; i++)
        assert(canonical.at[i] != '/' || canonical.at[i + 1] != '/');
}

static void check_request(const struct request *r)
{
    check_path(r->canonical);
    assert(chars_is_token(r->method));
    assert(r->host.len > 0 && r->host.len <= r->authority.len);
    assert(span_starts(r->authority, r->host));
    assert(r->minor <= 1);
    assert(headers_count(&r->headers, HEADER_HOST) == 1);
    bool coded = headers_find(&r->headers, HEADER_TRANSFER_ENCODING) != NULL;
    bool sized = headers_find(&r->headers, HEADER_CONTENT_LENGTH) != NULL;
    assert(!coded || !sized);
    assert(coded == (r->framing == BODY_CHUNKED) && sized == (r->framing == BODY_LENGTH));
    assert(!coded || r->minor == 1);
    assert(!r->upgrade_websocket || span_is(r->method, "GET"));
    for (size_t i = 0; i < r->target.len; i++)
        assert(r->target.at[i] > 0x20 && r->target.at[i] < 0x7f && r->target.at[i] != '#');
    for (size_t i = 0; i < r->headers.count; i++) {
        const struct header *h = &r->headers.at[i];
        assert(chars_is_token(h->name));
        assert(chars_find_control(h->value.at, h->value.len) == h->value.len);
        assert(span_eq(span_trim(h->value), h->value));
        (void)hygiene_request(h, true);
    }
    (void)fetchmeta_judge(r);
}

/* What the proxy would send, without hygiene. */
static void write_again(const struct request *r, struct buf *out)
{
    (void)buf_append(out, r->method);
    (void)buf_byte(out, ' ');
    (void)buf_append(out, r->target);
    (void)buf_text(out, r->minor == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    for (size_t i = 0; i < r->headers.count; i++)
        assert(h1_write_header(out, r->headers.at[i].name, r->headers.at[i].value) == 0);
    (void)buf_text(out, "\r\n");
    assert(!out->bad);
}

static void check_meaning_stays(const struct request *r)
{
    struct buf out;
    struct arena a;
    struct request again;
    unsigned status;
    const char *why;
    const struct h1_limits wide = {.head_bytes = 65536, .header_count = 100};
    buf_init(&out, 65536);
    arena_init(&a, 8192, 1 << 20);
    write_again(r, &out);
    int rc = h1_request_parse(buf_view(&out), &wide, &a, &again, &status, &why);
    assert(rc == 0);
    assert(span_eq(r->method, again.method) && span_eq(r->target, again.target));
    assert(span_eq(r->canonical, again.canonical) && span_eq(r->authority, again.authority));
    assert(r->framing == again.framing && r->length == again.length);
    assert(r->keep_alive == again.keep_alive && r->headers.count == again.headers.count);
    assert(r->upgrade_websocket == again.upgrade_websocket);
    arena_fini(&a);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 20000)
        return 0;
    struct span in = span_of(data, size);
    size_t scanned = 0;
    unsigned status = 0, stepped_status = 0;
    int len = h1_head_find(in, &scanned, &limits, &status), stepped = 0;
    assert((len < 0) == (status != 0));
    if (size <= 600) {
        scanned = 0;
        for (size_t part = 1; part <= size && stepped == 0; part++)
            stepped = h1_head_find(span_sub(in, 0, part), &scanned, &limits, &stepped_status);
        assert(stepped == len && stepped_status == status);
    }
    if (len <= 0)
        return 0;
    struct arena a;
    struct request r;
    const char *why = NULL;
    arena_init(&a, 4096, 1 << 20);
    int rc = h1_request_parse(span_sub(in, 0, (size_t)len), &limits, &a, &r, &status, &why);
    assert((rc < 0) == (status != 0));
    assert(rc == 0 || (why != NULL && *why != 0));
    if (rc == 0) {
        check_request(&r);
        check_meaning_stays(&r);
    }
    arena_fini(&a);
    return 0;
}
