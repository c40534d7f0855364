#include "tests/unit/unit.h"

#include "keeper/pace.h"

static void a_burst_passes_and_then_so_many_a_second(void **state)
{
    static struct pace p;
    uint64_t now = 1000000;
    unsigned passed = 0;
    (void)state;
    for (unsigned i = 0; i < 2 * PACE_BURST; i++) {
        passed += pace_take(&p, "ann", now);
    }
    assert_int_equal(passed, PACE_BURST);
    assert_false(pace_take(&p, "ann", now));
    for (passed = 0; pace_take(&p, "ann", now + 1000000);) {
        passed++;
    }
    assert_int_equal(passed, PACE_PER_SECOND);
    for (passed = 0; pace_take(&p, "ann", now + 3600000000u);) {
        passed++;
    }
    assert_int_equal(passed, PACE_BURST);
}

static void nobody_pays_for_another(void **state)
{
    static struct pace p;
    char who[64];
    (void)state;
    while (pace_take(&p, "ann", 5)) {
    }
    for (unsigned i = 0; i < 10 * PACE_SLOTS; i++) {
        (void)snprintf(who, sizeof(who), "user%u/token", i);
        assert_true(pace_take(&p, who, 5));
    }
    assert_false(pace_take(&p, "ann", 5));
}

static void a_long_name_is_one_name(void **state)
{
    static struct pace p;
    char who[512];
    (void)state;
    memset(who, 'x', sizeof(who) - 1);
    who[sizeof(who) - 1] = '\0';
    while (pace_take(&p, who, 5)) {
    }
    assert_false(pace_take(&p, who, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_and_then_so_many_a_second),
        cmocka_unit_test(nobody_pays_for_another),
        cmocka_unit_test(a_long_name_is_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
