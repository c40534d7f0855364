#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/forwarded.h"

static int forward(const char *source, bool https, struct span authority, uint16_t port,
                   const char *expected)
{
    struct addr a;
    struct buf b;
    assert_int_equal(addr_parse(span_str(source), &a), 0);
    buf_init(&b, 2048);
    struct forwarded f = {&a, https, authority, port};
    int rc = forwarded_write(&f, &b);
    if (rc == 0)
        assert_true(span_is(buf_view(&b), expected));
    else
        assert_int_equal(buf_len(&b), 0);
    buf_fini(&b);
    return rc;
}

static void the_upstream_is_told_where_a_request_came_from(void **state)
{
    (void)state;
    assert_int_equal(forward("192.0.2.7", true, SPAN("gw.example:9443"), 9443,
                             "X-Forwarded-For: 192.0.2.7\r\n"
                             "X-Forwarded-Proto: https\r\n"
                             "X-Forwarded-Host: gw.example:9443\r\n"
                             "X-Forwarded-Port: 9443\r\n"
                             "Forwarded: for=192.0.2.7;proto=https;host=\"gw.example:9443\"\r\n"),
                     0);
    assert_int_equal(
        forward("2001:db8::1", true, SPAN("gw.example"), 0,
                "X-Forwarded-For: 2001:db8::1\r\n"
                "X-Forwarded-Proto: https\r\n"
                "X-Forwarded-Host: gw.example\r\n"
                "X-Forwarded-Port: 443\r\n"
                "Forwarded: for=\"[2001:db8::1]\";proto=https;host=\"gw.example\"\r\n"),
        0);
    assert_int_equal(forward("::ffff:10.0.0.1", false, SPAN("[::1]"), 0,
                             "X-Forwarded-For: 10.0.0.1\r\n"
                             "X-Forwarded-Proto: http\r\n"
                             "X-Forwarded-Host: [::1]\r\n"
                             "X-Forwarded-Port: 80\r\n"
                             "Forwarded: for=10.0.0.1;proto=http;host=\"[::1]\"\r\n"),
                     0);
}

static void an_authority_can_not_add_lines_or_leave_its_quotes(void **state)
{
    (void)state;
    assert_int_equal(forward("::1", true, SPAN("a\r\nX: y"), 0, ""), FAULT_FORMAT);
    assert_int_equal(forward("::1", true, SPAN("a\";for=1.2.3.4"), 0, ""), FAULT_FORMAT);
    assert_int_equal(forward("::1", true, SPAN("a, b"), 0, ""), FAULT_FORMAT);
    assert_int_equal(forward("::1", true, SPAN("a\0"), 0, ""), FAULT_FORMAT);
    assert_int_equal(forward("::1", true, SPAN(""), 0, ""), FAULT_FORMAT);
}

static void a_full_buffer_takes_no_half_headers(void **state)
{
    (void)state;
    struct addr a;
    struct buf b;
    assert_int_equal(addr_parse(SPAN("::1"), &a), 0);
    buf_init(&b, 100);
    struct forwarded f = {&a, true, SPAN("gw"), 0};
    assert_int_equal(forwarded_write(&f, &b), FAULT_LIMIT);
    assert_int_equal(buf_len(&b), 0);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_upstream_is_told_where_a_request_came_from),
        cmocka_unit_test(an_authority_can_not_add_lines_or_leave_its_quotes),
        cmocka_unit_test(a_full_buffer_takes_no_half_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
