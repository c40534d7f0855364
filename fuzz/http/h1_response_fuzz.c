/* A response head: what is accepted has one framing, and clean headers. The first byte chooses the
 * request's method. */
#include <assert.h>

#include "http/chars.h"
#include "http/h1.h"
#include "http/hygiene.h"
#include "http/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct response *r, bool head)
{
    assert(r->status >= 100 && r->status <= 599 && r->minor <= 1);
    bool coded = headers_find(&r->headers, HEADER_TRANSFER_ENCODING) != NULL;
    bool sized = headers_find(&r->headers, HEADER_CONTENT_LENGTH) != NULL;
    assert(!coded || !sized);
    if (head || r->status < 200 || r->status == 204 || r->status == 304)
        assert(r->framing == BODY_NONE);
    else
        assert(r->framing == (coded ? BODY_CHUNKED : sized ? BODY_LENGTH : BODY_UNTIL_CLOSE));
    assert(r->framing != BODY_UNTIL_CLOSE || !r->keep_alive);
    assert(chars_find_control(r->reason.at, r->reason.len) == r->reason.len);
    for (size_t i = 0; i < r->headers.count; i++) {
        const struct header *h = &r->headers.at[i];
        assert(chars_is_token(h->name));
        assert(chars_find_control(h->value.at, h->value.len) == h->value.len);
        (void)hygiene_response(h);
    }
    struct request asked = {.upgrade_websocket = true, .minor = 1};
    const char *why = "";
    int rc = websocket_answer(&asked, r, NULL, &why);
    assert(rc < 0 || r->status == 101);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct h1_limits limits = {.head_bytes = 65536, .header_count = 256};
    if (size < 1)
        return 0;
    bool head = data[0] == 'H';
    struct span in = span_of(data + 1, size - 1);
    size_t scanned = 0;
    unsigned status;
    int len = h1_head_find(in, &scanned, &limits, &status);
    if (len <= 0)
        return 0;
    struct arena a;
    struct response r;
    const char *why = "";
    arena_init(&a, 4096, 1 << 20);
    if (h1_response_parse(span_sub(in, 0, (size_t)len), head ? SPAN("HEAD") : SPAN("GET"), &a, &r,
                          &why) == 0)
        check(&r, head);
    else
        assert(*why != 0);
    arena_fini(&a);
    return 0;
}
