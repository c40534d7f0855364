#include "tests/unit/store/scratch.h"

#include "store/throttles.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static void failures_are_remembered_and_forgotten(void **state)
{
    struct store *s = of(state);
    struct throttle t = {7, 7};
    assert_int_equal(throttles_find(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(t.failures, 0);
    t = (struct throttle){3, NOW};
    assert_int_equal(throttles_put(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    t.failures = 4;
    assert_int_equal(throttles_put(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(throttles_find(s, THROTTLE_SOURCE, "ann", &t), 0);
    assert_int_equal(t.failures, 0);
    assert_int_equal(throttles_find(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(t.failures, 4);
    assert_int_equal(t.last_failure, NOW);
    t.failures = 0;
    assert_int_equal(throttles_put(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(throttles_find(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(t.failures, 0);
}

static uint32_t failures(struct store *s, enum throttle_kind kind, const char *key)
{
    struct throttle t;
    assert_int_equal(throttles_find(s, kind, key, &t), 0);
    return t.failures;
}

static void invented_names_cannot_push_out_real_ones(void **state)
{
    struct store *s = of(state);
    struct throttle t = {9, NOW};
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(throttles_put(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(throttles_put(s, THROTTLE_PASSWORD, "ann", &t), 0);
    for (unsigned i = 0; i < 50; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "x%02u", i);
        t = (struct throttle){1, NOW + 1 + i};
        assert_int_equal(throttles_put(s, THROTTLE_ACCOUNT, name, &t), 0);
        assert_int_equal(throttles_put(s, THROTTLE_SOURCE, name, &t), 0);
        assert_int_equal(throttles_put(s, THROTTLE_PAIR, name, &t), 0);
    }
    assert_int_equal(throttles_prune(s, NOW - 10, 10), 0);
    assert_int_equal(failures(s, THROTTLE_ACCOUNT, "ann"), 9);
    assert_int_equal(failures(s, THROTTLE_ACCOUNT, "x39"), 0);
    assert_int_equal(failures(s, THROTTLE_ACCOUNT, "x40"), 1);
    assert_int_equal(failures(s, THROTTLE_SOURCE, "x39"), 0);
    assert_int_equal(failures(s, THROTTLE_SOURCE, "x49"), 1);
    assert_int_equal(failures(s, THROTTLE_PAIR, "x39"), 0);
    assert_int_equal(failures(s, THROTTLE_PAIR, "x40"), 1);
    assert_int_equal(throttles_prune(s, NOW + 1000, 10), 0);
    assert_int_equal(failures(s, THROTTLE_ACCOUNT, "ann"), 0);
    assert_int_equal(failures(s, THROTTLE_PASSWORD, "ann"), 9);
}

static void the_pairs_of_one_account_are_forgotten_and_no_others(void **state)
{
    struct store *s = of(state);
    static const char *const PAIRS[] = {"ann 192.0.2.1/32", "ann ::/64", "ann1 ::/64", "an ::/64",
                                        "ann-b ::/64"};
    for (size_t i = 0; i < countof(PAIRS); i++)
        assert_int_equal(throttles_put(s, THROTTLE_PAIR, PAIRS[i], &(struct throttle){3, NOW}), 0);
    assert_int_equal(throttles_forget_pairs(s, "ann"), 0);
    for (size_t i = 0; i < countof(PAIRS); i++)
        assert_int_equal(failures(s, THROTTLE_PAIR, PAIRS[i]), i < 2 ? 0 : 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(failures_are_remembered_and_forgotten),
        with_store(the_pairs_of_one_account_are_forgotten_and_no_others),
        with_store(invented_names_cannot_push_out_real_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
