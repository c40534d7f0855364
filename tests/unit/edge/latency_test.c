#include "tests/unit/unit.h"

#include "edge/latency.h"

static void a_percentile_is_never_too_low_and_at_most_a_quarter_too_high(void **state)
{
    (void)state;
    for (uint64_t us = 0; us < 3000000; us = us < 300 ? us + 1 : us * 21 / 20) {
        struct latency l = {0};
        latency_note(&l, us);
        latency_note(&l, UINT64_C(1) << 50);
        uint64_t got = latency_at(&l, 500);
        assert_true(got >= us && got <= us + us / 4);
    }
}

static void a_thousandth_that_is_slow_shows_beyond_it(void **state)
{
    (void)state;
    struct latency l = {0};
    assert_true(latency_at(&l, 999) == 0);
    for (unsigned i = 0; i < 999; i++)
        latency_note(&l, 100);
    latency_note(&l, 900000);
    assert_true(latency_at(&l, 500) <= 125 && latency_at(&l, 999) <= 125);
    assert_true(latency_at(&l, 1000) == 900000 && l.most == 900000 && l.count == 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_is_never_too_low_and_at_most_a_quarter_too_high),
        cmocka_unit_test(a_thousandth_that_is_slow_shows_beyond_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
