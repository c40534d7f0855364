#include "http/uri.h"

#include <errno.h>

#include "base/addr.h"
#include "base/fault.h"
#include "base/text.h"
#include "http/chars.h"

/* ---- escapes ---- */

/* Bytes that must not come out of an escape, at the first or a second decoding: some server gives
 * each of them a meaning that the written path does not show. */
static bool is_special(unsigned byte)
{
    return byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\' || byte == ';';
}

static bool escape_at(struct span s, size_t i, unsigned *ret)
{
    if (s.len - i < 3 || !char_is(s.at[i + 1], CHAR_HEX) || !char_is(s.at[i + 2], CHAR_HEX))
        return false;
    *ret = char_hex(s.at[i + 1]) << 4 | char_hex(s.at[i + 2]);
    return true;
}

/* Would a server that decodes once more, or reads "%uXXXX", find something special in these decoded
 * bytes? */
static bool hides_second_escape(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned byte;
        if (s.at[i] != '%' || i + 1 == s.len)
            continue;
        if (char_lower(s.at[i + 1]) == 'u')
            return true;
        if (escape_at(s, i, &byte) &&
            (is_special(byte) || byte == '.' || byte == '%' || byte == 0xc0 || byte == 0xc1))
            return true;
    }
    return false;
}

/* Overlong UTF-8 (RFC 3629 section 3): lenient decoders read C0 AE as '.', E0 80 AF as '/'. Latin-1
 * is legal in a path, but these pairs have no use in it. */
static bool has_overlong(struct span s)
{
    for (size_t i = 0; i + 1 < s.len; i++) {
        uint8_t lead = s.at[i], next = s.at[i + 1];
        if (lead < 0xc0 || next < 0x80 || next > 0xbf)
            continue;
        if (lead == 0xc0 || lead == 0xc1 || (lead == 0xe0 && next < 0xa0) ||
            (lead == 0xf0 && next < 0x90) || lead > 0xf4)
            return true;
    }
    return false;
}

/* "." and "..", and what Windows file systems make of "..." and ".. ". */
static bool is_dots(struct span s)
{
    if (s.len == 0 || s.at[0] != '.')
        return false;
    for (size_t i = 1; i < s.len; i++)
        if (s.at[i] != '.' && s.at[i] != ' ')
            return false;
    return true;
}

/* Decodes `in` once into `out`, which has room for in.len bytes. Returns NULL, or why not. */
static const char *decode(struct span in, uint8_t *out, struct span *ret)
{
    size_t len = 0;
    bool escaped = false, high = false;
    for (size_t i = 0; i < in.len; i++) {
        unsigned byte = in.at[i];
        if (!char_is((uint8_t)byte, CHAR_PATH))
            return byte == '\\' ? "backslash in the path" : "a byte that may not stand in a path";
        if (byte == '%') {
            if (!escape_at(in, i, &byte))
                return "a percent sign that begins no escape";
            if (is_special(byte))
                return "an escaped slash, backslash, semicolon or control byte in the path";
            i += 2;
            escaped = true;
            high |= byte >= 0x80;
        }
        out[len++] = (uint8_t)byte;
    }
    *ret = span_of(out, len);
    if (escaped && hides_second_escape(*ret))
        return "a double escape in the path";
    if (high && has_overlong(*ret))
        return "overlong UTF-8 in the path";
    return NULL;
}

/* ---- paths ---- */

/* The path being built. It ends with '/' whenever a segment may follow. */
struct canon {
    uint8_t *at;
    size_t len;
    bool collapsed; /* an empty segment was dropped */
};

static const char *climb(struct canon *c)
{
    /* "/a//../b" is "/b" to a server that collapses first and "/a/b" to one that follows RFC 3986.
     */
    if (c->collapsed)
        return "dot segments behind an empty segment";
    if (c->len == 1)
        return "the path climbs above its root";
    c->len--;
    while (c->at[c->len - 1] != '/')
        c->len--;
    return NULL;
}

/* No ';'-separated piece of a segment with parameters may look like a dot segment: which pieces a
 * server drops before it resolves dots differs. The decoded bytes land behind the path, as scratch.
 */
static const char *check_params(struct span params, uint8_t *scratch)
{
    struct span piece, decoded;
    while (span_cut(&params, ';', &piece)) {
        const char *why = decode(piece, scratch, &decoded);
        if (why != NULL)
            return why;
        if (is_dots(decoded))
            return "dots hidden behind a semicolon";
    }
    return NULL;
}

static const char *add_segment(struct canon *c, struct span raw, bool last)
{
    size_t semicolon = span_find(raw, ';');
    struct span name;
    const char *why = decode(span_sub(raw, 0, semicolon), c->at + c->len, &name);
    if (why == NULL && semicolon != SIZE_MAX)
        why = check_params(span_sub(raw, semicolon + 1, SIZE_MAX), c->at + c->len + name.len);
    if (why != NULL)
        return why;
    if (is_dots(name)) {
        if (raw.len == 1)
            return NULL;
        if (raw.len == 2 && raw.at[1] == '.')
            return climb(c);
        return "a dot segment in disguise";
    }
    if (name.len == 0) {
        /* "/;jsessionid=…" ends the links of a servlet container's own pages; in the middle of a
         * path such a segment is there to some servers and not to others. */
        if (!last && raw.len > 0)
            return "a segment that is nothing but parameters";
        c->collapsed |= !last;
        return NULL;
    }
    c->len += name.len;
    if (!last)
        c->at[c->len++] = '/';
    return NULL;
}

/* Most paths are canonical as sent: no escapes, no parameters, no "//", no segment that begins with
 * a dot. */
static bool is_plain(struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (!char_is(path.at[i], CHAR_PLAIN))
            return false;
        if (path.at[i] == '/' && i + 1 < path.len &&
            (path.at[i + 1] == '/' || path.at[i + 1] == '.'))
            return false;
    }
    return true;
}

int uri_canonical(struct span path, struct arena *a, struct span *ret, const char **why)
{
    if (path.len == 0 || path.at[0] != '/') {
        *why = "the path does not begin with a slash";
        return FAULT_FORMAT;
    }
    if (is_plain(path)) {
        *ret = arena_copy(a, path);
        *why = "no memory";
        return ret->at == NULL ? -ENOMEM : 0;
    }
    /* Decoding never lengthens. */
    struct canon c = {.at = arena_alloc(a, path.len + 1)};
    if (c.at == NULL) {
        *why = "no memory";
        return -ENOMEM;
    }
    c.at[c.len++] = '/';
    for (size_t i = 1; i <= path.len;) {
        struct span rest = span_sub(path, i, SIZE_MAX);
        size_t end = span_find(rest, '/');
        bool last = end == SIZE_MAX;
        const char *fault = add_segment(&c, span_sub(rest, 0, end), last);
        if (fault != NULL) {
            *why = fault;
            return FAULT_FORMAT;
        }
        if (last)
            break;
        i += end + 1;
    }
    *ret = span_of(c.at, c.len);
    return 0;
}

bool uri_is_canonical(struct span path)
{
    if (path.len == 0 || path.at[0] != '/')
        return false;
    for (size_t i = 0; i < path.len; i++)
        if (path.at[i] != '/' && is_special(path.at[i]))
            return false;
    if (hides_second_escape(path) || has_overlong(path))
        return false;
    struct span rest = span_sub(path, 1, SIZE_MAX), segment;
    while (span_cut(&rest, '/', &segment))
        if (segment.len == 0 || is_dots(segment))
            return false;
    return true;
}

/* ---- authorities ---- */

/* A name whose last label is a number is an IPv4 address to browsers and resolvers, in many
 * spellings
 * ("127.1", "0x7f.1", "010.0.0.1"); only the strict dotted quad has one meaning. */
static bool is_numeric(struct span last_label)
{
    if (last_label.len > 1 && last_label.at[0] == '0' && last_label.at[1] == 'x')
        return true;
    for (size_t i = 0; i < last_label.len; i++)
        if (!char_is(last_label.at[i], CHAR_DIGIT))
            return false;
    return true;
}

static bool name_ok(struct span host)
{
    if (host.len == 0 || host.len > 253)
        return false;
    struct span label = SPAN_NONE;
    for (size_t from = 0; from <= host.len;) {
        label = span_sub(host, from, SIZE_MAX);
        size_t dot = span_find(label, '.');
        if (dot != SIZE_MAX)
            label.len = dot;
        if (label.len == 0 || label.len > 63)
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!char_is(label.at[i], CHAR_HOST))
                return false;
        from += label.len + 1;
    }
    struct addr quad;
    return !is_numeric(label) || (addr_parse(host, &quad) == 0 && addr_is_v4(&quad));
}

static bool host_ok(struct span host)
{
    if (host.len == 0 || host.at[0] != '[')
        return name_ok(host);
    struct addr ignored;
    struct span inside = span_sub(host, 1, host.len < 2 ? 0 : host.len - 2);
    return host.at[host.len - 1] == ']' && span_find(inside, ':') != SIZE_MAX &&
           addr_parse(inside, &ignored) == 0;
}

int uri_authority(struct span text, struct arena *a, struct span *authority, struct span *host,
                  uint16_t *port)
{
    /* 253 for the name and 6 for the port; anything longer is not worth a copy. */
    if (text.len == 0 || text.len > 259)
        return FAULT_FORMAT;
    uint8_t *copy = arena_alloc(a, text.len);
    if (copy == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < text.len; i++)
        copy[i] = char_lower(text.at[i]);
    struct span whole = span_of(copy, text.len);
    size_t bracket = copy[0] == '[' ? span_find(whole, ']') : 0;
    if (bracket == SIZE_MAX)
        return FAULT_FORMAT;
    size_t colon = span_find(span_sub(whole, bracket, SIZE_MAX), ':');
    uint64_t number = 0;
    struct span name = whole;
    if (colon != SIZE_MAX) {
        name.len = bracket + colon;
        if (text_u64(span_sub(whole, name.len + 1, SIZE_MAX), 65535, &number) < 0 || number == 0)
            return FAULT_FORMAT;
    }
    if (!host_ok(name))
        return FAULT_FORMAT;
    *authority = whole;
    *host = name;
    *port = (uint16_t)number;
    return 0;
}

/* ---- forms ---- */

/* application/x-www-form-urlencoded (WHATWG URL section 5.1): '+' is a space. FAULT_FORMAT for an
 * escape that is none; NUL is refused, since a form value may become a terminated string. */
static int form_decode(struct span in, uint8_t *out, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < in.len; i++) {
        unsigned byte = in.at[i];
        if (byte == '+') {
            byte = ' ';
        } else if (byte == '%') {
            if (!escape_at(in, i, &byte))
                return FAULT_FORMAT;
            i += 2;
        }
        if (byte == 0)
            return FAULT_FORMAT;
        out[len++] = (uint8_t)byte;
    }
    *ret_len = len;
    return 0;
}

/* Compares without memory: the decoded key against `key`. */
static bool form_key_is(struct span raw, struct span key)
{
    size_t at = 0;
    for (size_t i = 0; i < raw.len; i++, at++) {
        unsigned byte = raw.at[i];
        if (byte == '+') {
            byte = ' ';
        } else if (byte == '%' && escape_at(raw, i, &byte)) {
            i += 2;
        }
        if (at >= key.len || key.at[at] != byte)
            return false;
    }
    return at == key.len;
}

int uri_form_value(struct span form, const char *key, struct arena *a, struct span *ret)
{
    struct span wanted = span_str(key), pair, found = SPAN_NONE;
    bool seen = false;
    while (span_cut(&form, '&', &pair)) {
        size_t equals = span_find(pair, '=');
        if (!form_key_is(span_sub(pair, 0, equals), wanted))
            continue;
        if (seen)
            return FAULT_FORMAT;
        seen = true;
        found = equals == SIZE_MAX ? SPAN_NONE : span_sub(pair, equals + 1, SIZE_MAX);
    }
    if (!seen)
        return FAULT_ABSENT;
    uint8_t *out = arena_alloc(a, found.len + 1);
    if (out == NULL)
        return -ENOMEM;
    size_t len;
    int rc = form_decode(found, out, &len);
    if (rc < 0)
        return rc;
    *ret = span_of(out, len);
    return 0;
}
