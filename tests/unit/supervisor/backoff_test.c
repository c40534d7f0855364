#include "unit.h"

#include "supervisor/backoff.h"

static void the_first_death_is_answered_at_once(void **state)
{
    (void)state;
    struct backoff b = {0};
    assert_int_equal(backoff_next(&b, 0), 0);
}

static void deaths_in_a_row_wait_longer_up_to_a_bound(void **state)
{
    (void)state;
    struct backoff b = {0};
    uint64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t wait = backoff_next(&b, 5);
        assert_true(wait >= last);
        assert_true(wait < 1000);
        last = wait;
    }
    assert_int_equal(last, 800);
}

static void a_child_that_lived_starts_over(void **state)
{
    (void)state;
    struct backoff b = {0};
    for (int i = 0; i < 10; i++)
        (void)backoff_next(&b, 5);
    assert_int_equal(backoff_next(&b, BACKOFF_LIVED_MS), 0);
    assert_int_equal(backoff_next(&b, BACKOFF_LIVED_MS - 1), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_death_is_answered_at_once),
        cmocka_unit_test(deaths_in_a_row_wait_longer_up_to_a_bound),
        cmocka_unit_test(a_child_that_lived_starts_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
