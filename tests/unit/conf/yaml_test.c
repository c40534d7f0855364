#include "sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "yaml_cases.h"

static int parse(struct span text, struct snapshot **ret, char **errors)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    *ret = NULL;
    int rc = yaml_parse("f", text, ret, &b);
    *errors = sample_text(&b);
    return rc;
}

static void every_mistake_has_its_exact_message(void **state)
{
    (void)state;
    size_t refused = 0;
    for (size_t i = 0; i < countof(CASES); i++) {
        struct snapshot *s;
        char *errors;
        int rc = parse(span_str(CASES[i].text), &s, &errors);
        if (strcmp(errors, CASES[i].errors) != 0)
            fail_msg("case %zu:\n%s\nexpected:\n%s\nfound:\n%s", i, CASES[i].text, CASES[i].errors,
                     errors);
        assert_int_equal(rc, CASES[i].errors[0] == 0 ? 0 : FAULT_FORMAT);
        assert_true((s != NULL) == (rc == 0));
        refused += rc < 0;
        snapshot_free(s);
        free(errors);
    }
    assert_true(refused >= 60);
}

static void every_message_has_the_same_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        struct span rest = span_str(CASES[i].errors), line;
        while (span_cut(&rest, '\n', &line)) {
            char text[1024];
            assert_true(line.len < sizeof(text));
            memcpy(text, line.at, line.len);
            text[line.len] = 0;
            assert_true(strncmp(text, "f:", 2) == 0);
            char *expected = strstr(text, ": expected ");
            assert_non_null(expected);
            assert_non_null(strstr(expected, ", found "));
        }
    }
}

static void all_mistakes_are_reported_at_once_in_order_of_lines(void **state)
{
    (void)state;
    struct snapshot *s;
    char *errors;
    assert_int_equal(parse(span_str("portal:\n"
                                    "  zones: [nowhere]\n"
                                    "  host: p.test\n"
                                    "limits:\n"
                                    "  connections: many\n"
                                    "rules:\n"
                                    "  - name: r\n"
                                    "    users: [a]\n"
                                    "    zones: [local]\n"
                                    "    routes: [gone]\n"
                                    "sessoin: {}\n"),
                           &s, &errors),
                     FAULT_FORMAT);
    assert_string_equal(
        errors,
        "f:2: portal.zones[0]: expected a zone that exists, found \"nowhere\"\n"
        "f:5: limits.connections: expected a number from 16 to 1000000, found \"many\"\n"
        "f:10: rules.r.routes[0]: expected a route that exists, found \"gone\"\n"
        "f:11: sessoin: expected a section, found \"sessoin\"; did you mean \"session\"?\n");
    free(errors);
}

static void a_thousand_mistakes_are_counted_and_not_all_shown(void **state)
{
    (void)state;
    struct buf text;
    struct snapshot *s;
    char *errors;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 1000; i++)
        (void)buf_printf(&text, "wrong%d: 1\n", i);
    assert_int_equal(parse(buf_view(&text), &s, &errors), FAULT_FORMAT);
    assert_non_null(strstr(errors, "f:100: wrong99: "));
    assert_null(strstr(errors, "wrong100"));
    assert_non_null(strstr(errors, "f: 901 more errors are not shown\n"));
    free(errors);
    buf_fini(&text);
}

static void bytes_that_are_not_utf8_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct span BAD[] = {
        {(const uint8_t *)"a\nb\n\xff\n", 6},
        {(const uint8_t *)"a\nb\n\xc0\x80", 6},
        {(const uint8_t *)"a\nb\n\xed\xa0\x80", 7},
        {(const uint8_t *)"a\nb\n\xe2\x82", 6},
    };
    for (size_t i = 0; i < countof(BAD); i++) {
        struct snapshot *s;
        char *errors;
        assert_int_equal(parse(BAD[i], &s, &errors), FAULT_FORMAT);
        assert_string_equal(errors, "f:3: document: expected UTF-8 text, found other bytes\n");
        free(errors);
    }
    struct snapshot *s;
    char *errors;
    assert_int_equal(parse(SPAN("\xef\xbb\xbfportal: {host: p.test}\n"), &s, &errors),
                     FAULT_FORMAT);
    assert_string_equal(errors, "f:1: document: expected UTF-8 text, found a byte order mark\n");
    free(errors);
    assert_int_equal(parse(SPAN("\xff\xfep\0o\0"), &s, &errors), FAULT_FORMAT);
    free(errors);
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    struct snapshot *s;
    char *errors;
    assert_int_equal(parse(SPAN("portal: {host: p\0.test}\n"), &s, &errors), FAULT_FORMAT);
    free(errors);
}

static void a_file_of_more_than_4_mib_is_refused(void **state)
{
    (void)state;
    char *text = malloc(YAML_MAX + 1);
    struct snapshot *s;
    char *errors;
    assert_non_null(text);
    memset(text, '\n', YAML_MAX + 1);
    memcpy(text, "portal: {host: p.test}", 22);
    assert_int_equal(parse(span_of(text, YAML_MAX + 1), &s, &errors), FAULT_FORMAT);
    assert_string_equal(errors, "f:1: document: expected at most 4MiB, found more\n");
    free(errors);
    assert_int_equal(parse(span_of(text, YAML_MAX), &s, &errors), 0);
    snapshot_free(s);
    free(errors);
    free(text);
}

static void deep_nesting_ends_the_reading(void **state)
{
    (void)state;
    struct buf text;
    struct snapshot *s;
    char *errors;
    buf_init(&text, 1 << 20);
    (void)buf_text(&text, "portal: {host: p.test}\nlimits: ");
    for (int i = 0; i < 100000; i++)
        (void)buf_byte(&text, '[');
    assert_int_equal(parse(buf_view(&text), &s, &errors), FAULT_FORMAT);
    free(errors);
    buf_fini(&text);
}

static void a_file_cut_at_any_byte_never_harms(void **state)
{
    (void)state;
    struct span full = span_str(SAMPLE_FULL);
    for (size_t len = 0; len <= full.len; len++) {
        /* An exact allocation, so that a read past the end is seen. */
        uint8_t *exact = malloc(len > 0 ? len : 1);
        struct snapshot *s;
        char *errors;
        assert_non_null(exact);
        memcpy(exact, full.at, len);
        int rc = parse(span_of(exact, len), &s, &errors);
        assert_true(rc == 0 || (rc == FAULT_FORMAT && errors[0] != 0));
        snapshot_free(s);
        free(errors);
        free(exact);
    }
}

static void a_file_may_say_nothing_but_the_portals_host(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse("portal: {host: p.test}\n");
    assert_string_equal(s->portal_host, "p.test");
    assert_int_equal(s->listener_count, 2);
    assert_int_equal(s->listeners[0].port, 9443);
    assert_true(addr_is_loopback(&s->listeners[0].addr) && addr_is_v4(&s->listeners[0].addr));
    assert_true(addr_is_loopback(&s->listeners[1].addr) && !addr_is_v4(&s->listeners[1].addr));
    assert_int_equal(s->zone_count, 1);
    assert_string_equal(s->zones[0].name, "local");
    assert_int_equal(s->zones[0].origin, ORIGIN_BUILTIN);
    assert_string_equal(s->portal_zones.name[0], "local");
    assert_string_equal(s->store_file, "/var/lib/postern/store/postern.db");
    assert_string_equal(s->secrets_dir, "/var/lib/postern/secrets");
    assert_string_equal(s->tls_dir, "/var/lib/postern/tls");
    assert_string_equal(s->user, "");
    assert_int_equal(s->limits.header_bytes, 16384);
    assert_int_equal(s->session.idle, 900);
    assert_int_equal(s->session.absolute, 43200);
    assert_int_equal(s->sandbox, SANDBOX_STRICT);
    snapshot_free(s);
}

static void every_key_reaches_its_field(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL);
    assert_string_equal(s->state_dir, "/planted/state");
    assert_string_equal(s->store_file, "/planted/store/store.db");
    assert_string_equal(s->secrets_dir, "/planted/secrets");
    assert_string_equal(s->runtime_dir, "/planted/run");
    assert_string_equal(s->tls_dir, "/planted/tls");
    assert_string_equal(s->tls_certificate, "planted.crt");
    assert_string_equal(s->tls_key, "planted.key");
    assert_string_equal(s->user, "planteduser");
    assert_int_equal(s->edges, 3);
    assert_int_equal(s->sandbox, SANDBOX_BEST);
    const struct limits want = {1000, 10, 8192, 50, 15, 5,  6,  7,         8, 9,
                                4,    11, 12,   13, 21, 22, 23, 24 * 1024, 14};
    assert_memory_equal(&s->limits, &want, sizeof(want));
    assert_int_equal(s->session.idle, 600);
    assert_int_equal(s->session.absolute, 28800);
    assert_int_equal(s->zone_count, 3);
    assert_int_equal(s->zones[1].cidr_count, 3);
    assert_int_equal(s->zones[2].cidrs[0].bits, 112);
    const struct route_def *r = snapshot_route(s, "tomcat");
    assert_non_null(r);
    assert_string_equal(r->host, "tomcat.test");
    assert_int_equal(r->port, 0);
    assert_int_equal(r->upstreams[0].port, 8080);
    assert_int_equal(r->host_policy, HOST_FIXED);
    assert_string_equal(r->upstream_host, "a.test:80");
    assert_string_equal(r->inject_file, "planted.secret");
    assert_int_equal(r->body_bytes, 50 * 1024 * 1024);
    assert_int_equal(r->response_timeout, 30);
    assert_int_equal(r->stream_idle, 300);
    assert_string_equal(r->title, "T\xc3\xb6mcat");
    assert_string_equal(r->start, "/manager/html");
    r = snapshot_route(s, "redis");
    assert_int_equal(r->port, 9444);
    assert_string_equal(r->host, "");
    assert_string_equal(r->start, "/");
    assert_int_equal(r->host_policy, HOST_PRESERVE);
    const struct rule_def *rule = snapshot_rule(s, "ops");
    assert_int_equal(rule->users.count, 2);
    assert_int_equal(rule->groups.count, 2);
    assert_int_equal(rule->tokens.count, 0);
    assert_int_equal(rule->paths.count, 3);
    assert_int_equal(rule->assurance, ASSURANCE_HARDWARE);
    assert_int_equal(rule->max_age, 3600);
    assert_int_equal(snapshot_rule(s, "bots")->assurance, ASSURANCE_MFA);
    assert_null(snapshot_rule(s, "none"));
    snapshot_free(s);
}

static void what_is_dumped_reads_back_the_same(void **state)
{
    (void)state;
    static const char *const FILES[] = {"portal: {host: p.test}\n", SAMPLE_FULL};
    for (size_t i = 0; i < countof(FILES); i++) {
        struct snapshot *s = sample_parse(FILES[i]);
        char *once = sample_dump(s);
        struct snapshot *again = sample_parse(once);
        char *twice = sample_dump(again);
        assert_string_equal(once, twice);
        free(once);
        free(twice);
        snapshot_free(s);
        snapshot_free(again);
    }
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct buf errors;
    struct snapshot *s = NULL;
    buf_init(&errors, 4096);
    assert_int_equal(yaml_load("/nonexistent/postern.yaml", &s, &errors), -ENOENT);
    assert_true(span_starts(buf_view(&errors), SPAN("/nonexistent/postern.yaml: cannot be read")));
    assert_true(yaml_load("/", &s, &errors) < 0);
    assert_null(s);
    buf_fini(&errors);
}

static void the_packaged_example_is_accepted(void **state)
{
    (void)state;
    const char *root = getenv("POSTERN_SOURCE");
    char path[4096];
    if (root == NULL)
        skip();
    (void)snprintf(path, sizeof(path), "%s/packaging/postern.yaml", root);
    struct buf errors;
    struct snapshot *s = NULL;
    buf_init(&errors, 65536);
    assert_int_equal(yaml_load(path, &s, &errors), 0);
    snapshot_free(s);
    buf_fini(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_has_its_exact_message),
        cmocka_unit_test(every_message_has_the_same_shape),
        cmocka_unit_test(all_mistakes_are_reported_at_once_in_order_of_lines),
        cmocka_unit_test(a_thousand_mistakes_are_counted_and_not_all_shown),
        cmocka_unit_test(bytes_that_are_not_utf8_are_refused_with_their_line),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(a_file_of_more_than_4_mib_is_refused),
        cmocka_unit_test(deep_nesting_ends_the_reading),
        cmocka_unit_test(a_file_cut_at_any_byte_never_harms),
        cmocka_unit_test(a_file_may_say_nothing_but_the_portals_host),
        cmocka_unit_test(every_key_reaches_its_field),
        cmocka_unit_test(what_is_dumped_reads_back_the_same),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(the_packaged_example_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
