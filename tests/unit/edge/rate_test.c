#include "tests/unit/unit.h"

#include "edge/rate.h"

static void a_bucket_gives_a_second_of_what_it_may_and_then_nothing(void **state)
{
    uint64_t bucket = 0, now = 5000000;
    unsigned given = 0;
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        given += rate_take(&bucket, now, 100);
    assert_int_equal(given, 100);
    assert_false(rate_is_full(bucket, now));
}

static void what_comes_in_over_time_is_the_rate(void **state)
{
    uint64_t bucket = 0, now = 1;
    unsigned given = 0;
    (void)state;
    for (unsigned i = 0; i < 100000; i++, now += 100)
        given += rate_take(&bucket, now, 100);
    /* The first second's worth, and ten seconds. */
    assert_in_range(given, 1095, 1101);
}

static void a_bucket_fills_again_and_not_further(void **state)
{
    uint64_t bucket = 0, now = 0;
    (void)state;
    while (rate_take(&bucket, now, 10))
        ;
    now += 500000;
    assert_true(rate_take(&bucket, now, 10));
    now += 60000000;
    assert_true(rate_is_full(bucket, now));
    unsigned given = 0;
    while (rate_take(&bucket, now, 10))
        given++;
    assert_int_equal(given, 10);
}

static void nothing_is_no_limit_and_great_rates_do_not_overflow(void **state)
{
    uint64_t bucket = 0;
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        assert_true(rate_take(&bucket, 1, 0));
    assert_true(rate_take(&bucket, UINT64_MAX / 2, UINT32_MAX));
    assert_true(rate_take(&bucket, UINT64_MAX / 2, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_gives_a_second_of_what_it_may_and_then_nothing),
        cmocka_unit_test(what_comes_in_over_time_is_the_rate),
        cmocka_unit_test(a_bucket_fills_again_and_not_further),
        cmocka_unit_test(nothing_is_no_limit_and_great_rates_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
