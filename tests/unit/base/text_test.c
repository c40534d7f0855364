/* text, addr, span, fault, clock: forms and their refusals. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"

static void base64url_goes_both_ways_and_refuses_second_spellings(void **state)
{
    (void)state;
    uint8_t in[33], out[40];
    char text[TEXT_B64_SIZE(33)];
    for (size_t len = 0; len <= sizeof(in); len++) {
        for (size_t i = 0; i < len; i++)
            in[i] = (uint8_t)(i * 37 + len);
        text_b64url(text, span_of(in, len));
        assert_int_equal(strlen(text) + 1, TEXT_B64_SIZE(len));
        assert_int_equal(text_unb64url(span_str(text), out, sizeof(out)), (int)len);
        assert_memory_equal(in, out, len);
    }
    assert_int_equal(text_unb64url(SPAN("QQ"), out, 1), 1);
    assert_int_equal(text_unb64url(SPAN("QR"), out, 1), FAULT_FORMAT);
    assert_int_equal(text_unb64url(SPAN("QQ=="), out, 1), FAULT_FORMAT);
    assert_int_equal(text_unb64url(SPAN("Q"), out, 1), FAULT_FORMAT);
    assert_int_equal(text_unb64url(SPAN("Q+"), out, 1), FAULT_FORMAT);
    assert_int_equal(text_unb64url(SPAN("QUFB"), out, 2), FAULT_LIMIT);
    assert_int_equal(text_unb64(SPAN("dTpw"), out, sizeof(out)), 3);
    assert_int_equal(text_unb64(SPAN("dTpwYQ=="), out, sizeof(out)), 4);
    assert_int_equal(text_unb64(SPAN("dTpwYQ"), out, sizeof(out)), FAULT_FORMAT);
    char padded[16];
    text_b64(padded, SPAN("u:pa"));
    assert_string_equal(padded, "dTpwYQ==");
}

static void hex_goes_both_ways(void **state)
{
    (void)state;
    char text[9];
    uint8_t back[4];
    text_hex(text, SPAN("\x00\xff\x1a\x7f"));
    assert_string_equal(text, "00ff1a7f");
    assert_int_equal(text_unhex(span_str(text), back, 4), 0);
    assert_memory_equal(back, "\x00\xff\x1a\x7f", 4);
    assert_int_equal(text_unhex(SPAN("0g"), back, 1), FAULT_FORMAT);
    assert_int_equal(text_unhex(SPAN("000"), back, 1), FAULT_FORMAT);
}

static void numbers_are_digits_and_nothing_else(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "", "-1", "+1", " 1", "1 ", "01", "0x1", "1e3", "18446744073709551616", "256"};
    uint64_t v = 7;
    for (size_t i = 0; i < countof(BAD); i++)
        assert_int_equal(text_u64(span_str(BAD[i]), 255, &v), FAULT_FORMAT);
    assert_int_equal(v, 7);
    assert_int_equal(text_u64(SPAN("255"), 255, &v), 0);
    assert_int_equal(v, 255);
    assert_int_equal(text_seconds(SPAN("15m"), &v), 0);
    assert_int_equal(v, 900);
    assert_int_equal(text_seconds(SPAN("500ms"), &v), FAULT_FORMAT);
    assert_int_equal(text_seconds(SPAN("18446744073709551615w"), &v), FAULT_FORMAT);
    assert_int_equal(text_size(SPAN("50MiB"), &v), 0);
    assert_int_equal(v, 52428800);
    assert_int_equal(text_size(SPAN("50MB"), &v), FAULT_FORMAT);
}

static void escapes_leave_nothing_that_a_sink_would_obey(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 512);
    assert_int_equal(text_html(&b, SPAN("<a href='x'>&\"")), 0);
    assert_true(span_is(buf_view(&b), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;"));
    buf_clear(&b);
    assert_int_equal(
        text_html(&b, SPAN("a\n\x1b[31m\xc2\x9b\xe2\x80\xae\xe2\x80\xa7\xef\xbb\xbf\xe2\x80")), 0);
    assert_true(
        span_is(buf_view(&b), "a\n&#xfffd;[31m&#xfffd;&#xfffd;\xe2\x80\xa7&#xfffd;\xe2\x80"));
    buf_clear(&b);
    assert_int_equal(text_json(&b, SPAN("a\"\\\n</s>\xff\xc3\xa9")), 0);
    assert_true(span_is(buf_view(&b), "\"a\\\"\\\\\\u000a\\u003c/s\\u003e\\ufffd\xc3\xa9\""));
    buf_clear(&b);
    assert_int_equal(text_log(&b, SPAN("a\nb\x1b[31m\xe2\x80\xae")), 0);
    assert_true(span_is(buf_view(&b), "\"a\\x0ab\\x1b[31m\\xe2\\x80\\xae\""));
    buf_clear(&b);
    assert_int_equal(text_urlencode(&b, SPAN("/a b?&%")), 0);
    assert_true(span_is(buf_view(&b), "%2Fa%20b%3F%26%25"));
    buf_fini(&b);
}

static void names_and_utf8_are_checked(void **state)
{
    (void)state;
    assert_true(text_is_name(SPAN("alice.smith@example.com")));
    assert_false(text_is_name(SPAN("Alice")));
    assert_false(text_is_name(SPAN("")));
    assert_false(text_is_name(SPAN("-x")));
    assert_false(text_is_name(SPAN("a b")));
    assert_false(text_is_name(SPAN("a/../b")));
    assert_true(text_is_utf8(SPAN("gr\xc3\xbc\xc3\x9f\xf0\x9f\x94\x91")));
    static const char *const BAD[] = {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xe2\x82", "\x80",         "\xf8\x88\x80\x80\x80"};
    for (size_t i = 0; i < countof(BAD); i++)
        assert_false(text_is_utf8(span_str(BAD[i])));
}

static void a_near_word_is_suggested_and_a_far_one_is_not(void **state)
{
    (void)state;
    static const char *const WORDS[] = {"listeners", "routes", "zones"};
    assert_string_equal(text_nearest("listener", WORDS, 3), "listeners");
    assert_string_equal(text_nearest("zone", WORDS, 3), "zones");
    assert_null(text_nearest("xyz", WORDS, 3));
}

static void addresses_have_one_form_and_odd_spellings_are_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",     "010.0.0.1",  "1.2.3", "1.2.3.4.5", "256.1.1.1", "fe80::1%1", "[::1]",
        "::1 ", "0x7f.0.0.1", "127.1", "1.2.3.4/8", ":::1",      "1::2::3",   "::ffff:1.2.3.999"};
    struct addr a, b;
    for (size_t i = 0; i < countof(BAD); i++)
        assert_int_equal(addr_parse(span_str(BAD[i]), &a), FAULT_FORMAT);
    assert_int_equal(addr_parse(SPAN("192.0.2.1"), &a), 0);
    assert_int_equal(addr_parse(SPAN("::ffff:192.0.2.1"), &b), 0);
    assert_true(addr_eq(&a, &b));
    char text[ADDR_TEXT_SIZE];
    addr_format(&b, text);
    assert_string_equal(text, "192.0.2.1");
    assert_int_equal(addr_parse(SPAN("127.8.9.1"), &a), 0);
    assert_true(addr_is_loopback(&a));
    uint16_t port;
    assert_int_equal(addr_parse_port(SPAN("[::1]:9443"), &a, &port), 0);
    assert_int_equal(port, 9443);
    assert_true(addr_is_loopback(&a));
    assert_int_equal(addr_parse_port(SPAN("::1:9443"), &a, &port), FAULT_FORMAT);
    assert_int_equal(addr_parse_port(SPAN("[1.2.3.4]:9443"), &a, &port), FAULT_FORMAT);
    assert_int_equal(addr_parse_port(SPAN("1.2.3.4:65536"), &a, &port), FAULT_FORMAT);
    assert_int_equal(addr_parse_port(SPAN("1.2.3.4:"), &a, &port), FAULT_FORMAT);
}

static void prefixes_contain_what_they_should(void **state)
{
    (void)state;
    static const char *const BAD[] = {"10.0.0.0/33", "10.0.0.1/8", "::/129",       "10.0.0.0/",
                                      "10.0.0.0/08", "/8",         "10.0.0.0/8/8", "::1/0"};
    struct cidr c;
    struct addr a;
    for (size_t i = 0; i < countof(BAD); i++)
        assert_int_equal(cidr_parse(span_str(BAD[i]), &c), FAULT_FORMAT);
    assert_int_equal(cidr_parse(SPAN("10.0.0.0/9"), &c), 0);
    assert_int_equal(addr_parse(SPAN("10.127.255.255"), &a), 0);
    assert_true(cidr_contains(&c, &a));
    assert_int_equal(addr_parse(SPAN("10.128.0.0"), &a), 0);
    assert_false(cidr_contains(&c, &a));
    assert_int_equal(addr_parse(SPAN("::ffff:10.1.1.1"), &a), 0);
    assert_true(cidr_contains(&c, &a));
    assert_int_equal(cidr_parse(SPAN("0.0.0.0/0"), &c), 0);
    assert_int_equal(addr_parse(SPAN("::1"), &a), 0);
    assert_false(cidr_contains(&c, &a));
    char text[ADDR_TEXT_SIZE + 4];
    cidr_format(&c, text);
    assert_string_equal(text, "0.0.0.0/0");
    assert_int_equal(cidr_parse(SPAN("2001:db8::/32"), &c), 0);
    cidr_format(&c, text);
    assert_string_equal(text, "2001:db8::/32");
}

static void spans_cut_and_trim(void **state)
{
    (void)state;
    struct span s = SPAN("a,,b"), head;
    assert_true(span_cut(&s, ',', &head) && span_is(head, "a"));
    assert_true(span_cut(&s, ',', &head) && head.len == 0);
    assert_true(span_cut(&s, ',', &head) && span_is(head, "b"));
    assert_false(span_cut(&s, ',', &head));
    assert_true(span_is(span_trim(SPAN(" \t x y\t")), "x y"));
    assert_true(span_eq_nocase(SPAN("HoSt"), SPAN("hOsT")));
    assert_false(span_eq_nocase(SPAN("a@"), SPAN("a`")));
    assert_int_equal(span_sub(SPAN("abc"), 5, 1).len, 0);
    assert_true(span_hash(SPAN("a")) == span_hash(SPAN("a")));
    assert_false(span_hash(SPAN("a")) == span_hash(SPAN("b")));
}

static void faults_have_names_and_times_have_a_form(void **state)
{
    (void)state;
    assert_string_equal(fault_name(FAULT_FORMAT), "FORMAT");
    assert_string_equal(fault_name(-ENOMEM), "ENOMEM");
    assert_string_equal(fault_name(-123456), "UNKNOWN");
    assert_non_null(fault_text(FAULT_LIMIT));
    char text[CLOCK_TEXT_SIZE];
    clock_format(1772368496000u, text);
    assert_string_equal(text, "2026-03-01T12:34:56Z");
}

static void durations_are_said_in_the_largest_unit_that_loses_nothing(void **state)
{
    (void)state;
    static const struct {
        uint64_t seconds;
        const char *said;
    } ROWS[] = {{0, "0 seconds"}, {1, "1 second"},      {90, "90 seconds"}, {600, "10 minutes"},
                {3600, "1 hour"}, {5400, "90 minutes"}, {86400, "1 day"},   {604800, "7 days"}};
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct buf b;
        buf_init(&b, 64);
        assert_int_equal(text_duration(&b, ROWS[i].seconds), 0);
        assert_true(span_eq(buf_view(&b), span_str(ROWS[i].said)));
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_goes_both_ways_and_refuses_second_spellings),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(numbers_are_digits_and_nothing_else),
        cmocka_unit_test(escapes_leave_nothing_that_a_sink_would_obey),
        cmocka_unit_test(names_and_utf8_are_checked),
        cmocka_unit_test(a_near_word_is_suggested_and_a_far_one_is_not),
        cmocka_unit_test(addresses_have_one_form_and_odd_spellings_are_refused),
        cmocka_unit_test(prefixes_contain_what_they_should),
        cmocka_unit_test(spans_cut_and_trim),
        cmocka_unit_test(faults_have_names_and_times_have_a_form),
        cmocka_unit_test(durations_are_said_in_the_largest_unit_that_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
