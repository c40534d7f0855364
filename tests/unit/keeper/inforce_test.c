#include "tests/unit/unit.h"

#include "keeper/inforce.h"

static void quantiles_are_of_the_last_ones(void **state)
{
    static struct inforce f;
    (void)state;
    assert_int_equal(inforce_quantile(&f, 990), 0);
    for (uint64_t ms = 1; ms <= 100; ms++)
        inforce_add(&f, ms);
    assert_int_equal(inforce_quantile(&f, 500), 50);
    assert_int_equal(inforce_quantile(&f, 990), 99);
    assert_int_equal(inforce_quantile(&f, 1000), 100);
    for (unsigned i = 0; i < INFORCE_KEPT; i++)
        inforce_add(&f, 7);
    assert_int_equal(inforce_quantile(&f, 1000), 7);
    assert_int_equal(f.most_ms, 100);
    assert_int_equal(f.count, 100 + INFORCE_KEPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quantiles_are_of_the_last_ones)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
