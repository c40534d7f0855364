#include "tests/unit/unit.h"

#include "identity/lockout.h"

#define NOW 1700000000u

static struct throttle after(enum lockout_scope scope, unsigned failures)
{
    struct throttle t = {0};
    for (unsigned i = 0; i < failures; i++)
        lockout_fail(scope, &t, NOW);
    return t;
}

static void the_wait_doubles_from_the_fifth_failure_up_to_a_quarter_of_an_hour(void **state)
{
    static const uint32_t WAITS[] = {0, 0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900};
    (void)state;
    for (unsigned n = 0; n < countof(WAITS); n++) {
        struct throttle t = after(LOCKOUT_PAIR, n);
        assert_int_equal(lockout_wait(LOCKOUT_PAIR, &t, NOW), WAITS[n]);
        t = after(LOCKOUT_ACCOUNT, n + 5);
        assert_int_equal(lockout_wait(LOCKOUT_ACCOUNT, &t, NOW), WAITS[n]);
    }
    struct throttle t = {UINT32_MAX, NOW};
    assert_int_equal(lockout_wait(LOCKOUT_ACCOUNT, &t, NOW), 900);
    lockout_fail(LOCKOUT_ACCOUNT, &t, NOW + 1);
    assert_true(t.failures == UINT32_MAX);
}

static void a_source_may_fail_more_often_than_an_account(void **state)
{
    (void)state;
    struct throttle t = after(LOCKOUT_SOURCE, 19);
    assert_int_equal(lockout_wait(LOCKOUT_SOURCE, &t, NOW), 0);
    lockout_fail(LOCKOUT_SOURCE, &t, NOW);
    assert_int_equal(lockout_wait(LOCKOUT_SOURCE, &t, NOW), 2);
}

static void the_wait_passes_with_time(void **state)
{
    (void)state;
    struct throttle t = after(LOCKOUT_PAIR, 10);
    assert_int_equal(lockout_wait(LOCKOUT_PAIR, &t, NOW + 63), 1);
    assert_int_equal(lockout_wait(LOCKOUT_PAIR, &t, NOW + 64), 0);
    assert_int_equal(lockout_wait(LOCKOUT_PAIR, &t, NOW + 100000), 0);
}

static void a_clock_set_back_never_makes_the_wait_longer(void **state)
{
    (void)state;
    struct throttle t = after(LOCKOUT_ACCOUNT, 30);
    assert_int_equal(lockout_wait(LOCKOUT_ACCOUNT, &t, NOW - 86400), 900);
    assert_int_equal(lockout_wait(LOCKOUT_ACCOUNT, &t, 0), 900);
}

static void failures_are_forgotten_after_a_day_but_not_those_of_a_factor(void **state)
{
    (void)state;
    struct throttle t = after(LOCKOUT_ACCOUNT, 30);
    lockout_fail(LOCKOUT_ACCOUNT, &t, NOW + 86400);
    assert_int_equal(t.failures, 31);
    lockout_fail(LOCKOUT_ACCOUNT, &t, NOW + 2 * 86400 + 1);
    assert_int_equal(t.failures, 1);
    t = after(LOCKOUT_FACTOR, 99);
    assert_false(lockout_is_spent(&t));
    assert_int_equal(lockout_wait(LOCKOUT_FACTOR, &t, NOW), 0);
    lockout_fail(LOCKOUT_FACTOR, &t, NOW + 365u * 86400);
    assert_int_equal(t.failures, LOCKOUT_FACTOR_MAX);
    assert_true(lockout_is_spent(&t));
}

static void a_success_clears_a_pair_but_neither_its_account_nor_its_source(void **state)
{
    (void)state;
    struct throttle t = after(LOCKOUT_PAIR, 30);
    lockout_succeed(LOCKOUT_PAIR, &t);
    assert_int_equal(t.failures, 0);
    t = after(LOCKOUT_ACCOUNT, 30);
    lockout_succeed(LOCKOUT_ACCOUNT, &t);
    assert_int_equal(t.failures, 29);
    t = after(LOCKOUT_SOURCE, 30);
    lockout_succeed(LOCKOUT_SOURCE, &t);
    assert_int_equal(t.failures, 29);
    t = after(LOCKOUT_SOURCE, 0);
    lockout_succeed(LOCKOUT_SOURCE, &t);
    assert_int_equal(t.failures, 0);
}

static const char *place(const char *address)
{
    static char out[LOCKOUT_KEY_SIZE];
    struct addr a;
    assert_int_equal(addr_parse(span_str(address), &a), 0);
    lockout_source_key(&a, out);
    return out;
}

static void a_place_is_an_ipv4_address_or_an_ipv6_64(void **state)
{
    (void)state;
    assert_string_equal(place("192.0.2.7"), "192.0.2.7/32");
    assert_string_equal(place("::ffff:192.0.2.7"), "192.0.2.7/32");
    assert_string_equal(place("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    assert_string_equal(place("2001:db8:1:2::1"), "2001:db8:1:2::/64");
    assert_string_equal(place("::1"), "::/64");
}

static void no_two_pairs_share_a_key(void **state)
{
    char a[LOCKOUT_PAIR_SIZE], b[LOCKOUT_PAIR_SIZE];
    char longest[STORE_NAME_SIZE];
    (void)state;
    lockout_pair_key("ann", place("2001:db8:1:2::1"), a);
    assert_string_equal(a, "ann 2001:db8:1:2::/64");
    lockout_pair_key("ann1", place("192.0.2.7"), a);
    lockout_pair_key("ann", place("192.0.2.7"), b);
    assert_string_not_equal(a, b);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    lockout_pair_key(longest, place("ffff:ffff:ffff:ffff::"), a);
    assert_string_equal(a + strlen(a) - 4, &"::/64"[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wait_doubles_from_the_fifth_failure_up_to_a_quarter_of_an_hour),
        cmocka_unit_test(a_source_may_fail_more_often_than_an_account),
        cmocka_unit_test(the_wait_passes_with_time),
        cmocka_unit_test(a_clock_set_back_never_makes_the_wait_longer),
        cmocka_unit_test(failures_are_forgotten_after_a_day_but_not_those_of_a_factor),
        cmocka_unit_test(a_success_clears_a_pair_but_neither_its_account_nor_its_source),
        cmocka_unit_test(no_two_pairs_share_a_key),
        cmocka_unit_test(a_place_is_an_ipv4_address_or_an_ipv6_64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
