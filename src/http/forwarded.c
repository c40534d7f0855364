#include "http/forwarded.h"

#include "base/fault.h"
#include "base/text.h"
#include "http/chars.h"

static bool authority_ok(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is(s.at[i], CHAR_HOST) && s.at[i] != ':' && s.at[i] != '[' && s.at[i] != ']')
            return false;
    return s.len > 0;
}

/* Decimal without printf: this runs for every request. */
static struct span port_text(uint16_t port, uint8_t out[5])
{
    size_t at = 5;
    do {
        out[--at] = (uint8_t)('0' + port % 10);
        port = (uint16_t)(port / 10);
    } while (port > 0);
    return span_of(out + at, 5 - at);
}

int forwarded_write(const struct forwarded *f, struct buf *out)
{
    if (!authority_ok(f->authority))
        return FAULT_FORMAT;
    char source[ADDR_TEXT_SIZE];
    uint8_t digits[5];
    addr_format(f->source, source);
    struct span from = span_str(source);
    uint16_t port = f->port != 0 ? f->port : f->https ? 443 : 80;
    struct span proto = f->https ? SPAN("https") : SPAN("http");
    bool v4 = addr_is_v4(f->source);
    /* RFC 7239 section 6: an IPv6 address goes in brackets and quotes; section 4: a host with a
     * port is no token, hence the quotes. */
    const struct span parts[] = {
        SPAN("X-Forwarded-For: "),
        from,
        SPAN("\r\nX-Forwarded-Proto: "),
        proto,
        SPAN("\r\nX-Forwarded-Host: "),
        f->authority,
        SPAN("\r\nX-Forwarded-Port: "),
        port_text(port, digits),
        v4 ? SPAN("\r\nForwarded: for=") : SPAN("\r\nForwarded: for=\"["),
        from,
        v4 ? SPAN(";proto=") : SPAN("]\";proto="),
        proto,
        SPAN(";host=\""),
        f->authority,
        SPAN("\"\r\n"),
    };
    size_t len = 0;
    for (size_t i = 0; i < countof(parts); i++)
        len += parts[i].len;
    uint8_t *at = buf_reserve(out, len);
    if (at == NULL)
        return FAULT_LIMIT;
    for (size_t i = 0; i < countof(parts); i++) {
        memcpy(at, parts[i].at, parts[i].len);
        at += parts[i].len;
    }
    buf_commit(out, len);
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The hops in the order in which they were written; an empty one has said nothing. */
struct hops {
    struct span node[FORWARDED_HOPS_MAX];
    size_t count;
};

static int hops_add(struct hops *hops, struct span node)
{
    if (hops->count == FORWARDED_HOPS_MAX)
        return FAULT_LIMIT;
    hops->node[hops->count++] = node;
    return 0;
}

/* A comma too many leaves an empty entry, and one at the end is no less of one: whoever wrote it
 * knew nobody. */
static bool next_entry(struct span *rest, bool *more, struct span *ret)
{
    if (!*more)
        return false;
    size_t comma = span_find(*rest, ',');
    *more = comma != SIZE_MAX;
    *ret = span_trim(span_sub(*rest, 0, comma));
    *rest = *more ? span_sub(*rest, comma + 1, SIZE_MAX) : SPAN_NONE;
    return true;
}

static int read_list(struct span line, struct hops *hops)
{
    struct span entry;
    bool more = true;
    int rc = 0;
    while (rc == 0 && next_entry(&line, &more, &entry))
        rc = hops_add(hops, entry);
    return rc;
}

/* The inside of a quoted string that reads the same for everybody. */
static bool quoted_ok(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < 0x20 || s.at[i] > 0x7e || s.at[i] == '"' || s.at[i] == '\\' || s.at[i] == ';')
            return false;
    return true;
}

/* RFC 7239 section 4: token "=" ( token / quoted-string ). */
static int read_pair(struct span pair, struct span *name, struct span *value)
{
    size_t equals = span_find(pair, '=');
    if (equals == SIZE_MAX)
        return FAULT_FORMAT;
    *name = span_sub(pair, 0, equals);
    *value = span_sub(pair, equals + 1, SIZE_MAX);
    if (!chars_is_token(*name))
        return FAULT_FORMAT;
    if (chars_is_token(*value))
        return 0;
    if (value->len < 2 || value->at[0] != '"' || value->at[value->len - 1] != '"')
        return FAULT_FORMAT;
    *value = span_sub(*value, 1, value->len - 2);
    return quoted_ok(*value) ? 0 : FAULT_FORMAT;
}

/* One forwarded-element: what stands after "for". */
static int read_element(struct span element, struct span *node)
{
    struct span pair, name, value;
    bool found = false;
    *node = SPAN_NONE;
    while (span_cut(&element, ';', &pair)) {
        pair = span_trim(pair);
        if (pair.len == 0)
            continue;
        if (read_pair(pair, &name, &value) < 0)
            return FAULT_FORMAT;
        if (!span_eq_nocase(name, SPAN("for")))
            continue;
        if (found)
            return FAULT_FORMAT;
        found = true;
        *node = value;
    }
    return 0;
}

/* Commas part elements wherever they stand: one inside quotes leaves two halves that are none. */
static int read_forwarded(struct span line, struct hops *hops)
{
    struct span element, node;
    bool more = true;
    int rc = 0;
    while (rc == 0 && next_entry(&line, &more, &element)) {
        rc = read_element(element, &node);
        if (rc == 0)
            rc = hops_add(hops, node);
    }
    return rc;
}

/* RFC 7239 section 6: a port is digits, or "_" and a name that stands for one. */
static bool port_ok(struct span port)
{
    uint64_t number;
    if (port.len > 1 && port.at[0] == '_') {
        for (size_t i = 1; i < port.len; i++)
            if (!char_is(port.at[i], CHAR_HOST))
                return false;
        return true;
    }
    return text_u64(port, 65535, &number) == 0;
}

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80", and where brackets are not
 * asked for "2001:db8::1". */
static int read_node(struct span node, bool bare_v6, struct addr *ret)
{
    if (node.len > 0 && node.at[0] == '[') {
        size_t end = span_find(node, ']');
        struct span host = span_sub(node, 1, end == SIZE_MAX ? 0 : end - 1);
        struct span rest = span_sub(node, end == SIZE_MAX ? 0 : end + 1, SIZE_MAX);
        if (span_find(host, ':') == SIZE_MAX || (rest.len > 0 && rest.at[0] != ':'))
            return FAULT_FORMAT;
        if (rest.len > 0 && !port_ok(span_sub(rest, 1, SIZE_MAX)))
            return FAULT_FORMAT;
        return addr_parse(host, ret);
    }
    size_t colon = span_find(node, ':');
    if (colon == SIZE_MAX || (bare_v6 && addr_parse(node, ret) == 0))
        return addr_parse(node, ret);
    return port_ok(span_sub(node, colon + 1, SIZE_MAX)) ? addr_parse(span_sub(node, 0, colon), ret)
                                                        : FAULT_FORMAT;
}

int forwarded_client(const struct headers *h, enum header_id id, const struct addr *peer,
                     const struct cidr *trusted, size_t count, struct addr *ret)
{
    struct hops hops;
    bool rfc = id == HEADER_FORWARDED;
    struct addr at = *peer;
    int rc = 0;
    hops.count = 0;
    for (size_t i = 0; i < h->count && rc == 0; i++)
        if (h->at[i].id == id)
            rc = rfc ? read_forwarded(h->at[i].value, &hops) : read_list(h->at[i].value, &hops);
    if (rc == 0 && hops.count == 0)
        rc = FAULT_ABSENT;
    for (size_t i = hops.count; i-- > 0 && rc == 0 && cidrs_contain(trusted, count, &at);) {
        bool here = addr_is_loopback(&at);
        rc = read_node(hops.node[i], !rfc, &at);
        if (rc == 0 && addr_is_loopback(&at) && !here)
            rc = FAULT_FORMAT;
    }
    if (rc == 0)
        *ret = at;
    return rc;
}
