#include "unit.h"

#include "base/fault.h"
#include "supervisor/rollout.h"

#define SIGNER 1u
#define EDGE 2u
#define OTHER 3u
#define STRANGER 9u

static void begin(struct rollout *r)
{
    *r = (struct rollout){.phase = ROLLOUT_IDLE};
    rollout_begin(r, 7);
    assert_int_equal(rollout_add(r, SIGNER), 0);
    assert_int_equal(rollout_add(r, EDGE), 0);
    assert_int_equal(rollout_add(r, OTHER), 0);
    assert_int_equal(rollout_step(r), ROLLOUT_WAIT);
}

static void reach_commit(struct rollout *r)
{
    begin(r);
    assert_int_equal(rollout_prepared(r, SIGNER, 7, true), ROLLOUT_WAIT);
    assert_int_equal(rollout_prepared(r, EDGE, 7, true), ROLLOUT_WAIT);
    assert_int_equal(rollout_prepared(r, OTHER, 7, true), ROLLOUT_COMMIT);
}

static void one_refusal_aborts_for_everybody(void **state)
{
    (void)state;
    struct rollout r;
    begin(&r);
    assert_int_equal(rollout_prepared(&r, SIGNER, 7, true), ROLLOUT_WAIT);
    assert_int_equal(rollout_prepared(&r, EDGE, 7, false), ROLLOUT_ABORT);
    assert_int_equal(r.phase, ROLLOUT_IDLE);
    assert_int_equal(rollout_prepared(&r, OTHER, 7, true), ROLLOUT_WAIT);
}

static void a_death_while_preparing_aborts(void **state)
{
    (void)state;
    struct rollout r;
    begin(&r);
    assert_int_equal(rollout_gone(&r, OTHER), ROLLOUT_ABORT);
    assert_int_equal(rollout_gone(&r, EDGE), ROLLOUT_WAIT);
}

static void nobody_commits_before_all_have_prepared(void **state)
{
    (void)state;
    struct rollout r;
    begin(&r);
    assert_int_equal(rollout_prepared(&r, EDGE, 7, true), ROLLOUT_WAIT);
    assert_int_equal(rollout_prepared(&r, EDGE, 7, true), ROLLOUT_WAIT);
    assert_int_equal(rollout_committed(&r, EDGE, 7), ROLLOUT_WAIT);
    assert_int_equal(r.phase, ROLLOUT_PREPARING);
}

static void another_number_and_a_stranger_change_nothing(void **state)
{
    (void)state;
    struct rollout r;
    begin(&r);
    assert_int_equal(rollout_prepared(&r, EDGE, 6, false), ROLLOUT_WAIT);
    assert_int_equal(rollout_prepared(&r, STRANGER, 7, false), ROLLOUT_WAIT);
    assert_int_equal(rollout_gone(&r, STRANGER), ROLLOUT_WAIT);
    assert_int_equal(r.phase, ROLLOUT_PREPARING);
    assert_false(rollout_has(&r, STRANGER));
    assert_true(rollout_has(&r, EDGE));
}

static void it_settles_when_all_have_committed(void **state)
{
    (void)state;
    struct rollout r;
    reach_commit(&r);
    assert_int_equal(rollout_committed(&r, OTHER, 7), ROLLOUT_WAIT);
    assert_int_equal(rollout_committed(&r, SIGNER, 7), ROLLOUT_WAIT);
    assert_int_equal(rollout_committed(&r, EDGE, 7), ROLLOUT_SETTLE);
    assert_int_equal(r.phase, ROLLOUT_IDLE);
}

static void a_death_while_committing_is_not_awaited(void **state)
{
    (void)state;
    struct rollout r;
    reach_commit(&r);
    assert_int_equal(rollout_gone(&r, EDGE), ROLLOUT_WAIT);
    assert_int_equal(rollout_committed(&r, SIGNER, 7), ROLLOUT_WAIT);
    assert_int_equal(rollout_committed(&r, OTHER, 7), ROLLOUT_SETTLE);
}

static void time_that_runs_out_aborts_before_and_settles_after_the_commit(void **state)
{
    (void)state;
    struct rollout r;
    begin(&r);
    assert_int_equal(rollout_expire(&r), ROLLOUT_ABORT);
    assert_int_equal(rollout_expire(&r), ROLLOUT_WAIT);
    reach_commit(&r);
    assert_int_equal(rollout_committed(&r, EDGE, 7), ROLLOUT_WAIT);
    assert_int_equal(rollout_expire(&r), ROLLOUT_SETTLE);
    assert_false(rollout_late(&r, EDGE));
    assert_true(rollout_late(&r, OTHER));
}

static void without_members_it_passes_at_once(void **state)
{
    (void)state;
    struct rollout r = {.phase = ROLLOUT_IDLE};
    rollout_begin(&r, 1);
    assert_int_equal(rollout_step(&r), ROLLOUT_COMMIT);
    assert_int_equal(rollout_step(&r), ROLLOUT_SETTLE);
    assert_int_equal(rollout_step(&r), ROLLOUT_WAIT);
}

static void it_takes_no_more_members_than_there_can_be(void **state)
{
    (void)state;
    static struct rollout r;
    rollout_begin(&r, 1);
    for (uint64_t i = 0; i < ROLLOUT_MEMBERS_MAX; i++)
        assert_int_equal(rollout_add(&r, i), 0);
    assert_int_equal(rollout_add(&r, 99999), FAULT_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_refusal_aborts_for_everybody),
        cmocka_unit_test(a_death_while_preparing_aborts),
        cmocka_unit_test(nobody_commits_before_all_have_prepared),
        cmocka_unit_test(another_number_and_a_stranger_change_nothing),
        cmocka_unit_test(it_settles_when_all_have_committed),
        cmocka_unit_test(a_death_while_committing_is_not_awaited),
        cmocka_unit_test(time_that_runs_out_aborts_before_and_settles_after_the_commit),
        cmocka_unit_test(without_members_it_passes_at_once),
        cmocka_unit_test(it_takes_no_more_members_than_there_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
