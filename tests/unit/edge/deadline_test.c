#include "tests/unit/unit.h"

#include "base/macros.h"
#include "edge/deadline.h"

struct wait {
    struct deadline deadline;
    struct deadlines *all;
    struct wait *ends; /* cleared when this one is due */
    unsigned fired;
};

static uv_loop_t loop;
static struct deadlines all;

static void on_due(struct deadline *d)
{
    struct wait *w = container_of(d, struct wait, deadline);
    w->fired++;
    if (w->ends != NULL)
        deadline_clear(w->all, &w->ends->deadline);
}

static struct wait wait_new(void)
{
    struct wait w = {.all = &all};
    deadline_init(&w.deadline, on_due);
    return w;
}

static int setup(void **state)
{
    (void)state;
    return uv_loop_init(&loop) < 0 || deadlines_init(&all, &loop) < 0;
}

static int teardown(void **state)
{
    (void)state;
    deadlines_fini(&all);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

#define START(w)                                                                                   \
    struct wait w = wait_new();                                                                    \
    /* The ring must know where the structure is now. */                                           \
    deadline_init(&(w).deadline, on_due)

static void a_deadline_is_never_early_and_at_most_a_slot_late(void **state)
{
    (void)state;
    uint64_t now = uv_now(&loop);
    for (uint64_t in = 1; in < 3000; in += 97) {
        START(w);
        deadline_set(&all, &w.deadline, now + in);
        for (uint64_t t = now; t < now + in; t += 50) {
            deadlines_turn(&all, t);
            assert_int_equal(w.fired, 0);
        }
        deadlines_turn(&all, now + in + DEADLINE_SLOT_MS);
        assert_int_equal(w.fired, 1);
        now += in + DEADLINE_SLOT_MS;
    }
    assert_int_equal(all.armed, 0);
}

static void pushing_it_away_keeps_it_from_firing(void **state)
{
    (void)state;
    uint64_t now = uv_now(&loop);
    START(w);
    for (unsigned i = 0; i < 100; i++) {
        deadline_set(&all, &w.deadline, now + i * 100 + 500);
        deadlines_turn(&all, now + i * 100);
    }
    assert_int_equal(w.fired, 0);
    deadlines_turn(&all, now + 20000);
    assert_int_equal(w.fired, 1);
}

static void pulling_it_near_makes_it_fire_in_time(void **state)
{
    (void)state;
    uint64_t now = uv_now(&loop);
    START(w);
    deadline_set(&all, &w.deadline, now + 60000);
    deadline_set(&all, &w.deadline, now + 300);
    deadlines_turn(&all, now + 300 + DEADLINE_SLOT_MS);
    assert_int_equal(w.fired, 1);
}

static void one_beyond_the_wheel_fires_once_and_in_its_time(void **state)
{
    (void)state;
    uint64_t now = uv_now(&loop), due = now + 3u * DEADLINE_SLOTS * DEADLINE_SLOT_MS + 10;
    START(w);
    deadline_set(&all, &w.deadline, due);
    for (uint64_t t = now; t < due; t += 1000)
        deadlines_turn(&all, t);
    assert_int_equal(w.fired, 0);
    deadlines_turn(&all, due + DEADLINE_SLOT_MS);
    deadlines_turn(&all, due + 100000);
    assert_int_equal(w.fired, 1);
}

static void one_may_end_another_of_the_same_moment(void **state)
{
    (void)state;
    uint64_t now = uv_now(&loop);
    START(a);
    START(b);
    a.ends = &b;
    b.ends = &a;
    deadline_set(&all, &a.deadline, now + 100);
    deadline_set(&all, &b.deadline, now + 100);
    deadlines_turn(&all, now + 1000);
    assert_int_equal(a.fired + b.fired, 1);
    assert_int_equal(all.armed, 0);
}

static void after_a_long_sleep_nothing_is_forgotten(void **state)
{
    (void)state;
    uint64_t now = uv_now(&loop);
    struct wait w[50];
    for (unsigned i = 0; i < 50; i++) {
        w[i] = wait_new();
        deadline_init(&w[i].deadline, on_due);
        deadline_set(&all, &w[i].deadline, now + i * 1300);
    }
    deadlines_turn(&all, now + 10u * 24 * 3600 * 1000);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(w[i].fired, 1);
}

static void the_timer_runs_only_while_somebody_waits(void **state)
{
    (void)state;
    START(w);
    assert_false(uv_is_active((uv_handle_t *)&all.timer));
    deadline_set(&all, &w.deadline, uv_now(&loop) + 1000);
    assert_true(uv_is_active((uv_handle_t *)&all.timer));
    deadline_clear(&all, &w.deadline);
    deadline_clear(&all, &w.deadline);
    assert_false(uv_is_active((uv_handle_t *)&all.timer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_deadline_is_never_early_and_at_most_a_slot_late, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(pushing_it_away_keeps_it_from_firing, setup, teardown),
        cmocka_unit_test_setup_teardown(pulling_it_near_makes_it_fire_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(one_beyond_the_wheel_fires_once_and_in_its_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_may_end_another_of_the_same_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_long_sleep_nothing_is_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(the_timer_runs_only_while_somebody_waits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
