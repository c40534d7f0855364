#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "courier/lookup.h"

static void addresses_are_sorted_and_none_is_there_twice(void **state)
{
    (void)state;
    static const char *const TEXT[] = {"10.0.0.2", "::1", "10.0.0.1", "10.0.0.2", "10.0.0.1"};
    struct addr a[5], want;
    for (size_t i = 0; i < countof(TEXT); i++)
        assert_int_equal(addr_parse(span_str(TEXT[i]), &a[i]), 0);
    assert_int_equal(lookup_sort(a, 5), 3);
    assert_int_equal(addr_parse(SPAN("::1"), &want), 0);
    assert_true(addr_eq(&a[0], &want));
    assert_int_equal(addr_parse(SPAN("10.0.0.2"), &want), 0);
    assert_true(addr_eq(&a[2], &want));
    assert_int_equal(lookup_sort(a, 0), 0);
}

static void the_name_of_this_host_leads_to_loopback(void **state)
{
    (void)state;
    struct lookup l;
    lookup_name("localhost", &l);
    assert_int_equal(l.result, RESOLVE_OK);
    assert_true(l.count >= 1);
    for (size_t i = 0; i < l.count; i++)
        assert_true(addr_is_loopback(&l.addrs[i]));
}

/* libc reads all of these as addresses. */
static void what_is_no_host_name_is_not_asked_for(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",           "127.0.0.1", "127.1", "2130706433", "0x7f.1",
                                      "0x7f000001", "LOCALHOST", "a b",   "-a",         "a.",
                                      "::1",        "a..b",      "a/b",   "a\nb"};
    for (size_t i = 0; i < countof(BAD); i++) {
        struct lookup l;
        lookup_name(BAD[i], &l);
        if (l.result != RESOLVE_ABSENT || l.count != 0 ||
            strcmp(l.text, "this is no host name") != 0)
            fail_msg("'%s': %d %s", BAD[i], (int)l.result, l.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_sorted_and_none_is_there_twice),
        cmocka_unit_test(the_name_of_this_host_leads_to_loopback),
        cmocka_unit_test(what_is_no_host_name_is_not_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
