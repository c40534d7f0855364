#include "http/location.h"

#include "base/fault.h"
#include "base/text.h"
#include "http/chars.h"

struct origin {
    struct span host; /* as written; brackets stay */
    uint16_t port;    /* the written one, or the scheme's own */
};

/* host[:port]; anything else (userinfo, a port that is none) names no origin of ours. */
static bool read_origin(struct span authority, uint16_t default_port, struct origin *ret)
{
    size_t bracket = authority.len > 0 && authority.at[0] == '[' ? span_find(authority, ']') : 0;
    if (bracket == SIZE_MAX)
        return false;
    size_t colon = span_find(span_sub(authority, bracket, SIZE_MAX), ':');
    uint64_t port = default_port;
    ret->host = authority;
    if (colon != SIZE_MAX) {
        ret->host.len = bracket + colon;
        if (text_u64(span_sub(authority, ret->host.len + 1, SIZE_MAX), 65535, &port) < 0)
            return false;
    }
    ret->port = (uint16_t)port;
    return ret->host.len > 0;
}

static bool is_address(struct span host, const struct addr *a)
{
    struct addr named;
    if (span_eq_nocase(host, SPAN("localhost")))
        return addr_is_loopback(a);
    if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
        host = span_sub(host, 1, host.len - 2);
    return addr_parse(host, &named) == 0 && addr_eq(&named, a);
}

/* A name that stands for the upstream: with the port it was given with, or with the port that the
 * upstream knows itself to listen on. */
static bool is_name(const struct location_map *m, struct span authority, const struct origin *o,
                    uint16_t default_port)
{
    struct origin known;
    return read_origin(authority, default_port, &known) && span_eq_nocase(o->host, known.host) &&
           (o->port == known.port || o->port == m->upstream_port);
}

/* How many bytes of the URL name the upstream's origin; 0 when it is relative or foreign. */
static size_t own_prefix(const struct location_map *m, struct span url)
{
    size_t start;
    uint16_t default_port = 80;
    if (span_starts_nocase(url, SPAN("http://"))) {
        start = 7;
    } else if (span_starts_nocase(url, SPAN("https://"))) {
        start = 8;
        default_port = 443;
    } else if (span_starts(url, SPAN("//"))) {
        start = 2;
        default_port = 443;
    } else {
        return 0;
    }
    size_t end = start;
    while (end < url.len && url.at[end] != '/' && url.at[end] != '?' && url.at[end] != '#')
        end++;
    struct origin o;
    if (!read_origin(span_sub(url, start, end - start), default_port, &o))
        return 0;
    bool own =
        (m->upstream != NULL && o.port == m->upstream_port && is_address(o.host, m->upstream)) ||
        is_name(m, m->upstream_host, &o, default_port) ||
        is_name(m, m->authority, &o, default_port);
    return own ? end : 0;
}

int location_rewrite(const struct location_map *m, struct span value, struct buf *out)
{
    size_t prefix = own_prefix(m, value);
    size_t before = buf_len(out);
    if (prefix > 0) {
        (void)buf_text(out, "https://");
        (void)buf_append(out, m->authority);
    }
    (void)buf_append(out, span_sub(value, prefix, SIZE_MAX));
    if (out->bad)
        return FAULT_LIMIT;
    return !span_eq(span_sub(buf_view(out), before, SIZE_MAX), value);
}

/* Where the URL of "seconds; url=URL" begins, quotes left out; SIZE_MAX when there is none. */
static size_t refresh_url(struct span value)
{
    size_t i = 0;
    while (i < value.len && value.at[i] != ';' && value.at[i] != ',')
        i++;
    i++;
    while (i < value.len && (value.at[i] == ' ' || value.at[i] == '\t'))
        i++;
    if (i >= value.len || !span_starts_nocase(span_sub(value, i, SIZE_MAX), SPAN("url")))
        return SIZE_MAX;
    i += 3;
    while (i < value.len && (value.at[i] == ' ' || value.at[i] == '\t'))
        i++;
    if (i >= value.len || value.at[i] != '=')
        return SIZE_MAX;
    i++;
    while (i < value.len && (value.at[i] == ' ' || value.at[i] == '\t'))
        i++;
    if (i < value.len && (value.at[i] == '"' || value.at[i] == '\''))
        i++;
    return i;
}

int location_rewrite_refresh(const struct location_map *m, struct span value, struct buf *out)
{
    size_t at = refresh_url(value);
    if (at == SIZE_MAX)
        return buf_append(out, value) < 0 ? FAULT_LIMIT : 0;
    (void)buf_append(out, span_sub(value, 0, at));
    return location_rewrite(m, span_sub(value, at, SIZE_MAX), out);
}
