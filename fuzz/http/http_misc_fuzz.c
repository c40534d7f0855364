/* Hygiene and forwarding. The input is three lines: a header name, an authority, the options of
 * Connection. */
#include <assert.h>

#include "base/fault.h"
#include "http/chars.h"
#include "http/forwarded.h"
#include "http/h1.h"
#include "http/hygiene.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever CGI would make HTTP_X_FORWARDED_… or another of these of must not pass. */
static void check_name(struct span name)
{
    static const char *const trusted[] = {
        "x-forwarded-", "forwarded", "x-real-ip", "x-postern-",     "postern-", "x-remote-user",
        "x-ssl-",       "$ws",       "x-f5-",     "content-length", "x-pan-"};
    if (!chars_is_token(name))
        return;
    uint8_t folded[64];
    size_t len = name.len < sizeof(folded) ? name.len : sizeof(folded);
    for (size_t i = 0; i < len; i++)
        folded[i] = name.at[i] == '_' || name.at[i] == '.' ? '-' : char_lower(name.at[i]);
    struct header h = {.name = name, .value = SPAN("x"), .id = header_find_id(name)};
    enum passage passage = hygiene_request(&h, true);
    for (size_t i = 0; i < countof(trusted); i++) {
        struct span prefix = span_str(trusted[i]);
        bool whole = prefix.at[prefix.len - 1] != '-';
        if (whole ? span_eq(span_of(folded, len), prefix)
                  : span_starts(span_of(folded, len), prefix))
            assert(passage != PASS);
    }
    (void)hygiene_response(&h);
}

static void check_forwarded(struct span authority, const struct addr *source)
{
    struct buf out;
    buf_init(&out, 4096);
    struct forwarded f = {.source = source, .https = true, .authority = authority, .port = 9443};
    int rc = forwarded_write(&f, &out);
    if (rc == 0) {
        /* Five lines, whatever the authority was. */
        size_t lines = 0;
        struct span text = buf_view(&out);
        for (size_t i = 0; i < text.len; i++)
            lines += text.at[i] == '\n';
        assert(lines == 5 && span_ends(text, SPAN("\r\n")));
    } else {
        assert(buf_len(&out) == 0);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1 << 15)
        return 0;
    struct span in = span_of(data, size), name = SPAN_NONE, authority = SPAN_NONE;
    struct addr source = {{0}};
    for (size_t i = 0; i < size && i < sizeof(source.byte); i++)
        source.byte[i] = data[i];
    (void)span_cut(&in, '\n', &name);
    (void)span_cut(&in, '\n', &authority);
    check_name(name);
    check_forwarded(authority, &source);
    struct header h = {.name = SPAN("Connection"), .value = in, .id = HEADER_CONNECTION};
    struct headers all = {&h, 1};
    (void)hygiene_connection_ok(&all);
    return 0;
}
