/* What is rewritten once stays as it is; an address that was changed is ours; a destination that is
 * admitted is a path on the same console. The first byte chooses the header, the second the names;
 * then an authority up to a line feed, then the value. */
#include <assert.h>

#include "base/fault.h"
#include "http/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OURS "gw.example:9443"

static const enum header_id IDS[] = {HEADER_LOCATION,
                                     HEADER_REFRESH,
                                     HEADER_LINK,
                                     HEADER_CONTENT_SECURITY_POLICY,
                                     HEADER_SET_COOKIE,
                                     HEADER_ACCESS_CONTROL_ALLOW_ORIGIN,
                                     HEADER_CONTENT_LOCATION};

static void check_response(const struct rewrite_map *m, enum header_id id, struct span value)
{
    struct buf once, twice;
    buf_init(&once, 1 << 20);
    buf_init(&twice, 1 << 20);
    int rc = rewrite_response(m, id, value, &once);
    assert(rc == 0 || rc == 1);
    assert((rc == 0) == span_eq(buf_view(&once), value));
    assert(rewrite_response(m, id, buf_view(&once), &twice) == 0);
    if (id == HEADER_LOCATION) {
        assert(rc == 0 || span_starts(buf_view(&once), SPAN("https://" OURS)) ||
               span_starts(buf_view(&once), SPAN("wss://" OURS)) ||
               (m->prefix.len > 0 && span_starts(buf_view(&once), m->prefix)));
        assert(m->place_count == 0 ||
               !span_starts(buf_view(&once), SPAN("http://127.0.0.1:8080/")));
    }
    buf_fini(&once);
    buf_fini(&twice);
}

static void check_request(const struct rewrite_map *m, struct span value)
{
    struct buf out;
    struct span path, query;
    buf_init(&out, 1 << 20);
    int rc = rewrite_request(m, value, &out);
    assert(rc == 0 || (rc == 1 && m->host.len > 0));
    rc = rewrite_destination(m->authority, value, &path, &query);
    assert(rc == 0 || rc == FAULT_DENIED || rc == FAULT_FORMAT);
    if (rc == 0) {
        assert(path.len > 0 && path.at[0] == '/' && (query.len == 0 || query.at[0] == '?'));
        assert(span_ends(value, query) && path.len + query.len <= value.len);
        buf_clear(&out);
        (void)buf_append(&out, path);
        (void)buf_append(&out, query);
        assert(span_ends(value, buf_view(&out)));
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 1 << 15)
        return 0;
    static const char *const NAMES[] = {"console.internal", "console.internal:8443"};
    struct span in = span_of(data + 2, size - 2), host = SPAN_NONE;
    struct addr four, six;
    assert(addr_parse(SPAN("127.0.0.1"), &four) == 0 && addr_parse(SPAN("2001:db8::1"), &six) == 0);
    const struct rewrite_place places[] = {{.addr = &four, .port = 8080},
                                           {.addr = &six, .port = 443},
                                           {.host = SPAN("n1"), .port = 1}};
    (void)span_cut(&in, '\n', &host);
    const struct rewrite_map m = {.places = places,
                                  .place_count = data[1] & 3,
                                  .host = host,
                                  .names = NAMES,
                                  .name_count = (data[1] >> 2) % 3,
                                  .authority = SPAN(OURS),
                                  .prefix = data[1] & 0x40 ? SPAN("/redis") : SPAN_NONE,
                                  .https = data[1] >> 7};
    check_response(&m, IDS[data[0] % countof(IDS)], in);
    check_request(&m, in);
    return 0;
}
