/* Snapshots that no reader would make: what verify_snapshot says of parts that came from elsewhere.
 * What it says of files stands in yaml_cases.h. */
#include "sample.h"

#include <stdlib.h>

#include "conf/keys.h"
#include "conf/verify.h"

static char *verify(const struct snapshot *s, int want)
{
    struct buf errors;
    buf_init(&errors, 1 << 20);
    assert_int_equal(verify_snapshot(s, &errors), want);
    return sample_text(&errors);
}

static void a_good_snapshot_has_no_findings(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL);
    char *errors = verify(s, 0);
    assert_string_equal(errors, "");
    free(errors);
    snapshot_free(s);
}

static void the_empty_snapshot_lacks_only_the_portals_host(void **state)
{
    (void)state;
    struct snapshot *s = snapshot_new();
    char *errors = verify(s, FAULT_FORMAT);
    assert_string_equal(errors, "portal.host: expected a host name in lower case, without port, "
                                "found nothing\n");
    free(errors);
    snapshot_free(s);
}

static void values_out_of_range_are_found(void **state)
{
    (void)state;
    static const char *const WANT[] = {
        "rules.ops.assurance: expected none, password, mfa, phishing-resistant or hardware, found "
        "\"\"\n",
        "limits.header_bytes: expected a size from 1KiB to 256KiB, found \"1\"\n",
        "routes.tomcat.host: expected a host name in lower case, without port, found \"A B\"\n",
        "routes.tomcat.host_header: expected preserve or a host name in lower case, found "
        "\"x y\"\n",
        "routes.tomcat.upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or "
        "tcp://ADDRESS:PORT, found \"http://127.0.0.1:0\"\n",
        "zones.office[1]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, "
        "found \"192.0.2.7/24\"\n",
        "rules.ops.paths[2]: expected a path pattern such as /a/b, /a/*/c or /a/**, found "
        "\"/a//b\"\n",
        "listeners[0].name: expected a name (a-z, 0-9, then also . _ - @, at most 63), found "
        "\"A\"; "
        "did you mean \"a\"?\n",
        "session.idle: expected at most session.absolute, found more\n",
        "process.edges: expected a number from 0 to 256, found \"1000\"\n",
    };
    for (size_t i = 0; i < countof(WANT); i++) {
        struct snapshot *s = sample_parse(SAMPLE_FULL);
        switch (i) {
        case 0:
            s->rules[0].assurance = (enum assurance)7;
            break;
        case 1:
            s->limits.header_bytes = 1;
            break;
        case 2:
            s->routes[0].host = "A B";
            break;
        case 3:
            s->routes[0].upstream_host = "x y";
            break;
        case 4:
            s->routes[0].upstreams[0].port = 0;
            break;
        case 5:
            s->zones[1].cidrs[1].bits = 120;
            break;
        case 6:
            s->rules[0].paths.name[2] = "/a//b";
            break;
        case 7:
            s->listeners[0].name = "A";
            break;
        case 8:
            s->session.absolute = 300;
            break;
        default:
            s->edges = 1000;
        }
        char *errors = verify(s, FAULT_FORMAT);
        if (strcmp(errors, WANT[i]) != 0)
            fail_msg("expected:\n%s\nfound:\n%s", WANT[i], errors);
        free(errors);
        snapshot_free(s);
    }
}

static void a_broken_network_is_reported_and_nothing_is_computed_from_it(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse("portal: {host: p.test, zones: [a]}\n"
                                      "listeners: [{name: m, address: '0.0.0.0:9443'}]\n"
                                      "zones: {a: [10.0.0.0/8]}\n");
    s->zones[1].cidrs[0].bits = 255;
    char *errors = verify(s, FAULT_FORMAT);
    assert_true(span_starts(span_str(errors), SPAN("zones.a[0]: expected an address or network")));
    free(errors);
    snapshot_free(s);
}

static void a_wildcard_listener_reaches_the_upstreams_on_loopback(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL);
    s->listeners[0].addr = (struct addr){{0}};
    s->listeners[0].port = 8080;
    char *errors = verify(s, FAULT_FORMAT);
    assert_non_null(strstr(errors,
                           "routes.tomcat.upstream: expected the console's address, found a "
                           "listener of postern\n"));
    free(errors);
    snapshot_free(s);
}

static void errors_are_counted_and_not_all_shown(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse("portal: {host: p.test}\n");
    for (int i = 0; i < 500; i++) {
        struct zone_def z = {.name = arena_printf(&s->arena, "z%d", i), .interface = ""};
        assert_int_equal(section_append(section_of(SECTION_ZONES), s, &z), 0);
    }
    char *errors = verify(s, FAULT_FORMAT);
    assert_non_null(strstr(errors, "\n400 more errors are not shown\n"));
    free(errors);
    snapshot_free(s);
}

static void a_section_takes_no_more_than_its_most(void **state)
{
    (void)state;
    struct snapshot *s = snapshot_bare();
    struct zone_def z = {.name = "z", .interface = ""};
    const struct section *zones = section_of(SECTION_ZONES);
    for (size_t i = 0; i < zones->most; i++)
        assert_int_equal(section_append(zones, s, &z), 0);
    assert_int_equal(section_append(zones, s, &z), FAULT_LIMIT);
    assert_int_equal(s->zone_count, zones->most);
    snapshot_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_out_of_range_are_found),
        cmocka_unit_test(a_broken_network_is_reported_and_nothing_is_computed_from_it),
        cmocka_unit_test(a_wildcard_listener_reaches_the_upstreams_on_loopback),
        cmocka_unit_test(errors_are_counted_and_not_all_shown),
        cmocka_unit_test(a_section_takes_no_more_than_its_most),
        cmocka_unit_test(the_empty_snapshot_lacks_only_the_portals_host),
        cmocka_unit_test(a_good_snapshot_has_no_findings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
