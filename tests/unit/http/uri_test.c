/* One canonical path per spelling, or none. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/uri.h"

struct row {
    const char *spelling;
    const char *canonical; /* NULL: refused */
};

/* The spellings that were tried against a real Tomcat 10.1 (all of the first group reached the
 * manager there): either policy sees the manager's path, or nobody sees the request. */
static const struct row tomcat[] = {
    {"/manager/html", "/manager/html"},
    {"/x/..;/manager/html", NULL},
    {"/docs/..;a=b/manager/html", NULL},
    {"/manager;x=1/html", "/manager/html"},
    {"/%6danager/html", "/manager/html"},
    {"//manager/html", "/manager/html"},
    {"/./manager/html", "/manager/html"},
    {"/manager/./html", "/manager/html"},
    {"/manager//html", "/manager/html"},
    {"/x/%2e%2e/manager/html", NULL},
    {"/manager/html;jsessionid=AAAA", "/manager/html"},
    /* Refused by Tomcat itself. */
    {"/manager%2fhtml", NULL},
    {"/manager%5chtml", NULL},
    {"/manager\\html", NULL},
    {"/manager/html%00", NULL},
    {"/x/%252e%252e/manager/html", NULL},
    {"/Manager", "/Manager"},
    {"/manager/html%3b", NULL},
    {"/manager/html%0a", NULL},
};

static const struct row others[] = {
    {"/", "/"},
    {"/a", "/a"},
    {"/a/", "/a/"},
    {"/a/b/c", "/a/b/c"},
    {"/.well-known/x", "/.well-known/x"},
    {"/.postern/callback", "/.postern/callback"},
    {"/..a", "/..a"},
    {"/a..", "/a.."},
    {"/a./b", "/a./b"},
    {"/a.b/c.d", "/a.b/c.d"},
    {"/~user/!$&'()*+,=:@", "/~user/!$&'()*+,=:@"},
    {"/*", "/*"},
    /* Dot segments. */
    {"/.", "/"},
    {"/./", "/"},
    {"/..", NULL},
    {"/../", NULL},
    {"/../a", NULL},
    {"/a/../../b", NULL},
    {"/a/..", "/"},
    {"/a/../", "/"},
    {"/a/b/..", "/a/"},
    {"/a/b/../c", "/a/c"},
    {"/a/b/.", "/a/b/"},
    {"/a/./b/./c", "/a/b/c"},
    {"/a/../b/../c", "/c"},
    {"/manager/../docs/", "/docs/"},
    {"/...", NULL},
    {"/a/.../b", NULL},
    {"/a/.%20/b", NULL},
    {"/a/..%20/b", NULL},
    /* Empty segments. */
    {"//", "/"},
    {"///a///b//", "/a/b/"},
    {"/a//../b", NULL},
    {"//../a", NULL},
    {"/a//b/../c", NULL},
    {"/a/../b//c", "/b/c"},
    /* Dots in disguise. */
    {"/%2e", NULL},
    {"/%2E/a", NULL},
    {"/%2e%2e/a", NULL},
    {"/a/.%2e/b", NULL},
    {"/a/%2e./b", NULL},
    {"/a/%2E%2e", NULL},
    {"/a%2eb", "/a.b"},
    {"/%2ehidden", "/.hidden"},
    {"/a/..;", NULL},
    {"/a/.;/b", NULL},
    {"/a/.;x=y/b", NULL},
    {"/a/%2e%2e;/b", NULL},
    {"/a/;../b", NULL},
    {"/a/b;../c", NULL},
    {"/a/b;x;..;y/c", NULL},
    {"/a/b;%2e%2e/c", NULL},
    {"/a/..;/..;/b", NULL},
    {"/tmui/login.jsp/..;/tmui/locallb/workspace/fileRead.jsp", NULL},
    {"/hsqldb;", "/hsqldb"},
    /* Parameters. */
    {"/;jsessionid=AAAA", "/"},
    {"/a/;jsessionid=AAAA", "/a/"},
    {"/a;b=c;d=e", "/a"},
    {"/a;b/c;d/e;f", "/a/c/e"},
    {"/a;b=%20/c", "/a/c"},
    {"/a;x/../b", "/b"},
    {"/;/a", NULL},
    {"/;x=y/a", NULL},
    {"/a/;/b", NULL},
    {"/a;b=%2f", NULL},
    {"/a;b=%5c/c", NULL},
    {"/a;b=%00", NULL},
    {"/a;b=%zz", NULL},
    {"/a;b=\"c\"", NULL},
    {"/a;%252f", NULL},
    /* Escapes. */
    {"/%41%42", "/AB"},
    {"/a%20b", "/a b"},
    {"/a%3Fb", "/a?b"},
    {"/a%23b", "/a#b"},
    {"/100%25", "/100%"},
    {"/a%25zz", "/a%zz"},
    {"/%c3%bc", "/\xc3\xbc"},
    {"/%fc", "/\xfc"},
    {"/a%7c%22%3c%3e", "/a|\"<>"},
    {"/a%2Fb", NULL},
    {"/a%2fb", NULL},
    {"/a%5Cb", NULL},
    {"/a%00b", NULL},
    {"/a%01b", NULL},
    {"/a%09b", NULL},
    {"/a%0d%0aSet-Cookie:x=y", NULL},
    {"/a%1f", NULL},
    {"/a%7f", NULL},
    {"/a%3Bb", NULL},
    {"/a%", NULL},
    {"/a%4", NULL},
    {"/a%g1", NULL},
    {"/a%1g", NULL},
    {"/%%41", NULL},
    {"/a%u0041", NULL},
    {"/%u002e/WEB-INF/web.xml", NULL},
    {"/.%00/WEB-INF/web.xml", NULL},
    {"/%2e/WEB-INF/web.xml", NULL},
    /* Twice. */
    {"/a%252fb", NULL},
    {"/a%252Fb", NULL},
    {"/a%255cb", NULL},
    {"/a%2500", NULL},
    {"/a%250a", NULL},
    {"/a%253b", NULL},
    {"/a%252e", NULL},
    {"/%252e%252e/a", NULL},
    {"/a%25252e", NULL},
    {"/a%25%32%65", NULL},
    {"/a%25u002e", NULL},
    {"/a%25c0%25ae", NULL},
    {"/a%2541", "/a%41"},
    /* Overlong UTF-8. */
    {"/%c0%ae%c0%ae/a", NULL},
    {"/%c0%af", NULL},
    {"/%c1%9c", NULL},
    {"/%e0%80%ae", NULL},
    {"/%e0%80%af", NULL},
    {"/%f0%80%80%af", NULL},
    {"/%f8%80%80%80%af", NULL},
    {"/%c0propos", "/\xc0propos"},
    {"/%e2%82%ac", "/\xe2\x82\xac"},
    {"/%f0%9f%94%91", "/\xf0\x9f\x94\x91"},
    /* Raw bytes that no path may hold. */
    {"", NULL},
    {"a", NULL},
    {"a/b", NULL},
    {"*", NULL},
    {"/a b", NULL},
    {"/a\tb", NULL},
    {"/a\\..\\b", NULL},
    {"/a?b", NULL},
    {"/a#b", NULL},
    {"/a|b", NULL},
    {"/a\"b", NULL},
    {"/a<b", NULL},
    {"/a[b]", NULL},
    {"/a{b}", NULL},
    {"/a^b", NULL},
    {"/a`b", NULL},
    {"/\xc3\xbc", NULL},
    {"/\xff", NULL},
    {"/a\x7f", NULL},
};

static unsigned judge(const struct row *rows, size_t count)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct arena a;
        struct span got = SPAN_NONE;
        const char *why = "";
        arena_init(&a, 512, 65536);
        int rc = uri_canonical(span_str(rows[i].spelling), &a, &got, &why);
        bool right = rows[i].canonical == NULL ? rc == FAULT_FORMAT && *why != 0
                                               : rc == 0 && span_is(got, rows[i].canonical);
        if (!right) {
            print_error("%s: %d %.*s (%s)\n", rows[i].spelling, rc, SPAN_FMT(got), why);
            wrong++;
        }
        if (rc == 0 && got.at[got.len - 1] != '/')
            assert_true(uri_is_canonical(got));
        arena_fini(&a);
    }
    return wrong;
}

static void every_tomcat_spelling_is_seen_as_what_tomcat_reads_or_refused(void **state)
{
    (void)state;
    assert_int_equal(judge(tomcat, countof(tomcat)), 0);
}

static void every_other_spelling_has_its_one_path_or_none(void **state)
{
    (void)state;
    assert_int_equal(judge(others, countof(others)), 0);
}

static void a_nul_byte_has_no_place_in_a_path(void **state)
{
    (void)state;
    struct arena a;
    struct span got;
    const char *why;
    arena_init(&a, 512, 65536);
    assert_int_equal(uri_canonical(SPAN("/a\0b"), &a, &got, &why), FAULT_FORMAT);
    assert_int_equal(uri_canonical(SPAN("/%41\0"), &a, &got, &why), FAULT_FORMAT);
    arena_fini(&a);
}

static void every_escape_of_a_plain_byte_is_that_byte(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        struct arena a;
        struct span got;
        const char *why;
        char path[16];
        arena_init(&a, 512, 65536);
        (void)snprintf(path, sizeof(path), "/x%%%02Xy", c);
        bool special = c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == ';';
        int rc = uri_canonical(span_str(path), &a, &got, &why);
        assert_int_equal(rc, special ? FAULT_FORMAT : 0);
        if (rc == 0) {
            assert_int_equal(got.len, 4);
            assert_int_equal(got.at[2], c);
        }
        arena_fini(&a);
    }
}

static void without_memory_no_path_is_made(void **state)
{
    (void)state;
    struct arena a;
    struct span got;
    const char *why;
    arena_init(&a, 16, 0);
    assert_true(uri_canonical(SPAN("/a"), &a, &got, &why) < 0);
    assert_true(uri_canonical(SPAN("/%41"), &a, &got, &why) < 0);
    arena_fini(&a);
}

static void canonical_form_is_recognised(void **state)
{
    (void)state;
    static const char *const yes[] = {"/",    "/a",  "/a/",       "/a/b", "/a b",
                                      "/a?b", "/.a", "/\xc3\xbc", "/100%"};
    static const char *const no[] = {"",      "a",       "//",     "/a//b", "/.",
                                     "/..",   "/a/../b", "/a/./b", "/a;b",  "/a\\b",
                                     "/a\nb", "/a%2fb",  "/a%2eb", "/...",  "/a\x7f"};
    for (size_t i = 0; i < countof(yes); i++)
        assert_true(uri_is_canonical(span_str(yes[i])));
    for (size_t i = 0; i < countof(no); i++)
        assert_false(uri_is_canonical(span_str(no[i])));
}

/* ---- authorities: the refused ones are in h1_request_test.c ---- */

static void an_authority_is_lowered_and_cut(void **state)
{
    (void)state;
    static const struct {
        const char *text, *authority, *host;
        uint16_t port;
    } cases[] = {
        {"A.Example", "a.example", "a.example", 0},
        {"h:1", "h:1", "h", 1},
        {"h:65535", "h:65535", "h", 65535},
        {"192.0.2.1:80", "192.0.2.1:80", "192.0.2.1", 80},
        {"[2001:DB8::1]", "[2001:db8::1]", "[2001:db8::1]", 0},
        {"[::1]:9443", "[::1]:9443", "[::1]", 9443},
        {"1a.2b", "1a.2b", "1a.2b", 0},
        {"xn--bcher-kva.example", "xn--bcher-kva.example", "xn--bcher-kva.example", 0},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct arena a;
        struct span authority, host;
        uint16_t port;
        arena_init(&a, 512, 65536);
        assert_int_equal(uri_authority(span_str(cases[i].text), &a, &authority, &host, &port), 0);
        assert_true(span_is(authority, cases[i].authority));
        assert_true(span_is(host, cases[i].host));
        assert_int_equal(port, cases[i].port);
        arena_fini(&a);
    }
}

static void a_name_is_no_longer_than_dns_allows(void **state)
{
    (void)state;
    struct arena a;
    struct span authority, host;
    uint16_t port;
    char name[300];
    arena_init(&a, 4096, 65536);
    memset(name, 'a', sizeof(name));
    assert_int_equal(uri_authority(span_of(name, 63), &a, &authority, &host, &port), 0);
    assert_int_equal(uri_authority(span_of(name, 64), &a, &authority, &host, &port), FAULT_FORMAT);
    for (size_t i = 50; i < sizeof(name); i += 51)
        name[i] = '.';
    assert_int_equal(uri_authority(span_of(name, 253), &a, &authority, &host, &port), 0);
    assert_int_equal(uri_authority(span_of(name, 254), &a, &authority, &host, &port), FAULT_FORMAT);
    assert_int_equal(uri_authority(span_of(name, 300), &a, &authority, &host, &port), FAULT_FORMAT);
    arena_fini(&a);
}

/* ---- forms ---- */

static int form(const char *text, const char *key, const char *expected)
{
    struct arena a;
    struct span got = SPAN_NONE;
    arena_init(&a, 512, 65536);
    int rc = uri_form_value(span_str(text), key, &a, &got);
    if (rc == 0)
        assert_true(span_is(got, expected));
    arena_fini(&a);
    return rc;
}

static void a_form_value_is_found_and_decoded(void **state)
{
    (void)state;
    assert_int_equal(form("a=1&b=2", "a", "1"), 0);
    assert_int_equal(form("a=1&b=2", "b", "2"), 0);
    assert_int_equal(form("a=x%2Fy+z%2b", "a", "x/y z+"), 0);
    assert_int_equal(form("a=b=c", "a", "b=c"), 0);
    assert_int_equal(form("a=", "a", ""), 0);
    assert_int_equal(form("a", "a", ""), 0);
    assert_int_equal(form("&&a=1&", "a", "1"), 0);
    assert_int_equal(form("%61=1", "a", "1"), 0);
    assert_int_equal(form("aa=1&a=2", "a", "2"), 0);
}

static void a_form_value_is_refused_when_it_is_not_one(void **state)
{
    (void)state;
    assert_int_equal(form("", "a", NULL), FAULT_ABSENT);
    assert_int_equal(form("b=1", "a", NULL), FAULT_ABSENT);
    assert_int_equal(form("A=1", "a", NULL), FAULT_ABSENT);
    assert_int_equal(form("a=1&a=1", "a", NULL), FAULT_FORMAT);
    assert_int_equal(form("a=1&%61=2", "a", NULL), FAULT_FORMAT);
    assert_int_equal(form("a=%", "a", NULL), FAULT_FORMAT);
    assert_int_equal(form("a=%4", "a", NULL), FAULT_FORMAT);
    assert_int_equal(form("a=%zz", "a", NULL), FAULT_FORMAT);
    assert_int_equal(form("a=%00", "a", NULL), FAULT_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tomcat_spelling_is_seen_as_what_tomcat_reads_or_refused),
        cmocka_unit_test(every_other_spelling_has_its_one_path_or_none),
        cmocka_unit_test(a_nul_byte_has_no_place_in_a_path),
        cmocka_unit_test(every_escape_of_a_plain_byte_is_that_byte),
        cmocka_unit_test(without_memory_no_path_is_made),
        cmocka_unit_test(canonical_form_is_recognised),
        cmocka_unit_test(an_authority_is_lowered_and_cut),
        cmocka_unit_test(a_name_is_no_longer_than_dns_allows),
        cmocka_unit_test(a_form_value_is_found_and_decoded),
        cmocka_unit_test(a_form_value_is_refused_when_it_is_not_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
