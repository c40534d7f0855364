#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/cookie.h"

#define OURS "__Host-postern-9443"

static int find_in(const char *one, const char *two, const char *name, const char *expected)
{
    struct header list[] = {
        {SPAN("Cookie"), span_str(one), HEADER_COOKIE},
        {SPAN("X"), SPAN(OURS "=not-a-cookie"), HEADER_OTHER},
        {SPAN("Cookie"), span_str(two), HEADER_COOKIE},
    };
    struct headers h = {list, countof(list)};
    struct span got = SPAN_NONE;
    int rc = cookie_find(&h, span_str(name), &got);
    if (rc == 0)
        assert_true(span_is(got, expected));
    return rc;
}

static void a_cookie_is_found_over_all_headers(void **state)
{
    (void)state;
    assert_int_equal(find_in("a=1; " OURS "=x", "b=2", OURS, "x"), 0);
    assert_int_equal(find_in("a=1", "b=2;" OURS "=x;c=3", OURS, "x"), 0);
    assert_int_equal(find_in(" " OURS " = x ", "", OURS, "x"), 0);
    assert_int_equal(find_in(OURS "=", "", OURS, ""), 0);
    assert_int_equal(find_in(OURS "=a=b", "", OURS, "a=b"), 0);
    assert_int_equal(find_in("a=" OURS "=x", "", OURS, NULL), FAULT_ABSENT);
    assert_int_equal(find_in("__host-postern-9443=x", "", OURS, NULL), FAULT_ABSENT);
    assert_int_equal(find_in(OURS "4=x", "", OURS, NULL), FAULT_ABSENT);
    assert_int_equal(find_in(OURS, "", OURS, NULL), FAULT_ABSENT);
    assert_int_equal(find_in("=" OURS "=x", "", OURS, NULL), FAULT_ABSENT);
    assert_int_equal(find_in("", "", OURS, NULL), FAULT_ABSENT);
}

static void a_cookie_that_occurs_twice_is_trusted_neither_time(void **state)
{
    (void)state;
    assert_int_equal(find_in(OURS "=x; " OURS "=y", "", OURS, NULL), FAULT_FORMAT);
    assert_int_equal(find_in(OURS "=x", OURS "=x", OURS, NULL), FAULT_FORMAT);
    assert_int_equal(find_in(OURS "=x; a=b; " OURS " =x", "", OURS, NULL), FAULT_FORMAT);
}

static void our_cookies_never_reach_the_upstream(void **state)
{
    (void)state;
    static const struct {
        const char *value, *left;
        int pairs;
    } cases[] = {
        {"a=b", "a=b", 1},
        {"a=b; c=d", "a=b; c=d", 2},
        {"a=b;c=d ; e", "a=b; c=d; e", 3},
        {OURS "=x", "", 0},
        {OURS "=x; a=b", "a=b", 1},
        {"a=b; " OURS "=x", "a=b", 1},
        {"a=b; " OURS "=x; c=d", "a=b; c=d", 2},
        {"__Host-postern-sso-9443=x; __Host-postern-console-9443=y; a=b", "a=b", 1},
        {"__HOST-POSTERN-9443=x; a=b", "a=b", 1},
        {"a=b;\t " OURS "=x", "a=b", 1},
        {"\"" OURS "=x\"; a=b", "a=b", 1},
        {"=" OURS "=x; a=b", "a=b", 1},
        {"a=b," OURS "=x; c=d", "c=d", 1},
        {"a=\"b; " OURS "=x\"; c=d", "a=\"b; c=d", 2},
        {OURS "; a=b", "a=b", 1},
        {"x" OURS "=y", "x" OURS "=y", 1},
        {";;; a=b;;", "a=b", 1},
        {"", "", 0},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct buf b;
        buf_init(&b, 4096);
        assert_int_equal(cookie_strip(span_str(cases[i].value), SPAN(COOKIE_OWN_PREFIX), &b),
                         cases[i].pairs);
        assert_true(span_is(buf_view(&b), cases[i].left));
        buf_fini(&b);
    }
}

static void a_thousand_pairs_are_stripped_in_one_pass(void **state)
{
    (void)state;
    static char text[32768];
    size_t len = 0;
    for (int i = 0; i < 1000; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "c%d=%d; ", i, i);
    struct buf b;
    buf_init(&b, sizeof(text));
    assert_int_equal(cookie_strip(span_of(text, len), SPAN(COOKIE_OWN_PREFIX), &b), 1000);
    assert_int_equal(buf_len(&b), len - 2);
    buf_fini(&b);
    buf_init(&b, 100);
    assert_int_equal(cookie_strip(span_of(text, len), SPAN(COOKIE_OWN_PREFIX), &b), FAULT_LIMIT);
    buf_fini(&b);
}

static void an_upstream_may_set_its_own_cookies_only(void **state)
{
    (void)state;
    static const char *const yes[] = {"a=b",
                                      "JSESSIONID=x; Path=/",
                                      "a[b]=c",
                                      "a=",
                                      "__Host-x=y; Secure",
                                      "__Host-poster=x",
                                      "a.b:c=d",
                                      " a =b"};
    static const char *const no[] = {"",
                                     "a",
                                     "=a",
                                     "=" OURS "=x",
                                     ";a=b",
                                     OURS "=x",
                                     "__Host-postern-=x",
                                     "__host-POSTERN-9443=x",
                                     " " OURS "=x; Path=/",
                                     "\"a\"=b",
                                     "\"" OURS "\"=x",
                                     "a b=c",
                                     "a,b=c",
                                     "a\\=b",
                                     "\xc3\xbc=x",
                                     "a\tb=c"};
    for (size_t i = 0; i < countof(yes); i++)
        assert_true(cookie_may_set(span_str(yes[i])));
    for (size_t i = 0; i < countof(no); i++)
        assert_false(cookie_may_set(span_str(no[i])));
}

static void a_set_cookie_loses_its_domain_and_gains_secure(void **state)
{
    (void)state;
    static const struct {
        const char *value, *rewritten;
    } cases[] = {
        {"a=b", "a=b; Secure; SameSite=Lax"},
        {"a=b; Path=/x; HttpOnly", "a=b; Path=/x; HttpOnly; Secure; SameSite=Lax"},
        {"a=b; Secure; SameSite=Strict", "a=b; Secure; SameSite=Strict"},
        {"a=b;secure", "a=b;secure; SameSite=Lax"},
        {"a=b; Domain=.example", "a=b; Secure; SameSite=Lax"},
        {"a=b; DOMAIN = x ; Path=/", "a=b; Path=/; Secure; SameSite=Lax"},
        {"a=b; Domain", "a=b; Secure; SameSite=Lax"},
        {"domain=b; Path=/", "domain=b; Path=/; Secure; SameSite=Lax"},
        {"secure=b", "secure=b; Secure; SameSite=Lax"},
        {"a=b;; ;Secure;;", "a=b;Secure; SameSite=Lax"},
        {"a=\"x; y\"; Domain=z", "a=\"x; y\"; Secure; SameSite=Lax"},
        {"a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
         "a=b; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure; SameSite=Lax"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct buf b;
        buf_init(&b, 4096);
        assert_int_equal(cookie_rewrite(span_str(cases[i].value), SPAN_NONE, &b), 0);
        assert_true(span_is(buf_view(&b), cases[i].rewritten));
        buf_fini(&b);
    }
    struct buf small;
    buf_init(&small, 4);
    assert_int_equal(cookie_rewrite(SPAN("a=b"), SPAN_NONE, &small), FAULT_LIMIT);
    buf_fini(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_found_over_all_headers),
        cmocka_unit_test(a_cookie_that_occurs_twice_is_trusted_neither_time),
        cmocka_unit_test(our_cookies_never_reach_the_upstream),
        cmocka_unit_test(a_thousand_pairs_are_stripped_in_one_pass),
        cmocka_unit_test(an_upstream_may_set_its_own_cookies_only),
        cmocka_unit_test(a_set_cookie_loses_its_domain_and_gains_secure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
