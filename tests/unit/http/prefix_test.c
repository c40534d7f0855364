#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/prefix.h"
#include "http/uri.h"

static void a_prefix_covers_whole_segments_only(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *path;
        bool covers;
    } ROWS[] = {
        {"/redis", "/redis", true},
        {"/redis", "/redis/", true},
        {"/redis", "/redis/a/b", true},
        {"/redis", "/redisx", false},
        {"/redis", "/redi", false},
        {"/redis", "/", false},
        {"/redis", "/Redis", false},
        {"/a/b", "/a/b/c", true},
        {"/a/b", "/a", false},
        {"/a/b", "/a/bc", false},
        {"", "/", true},
        {"", "/anything", true},
        {"/redis", "/x/redis", false},
    };
    for (size_t i = 0; i < countof(ROWS); i++)
        assert_int_equal(prefix_covers(span_str(ROWS[i].prefix), span_str(ROWS[i].path)),
                         ROWS[i].covers);
}

static void what_is_shortened_is_what_the_policy_saw(void **state)
{
    (void)state;
    static const struct {
        const char *target, *expected; /* NULL: refused */
    } ROWS[] = {
        {"/redis/a?b=/c", "/a?b=/c"},
        {"/redis/", "/"},
        {"/redis", "/"},
        {"/redis?x=1", "/?x=1"},
        {"/redis/a;jsessionid=1/b", "/a;jsessionid=1/b"},
        {"/redis/%41", "/%41"},
        {"/redis//a", "//a"},
        {"/redis/./a", "/./a"},
        {"/redis/a/../b", "/a/../b"},
        {"/redis/redis/x", "/redis/x"},
        /* The same path to the policy, another one once the prefix is gone. */
        {"/redis/../redis/x", NULL},
        {"/redis/a/../../redis/x", NULL},
        {"//redis/x", NULL},
        {"/./redis/x", NULL},
        {"/x/../redis/y", NULL},
        {"/%72edis/x", NULL},
        {"/redis;a=1/x", NULL},
        {"/redis;a=1", NULL},
    };
    struct arena a;
    for (size_t i = 0; i < countof(ROWS); i++) {
        arena_init(&a, 1024, 65536);
        struct span target = span_str(ROWS[i].target), canonical, got;
        struct span path = span_sub(target, 0, span_find(target, '?'));
        const char *why;
        assert_int_equal(uri_canonical(path, &a, &canonical, &why), 0);
        assert_true(prefix_covers(SPAN("/redis"), canonical));
        int rc = prefix_strip(SPAN("/redis"), target, path, canonical, &a, &got);
        if (rc != (ROWS[i].expected == NULL ? FAULT_FORMAT : 0))
            fail_msg("%s: %d", ROWS[i].target, rc);
        if (rc == 0 && !span_is(got, ROWS[i].expected))
            fail_msg("%s: %.*s", ROWS[i].target, SPAN_FMT(got));
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_covers_whole_segments_only),
        cmocka_unit_test(what_is_shortened_is_what_the_policy_saw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
