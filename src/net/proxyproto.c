#include "net/proxyproto.h"

#include "base/cursor.h"
#include "base/fault.h"
#include "base/text.h"

/* ---- version 1: a line of text --------------------------------------------------------------- */

static const uint8_t V1_WORD[] = {'P', 'R', 'O', 'X', 'Y', ' '};

/* Section 2.1 forbids leading zeros, and so does text_u64. */
static int read_port(struct span text, uint16_t *ret)
{
    uint64_t port;
    if (text_u64(text, 65535, &port) < 0)
        return FAULT_FORMAT;
    *ret = (uint16_t)port;
    return 0;
}

/* An address in the spelling of its own family. An IPv4 address in IPv6's spelling is one all the
 * same, and means that address. */
static int read_address(struct span text, bool v6, struct addr *ret)
{
    if ((span_find(text, ':') != SIZE_MAX) != v6)
        return FAULT_FORMAT;
    return addr_parse(text, ret);
}

/* "TCP4 192.0.2.1 192.0.2.2 56324 443" */
static int read_line(struct span line, struct proxyproto *p)
{
    struct span word[6];
    size_t count = 0;
    if (span_is(line, "UNKNOWN") || span_starts(line, SPAN("UNKNOWN "))) {
        /* Whatever follows is to be ignored. */
        p->kind = PROXYPROTO_UNKNOWN;
        return 0;
    }
    /* Cutting would not see a blank at the end. */
    if (span_ends(line, SPAN(" ")))
        return FAULT_FORMAT;
    while (count < countof(word) && span_cut(&line, ' ', &word[count]))
        count++;
    if (count != 5)
        return FAULT_FORMAT;
    bool v6 = span_is(word[0], "TCP6");
    if (!v6 && !span_is(word[0], "TCP4"))
        return FAULT_FORMAT;
    p->kind = PROXYPROTO_PROXIED;
    int rc = read_address(word[1], v6, &p->source);
    if (rc == 0)
        rc = read_address(word[2], v6, &p->dest);
    if (rc == 0)
        rc = read_port(word[3], &p->source_port);
    return rc == 0 ? read_port(word[4], &p->dest_port) : rc;
}

static int parse_v1(struct span in, struct proxyproto *p)
{
    size_t least = in.len < sizeof(V1_WORD) ? in.len : sizeof(V1_WORD);
    if (memcmp(in.at, V1_WORD, least) != 0)
        return FAULT_FORMAT;
    struct span seen = span_sub(in, 0, PROXYPROTO_V1_MAX);
    size_t cr = span_find(seen, '\r'), lf = span_find(seen, '\n');
    if (lf == SIZE_MAX) {
        /* Complete or not, only its last byte may be a carriage return. */
        bool fits = seen.len < PROXYPROTO_V1_MAX && (cr == SIZE_MAX || cr == seen.len - 1);
        return fits ? 0 : FAULT_FORMAT;
    }
    if (lf < sizeof(V1_WORD) || cr != lf - 1)
        return FAULT_FORMAT;
    int rc = read_line(span_sub(seen, sizeof(V1_WORD), cr - sizeof(V1_WORD)), p);
    return rc < 0 ? FAULT_FORMAT : (int)(lf + 1);
}

/* ---- version 2: binary ----------------------------------------------------------------------- */

static const uint8_t V2_SIGNATURE[12] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                         '\n', 'Q',  'U',  'I',  'T', '\n'};
#define V2_HEAD 16u

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
enum { V2_UNSPEC = 0x00, V2_TCP4 = 0x11, V2_TCP6 = 0x21, V2_UNIX_STREAM = 0x31 };
enum { TLV_AUTHORITY = 0x02, TLV_CRC32C = 0x03 };

#define UNIX_ADDRESSES 216u

/* RFC 3720 appendix B.4: the polynomial of iSCSI, reflected. Bit by bit, since a header is short
 * and few carry one. */
static uint32_t crc32c(uint32_t crc, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= bytes.at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1u)));
    }
    return crc;
}

/* The sum of the header with the four bytes of the sum itself, at `place`, taken for zero. */
static uint32_t sum_without(struct span header, size_t place)
{
    static const uint8_t ZERO[4] = {0};
    uint32_t crc = crc32c(0xffffffffu, span_sub(header, 0, place));
    crc = crc32c(crc, span_of(ZERO, sizeof(ZERO)));
    return ~crc32c(crc, span_sub(header, place + sizeof(ZERO), SIZE_MAX));
}

static void read_extensions(struct cursor *c, struct span header, struct proxyproto *p)
{
    bool summed = false;
    while (c->rest.len > 0 && !c->bad) {
        uint8_t type = cursor_u8(c);
        struct span value = cursor_take(c, cursor_u16(c));
        if (c->bad)
            return;
        if (type == TLV_AUTHORITY)
            p->authority = value;
        if (type != TLV_CRC32C)
            continue;
        struct cursor sum = cursor_over(value);
        uint32_t said = cursor_u32(&sum);
        if (summed || cursor_finish(&sum) < 0 ||
            said != sum_without(header, (size_t)(value.at - header.at)))
            c->bad = true;
        summed = true;
    }
}

static void read_v4(struct cursor *c, struct addr *ret)
{
    *ret = (struct addr){{[10] = 0xff, [11] = 0xff}};
    cursor_fixed(c, ret->byte + 12, 4);
}

static void read_addresses(struct cursor *c, unsigned family, struct proxyproto *p)
{
    p->kind = PROXYPROTO_PROXIED;
    switch (family) {
    case V2_TCP4:
        read_v4(c, &p->source);
        read_v4(c, &p->dest);
        break;
    case V2_TCP6:
        cursor_fixed(c, p->source.byte, 16);
        cursor_fixed(c, p->dest.byte, 16);
        break;
    case V2_UNIX_STREAM:
        (void)cursor_take(c, UNIX_ADDRESSES);
        p->kind = PROXYPROTO_UNKNOWN;
        return;
    case V2_UNSPEC:
        p->kind = PROXYPROTO_UNKNOWN;
        return;
    default:
        c->bad = true;
        return;
    }
    p->source_port = cursor_u16(c);
    p->dest_port = cursor_u16(c);
}

static int parse_v2(struct span in, struct proxyproto *p)
{
    size_t least = in.len < sizeof(V2_SIGNATURE) ? in.len : sizeof(V2_SIGNATURE);
    if (memcmp(in.at, V2_SIGNATURE, least) != 0)
        return FAULT_FORMAT;
    struct cursor head = cursor_over(span_sub(in, sizeof(V2_SIGNATURE), SIZE_MAX));
    /* What is wrong is said at the first byte that is, not once the rest has been waited for. */
    unsigned command = V2_PROXY;
    if (in.len > sizeof(V2_SIGNATURE))
        command = cursor_u8(&head);
    if (command != V2_LOCAL && command != V2_PROXY)
        return FAULT_FORMAT;
    if (in.len < V2_HEAD)
        return 0;
    unsigned family = cursor_u8(&head);
    size_t len = V2_HEAD + cursor_u16(&head);
    if (len > PROXYPROTO_MAX)
        return FAULT_FORMAT;
    if (in.len < len)
        return 0;
    if (command == V2_LOCAL) {
        /* Section 2.2: the rest is discarded, whatever family it names. */
        p->kind = PROXYPROTO_LOCAL;
        return (int)len;
    }
    struct span header = span_sub(in, 0, len);
    struct cursor c = cursor_over(span_sub(header, V2_HEAD, SIZE_MAX));
    read_addresses(&c, family, p);
    read_extensions(&c, header, p);
    return cursor_finish(&c) < 0 ? FAULT_FORMAT : (int)len;
}

int proxyproto_parse(struct span in, struct proxyproto *ret)
{
    *ret = (struct proxyproto){.kind = PROXYPROTO_UNKNOWN};
    if (in.len == 0)
        return 0;
    return in.at[0] == V2_SIGNATURE[0] ? parse_v2(in, ret) : parse_v1(in, ret);
}
