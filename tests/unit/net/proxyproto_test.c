#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/fault.h"
#include "net/proxyproto.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.7:1234 → 198.51.100.1:443 */
#define V4 "\xc0\x00\x02\x07\xc6\x33\x64\x01\x04\xd2\x01\xbb"
/* Where the extensions begin. */
#define V4_END 28u
#define V6                                                                                         \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"                                                   \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x04\xd2\x01\xbb"
/* The sum of the header with these addresses and no other extension, computed in another language
 * by code that gives e3069283 for "123456789", as the definition of the algorithm says. */
#define SUM_OF_V4 "\x4b\x5b\x89\x33"

/* Cuts the header at every byte, each cut in memory of exactly its length, and puts the client's
 * first bytes behind it. */
static int parse(struct span header, struct proxyproto *ret)
{
    int whole = proxyproto_parse(header, ret);
    for (size_t n = 0; n < header.len; n++) {
        struct proxyproto part;
        uint8_t *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, header.at, n);
        int rc = proxyproto_parse(span_of(copy, n), &part);
        if (whole > 0)
            assert_int_equal(rc, 0);
        else
            assert_true(rc <= 0);
        free(copy);
    }
    if (whole > 0) {
        struct buf b;
        struct proxyproto again;
        buf_init(&b, 16384);
        assert_int_equal(buf_append(&b, header), 0);
        assert_int_equal(buf_append(&b, SPAN("\x16\x03\x01 the client's hello\r\n")), 0);
        assert_int_equal(proxyproto_parse(buf_view(&b), &again), whole);
        assert_true(addr_eq(&again.source, &ret->source));
        buf_fini(&b);
    }
    return whole;
}

static void expect_proxied(struct span header, const char *source, uint16_t port, const char *dest,
                           uint16_t dest_port)
{
    struct proxyproto p;
    char text[ADDR_TEXT_SIZE];
    assert_int_equal(parse(header, &p), header.len);
    assert_int_equal(p.kind, PROXYPROTO_PROXIED);
    addr_format(&p.source, text);
    assert_string_equal(text, source);
    addr_format(&p.dest, text);
    assert_string_equal(text, dest);
    assert_int_equal(p.source_port, port);
    assert_int_equal(p.dest_port, dest_port);
}

static void expect_kind(struct span header, enum proxyproto_kind kind)
{
    struct proxyproto p;
    assert_int_equal(parse(header, &p), header.len);
    assert_int_equal(p.kind, kind);
}

static void expect_refused(struct span header)
{
    struct proxyproto p;
    assert_int_equal(parse(header, &p), FAULT_FORMAT);
}

/* ---- version 1 ---- */

static void a_line_names_both_ends_of_the_clients_connection(void **state)
{
    (void)state;
    expect_proxied(SPAN("PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n"), "192.0.2.7", 1234,
                   "198.51.100.1", 443);
    expect_proxied(SPAN("PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n"), "2001:db8::7", 65535,
                   "2001:db8::1", 0);
    expect_proxied(SPAN("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
                   "255.255.255.255", 65535, "255.255.255.255", 65535);
    expect_proxied(SPAN("PROXY TCP6 ffff:f00f:ffff:ffff:ffff:ffff:ffff:ffff "
                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
                   "ffff:f00f:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
                   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
}

static void an_ipv4_address_in_ipv6_spelling_is_that_ipv4_address(void **state)
{
    (void)state;
    expect_proxied(SPAN("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 1 2\r\n"), "192.0.2.7", 1,
                   "192.0.2.1", 2);
}

static void a_line_may_say_that_the_client_is_not_known(void **state)
{
    (void)state;
    expect_kind(SPAN("PROXY UNKNOWN\r\n"), PROXYPROTO_UNKNOWN);
    expect_kind(SPAN("PROXY UNKNOWN ffff:f::1 whatever 1 2\r\n"), PROXYPROTO_UNKNOWN);
}

static void a_line_that_is_spelled_otherwise_is_refused(void **state)
{
    (void)state;
    static const struct span LINES[] = {
        SPAN("GET / HTTP/1.1\r\n"),
        SPAN("\x16\x03\x01\x02"),
        SPAN("proxy TCP4 192.0.2.7 192.0.2.1 1 2\r\n"),
        SPAN("PROXY  TCP4 192.0.2.7 192.0.2.1 1 2\r\n"),
        SPAN("PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3\r\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 1 \r\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r \n"),
        SPAN("PROXY TCP4 192.0.2.7\t192.0.2.1 1 2\r\n"),
        SPAN("PROXY TCP4 192.0.2.7\0 192.0.2.1 1 2\r\n"),
        SPAN("PROXY TCP4 192.0.2.07 192.0.2.1 1 2\r\n"),
        SPAN("PROXY TCP4 192.0.2 192.0.2.1 1 2\r\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 1 02\r\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 1 65536\r\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 -1 2\r\n"),
        SPAN("PROXY TCP4 192.0.2.7 192.0.2.1 1 +2\r\n"),
        SPAN("PROXY TCP4 192.0.2.7:1 192.0.2.1 1 2\r\n"),
        SPAN("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n"),
        SPAN("PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n"),
        SPAN("PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n"),
        SPAN("PROXY TCP6 [2001:db8::7] [2001:db8::1] 1 2\r\n"),
        SPAN("PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n"),
        SPAN("PROXY TCP5 192.0.2.7 192.0.2.1 1 2\r\n"),
        SPAN("PROXY UNKNOWNS\r\n"),
        SPAN("PROXY \r\n"),
        SPAN("PROXY\r\n"),
        SPAN("PROXY TCP4\r\n"),
    };
    for (size_t i = 0; i < countof(LINES); i++)
        expect_refused(LINES[i]);
}

static void a_line_ends_within_107_bytes(void **state)
{
    (void)state;
    struct proxyproto p;
    char line[PROXYPROTO_V1_MAX + 8];
    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY UNKNOWN ", 14);
    memcpy(line + PROXYPROTO_V1_MAX - 2, "\r\n", 2);
    assert_int_equal(parse(span_of(line, PROXYPROTO_V1_MAX), &p), PROXYPROTO_V1_MAX);
    memcpy(line + PROXYPROTO_V1_MAX - 2, "x\r\n", 3);
    assert_int_equal(proxyproto_parse(span_of(line, PROXYPROTO_V1_MAX), &p), FAULT_FORMAT);
    assert_int_equal(proxyproto_parse(span_of(line, PROXYPROTO_V1_MAX + 1), &p), FAULT_FORMAT);
}

/* ---- version 2 ---- */

static void a_binary_header_names_both_ends(void **state)
{
    (void)state;
    expect_proxied(SPAN(SIGNATURE "\x21\x11\0\x0c" V4), "192.0.2.7", 1234, "198.51.100.1", 443);
    expect_proxied(SPAN(SIGNATURE "\x21\x21\0\x24" V6), "2001:db8::7", 1234, "2001:db8::1", 443);
}

static void a_proxy_may_speak_for_itself(void **state)
{
    (void)state;
    expect_kind(SPAN(SIGNATURE "\x20\0\0\0"), PROXYPROTO_LOCAL);
    /* Addresses of such a header mean nothing and are discarded, whatever they are. */
    expect_kind(SPAN(SIGNATURE "\x20\x11\0\x0c" V4), PROXYPROTO_LOCAL);
    expect_kind(SPAN(SIGNATURE "\x20\xff\0\x03\1\2\3"), PROXYPROTO_LOCAL);
}

static void a_binary_header_may_say_that_the_client_is_not_known(void **state)
{
    (void)state;
    uint8_t local[16 + 216] = SIGNATURE "\x21\x31\0\xd8";
    expect_kind(SPAN(SIGNATURE "\x21\0\0\0"), PROXYPROTO_UNKNOWN);
    expect_kind(SPAN(SIGNATURE "\x21\0\0\x04\x04\0\x01x"), PROXYPROTO_UNKNOWN);
    expect_kind(span_of(local, sizeof(local)), PROXYPROTO_UNKNOWN);
}

static void extensions_are_stepped_over_and_the_authority_is_kept(void **state)
{
    (void)state;
    struct proxyproto p;
    struct span header = SPAN(SIGNATURE "\x21\x11\0\x1e" V4 "\x04\0\x03pad"
                                        "\x02\0\x05gw.ex"
                                        "\xee\0\x01x");
    assert_int_equal(parse(header, &p), header.len);
    assert_true(span_is(p.authority, "gw.ex"));
    assert_int_equal(p.source_port, 1234);
}

static void extensions_keep_to_their_length(void **state)
{
    (void)state;
    expect_refused(SPAN(SIGNATURE "\x21\x11\0\x0d" V4 "\x04"));
    expect_refused(SPAN(SIGNATURE "\x21\x11\0\x0e" V4 "\x04\0"));
    expect_refused(SPAN(SIGNATURE "\x21\x11\0\x0f" V4 "\x04\0\x01"));
    expect_refused(SPAN(SIGNATURE "\x21\x11\0\x10" V4 "\x04\xff\xff."));
    expect_refused(SPAN(SIGNATURE "\x21\x11\0\x11" V4 "\x04\0\x01.."));
}

static void a_checksum_that_is_there_has_to_hold(void **state)
{
    (void)state;
    uint8_t header[] = SIGNATURE "\x21\x11\0\x13" V4 "\x03\0\x04" SUM_OF_V4;
    struct proxyproto p;
    size_t len = sizeof(header) - 1;
    assert_int_equal(parse(span_of(header, len), &p), len);
    for (size_t bit = 13 * 8; bit < len * 8; bit++) {
        header[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int rc = proxyproto_parse(span_of(header, len), &p);
        /* A length that grew waits for more bytes, what says LOCAL is discarded unread, and what is
         * no sum any more is not looked at. */
        assert_true(rc == FAULT_FORMAT || rc == 0 || p.kind == PROXYPROTO_LOCAL ||
                    bit / 8 == V4_END);
        header[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    expect_refused(SPAN(SIGNATURE "\x21\x11\0\x12" V4 "\x03\0\x03\0\0\0"));
    expect_refused(SPAN(SIGNATURE "\x21\x11\0\x0f" V4 "\x03\0\0"));
}

static void a_binary_header_that_is_none_is_refused_at_its_first_wrong_byte(void **state)
{
    (void)state;
    struct proxyproto p;
    expect_refused(SPAN("\r\n\r\n\0\r\nQUIT\r"));
    expect_refused(SPAN("\r\n\r\n\0\r\nQUIT\n\x11"));
    expect_refused(SPAN("\r\n\r\n\0\r\nQUIT\n\x22"));
    expect_refused(SPAN("\r\n\r\n\0\r\nQUIT\n\x31"));
    expect_refused(SPAN(SIGNATURE "\x21\x11\0\x0b\xc0\0\2\7\xc6\x33\x64\1\4\xd2\1"));
    expect_refused(SPAN(SIGNATURE "\x21\x21\0\x0c" V4));
    expect_refused(SPAN(SIGNATURE "\x21\x31\0\x0c" V4));
    expect_refused(SPAN(SIGNATURE "\x21\x12\0\x0c" V4)); /* datagrams */
    expect_refused(SPAN(SIGNATURE "\x21\x10\0\x0c" V4));
    expect_refused(SPAN(SIGNATURE "\x21\x41\0\x0c" V4));
    /* Longer than 4 KiB: known with the sixteenth byte. */
    assert_int_equal(proxyproto_parse(SPAN(SIGNATURE "\x21\x11\x0f\xf1"), &p), FAULT_FORMAT);
    assert_int_equal(proxyproto_parse(SPAN(SIGNATURE "\x20\0\xff\xff"), &p), FAULT_FORMAT);
    assert_int_equal(proxyproto_parse(SPAN(SIGNATURE "\x21\x11\x0f\xf0"), &p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_both_ends_of_the_clients_connection),
        cmocka_unit_test(an_ipv4_address_in_ipv6_spelling_is_that_ipv4_address),
        cmocka_unit_test(a_line_may_say_that_the_client_is_not_known),
        cmocka_unit_test(a_line_that_is_spelled_otherwise_is_refused),
        cmocka_unit_test(a_line_ends_within_107_bytes),
        cmocka_unit_test(a_binary_header_names_both_ends),
        cmocka_unit_test(a_proxy_may_speak_for_itself),
        cmocka_unit_test(a_binary_header_may_say_that_the_client_is_not_known),
        cmocka_unit_test(extensions_are_stepped_over_and_the_authority_is_kept),
        cmocka_unit_test(extensions_keep_to_their_length),
        cmocka_unit_test(a_checksum_that_is_there_has_to_hold),
        cmocka_unit_test(a_binary_header_that_is_none_is_refused_at_its_first_wrong_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
