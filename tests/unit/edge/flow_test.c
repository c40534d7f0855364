#include "tests/unit/unit.h"

#include "edge/credential.h"
#include "edge/flow.h"

#define SECRET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define NAME "__Host-postern-flow-9443="

static struct flow of(const char *cookie)
{
    struct header h = {SPAN("Cookie"), span_str(cookie), HEADER_COOKIE};
    struct headers all = {&h, 1};
    return flow_read(&all, 9443);
}

static void a_flow_is_read_with_its_count_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *cookie;
        bool good;
        unsigned rounds;
        uint64_t since;
    } cases[] = {
        {NAME SECRET, true, 0, 0},
        {NAME SECRET ".1.1795577324", true, 1, 1795577324},
        {NAME SECRET ".99.0", true, 99, 0},
        {NAME SECRET ".3.18446744073709551615", true, 3, UINT64_MAX},
        /* A count that is none is no count. */
        {NAME SECRET ".100.1", true, 0, 0},
        {NAME SECRET ".-1.1", true, 0, 0},
        {NAME SECRET ".3", true, 0, 0},
        {NAME SECRET ".3.", true, 0, 0},
        {NAME SECRET ".3.1.1", true, 0, 0},
        {NAME SECRET "..", true, 0, 0},
        {NAME SECRET ".3.18446744073709551616", true, 0, 0},
        {NAME ".3.1", false, 0, 0},
        {NAME SECRET "A.3.1", false, 0, 0},
        {NAME, false, 0, 0},
        {"__Host-postern-flow-9444=" SECRET, false, 0, 0},
        {NAME SECRET "; " NAME SECRET, false, 0, 0},
        {"", false, 0, 0},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct flow f = of(cases[i].cookie);
        if ((f.secret.len > 0) != cases[i].good || f.rounds != cases[i].rounds ||
            f.since != cases[i].since)
            fail_msg("%s: %zu %u %llu", cases[i].cookie, f.secret.len, f.rounds,
                     (unsigned long long)f.since);
    }
}

static void three_rounds_in_half_a_minute_are_a_loop_and_slower_ones_are_not(void **state)
{
    (void)state;
    struct flow f = {.secret = SPAN(SECRET)};
    for (unsigned i = 0; i < FLOW_ROUNDS; i++) {
        assert_false(flow_loops(&f, 1000 + i));
        flow_count(&f, 1000 + i);
    }
    assert_true(flow_loops(&f, 1003));
    assert_true(flow_loops(&f, 1000 + FLOW_SECONDS));
    assert_false(flow_loops(&f, 1001 + FLOW_SECONDS));
    /* The next one begins a new count. */
    flow_count(&f, 1001 + FLOW_SECONDS);
    assert_int_equal(f.rounds, 1);
    /* A clock that was set back makes no loop. */
    f = (struct flow){.secret = SPAN(SECRET), .rounds = 9, .since = 2000};
    assert_false(flow_loops(&f, 1000));
    for (int i = 0; i < 200; i++)
        flow_count(&f, 1000);
    assert_int_equal(f.rounds, 99);
}

static void a_flow_survives_being_written(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 65536);
    struct flow f = {.secret = SPAN(SECRET)};
    assert_true(span_starts(flow_cookie(&a, &f, 9443), SPAN(NAME SECRET "; Path=/")));
    flow_count(&f, 1000);
    struct span line = flow_cookie(&a, &f, 9443), value;
    assert_true(span_starts(line, SPAN(NAME SECRET ".1.1000; Path=/")));
    (void)span_cut(&line, ';', &value);
    struct flow again = of(arena_string(&a, value));
    assert_int_equal(again.rounds, 1);
    assert_int_equal(again.since, 1000);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_is_read_with_its_count_or_not_at_all),
        cmocka_unit_test(three_rounds_in_half_a_minute_are_a_loop_and_slower_ones_are_not),
        cmocka_unit_test(a_flow_survives_being_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
