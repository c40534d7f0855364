#include "tests/unit/conf/sample.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/keys.h"
#include "conf/yaml.h"
#include "policy/zones.h"

static struct addr address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(span_str(text), &a), 0);
    return a;
}

static const char *const ZONES =
    "portal: {host: p.test}\n"
    "zones:\n"
    "  ten: [10.0.0.0/8]\n"
    "  inner: [10.1.0.0/16, 10.1.2.0/24]\n"
    "  one: [192.0.2.7]\n"
    "  all4: [0.0.0.0/0]\n"
    "  all6: ['::/0']\n"
    "  last: [255.255.255.255, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']\n"
    "  first: ['::/128', 0.0.0.0]\n"
    "  doc: ['2001:db8::/32']\n"
    "  mapped: ['::ffff:172.16.0.0/108']\n"
    "  halves: [0.0.0.0/1, 128.0.0.0/1]\n"
    "  twins: [10.0.0.0/9, 10.128.0.0/9, 10.0.0.0/9]\n";

static void an_address_is_in_exactly_the_zones_that_hold_it(void **state)
{
    (void)state;
    static const struct {
        const char *addr;
        const char *zones; /* in order of the file, the built-in first */
    } CASES[] = {
        {"10.0.0.0", "ten all4 all6 halves twins"},
        {"9.255.255.255", "all4 all6 halves"},
        {"10.1.1.1", "ten inner all4 all6 halves twins"},
        {"10.1.2.3", "ten inner all4 all6 halves twins"},
        {"10.1.3.0", "ten inner all4 all6 halves twins"},
        {"10.2.0.0", "ten all4 all6 halves twins"},
        {"10.127.255.255", "ten all4 all6 halves twins"},
        {"10.255.255.255", "ten all4 all6 halves twins"},
        {"11.0.0.0", "all4 all6 halves"},
        {"::ffff:10.1.2.3", "ten inner all4 all6 halves twins"},
        {"192.0.2.6", "all4 all6 halves"},
        {"192.0.2.7", "one all4 all6 halves"},
        {"192.0.2.8", "all4 all6 halves"},
        {"127.0.0.1", "local all4 all6 halves"},
        {"127.255.255.255", "local all4 all6 halves"},
        {"128.0.0.0", "all4 all6 halves"},
        {"::1", "local all6"},
        {"::", "all6 first"},
        {"::2", "all6"},
        {"0.0.0.0", "all4 all6 first halves"},
        {"0.0.0.1", "all4 all6 halves"},
        {"255.255.255.255", "all4 all6 last halves"},
        {"::1:0:0:0", "all6"},
        {"::fffe:ffff:ffff", "all6"},
        {"::10.1.2.3", "all6"},
        {"64:ff9b::10.1.2.3", "all6"},
        {"2001:db8::", "all6 doc"},
        {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "all6 doc"},
        {"2001:db9::", "all6"},
        {"2001:db7:ffff::", "all6"},
        {"172.16.0.0", "all4 all6 mapped halves"},
        {"172.31.255.255", "all4 all6 mapped halves"},
        {"172.32.0.0", "all4 all6 halves"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "all6 last"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "all6"},
    };
    struct snapshot *s = sample_parse(ZONES);
    struct zones *z;
    assert_int_equal(zones_new(s, &z), 0);
    for (size_t i = 0; i < countof(CASES); i++) {
        struct addr a = address(CASES[i].addr);
        struct zone_set set = zones_find(z, &a);
        char found[256] = "";
        for (size_t k = 0; k < s->zone_count; k++) {
            if (!zone_set_has(set, k))
                continue;
            size_t len = strlen(found);
            (void)snprintf(found + len, sizeof(found) - len, "%s%s", len > 0 ? " " : "",
                           s->zones[k].name);
        }
        if (strcmp(found, CASES[i].zones) != 0)
            fail_msg("%s: expected %s, found %s", CASES[i].addr, CASES[i].zones, found);
        assert_false(zone_set_has(set, s->zone_count));
        assert_false(zone_set_has(set, SIZE_MAX));
    }
    zones_free(z);
    snapshot_free(s);
}

static void a_snapshot_without_zones_has_empty_sets(void **state)
{
    (void)state;
    struct snapshot *s = snapshot_bare();
    struct zones *z;
    assert_int_equal(zones_new(s, &z), 0);
    struct addr a = address("10.0.0.1");
    struct zone_set set = zones_find(z, &a);
    assert_false(zone_set_has(set, 0));
    assert_false(zone_set_meets(set, set));
    zones_free(z);
    snapshot_free(s);
}

/* An address near an edge of one of the networks, or anywhere. */
static struct addr near_edge(const struct snapshot *s, uint64_t *seed)
{
    struct addr a;
    uint64_t r = sample_random(seed);
    for (size_t i = 0; i < 16; i++)
        a.byte[i] = (uint8_t)sample_random(seed);
    const struct zone_def *z = &s->zones[r % s->zone_count];
    if (r % 5 != 0 && z->cidr_count > 0) {
        const struct cidr *c = &z->cidrs[sample_random(seed) % z->cidr_count];
        a = c->addr;
        if (r % 2 == 0)
            for (unsigned i = c->bits; i < 128; i++)
                a.byte[i / 8] |= (uint8_t)(0x80 >> i % 8);
        /* One step to either side, carries and all. */
        int step = (int)(sample_random(seed) % 3) - 1;
        for (size_t i = 16; step != 0 && i-- > 0;) {
            a.byte[i] = (uint8_t)(a.byte[i] + step);
            if (a.byte[i] != (step > 0 ? 0 : 0xff))
                break;
        }
    }
    return a;
}

static void the_table_agrees_with_a_search_through_all_networks(void **state)
{
    (void)state;
    uint64_t seed = 20260301;
    for (int round = 0; round < 40; round++) {
        struct snapshot *s = snapshot_bare();
        size_t zones = 1 + sample_random(&seed) % 150;
        for (size_t i = 0; i < zones; i++) {
            struct zone_def zone = {.name = "z"};
            size_t count = sample_random(&seed) % 12;
            for (size_t k = 0; k < count; k++) {
                struct cidr *c =
                    array_grow(&s->arena, (void **)&zone.cidrs, k, sizeof(struct cidr));
                assert_non_null(c);
                bool v4 = sample_random(&seed) % 2 == 0;
                *c = (struct cidr){.bits = (uint8_t)(v4 ? 96 + sample_random(&seed) % 33
                                                        : sample_random(&seed) % 129)};
                for (unsigned n = 0; n < 16; n++)
                    c->addr.byte[n] = (uint8_t)(sample_random(&seed) & 0x81);
                if (v4) {
                    memset(c->addr.byte, 0, 10);
                    memset(c->addr.byte + 10, 0xff, 2);
                }
                for (unsigned n = c->bits; n < 128; n++)
                    c->addr.byte[n / 8] &= (uint8_t) ~(0x80 >> n % 8);
                zone.cidr_count++;
            }
            assert_int_equal(section_append(section_of(SECTION_ZONES), s, &zone), 0);
        }
        struct zones *z;
        assert_int_equal(zones_new(s, &z), 0);
        for (int probe = 0; probe < 300; probe++) {
            struct addr a = near_edge(s, &seed);
            struct zone_set set = zones_find(z, &a);
            for (size_t i = 0; i < zones; i++) {
                bool in = false;
                for (size_t k = 0; k < s->zones[i].cidr_count; k++)
                    in |= cidr_contains(&s->zones[i].cidrs[k], &a);
                assert_true(zone_set_has(set, i) == in);
            }
        }
        zones_free(z);
        snapshot_free(s);
    }
}

static void sets_of_different_widths_can_meet(void **state)
{
    (void)state;
    const uint64_t a[] = {1, 4}, b[] = {2}, c[] = {0, 4, 9};
    struct zone_set sa = {a, 2}, sb = {b, 1}, sc = {c, 3}, none = {NULL, 0};
    assert_false(zone_set_meets(sa, sb));
    assert_true(zone_set_meets(sa, sc));
    assert_true(zone_set_meets(sc, sa));
    assert_false(zone_set_meets(sa, none));
}

/* Zones of address and interface, of the interface alone, and of the address alone. */
static void an_interface_is_a_second_condition_and_unknown_is_none(void **state)
{
    static const struct {
        const char *address, *interface, *expected;
    } ROWS[] = {
        {"10.8.0.2", "wg0", "both tunnel net"},
        {"10.9.0.2", "wg0", "tunnel"},
        {"2001:db8::1", "wg0", "tunnel"},
        {"10.8.0.2", "wg1", "net other"},
        {"10.9.0.2", "wg1", "other"},
        {"10.8.0.2", "eth0", "net"},
        {"10.8.0.2", "wg", "net"},
        {"10.8.0.2", "wg00", "net"},
        {"10.8.0.2", "", "net"},
        {"192.0.2.1", "", ""},
        {"255.255.255.255", "wg0", "tunnel"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "wg1", "other"},
        {"::", "wg0", "tunnel"},
    };
    (void)state;
    struct snapshot *s = NULL;
    struct buf errors;
    struct zones *z;
    buf_init(&errors, 4096);
    assert_int_equal(yaml_parse("f",
                                SPAN("portal: {host: p.test}\n"
                                     "zones:\n"
                                     "  both: {interface: wg0, cidrs: [10.8.0.0/24]}\n"
                                     "  tunnel: {interface: wg0}\n"
                                     "  net: [10.8.0.0/24]\n"
                                     "  other: {interface: wg1}\n"),
                                &s, &errors),
                     0);
    buf_fini(&errors);
    assert_int_equal(zones_new(s, &z), 0);
    assert_true(zones_ask_interface(z));
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct addr a;
        char found[256] = "";
        assert_int_equal(addr_parse(span_str(ROWS[i].address), &a), 0);
        struct zone_set set = zones_at(z, &a, ROWS[i].interface);
        for (size_t k = 0; k < s->zone_count; k++) {
            if (!zone_set_has(set, k) || strcmp(s->zones[k].name, "local") == 0)
                continue;
            (void)strcat(strcat(found, found[0] == 0 ? "" : " "), s->zones[k].name);
        }
        if (strcmp(found, ROWS[i].expected) != 0)
            fail_msg("%s by %s: %s", ROWS[i].address, ROWS[i].interface, found);
    }
    zones_free(z);
    snapshot_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_in_exactly_the_zones_that_hold_it),
        cmocka_unit_test(a_snapshot_without_zones_has_empty_sets),
        cmocka_unit_test(the_table_agrees_with_a_search_through_all_networks),
        cmocka_unit_test(sets_of_different_widths_can_meet),
        cmocka_unit_test(an_interface_is_a_second_condition_and_unknown_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
