#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fault.h"
#include "conf/weburl.h"

static void an_address_has_a_host_a_port_and_a_target(void **state)
{
    static const struct {
        const char *text, *host, *target;
        uint16_t port;
    } ROWS[] = {
        {"https://a.example", "a.example", "", 443},
        {"https://a.example/", "a.example", "/", 443},
        {"https://a.example:8443/b/c?d=e", "a.example", "/b/c?d=e", 8443},
        {"https://192.0.2.7?x", "192.0.2.7", "?x", 443},
    };
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct weburl u;
        assert_int_equal(weburl_parse(span_str(ROWS[i].text), &u), 0);
        assert_true(span_is(u.host, ROWS[i].host));
        assert_true(span_is(u.target, ROWS[i].target));
        assert_int_equal(u.port, ROWS[i].port);
    }
}

static void what_could_mean_two_things_is_none(void **state)
{
    static const char *const ROWS[] = {
        "",
        "https://",
        "http://a.example/",
        "HTTPS://a.example/",
        "https:a.example",
        "https://A.example/",
        "https://u@a.example/",
        "https://u:p@a.example/",
        "https://a.example:/",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a.example:8443:1/",
        "https://a.example#f",
        "https://a.example/#f",
        "https://a.example\\@b.example/",
        "https://a.example/ x",
        "https://a.example/\r\nx",
        "https://a.example/\xc3\xa4",
        "https://[::1]/",
        "https://a.example./",
        " https://a.example/",
    };
    struct weburl u;
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        assert_int_equal(weburl_parse(span_str(ROWS[i]), &u), FAULT_FORMAT);
    }
}

static void an_origin_is_host_and_port(void **state)
{
    struct weburl a, b, c;
    (void)state;
    assert_int_equal(weburl_parse(SPAN("https://a.example/x"), &a), 0);
    assert_int_equal(weburl_parse(SPAN("https://a.example:443/y"), &b), 0);
    assert_int_equal(weburl_parse(SPAN("https://a.example:444/x"), &c), 0);
    assert_true(weburl_same_origin(&a, &b));
    assert_false(weburl_same_origin(&a, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_a_host_a_port_and_a_target),
        cmocka_unit_test(what_could_mean_two_things_is_none),
        cmocka_unit_test(an_origin_is_host_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
