#include "tests/unit/unit.h"

#include "edge/pace.h"

static const struct pace_rule RULE = {.window_ms = 10000, .rate = 100};

static void a_client_that_sends_enough_begins_window_after_window(void **state)
{
    struct pace p = {.waits = false};
    uint64_t bytes = 0;
    (void)state;
    for (uint64_t now = 1000; now < 100000; now += 100, bytes += 11) {
        assert_false(pace_is_lost(&p, RULE, bytes, now));
        assert_true(pace_note(&p, RULE, bytes, true, now) <= now + RULE.window_ms);
    }
}

static void a_client_that_trickles_is_lost_when_its_window_ends(void **state)
{
    struct pace p = {.waits = false};
    uint64_t bytes = 0, now = 1000;
    (void)state;
    for (; now < 1000 + RULE.window_ms; now += 100, bytes += 9) {
        assert_false(pace_is_lost(&p, RULE, bytes, now));
        assert_int_equal(pace_note(&p, RULE, bytes, true, now), 1000 + RULE.window_ms);
    }
    assert_true(pace_is_lost(&p, RULE, bytes, now));
    assert_int_equal(pace_note(&p, RULE, bytes, true, now), now);
    assert_true(pace_is_lost(&p, RULE, bytes, now));
}

static void only_the_time_that_the_client_is_waited_for_counts(void **state)
{
    struct pace p = {.waits = false};
    uint64_t now = 1000;
    (void)state;
    for (int i = 0; i < 9; i++) {
        (void)pace_note(&p, RULE, 0, true, now);
        now += 1000;
        assert_int_equal(pace_note(&p, RULE, 0, false, now), UINT64_MAX);
        now += 60000; /* the console takes its time */
        assert_false(pace_is_lost(&p, RULE, 0, now));
    }
    assert_int_equal(pace_note(&p, RULE, 0, true, now), now + 1000);
}

static void what_was_quick_once_gives_no_credit_for_later(void **state)
{
    struct pace p = {.waits = false};
    (void)state;
    (void)pace_note(&p, RULE, 0, true, 1000);
    (void)pace_note(&p, RULE, 50000000, true, 11000);
    assert_false(pace_is_lost(&p, RULE, 50000000, 20999));
    assert_true(pace_is_lost(&p, RULE, 50000001, 21000));
}

static void a_new_exchange_counts_from_its_own_beginning(void **state)
{
    struct pace p = {.waits = false};
    (void)state;
    (void)pace_note(&p, RULE, 5000, true, 1000);
    (void)pace_note(&p, RULE, 9000, true, 11000);
    (void)pace_note(&p, RULE, 9000, false, 12000);
    (void)pace_note(&p, RULE, 10, true, 13000);
    assert_int_equal(p.from, 10);
    assert_true(pace_is_lost(&p, RULE, 20, 23000));
}

static void without_a_rate_nobody_is_lost(void **state)
{
    struct pace p = {.waits = false};
    struct pace_rule none = {.window_ms = 10000, .rate = 0};
    (void)state;
    assert_int_equal(pace_note(&p, none, 0, true, 1000), UINT64_MAX);
    assert_false(pace_is_lost(&p, none, 0, 100000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_sends_enough_begins_window_after_window),
        cmocka_unit_test(a_client_that_trickles_is_lost_when_its_window_ends),
        cmocka_unit_test(only_the_time_that_the_client_is_waited_for_counts),
        cmocka_unit_test(what_was_quick_once_gives_no_credit_for_later),
        cmocka_unit_test(a_new_exchange_counts_from_its_own_beginning),
        cmocka_unit_test(without_a_rate_nobody_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
