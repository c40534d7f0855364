#include "tests/unit/unit.h"

#include "edge/circle.h"

static struct header header;

static bool is(unsigned status, const char *method, const char *location, enum header_id with)
{
    header = (struct header){SPAN("x"), SPAN("y"), with};
    const struct request r = {.method = span_str(method),
                              .target = SPAN("/a?b=c"),
                              .authority = SPAN("app.example:9443")};
    const struct response answer = {.status = status, .headers = {&header, 1}};
    return circle_is(&r, &answer, span_str(location));
}

static void only_a_redirect_to_the_very_same_address_is_a_circle(void **state)
{
    (void)state;
    static const char *const yes[] = {"https://app.example:9443/a?b=c", "/a?b=c",
                                      "HTTPS://App.example:9443/a?b=c"};
    static const char *const no[] = {"",
                                     "/",
                                     "/a",
                                     "/a?b=c#d",
                                     "/a?b=cd",
                                     "a?b=c",
                                     "?b=c",
                                     "//app.example:9443/a?b=c",
                                     "https://app.example/a?b=c",
                                     "https://app.example:9443",
                                     "https://app.example:94430/a?b=c",
                                     "https://other.example:9443/a?b=c",
                                     "http://app.example:9443/a?b=c",
                                     "https://"};
    for (size_t i = 0; i < countof(yes); i++)
        assert_true(is(302, "GET", yes[i], HEADER_OTHER));
    for (size_t i = 0; i < countof(no); i++)
        if (is(302, "GET", no[i], HEADER_OTHER))
            fail_msg("%s", no[i]);
    for (unsigned status = 300; status < 400; status++)
        assert_int_equal(is(status, "HEAD", "/a?b=c", HEADER_OTHER),
                         status == 301 || status == 302 || status == 303 || status == 307 ||
                             status == 308);
    assert_false(is(302, "POST", "/a?b=c", HEADER_OTHER));
    assert_false(is(302, "GET", "/a?b=c", HEADER_SET_COOKIE));
}

static void the_count_is_one_digit_or_none(void **state)
{
    (void)state;
    static const struct {
        const char *cookie;
        unsigned count;
    } cases[] = {{"__Host-postern-circle-9443=3", 3},  {"__Host-postern-circle-9443=12", 0},
                 {"__Host-postern-circle-9443=x", 0},  {"__Host-postern-circle-9443=", 0},
                 {"__Host-postern-circle-9444=3", 0},  {"a=b; __Host-postern-circle-9443=9", 9},
                 {"__Host-postern-circle-9443=-1", 0}, {"", 0}};
    for (size_t i = 0; i < countof(cases); i++) {
        struct header h = {SPAN("Cookie"), span_str(cases[i].cookie), HEADER_COOKIE};
        struct headers all = {&h, 1};
        assert_int_equal(circle_count(&all, 9443), cases[i].count);
    }
    struct arena a;
    arena_init(&a, 1024, 8192);
    assert_true(
        span_starts(circle_cookie(&a, 3, 9443), SPAN("__Host-postern-circle-9443=3; Path=/")));
    assert_true(span_starts(circle_cookie(&a, 300, 9443), SPAN("__Host-postern-circle-9443=9;")));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_redirect_to_the_very_same_address_is_a_circle),
        cmocka_unit_test(the_count_is_one_digit_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
