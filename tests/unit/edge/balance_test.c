#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "edge/balance.h"

#define COUNT 5u
#define KEYS 4000u

static struct balance_candidate candidate[COUNT];

static int setup(void **state)
{
    (void)state;
    memset(candidate, 0, sizeof(candidate));
    for (size_t i = 0; i < COUNT; i++) {
        candidate[i].id = balance_hash(&i, sizeof(i));
        candidate[i].share = BALANCE_WHOLE;
    }
    return 0;
}

static uint64_t key_of(uint64_t n)
{
    return balance_hash(&n, sizeof(n));
}

static size_t by_session(uint64_t n)
{
    return balance_choose(BALANCE_SESSION, candidate, COUNT, key_of(n));
}

static void sessions_are_spread_evenly(void **state)
{
    (void)state;
    size_t got[COUNT] = {0};
    for (uint64_t n = 0; n < KEYS; n++)
        got[by_session(n)]++;
    for (size_t i = 0; i < COUNT; i++)
        assert_in_range(got[i], KEYS / COUNT * 8 / 10, KEYS / COUNT * 12 / 10);
}

static void the_order_of_endpoints_does_not_matter(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 200; n++) {
        uint64_t id = candidate[by_session(n)].id;
        struct balance_candidate first = candidate[0];
        memmove(candidate, candidate + 1, (COUNT - 1) * sizeof(*candidate));
        candidate[COUNT - 1] = first;
        assert_true(candidate[by_session(n)].id == id);
    }
}

static void only_the_sessions_of_the_one_that_goes_move(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < KEYS; n++) {
        candidate[2].down = false;
        size_t before = by_session(n);
        candidate[2].down = true;
        size_t after = by_session(n);
        assert_int_not_equal(after, 2);
        if (before != 2)
            assert_int_equal(before, after);
    }
}

static void a_slow_start_takes_more_and_more_and_gives_none_back(void **state)
{
    (void)state;
    size_t last = 0;
    for (uint32_t share = 1; share <= BALANCE_WHOLE; share *= 2) {
        size_t got = 0;
        for (uint64_t n = 0; n < KEYS; n++) {
            candidate[1].share = share / 2;
            bool had = share > 1 && by_session(n) == 1;
            candidate[1].share = share;
            bool has = by_session(n) == 1;
            assert_true(!had || has);
            got += has;
        }
        assert_true(got >= last);
        last = got;
    }
    assert_in_range(last, KEYS / COUNT * 8 / 10, KEYS / COUNT * 12 / 10);
}

static void turns_go_round_those_that_work(void **state)
{
    (void)state;
    candidate[0].down = true;
    candidate[3].barred = true;
    size_t got[COUNT] = {0};
    for (uint64_t turn = 0; turn < 30; turn++)
        got[balance_choose(BALANCE_ROUND_ROBIN, candidate, COUNT, turn)]++;
    assert_int_equal(got[0] + got[3], 0);
    assert_int_equal(got[1], 10);
    assert_int_equal(got[2], 10);
    assert_int_equal(got[4], 10);
}

static void when_none_works_the_longest_failed_is_tried(void **state)
{
    (void)state;
    static const enum balance ways[] = {BALANCE_SESSION, BALANCE_ROUND_ROBIN};
    for (size_t i = 0; i < COUNT; i++) {
        candidate[i].down = true;
        candidate[i].failed_at = 100 - i;
    }
    for (size_t w = 0; w < countof(ways); w++) {
        candidate[COUNT - 1].barred = false;
        assert_int_equal(balance_choose(ways[w], candidate, COUNT, 7), COUNT - 1);
        candidate[COUNT - 1].barred = true;
        assert_int_equal(balance_choose(ways[w], candidate, COUNT, 7), COUNT - 2);
    }
}

static void when_all_had_their_chance_there_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        candidate[i].barred = true;
    assert_true(by_session(1) == SIZE_MAX);
    assert_true(balance_choose(BALANCE_ROUND_ROBIN, candidate, COUNT, 1) == SIZE_MAX);
    assert_true(balance_choose(BALANCE_SESSION, candidate, 0, 1) == SIZE_MAX);
}

static void one_that_starts_slowly_alone_gets_everything(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        candidate[i].share = 0;
    for (uint64_t n = 0; n < 100; n++)
        assert_true(by_session(n) < COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sessions_are_spread_evenly, setup),
        cmocka_unit_test_setup(the_order_of_endpoints_does_not_matter, setup),
        cmocka_unit_test_setup(only_the_sessions_of_the_one_that_goes_move, setup),
        cmocka_unit_test_setup(a_slow_start_takes_more_and_more_and_gives_none_back, setup),
        cmocka_unit_test_setup(turns_go_round_those_that_work, setup),
        cmocka_unit_test_setup(when_none_works_the_longest_failed_is_tried, setup),
        cmocka_unit_test_setup(when_all_had_their_chance_there_is_none, setup),
        cmocka_unit_test_setup(one_that_starts_slowly_alone_gets_everything, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
