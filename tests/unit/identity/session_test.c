#include "tests/unit/unit.h"

#include "identity/session.h"

#define NOW 1700000000u

static struct session fresh(void)
{
    return (struct session){.proven = {{0, NOW, NOW}},
                            .created = NOW,
                            .last_seen = NOW,
                            .idle = 900,
                            .ends_at = NOW + 43200};
}

static void a_session_lives_inside_both_limits(void **state)
{
    (void)state;
    struct session s = fresh();
    assert_true(session_is_live(&s, NOW));
    assert_true(session_is_live(&s, NOW + 899));
    assert_false(session_is_live(&s, NOW + 900));
    assert_int_equal(session_idle_until(&s), NOW + 900);
    s.last_seen = NOW + 43000;
    assert_int_equal(session_idle_until(&s), NOW + 43200);
    assert_true(session_is_live(&s, NOW + 43199));
    assert_false(session_is_live(&s, NOW + 43200));
}

static void an_ended_session_or_a_disabled_user_s_is_dead(void **state)
{
    (void)state;
    struct session s = fresh();
    s.ended = NOW;
    assert_false(session_is_live(&s, NOW));
    s = fresh();
    s.user_disabled = true;
    assert_false(session_is_live(&s, NOW));
}

static void a_session_from_the_future_is_not_believed(void **state)
{
    (void)state;
    struct session s = fresh();
    assert_true(session_is_live(&s, NOW - 300));
    assert_false(session_is_live(&s, NOW - 301));
    s.last_seen = UINT64_MAX;
    assert_int_equal(session_idle_until(&s), s.ends_at);
    assert_false(session_is_live(&s, NOW));
}

static void a_proof_grows_old(void **state)
{
    (void)state;
    struct session s = fresh();
    assert_true(session_is_fresh(&s, ASSURANCE_MFA, 0, NOW + 1000000));
    assert_true(session_is_fresh(&s, ASSURANCE_MFA, 60, NOW + 60));
    assert_false(session_is_fresh(&s, ASSURANCE_MFA, 60, NOW + 61));
    assert_true(session_is_fresh(&s, ASSURANCE_MFA, 60, NOW - 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_lives_inside_both_limits),
        cmocka_unit_test(an_ended_session_or_a_disabled_user_s_is_dead),
        cmocka_unit_test(a_session_from_the_future_is_not_believed),
        cmocka_unit_test(a_proof_grows_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
