/* Addresses, prefixes, and addresses with a port, as rules and listeners name them: what is taken
 * is what the C library reads too, has one canonical form, and that form reads as the same. */
#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "base/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The other reader. It is laxer in nothing but zones, which it refuses as well. */
static void check_against_libc(struct span text, const struct addr *a)
{
    char copy[64];
    struct in_addr v4;
    struct in6_addr v6;
    assert(text.len < sizeof(copy));
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        assert(addr_is_v4(a) && memcmp(a->byte + 12, &v4, 4) == 0);
    } else {
        assert(inet_pton(AF_INET6, copy, &v6) == 1);
        assert(memcmp(a->byte, &v6, 16) == 0);
    }
}

static void check_sockaddr(const struct addr *a, uint16_t port)
{
    struct sockaddr_storage ss;
    struct addr again;
    uint16_t again_port;
    socklen_t len = addr_to_sockaddr(a, port, &ss);
    assert(len == (addr_is_v4(a) ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)));
    assert(addr_from_sockaddr((const struct sockaddr *)&ss, &again, &again_port) == 0);
    assert(addr_eq(a, &again) && port == again_port);
}

static void check_addr(struct span text)
{
    struct addr a, again;
    char canonical[ADDR_TEXT_SIZE];
    if (addr_parse(text, &a) < 0)
        return;
    check_against_libc(text, &a);
    addr_format(&a, canonical);
    assert(addr_parse(span_str(canonical), &again) == 0 && addr_eq(&a, &again));
    assert(!addr_is_loopback(&a) || a.byte[15] == 1 || (addr_is_v4(&a) && a.byte[12] == 127));
    check_sockaddr(&a, 9443);
}

static void check_cidr(struct span text)
{
    struct cidr c, again;
    char canonical[ADDR_TEXT_SIZE + 4];
    if (cidr_parse(text, &c) < 0)
        return;
    assert(c.bits <= 128 && cidr_contains(&c, &c.addr));
    for (unsigned bit = c.bits; bit < 128; bit++)
        assert((c.addr.byte[bit / 8] >> (7 - bit % 8) & 1) == 0);
    if (c.bits > 0) {
        struct addr outside = c.addr;
        unsigned last = c.bits - 1u;
        outside.byte[last / 8] ^= (uint8_t)(1u << (7 - last % 8));
        assert(!cidr_contains(&c, &outside));
    }
    cidr_format(&c, canonical);
    assert(cidr_parse(span_str(canonical), &again) == 0);
    assert(addr_eq(&c.addr, &again.addr) && c.bits == again.bits);
}

static void check_port(struct span text)
{
    struct addr a, again;
    uint16_t port, again_port;
    char canonical[ADDR_TEXT_SIZE + 8];
    if (addr_parse_port(text, &a, &port) < 0)
        return;
    addr_format_port(&a, port, canonical);
    assert(addr_parse_port(span_str(canonical), &again, &again_port) == 0);
    assert(addr_eq(&a, &again) && port == again_port);
    check_sockaddr(&a, port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    check_addr(text);
    check_cidr(text);
    check_port(text);
    /* Any 16 bytes are an address and have a text. */
    struct addr any, again;
    char canonical[ADDR_TEXT_SIZE];
    if (size < sizeof(any.byte))
        return 0;
    memcpy(any.byte, data, sizeof(any.byte));
    addr_format(&any, canonical);
    assert(addr_parse(span_str(canonical), &again) == 0 && addr_eq(&any, &again));
    check_against_libc(span_str(canonical), &any);
    return 0;
}
