#include "unit.h"

#include "supervisor/role.h"

static const char *value_after(char **argv, const char *option)
{
    for (size_t i = 0; argv[i] != NULL; i++) {
        if (strcmp(argv[i], option) == 0)
            return argv[i + 1];
    }
    return NULL;
}

static void an_edge_is_told_its_ports_and_no_path(void **state)
{
    (void)state;
    struct arena a;
    struct snapshot *file = snapshot_new();
    const uint16_t ports[] = {8080, 65535};
    struct role_facts facts = {.file = file, .id = 12, .ports = ports, .port_count = 2};
    arena_init(&a, 4096, 65536);
    char **argv = ROLES[ROLE_EDGE].arguments(&a, &facts);
    assert_non_null(argv);
    assert_string_equal(argv[0], "postern-edge");
    assert_string_equal(value_after(argv, "--id"), "12");
    assert_string_equal(value_after(argv, "--ports"), "8080,65535");
    assert_string_equal(value_after(argv, "--sandbox"), "strict");
    for (size_t i = 0; argv[i] != NULL; i++)
        assert_null(strchr(argv[i], '/'));
    facts.port_count = 0;
    argv = ROLES[ROLE_EDGE].arguments(&a, &facts);
    assert_non_null(argv);
    assert_string_equal(value_after(argv, "--ports"), "");
    arena_fini(&a);
    snapshot_free(file);
}

static void no_memory_for_arguments_is_seen(void **state)
{
    (void)state;
    struct snapshot *file = snapshot_new();
    struct role_facts facts = {.file = file};
    /* The n-th allocation fails for n = 1, 2, … until it is enough. */
    for (size_t kind = 0; kind < ROLE_COUNT; kind++) {
        bool enough = false;
        for (size_t max = 0; max < 8192 && !enough; max += 16) {
            struct arena a;
            arena_init(&a, 16, max);
            enough = ROLES[kind].arguments(&a, &facts) != NULL;
            arena_fini(&a);
        }
        assert_true(enough);
    }
    snapshot_free(file);
}

static void peers_are_mutual(void **state)
{
    (void)state;
    for (size_t a = 0; a < ROLE_COUNT; a++) {
        for (size_t b = 0; b < ROLE_COUNT; b++) {
            bool ab = (ROLES[a].peers & (unsigned)ROLES[b].ipc) != 0;
            bool ba = (ROLES[b].peers & (unsigned)ROLES[a].ipc) != 0;
            assert_int_equal(ab, ba);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edge_is_told_its_ports_and_no_path),
        cmocka_unit_test(no_memory_for_arguments_is_seen),
        cmocka_unit_test(peers_are_mutual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
