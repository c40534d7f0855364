/* The purse of a client: it lasts for ordinary use and not for a flood. */
#include "tests/unit/unit.h"

#include "edge/h2_budget.h"

static void a_flood_empties_it_and_pauses_fill_it(void **state)
{
    (void)state;
    struct h2_budget b;
    h2_budget_init(&b, 1000);
    for (unsigned i = 0; i < H2_BUDGET_MAX / H2_COST_RESET; i++)
        assert_true(h2_budget_spend(&b, 1000, H2_COST_RESET));
    assert_false(h2_budget_spend(&b, 1999, H2_COST_FRAME));
    assert_true(h2_budget_spend(&b, 2000, H2_BUDGET_PER_SECOND));
    assert_false(h2_budget_spend(&b, 2000, 1));
}

static void it_is_never_fuller_than_full(void **state)
{
    (void)state;
    struct h2_budget b;
    h2_budget_init(&b, 0);
    h2_budget_earn(&b, UINT32_MAX);
    assert_int_equal(b.left, H2_BUDGET_MAX);
    assert_true(h2_budget_spend(&b, UINT64_MAX / 2, 1));
    assert_int_equal(b.left, H2_BUDGET_MAX - 1);
    /* A clock that stands still or goes back gives nothing. */
    assert_true(h2_budget_spend(&b, 0, 1));
    assert_int_equal(b.left, H2_BUDGET_MAX - 2);
}

static void an_exchange_pays_for_what_it_takes(void **state)
{
    (void)state;
    struct h2_budget b;
    h2_budget_init(&b, 0);
    /* Ten thousand requests, each with two window updates, in no time at all. */
    for (int i = 0; i < 10000; i++) {
        assert_true(h2_budget_spend(&b, 0, 2 * H2_COST_FRAME));
        h2_budget_earn(&b, H2_EARN_EXCHANGE);
    }
    assert_int_equal(b.left, H2_BUDGET_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_empties_it_and_pauses_fill_it),
        cmocka_unit_test(it_is_never_fuller_than_full),
        cmocka_unit_test(an_exchange_pays_for_what_it_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
