#include "tests/unit/unit.h"

#include "cli/command.h"

#define PARSE(v, ...)                                                                              \
    (memset(v, 0, sizeof(*(v))),                                                                   \
     command_parse(v, (int)(sizeof((char *[]){"postern", __VA_ARGS__}) / sizeof(char *)),          \
                   (char *[]){"postern", __VA_ARGS__}))

static struct invocation v;

static void options_may_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(
        PARSE(&v, "--config", "/x", "user", "--json", "add", "alice", "--group", "a", "--group=b"),
        0);
    assert_string_equal(v.command->words, "user add");
    assert_true(v.json);
    assert_string_equal(v.paths.config, "/x");
    assert_int_equal(v.arg_count, 1);
    assert_string_equal(v.arg[0], "alice");
    assert_string_equal(invocation_each(&v, "group", 0), "a");
    assert_string_equal(invocation_each(&v, "group", 1), "b");
    assert_null(invocation_each(&v, "group", 2));
    assert_string_equal(invocation_option(&v, "group"), "b");
}

static void the_longest_command_wins(void **state)
{
    (void)state;
    assert_int_equal(PARSE(&v, "audit", "verify"), 0);
    assert_string_equal(v.command->words, "audit verify");
    assert_int_equal(PARSE(&v, "url"), 0);
    assert_int_equal(v.arg_count, 0);
    assert_int_equal(PARSE(&v, "url", "tomcat"), 0);
    assert_string_equal(v.arg[0], "tomcat");
}

static void what_follows_two_dashes_is_no_option(void **state)
{
    (void)state;
    assert_int_equal(PARSE(&v, "user", "show", "--", "--json"), 0);
    assert_string_equal(v.arg[0], "--json");
    assert_false(v.json);
}

static void wrong_usage_is_told_apart_from_help(void **state)
{
    (void)state;
    assert_int_equal(PARSE(&v, "usr", "add", "x"), EXIT_USAGE);
    assert_int_equal(PARSE(&v, "user"), EXIT_USAGE);
    assert_int_equal(PARSE(&v, "user", "add"), EXIT_USAGE);
    assert_int_equal(PARSE(&v, "user", "show", "a", "b"), EXIT_USAGE);
    assert_int_equal(PARSE(&v, "user", "add", "a", "--gruop", "b"), EXIT_USAGE);
    assert_int_equal(PARSE(&v, "user", "add", "a", "--group"), EXIT_USAGE);
    assert_int_equal(PARSE(&v, "user", "add", "a", "--totp=yes"), EXIT_USAGE);
    assert_int_equal(PARSE(&v, "user", "add", "--help"), -1);
    assert_string_equal(v.command->words, "user add");
    assert_int_equal(PARSE(&v, "--help"), -1);
    assert_null(v.command);
}

static void too_many_words_are_refused_not_written_past_the_end(void **state)
{
    (void)state;
    static char *argv[2000];
    argv[0] = "postern";
    argv[1] = "user";
    argv[2] = "groups";
    for (size_t i = 3; i < 2000; i++)
        argv[i] = "x";
    memset(&v, 0, sizeof(v));
    assert_int_equal(command_parse(&v, 2000, argv), EXIT_USAGE);
    for (size_t i = 3; i < 2000; i++)
        argv[i] = "--json";
    memset(&v, 0, sizeof(v));
    assert_int_equal(command_parse(&v, 2000, argv), EXIT_USAGE);
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &COMMANDS[i];
        assert_true(c->words[0] != 0 && c->summary[0] != 0);
        assert_true(c->run != NULL || (c->method != NULL && c->path != NULL));
        assert_true((c->list == NULL) == (c->columns == NULL));
        for (const struct option_def *o = c->options; o != NULL && o->name != NULL; o++) {
            bool flag = o->type == OPTION_FLAG || o->type == OPTION_LOCAL_FLAG;
            assert_true(flag == (o->value == NULL));
            assert_non_null(o->help);
        }
        for (size_t k = i + 1; k < COMMAND_COUNT; k++)
            assert_string_not_equal(c->words, COMMANDS[k].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(the_longest_command_wins),
        cmocka_unit_test(what_follows_two_dashes_is_no_option),
        cmocka_unit_test(wrong_usage_is_told_apart_from_help),
        cmocka_unit_test(too_many_words_are_refused_not_written_past_the_end),
        cmocka_unit_test(every_row_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
