#include "tests/unit/unit.h"

#include "conf/yaml.h"
#include "policy/binding.h"

static const char CONFIG[] = "portal: {host: gw.example}\n"
                             "listeners: [{name: main, address: \"127.0.0.1:9443\"}]\n"
                             "zones:\n"
                             "  office: [192.0.2.0/24, 2001:db8:1::/48]\n"
                             "  admins: [192.0.2.128/25]\n"
                             "routes:\n"
                             "  a: {host: a.gw.example, upstream: \"http://127.0.0.1:1\"}\n";

static struct snapshot *conf;
static struct zones *zones;

static bool holds(enum bind_network network, bool fingerprint, const char *began, const char *now,
                  const char *then, const char *is)
{
    struct route_def route = {.bind_network = network, .bind_fingerprint = fingerprint};
    struct addr a, b;
    assert_int_equal(addr_parse(span_str(began), &a), 0);
    assert_int_equal(addr_parse(span_str(now), &b), 0);
    const struct whereabouts x = {&a, span_str(then)}, y = {&b, span_str(is)};
    return binding_holds(&route, zones, &x, &y);
}

static void a_route_without_binding_asks_for_nothing(void **state)
{
    (void)state;
    assert_true(holds(BIND_OFF, false, "192.0.2.1", "::1", "x", ""));
}

static void an_address_is_itself_and_an_ipv6_network_is_one_place(void **state)
{
    (void)state;
    assert_true(holds(BIND_ADDRESS, false, "192.0.2.1", "192.0.2.1", "", ""));
    assert_true(holds(BIND_ADDRESS, false, "192.0.2.1", "::ffff:192.0.2.1", "", ""));
    assert_false(holds(BIND_ADDRESS, false, "192.0.2.1", "192.0.2.2", "", ""));
    assert_true(holds(BIND_ADDRESS, false, "2001:db8:1:2::1", "2001:db8:1:2:3::4", "", ""));
    assert_false(holds(BIND_ADDRESS, false, "2001:db8:1:2::1", "2001:db8:1:3::1", "", ""));
    /* The first half of a mapped address is that of ::, which is no reason to be one place. */
    assert_false(holds(BIND_ADDRESS, false, "192.0.2.1", "::2", "", ""));
    assert_false(holds(BIND_ADDRESS, false, "::2", "192.0.2.1", "", ""));
}

static void zones_have_to_be_the_same_ones(void **state)
{
    (void)state;
    assert_true(holds(BIND_ZONE, false, "192.0.2.1", "2001:db8:1:9::1", "", ""));
    assert_false(holds(BIND_ZONE, false, "192.0.2.1", "192.0.2.200", "", ""));
    assert_false(holds(BIND_ZONE, false, "192.0.2.200", "192.0.2.1", "", ""));
    assert_false(holds(BIND_ZONE, false, "192.0.2.1", "127.0.0.1", "", ""));
}

static void a_fingerprint_that_is_not_known_is_equal_to_nothing(void **state)
{
    (void)state;
    assert_true(holds(BIND_OFF, true, "::1", "::1", "abc", "abc"));
    assert_false(holds(BIND_OFF, true, "::1", "::1", "abc", "abd"));
    assert_false(holds(BIND_OFF, true, "::1", "::1", "abc", ""));
    assert_false(holds(BIND_OFF, true, "::1", "::1", "", ""));
    assert_false(holds(BIND_ADDRESS, true, "::1", "192.0.2.1", "abc", "abc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_without_binding_asks_for_nothing),
        cmocka_unit_test(an_address_is_itself_and_an_ipv6_network_is_one_place),
        cmocka_unit_test(zones_have_to_be_the_same_ones),
        cmocka_unit_test(a_fingerprint_that_is_not_known_is_equal_to_nothing),
    };
    struct buf errors;
    buf_init(&errors, 4096);
    if (yaml_parse("test", span_str(CONFIG), &conf, &errors) < 0 || zones_new(conf, &zones) < 0)
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    zones_free(zones);
    snapshot_free(conf);
    buf_fini(&errors);
    return rc;
}
