/* Which credential does a request carry? Hostile cases first. */
#include "edge/credential.h"

#include "base/fault.h"
#include "tests/unit/unit.h"

#define OPAQUE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
#define COOKIE "cookie", "__Host-postern-9443=" OPAQUE

struct row {
    const char *what;
    const char *headers[9]; /* name, value, … */
    int rc;
    enum credential_kind kind;
    bool shaped, in_authorization;
};

static const struct row ROWS[] = {
    {"two values of one cookie in one header are refused",
     {"cookie", "__Host-postern-9443=" OPAQUE "; __Host-postern-9443=" OTHER},
     FAULT_CONFLICT,
     0,
     false,
     false},
    {"two values of one cookie in two headers are refused",
     {COOKIE, COOKIE},
     FAULT_CONFLICT,
     0,
     false,
     false},
    {"cookie and token are refused",
     {COOKIE, "postern-token", "pst_" OPAQUE},
     FAULT_CONFLICT,
     0,
     false,
     false},
    {"cookie and bearer are refused",
     {COOKIE, "authorization", "Bearer pst_" OPAQUE},
     FAULT_CONFLICT,
     0,
     false,
     false},
    {"token and bearer are refused, even the same",
     {"postern-token", "pst_" OPAQUE, "authorization", "Bearer pst_" OPAQUE},
     FAULT_CONFLICT,
     0,
     false,
     false},
    {"two tokens are refused",
     {"postern-token", "pst_" OPAQUE, "postern-token", "pst_" OPAQUE},
     FAULT_CONFLICT,
     0,
     false,
     false},
    {"an own bearer beside a foreign Authorization is refused",
     {"authorization", "Bearer pst_" OPAQUE, "authorization", "Basic YTpi"},
     FAULT_CONFLICT,
     0,
     false,
     false},
    {"a foreign Authorization before an own bearer is refused too",
     {"authorization", "Basic YTpi", "authorization", "bearer pst_" OPAQUE},
     FAULT_CONFLICT,
     0,
     false,
     false},
    {"nothing is nobody", {NULL}, 0, CREDENTIAL_NONE, false, false},
    {"an empty cookie is nobody",
     {"cookie", "__Host-postern-9443="},
     0,
     CREDENTIAL_NONE,
     false,
     false},
    {"the cookie of another port is nobody",
     {"cookie", "__Host-postern-9444=" OPAQUE},
     0,
     CREDENTIAL_NONE,
     false,
     false},
    {"the cookie's name is exact",
     {"cookie", "__host-postern-9443=" OPAQUE},
     0,
     CREDENTIAL_NONE,
     false,
     false},
    {"the portal's cookies are none of a console's",
     {"cookie", "__Host-postern-sso-9443=" OPAQUE "; __Host-postern-console-9443=" OPAQUE},
     0,
     CREDENTIAL_NONE,
     false,
     false},
    {"a cookie is a session", {COOKIE}, 0, CREDENTIAL_CHILD, true, false},
    {"a cookie among others is a session",
     {"cookie", "JSESSIONID=1; __Host-postern-9443=" OPAQUE "; x=y"},
     0,
     CREDENTIAL_CHILD,
     true,
     false},
    {"a short cookie is misshapen",
     {"cookie", "__Host-postern-9443=AAAA"},
     0,
     CREDENTIAL_CHILD,
     false,
     false},
    {"a cookie with foreign characters is misshapen",
     {"cookie", "__Host-postern-9443=AAAAAAAAAAAAAAAAAAAAA+AAAAAAAAAAAAAAAAAAAAA"},
     0,
     CREDENTIAL_CHILD,
     false,
     false},
    {"a cookie with spare bits is misshapen",
     {"cookie", "__Host-postern-9443=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"},
     0,
     CREDENTIAL_CHILD,
     false,
     false},
    {"a token is a token", {"postern-token", "pst_" OPAQUE}, 0, CREDENTIAL_TOKEN, true, false},
    {"a token without prefix is misshapen",
     {"postern-token", OPAQUE},
     0,
     CREDENTIAL_TOKEN,
     false,
     false},
    {"an empty token is misshapen", {"postern-token", ""}, 0, CREDENTIAL_TOKEN, false, false},
    {"a bearer is a token",
     {"authorization", "Bearer pst_" OPAQUE},
     0,
     CREDENTIAL_TOKEN,
     true,
     true},
    {"the scheme's case and blanks do not matter",
     {"authorization", "bEARER   pst_" OPAQUE},
     0,
     CREDENTIAL_TOKEN,
     true,
     true},
    {"a bearer that merely looks like ours is ours, and misshapen",
     {"authorization", "Bearer PST_x"},
     0,
     CREDENTIAL_TOKEN,
     false,
     true},
    {"a foreign bearer is the console's",
     {"authorization", "Bearer eyJhbGciOi"},
     0,
     CREDENTIAL_NONE,
     false,
     false},
    {"two foreign Authorization headers are the console's",
     {"authorization", "Basic YTpi", "authorization", "Basic YTpi"},
     0,
     CREDENTIAL_NONE,
     false,
     false},
    {"a foreign Authorization goes with a session",
     {COOKIE, "authorization", "Basic YTpi"},
     0,
     CREDENTIAL_CHILD,
     true,
     false},
    {"a foreign bearer goes with Postern-Token",
     {"postern-token", "pst_" OPAQUE, "authorization", "Bearer eyJhbGciOi"},
     0,
     CREDENTIAL_TOKEN,
     true,
     false},
    {"a query cannot carry one",
     {"referer", "https://x/?token=pst_" OPAQUE},
     0,
     CREDENTIAL_NONE,
     false,
     false},
};

static void credentials_are_found_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct header at[4];
        struct headers h = {at, 0};
        for (size_t k = 0; k < 8 && ROWS[i].headers[k] != NULL; k += 2)
            at[h.count++] =
                (struct header){span_str(ROWS[i].headers[k]), span_str(ROWS[i].headers[k + 1]),
                                header_find_id(span_str(ROWS[i].headers[k]))};
        struct credential c = {0};
        int rc = credential_find(&h, CREDENTIAL_CHILD, 9443, &c);
        if (rc != ROWS[i].rc || (rc == 0 && (c.kind != ROWS[i].kind || c.shaped != ROWS[i].shaped ||
                                             c.in_authorization != ROWS[i].in_authorization)))
            fail_msg("%s: %d %d %d %d", ROWS[i].what, rc, c.kind, c.shaped, c.in_authorization);
    }
}

static void each_kind_of_cookie_has_its_own_name(void **state)
{
    (void)state;
    struct header at[] = {{SPAN("cookie"),
                           SPAN("__Host-postern-sso-1=" OPAQUE "; __Host-postern-console-1=" OTHER),
                           HEADER_COOKIE}};
    struct headers h = {at, 1};
    struct credential c;
    assert_int_equal(credential_find(&h, CREDENTIAL_SSO, 1, &c), 0);
    assert_true(span_is(c.token, OPAQUE));
    assert_int_equal(credential_find(&h, CREDENTIAL_CONSOLE, 1, &c), 0);
    assert_true(span_is(c.token, OTHER));
    assert_int_equal(c.kind, CREDENTIAL_CONSOLE);
}

static void a_name_ends_with_the_port(void **state)
{
    (void)state;
    static const struct {
        uint16_t port;
        const char *name;
    } ROWS_OF_NAMES[] = {{0, "__Host-postern-console-0"},
                         {9, "__Host-postern-console-9"},
                         {10, "__Host-postern-console-10"},
                         {9443, "__Host-postern-console-9443"},
                         {65535, "__Host-postern-console-65535"}};
    for (size_t i = 0; i < countof(ROWS_OF_NAMES); i++) {
        char name[COOKIE_NAME_SIZE];
        cookie_name(COOKIE_CONSOLE, ROWS_OF_NAMES[i].port, name);
        assert_string_equal(name, ROWS_OF_NAMES[i].name);
    }
}

static void cookies_are_set_with_every_attribute(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 8192);
    assert_true(span_is(cookie_set(&a, COOKIE_SSO, 9443, SPAN("v")),
                        "__Host-postern-sso-9443=v; Path=/; Secure; HttpOnly; SameSite=Lax"));
    assert_true(
        span_is(cookie_set(&a, COOKIE_CONSOLE, 9443, SPAN("v")),
                "__Host-postern-console-9443=v; Path=/; Secure; HttpOnly; SameSite=Strict"));
    assert_true(span_is(cookie_set(&a, COOKIE_CHILD, 65535, SPAN("v")),
                        "__Host-postern-65535=v; Path=/; Secure; HttpOnly; SameSite=Lax"));
    assert_true(
        span_is(cookie_set(&a, COOKIE_FLOW, 9443, SPAN("v")),
                "__Host-postern-flow-9443=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"));
    assert_true(span_is(cookie_set(&a, COOKIE_CHILD, 9443, SPAN_NONE),
                        "__Host-postern-9443=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_are_found_as_the_table_says),
        cmocka_unit_test(each_kind_of_cookie_has_its_own_name),
        cmocka_unit_test(a_name_ends_with_the_port),
        cmocka_unit_test(cookies_are_set_with_every_attribute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
