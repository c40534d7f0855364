/* One canonical path: clean, a fixed point of its own encoding, and never above the root.
 * Authorities and form values on the side. */
#include <assert.h>

#include "base/fault.h"
#include "http/chars.h"
#include "http/prefix.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Escapes everything but unreserved characters and the slash. */
static struct span encode(struct span path, struct arena *a)
{
    uint8_t *out = arena_alloc(a, path.len * 3);
    size_t len = 0;
    assert(out != NULL);
    for (size_t i = 0; i < path.len; i++) {
        uint8_t c = path.at[i];
        if (c == '/' || c == '~' || char_is(c, CHAR_HOST)) {
            out[len++] = c;
            continue;
        }
        out[len++] = '%';
        out[len++] = (uint8_t) "0123456789ABCDEF"[c >> 4];
        out[len++] = (uint8_t) "0123456789ABCDEF"[c & 15];
    }
    return span_of(out, len);
}

/* Whatever is shortened is, read again, the canonical path without the prefix. */
static void check_prefix(struct span path, struct span canonical, struct arena *a)
{
    struct span prefix = SPAN("/a"), got, again;
    const char *why;
    if (!prefix_covers(prefix, canonical) ||
        prefix_strip(prefix, path, path, canonical, a, &got) < 0)
        return;
    assert(uri_canonical(got, a, &again, &why) == 0);
    struct span rest = span_sub(canonical, prefix.len, SIZE_MAX);
    assert(span_eq(again, rest.len > 0 ? rest : SPAN("/")));
}

static void check_path(struct span path, struct arena *a)
{
    struct span canonical, again;
    const char *why = "";
    if (uri_canonical(path, a, &canonical, &why) < 0) {
        assert(*why != 0);
        return;
    }
    assert(canonical.len > 0 && canonical.len <= path.len && canonical.at[0] == '/');
    assert(uri_is_canonical(canonical));
    for (size_t i = 0; i < canonical.len; i++) {
        struct span rest = span_sub(canonical, i, SIZE_MAX);
        assert(!span_starts(rest, SPAN("//")) && !span_starts(rest, SPAN("/../")));
        assert(!span_starts(rest, SPAN("/./")) && !span_is(rest, "/.") && !span_is(rest, "/.."));
        assert(rest.at[0] >= 0x20 && rest.at[0] != 0x7f && rest.at[0] != '\\' && rest.at[0] != ';');
    }
    assert(uri_canonical(encode(canonical, a), a, &again, &why) == 0);
    assert(span_eq(canonical, again));
    check_prefix(path, canonical, a);
}

static void check_authority(struct span text, struct arena *a)
{
    struct span authority, host, again, again_host;
    uint16_t port, again_port;
    if (uri_authority(text, a, &authority, &host, &port) < 0)
        return;
    assert(authority.len == text.len && span_eq_nocase(authority, text));
    assert(span_starts(authority, host) && host.len > 0);
    assert((host.len == authority.len) == (port == 0));
    assert(span_find(authority, '@') == SIZE_MAX && span_find(authority, ',') == SIZE_MAX);
    assert(span_find(authority, '/') == SIZE_MAX && span_find(authority, '%') == SIZE_MAX);
    assert(uri_authority(authority, a, &again, &again_host, &again_port) == 0);
    assert(span_eq(authority, again) && span_eq(host, again_host) && port == again_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct span in = span_of(data, size), value;
    if (size > 4096)
        return 0;
    arena_init(&a, 4096, 1 << 20);
    check_path(in, &a);
    check_authority(in, &a);
    if (uri_form_value(in, "to", &a, &value) == 0) {
        assert(value.len <= in.len);
        assert(span_find(value, 0) == SIZE_MAX);
    }
    arena_fini(&a);
    return 0;
}
