#include "tests/unit/unit.h"

#include "base/fault.h"
#include "tests/unit/keeper/bench_shared.h"

static void an_authority_is_split_or_refused(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned port;
    } ROWS[] = {
        {"a.b:9443", "a.b", 9443}, {"a.b", "a.b", 0},    {"[::1]:9443", "[::1]", 9443},
        {"[::1]", "[::1]", 0},     {":9443", NULL, 0},   {"", NULL, 0},
        {"a:0", NULL, 0},          {"a:65536", NULL, 0}, {"a:", NULL, 0},
        {"a:01", NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct span host;
        uint16_t port;
        bool good = live_authority(span_str(ROWS[i].text), &host, &port);
        if (good != (ROWS[i].host != NULL)) {
            fail_msg("%s", ROWS[i].text);
        }
        if (good) {
            assert_true(span_is(host, ROWS[i].host));
            assert_int_equal(port, ROWS[i].port);
        }
    }
}

static const char *target(const char *authority)
{
    const struct route_def *route = live_handover(BENCH.k.live, span_str(authority));
    return route == NULL ? "" : route->name;
}

static void a_session_is_handed_to_names_that_the_configuration_vouches_for(void **state)
{
    static const char *const FOREIGN[] = {
        "evil.example:9444",
        "evil.example:9443",
        "127.0.0.2:9444",
        "127.0.0.1:9445",
        "tomcat.postern.localhost.:9443",
        "postern.localhost:9443",
        "postern.localhost:9444",
        "[::2]:9445",
        "tomcat.postern.localhost:9444",
        ":9444",
        "",
    };
    (void)state;
    assert_string_equal(target("tomcat.postern.localhost:9443"), "tomcat");
    assert_string_equal(target("127.0.0.1:9444"), "bare");
    assert_string_equal(target("localhost:9444"), "bare");
    assert_string_equal(target("[::1]:9445"), "wide");
    for (size_t i = 0; i < countof(FOREIGN); i++) {
        if (target(FOREIGN[i])[0] != '\0') {
            fail_msg("%s is trusted", FOREIGN[i]);
        }
    }
}

/* Behind a proxy in front a listener has another port than its own, and that port leads to what is
 * on it and to nothing else. */
static void a_public_port_stands_for_its_listener(void **state)
{
    (void)state;
    const struct snapshot *s = live_snapshot(BENCH.k.live);
    const struct route_def *bare = snapshot_route(s, "bare");
    struct listener_def *own = NULL;
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i].port == bare->port)
            own = &s->listeners[i];
    assert_non_null(own);
    assert_string_equal(target("localhost"), "");
    own->public_port = 443;
    assert_string_equal(target("localhost"), "bare");
    assert_string_equal(target("localhost:443"), "bare");
    assert_string_equal(target("localhost:9444"), "bare");
    assert_string_equal(target("tomcat.postern.localhost"), "");
    assert_string_equal(target("localhost:444"), "");
    own->public_port = 0;
}

static bool may_as(const char *route, const char *user, const char *groups, const char *token,
                   bool named_only)
{
    const struct snapshot *s = live_snapshot(BENCH.k.live);
    for (size_t i = 0; i < s->route_count; i++) {
        if (strcmp(s->routes[i].name, route) == 0) {
            return live_may_reach(BENCH.k.live, &s->routes[i], span_str(user), span_str(groups),
                                  span_str(token), named_only, NULL);
        }
    }
    fail();
    return false;
}

static bool may(const char *route, const char *user, const char *groups, const char *token)
{
    return may_as(route, user, groups, token, false);
}

static void credentials_are_for_those_whom_a_rule_names(void **state)
{
    (void)state;
    assert_true(may("tomcat", "owner", "others\nowners", ""));
    assert_true(may("bare", "owner", "owners", ""));
    assert_false(may("tomcat", "person", "", ""));
    assert_false(may_as("tomcat", "owner", "others\nowners", "", true));
    assert_false(may("tomcat", "person", "owner\nownersx", ""));
    assert_true(may("tomcat", "owner", "owners", "robot"));
    assert_false(may("bare", "owner", "owners", "robot"));
    assert_false(may("tomcat", "owner", "owners", "other"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_authority_is_split_or_refused),
        cmocka_unit_test(a_session_is_handed_to_names_that_the_configuration_vouches_for),
        cmocka_unit_test(a_public_port_stands_for_its_listener),
        cmocka_unit_test(credentials_are_for_those_whom_a_rule_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
