#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"

static const uint8_t V4_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool addr_is_v4(const struct addr *a)
{
    return memcmp(a->byte, V4_PREFIX, 12) == 0;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return memcmp(a->byte, b->byte, 16) == 0;
}

bool addr_is_loopback(const struct addr *a)
{
    static const struct addr V6 = {{[15] = 1}};
    return addr_eq(a, &V6) || (addr_is_v4(a) && a->byte[12] == 127);
}

int addr_parse(struct span text, struct addr *ret)
{
    char copy[ADDR_TEXT_SIZE];
    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.at, 0, text.len) != NULL)
        return FAULT_FORMAT;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    struct addr a;
    if (strchr(copy, ':') != NULL) {
        if (inet_pton(AF_INET6, copy, a.byte) != 1)
            return FAULT_FORMAT;
    } else {
        /* glibc's inet_pton already refuses octal and short forms. */
        memcpy(a.byte, V4_PREFIX, 12);
        if (inet_pton(AF_INET, copy, a.byte + 12) != 1)
            return FAULT_FORMAT;
    }
    *ret = a;
    return 0;
}

void addr_format(const struct addr *a, char out[ADDR_TEXT_SIZE])
{
    const char *text = addr_is_v4(a) ? inet_ntop(AF_INET, a->byte + 12, out, ADDR_TEXT_SIZE)
                                     : inet_ntop(AF_INET6, a->byte, out, ADDR_TEXT_SIZE);
    if (text == NULL)
        out[0] = 0;
}

int cidr_parse(struct span text, struct cidr *ret)
{
    struct span head = SPAN_NONE, rest = text;
    bool slash = span_find(text, '/') != SIZE_MAX;
    if (!span_cut(&rest, '/', &head))
        return FAULT_FORMAT;
    struct cidr c = {.bits = 128};
    if (addr_parse(head, &c.addr) < 0)
        return FAULT_FORMAT;
    bool dotted = span_find(head, ':') == SIZE_MAX;
    if (slash) {
        uint64_t bits;
        if (text_u64(rest, dotted ? 32 : 128, &bits) < 0)
            return FAULT_FORMAT;
        c.bits = (uint8_t)(dotted ? bits + 96 : bits);
    }
    for (unsigned i = c.bits; i < 128; i++)
        if (c.addr.byte[i / 8] & (0x80 >> i % 8))
            return FAULT_FORMAT;
    *ret = c;
    return 0;
}

bool cidr_contains(const struct cidr *c, const struct addr *a)
{
    size_t whole = c->bits / 8;
    if (memcmp(c->addr.byte, a->byte, whole) != 0)
        return false;
    unsigned rest = c->bits % 8;
    return rest == 0 || (c->addr.byte[whole] ^ a->byte[whole]) >> (8 - rest) == 0;
}

bool cidrs_contain(const struct cidr *c, size_t count, const struct addr *a)
{
    for (size_t i = 0; i < count; i++)
        if (cidr_contains(&c[i], a))
            return true;
    return false;
}

void cidr_format(const struct cidr *c, char out[ADDR_TEXT_SIZE + 4])
{
    char text[ADDR_TEXT_SIZE];
    addr_format(&c->addr, text);
    bool v4 = addr_is_v4(&c->addr) && c->bits >= 96;
    (void)snprintf(out, ADDR_TEXT_SIZE + 4, "%s/%d", text, v4 ? c->bits - 96 : c->bits);
}

int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret, uint16_t *ret_port)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        memcpy(ret->byte, V4_PREFIX, 12);
        memcpy(ret->byte + 12, &in.sin_addr, 4);
        *ret_port = ntohs(in.sin_port);
        return 0;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        memcpy(ret->byte, &in6.sin6_addr, 16);
        *ret_port = ntohs(in6.sin6_port);
        return 0;
    }
    return FAULT_FORMAT;
}

socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (addr_is_v4(a)) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&in.sin_addr, a->byte + 12, 4);
        memcpy(out, &in, sizeof(in));
        return sizeof(in);
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&in6.sin6_addr, a->byte, 16);
    memcpy(out, &in6, sizeof(in6));
    return sizeof(in6);
}

int addr_parse_port(struct span text, struct addr *ret, uint16_t *ret_port)
{
    size_t colon = SIZE_MAX;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == ':')
            colon = i;
    if (colon == SIZE_MAX)
        return FAULT_FORMAT;
    struct span host = span_sub(text, 0, colon);
    bool bracketed = host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
    if (bracketed)
        host = span_sub(host, 1, host.len - 2);
    uint64_t port;
    if ((span_find(host, ':') != SIZE_MAX) != bracketed || addr_parse(host, ret) < 0 ||
        text_u64(span_sub(text, colon + 1, SIZE_MAX), 65535, &port) < 0)
        return FAULT_FORMAT;
    *ret_port = (uint16_t)port;
    return 0;
}

void addr_format_port(const struct addr *a, uint16_t port, char out[ADDR_TEXT_SIZE + 8])
{
    char text[ADDR_TEXT_SIZE];
    addr_format(a, text);
    (void)snprintf(out, ADDR_TEXT_SIZE + 8, addr_is_v4(a) ? "%s:%u" : "[%s]:%u", text, port);
}
