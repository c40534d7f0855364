#include "sample.h"

#include "conf/spelling.h"

struct table {
    bool (*ok)(struct span);
    const char *good[16];
    const char *bad[32];
};

static const struct table TABLES[] = {
    {spelling_host,
     {"a", "a.b", "localhost", "postern.localhost", "xn--bcher-kva.example", "1a.test", "a-b.c-d",
      "10.0.0.1", "1.2.3.a"},
     {"A",         "a.", ".a",  "a..b",          "-a",    "a-",  "a.-b",   "a_b",
      "a b",       "*",  "*.a", "a:1",           "[::1]", "::1", "10.0.0", "010.0.0.1",
      "256.0.0.1", "1",  "a.1", "\xc3\xa9.test", "a/b",   "a@b", "a%2e"}},
    {spelling_host_port,
     {"a", "a:1", "a.test:65535", "10.0.0.1:8080"},
     {"a:", "a:0", "a:65536", "a:01", "a:b", ":1", "a:1:2", "A:1", "a: 1", "[::1]:1"}},
    {spelling_selector, {"*", "a", "a@b.c", "0"}, {"**", "*a", "A", "-a", "a b", "a*"}},
    {spelling_printable,
     {"a", "a b", "\xc3\xa9", "\xe2\x80\xa6"},
     {"a\tb", "\n", "\x1b[m", "\x7f", "\xc2\x85", "\xff", "\xed\xa0\x80"}},
    {spelling_path, {"/", "/a", "/a b/c"}, {"a", "a/b", "/a\nb", "/\xff", " /a"}},
    {spelling_file,
     {"a", "a.b", "A-b_c.9", "server.crt"},
     {".a", "..", ".", "a/b", "/a", "a b", "a\\b", "\xc3\xa9", "a\n", "a:b"}},
    {spelling_link,
     {"/", "/a", "/a/b?c=d&e=%20", "/a/", "/~x"},
     {"a", "//a", "/\\a", "/a b", "/a\n", "/a#b", "/a\"b", "/<", "/\xc3\xa9", "javascript:a",
      "\\/a", "/a\\..\\b"}},
    {spelling_method,
     {"GET", "VERSION-CONTROL", "M_SEARCH", "A"},
     {"get", "Get", "GET ", " GET", "-GET", "G1", "ABCDEFGHIJKLMNOPQ", "GET\n", "*"}},
};

static void every_kind_of_text_has_its_good_and_bad_spellings(void **state)
{
    (void)state;
    for (size_t t = 0; t < countof(TABLES); t++) {
        for (size_t i = 0; TABLES[t].good[i] != NULL; i++)
            if (!TABLES[t].ok(span_str(TABLES[t].good[i])))
                fail_msg("table %zu refuses %s", t, TABLES[t].good[i]);
        for (size_t i = 0; TABLES[t].bad[i] != NULL; i++)
            if (TABLES[t].ok(span_str(TABLES[t].bad[i])))
                fail_msg("table %zu accepts %s", t, TABLES[t].bad[i]);
    }
}

static void nothing_holds_a_nul(void **state)
{
    (void)state;
    for (size_t t = 0; t < countof(TABLES); t++) {
        char text[64];
        size_t len = strlen(TABLES[t].good[0]);
        memcpy(text, TABLES[t].good[0], len + 1);
        text[len + 1] = text[len - 1];
        assert_false(TABLES[t].ok(span_of(text, len + 1)));
        assert_false(TABLES[t].ok(span_of(text, len + 2)));
    }
}

static void labels_and_names_have_their_greatest_lengths(void **state)
{
    (void)state;
    char host[255];
    memset(host, 'a', sizeof(host));
    assert_true(spelling_host(span_of(host, 63)));
    assert_false(spelling_host(span_of(host, 64)));
    for (size_t i = 63; i < sizeof(host); i += 64)
        host[i] = '.';
    assert_true(spelling_host(span_of(host, 253)));
    assert_false(spelling_host(span_of(host, 254)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_holds_a_nul),
        cmocka_unit_test(every_kind_of_text_has_its_good_and_bad_spellings),
        cmocka_unit_test(labels_and_names_have_their_greatest_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
