#include "http/forwarded.h"

#include "base/fault.h"
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
