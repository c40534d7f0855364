#include "sample.h"

#include <stdlib.h>

#include "conf/merge.h"
#include "conf/resource.h"

static const char *const FILE_PART =
    "portal: {host: p.test}\n"
    "listeners:\n"
    "  - {name: main, address: 127.0.0.1:9443}\n"
    "  - {name: extra, address: 127.0.0.1:9444}\n"
    "zones: {office: [10.1.0.0/16]}\n"
    "routes: {tomcat: {host: tomcat.test, upstream: 'http://127.0.0.1:8080'}}\n"
    "rules: [{name: ops, groups: [ops], zones: [office], routes: [tomcat]}]\n";

struct part {
    const char *kind, *json;
};

static struct snapshot *store_of(const struct part *parts, size_t count)
{
    struct snapshot *s = snapshot_new();
    struct buf errors;
    buf_init(&errors, 65536);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(resource_parse(s, parts[i].kind, span_str(parts[i].json), &errors), 0);
    buf_fini(&errors);
    return s;
}

static int merge(const struct part *parts, size_t count, struct snapshot **ret, char **errors)
{
    struct snapshot *file = sample_parse(FILE_PART), *store = store_of(parts, count);
    struct buf b;
    buf_init(&b, 65536);
    *ret = NULL;
    file->generation = 5;
    file->number = 9;
    int rc = merge_snapshots(file, store, ret, &b);
    *errors = sample_text(&b);
    /* What was merged must not lean on what it was made from. */
    snapshot_free(file);
    snapshot_free(store);
    return rc;
}

static void the_files_rules_come_first_and_the_stores_follow(void **state)
{
    (void)state;
    static const struct part STORE[] = {
        {"zone", "{\"name\":\"vpn\",\"cidrs\":[\"10.8.0.0/16\"]}"},
        {"route", "{\"name\":\"redis\",\"port\":9444,\"upstream\":\"http://127.0.0.1:8081\"}"},
        {"rule", "{\"name\":\"all\",\"users\":[\"*\"],\"zones\":[\"vpn\",\"office\",\"local\"],"
                 "\"routes\":[\"tomcat\",\"redis\"]}"},
    };
    struct snapshot *s;
    char *errors;
    int rc = merge(STORE, countof(STORE), &s, &errors);
    assert_string_equal(errors, "");
    assert_int_equal(rc, 0);
    assert_int_equal(s->number, 0);
    assert_int_equal(s->generation, 5);
    assert_string_equal(s->portal_host, "p.test");
    assert_int_equal(s->listener_count, 2);
    assert_int_equal(s->zone_count, 3);
    assert_int_equal(s->zones[0].origin, ORIGIN_BUILTIN);
    assert_int_equal(s->zones[1].origin, ORIGIN_FILE);
    assert_int_equal(s->zones[2].origin, ORIGIN_STORE);
    assert_int_equal(s->route_count, 2);
    assert_string_equal(s->rules[0].name, "ops");
    assert_string_equal(s->rules[1].name, "all");
    assert_int_equal(s->rules[1].origin, ORIGIN_STORE);
    char *dump = sample_dump(s);
    assert_non_null(strstr(dump, "/var/lib/postern/store/postern.db"));
    free(dump);
    free(errors);
    snapshot_free(s);
}

static void a_store_cannot_take_what_the_file_has(void **state)
{
    (void)state;
    static const struct {
        struct part part;
        const char *errors;
    } CASES[] = {
        {{"zone", "{\"name\":\"office\",\"cidrs\":[\"10.8.0.0/16\"]}"},
         "zones.office: expected a name of its own, found \"office\" a second time\n"},
        {{"zone", "{\"name\":\"local\",\"cidrs\":[\"0.0.0.0/0\"]}"},
         "zones.local: expected a name of its own, found \"local\" a second time\n"},
        {{"rule", "{\"name\":\"ops\",\"users\":[\"*\"],\"zones\":[\"office\"],\"routes\":[\"*\"]}"},
         "rules.ops.name: expected a name of its own, found \"ops\" a second time\n"},
        {{"route", "{\"name\":\"tomcat\",\"host\":\"x.test\",\"upstream\":\"http://127.0.0.1:1\"}"},
         "routes.tomcat.name: expected a name of its own, found \"tomcat\" a second time\n"},
        {{"route", "{\"name\":\"x\",\"host\":\"tomcat.test\",\"upstream\":\"http://127.0.0.1:1\"}"},
         "routes.x.host: expected a host of its own, found the one of route \"tomcat\"\n"},
        {{"route", "{\"name\":\"x\",\"host\":\"p.test\",\"upstream\":\"http://127.0.0.1:1\"}"},
         "routes.x.host: expected another host than the portal's, found \"p.test\"\n"},
        {{"route", "{\"name\":\"portal\",\"host\":\"x.test\",\"upstream\":\"http://127.0.0.1:1\"}"},
         "routes.portal: expected another name, found the portal's own\n"},
        {{"route", "{\"name\":\"x\",\"port\":9999,\"upstream\":\"http://127.0.0.1:1\"}"},
         "routes.x.port: expected the port of a listener, found 9999\n"},
        {{"route", "{\"name\":\"x\",\"host\":\"x.test\",\"upstream\":\"http://127.0.0.1:9443\"}"},
         "routes.x.upstream: expected the console's address, found a listener of postern\n"},
        {{"route", "{\"name\":\"x\",\"upstream\":\"http://127.0.0.1:1\"}"},
         "routes.x: expected host or port, found neither\n"},
        {{"rule", "{\"name\":\"x\",\"users\":[\"*\"],\"zones\":[\"vpn\"],\"routes\":[\"tomcta\"]}"},
         "rules.x.zones[0]: expected a zone that exists, found \"vpn\"\n"
         "rules.x.routes[0]: expected a route that exists, found \"tomcta\"; did you mean "
         "\"tomcat\"?\n"},
        {{"rule", "{\"name\":\"x\",\"zones\":[\"office\"],\"routes\":[\"*\"]}"},
         "rules.x: expected users, groups, tokens or certificates, found none\n"},
        {{"rule", "{\"name\":\"x\",\"users\":[\"a\"],\"zones\":[],\"routes\":[]}"},
         "rules.x.routes: expected at least one item: a name (a-z, 0-9, then also . _ - @, at most "
         "63) or *, found nothing\n"
         "rules.x.zones: expected at least one zone, found none\n"},
        {{"rule", "{\"name\":\"x\",\"users\":[\"a\"],\"tokens\":[\"t\"],\"routes\":[\"*\"],"
                  "\"demand\":true}"},
         "rules.x: expected users or groups in a demand, found tokens\n"},
    };
    for (size_t i = 0; i < countof(CASES); i++) {
        struct snapshot *s;
        char *errors;
        int rc = merge(&CASES[i].part, 1, &s, &errors);
        assert_string_equal(errors, CASES[i].errors);
        assert_int_equal(rc, FAULT_FORMAT);
        assert_null(s);
        free(errors);
    }
}

static void a_store_cannot_take_the_portals_last_port(void **state)
{
    (void)state;
    static const struct part STORE[] = {
        {"route", "{\"name\":\"a\",\"port\":9443,\"upstream\":\"http://127.0.0.1:1\"}"},
        {"route", "{\"name\":\"b\",\"port\":9444,\"upstream\":\"http://127.0.0.1:2\"}"},
    };
    struct snapshot *s;
    char *errors;
    assert_int_equal(merge(STORE, 1, &s, &errors), 0);
    snapshot_free(s);
    free(errors);
    assert_int_equal(merge(STORE, 2, &s, &errors), FAULT_FORMAT);
    assert_string_equal(errors, "listeners: expected a listener left to the portal, found a port "
                                "route or portal: false on each\n");
    free(errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_cannot_take_what_the_file_has),
        cmocka_unit_test(a_store_cannot_take_the_portals_last_port),
        cmocka_unit_test(the_files_rules_come_first_and_the_stores_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
