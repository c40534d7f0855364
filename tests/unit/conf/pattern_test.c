#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "conf/pattern.h"

static void only_clean_patterns_are_accepted(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"/",      "/a",     "/a/",       "/a/b",    "/**",
                                       "/*",     "/a/*/b", "/a/**",     "/a/*/**", "/a b",
                                       "/*/*/*", "/a/*/",  "/\xc3\xa9", "/...",    "/a.b-c_d~e"};
    static const char *const BAD[] = {
        "",     "a",      "*",     "**",    "//",    "/a//b", "/a//",  "/./a",    "/a/..", "/.",
        "/..",  "/a*",    "/*a",   "/a**",  "/***",  "/**/a", "/**/",  "/a/**/b", "/a?b",  "/a#b",
        "/a;b", "/a%20b", "/a\\b", "/a\nb", "/\x7f", "/\x01", "/\xff", "/a/**/**"};
    for (size_t i = 0; i < countof(GOOD); i++)
        if (!pattern_ok(span_str(GOOD[i])))
            fail_msg("%s", GOOD[i]);
    for (size_t i = 0; i < countof(BAD); i++)
        if (pattern_ok(span_str(BAD[i])))
            fail_msg("%s", BAD[i]);
    char nul[] = "/a\0b";
    assert_false(pattern_ok(span_of(nul, 4)));
    char longest[PATTERN_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    assert_true(pattern_ok(span_of(longest, PATTERN_MAX)));
    assert_false(pattern_ok(span_of(longest, PATTERN_MAX + 1)));
}

static void a_pattern_matches_what_it_says_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool match;
    } CASES[] = {
        {"/a/b", "/a/b", true},     {"/a/b", "/a/b/", false},
        {"/a/b", "/a/bc", false},   {"/a/b", "/a", false},
        {"/a/b", "/a/b/c", false},  {"/a/b", "/A/b", false},
        {"/a/b/", "/a/b/", true},   {"/a/b/", "/a/b", false},
        {"/", "/", true},           {"/", "/a", false},
        {"/", "", false},           {"/**", "/", true},
        {"/**", "/a", true},        {"/**", "/a/b/c/", true},
        {"/**", "", false},         {"/**", "a", false},
        {"/a/**", "/a", true},      {"/a/**", "/a/", true},
        {"/a/**", "/a/b/c", true},  {"/a/**", "/ab", false},
        {"/a/**", "/", false},      {"/a/**", "/b/a", false},
        {"/a/*/c", "/a/b/c", true}, {"/a/*/c", "/a/b/d/c", false},
        {"/a/*/c", "/a//c", false}, {"/a/*/c", "/a/b/c/", false},
        {"/a/*", "/a/b", true},     {"/a/*", "/a/", false},
        {"/a/*", "/a", false},      {"/a/*", "/a/b/c", false},
        {"/*", "/", false},         {"/*", "/a", true},
        {"/*/**", "/a", true},      {"/*/**", "/", false},
        {"/*/**", "/a/b", true},    {"/a/*/", "/a/b/", true},
        {"/a/*/", "/a/b", false},   {"/a/*", "/a/*", true},
        {"/a/*", "/a/**", true},    {"/a/b", "/a/*", false},
        {"/a b", "/a b", true},     {"", "/a", false},
    };
    for (size_t i = 0; i < countof(CASES); i++)
        if (pattern_match(span_str(CASES[i].pattern), span_str(CASES[i].path)) != CASES[i].match)
            fail_msg("%s against %s", CASES[i].pattern, CASES[i].path);
}

static void a_nul_in_the_path_does_not_end_it(void **state)
{
    (void)state;
    assert_false(pattern_match(SPAN("/a"), SPAN("/a\0b")));
    assert_true(pattern_match(SPAN("/*"), SPAN("/a\0b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_clean_patterns_are_accepted),
        cmocka_unit_test(a_pattern_matches_what_it_says_and_nothing_else),
        cmocka_unit_test(a_nul_in_the_path_does_not_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
