#include "tests/unit/store/scratch.h"

#include "store/agents.h"
#include "store/users.h"

static bool is_new(struct store *s, const char *agent, uint64_t at)
{
    bool ret = false;
    assert_int_equal(agents_seen(s, "ann", span_str(agent), at, &ret), 0);
    return ret;
}

static void an_agent_is_new_once(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    bool new;
    assert_int_equal(agents_seen(s, "ann", SPAN("a"), NOW, &new), FAULT_ABSENT);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_true(is_new(s, "a", NOW));
    assert_false(is_new(s, "a", NOW + 1));
    assert_true(is_new(s, "", NOW));
    assert_false(is_new(s, "", NOW));
}

static void the_oldest_agents_are_forgotten_and_long_names_are_cut(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    char name[400];
    assert_int_equal(users_add(s, "ann", NOW), 0);
    for (unsigned i = 0; i < AGENTS_MAX + 1; i++) {
        (void)snprintf(name, sizeof(name), "a%u", i);
        assert_true(is_new(s, name, NOW + i));
    }
    assert_false(is_new(s, "a1", NOW + 100));
    assert_true(is_new(s, "a0", NOW + 101));
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    assert_true(is_new(s, name, NOW + 102));
    name[300] = 'y';
    assert_false(is_new(s, name, NOW + 103));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(an_agent_is_new_once),
        with_store(the_oldest_agents_are_forgotten_and_long_names_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
