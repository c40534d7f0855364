#include "sample.h"

#include <stdlib.h>

#include "conf/keys.h"
#include "conf/resource.h"

static const struct {
    const char *kind, *json, *errors; /* "" : accepted */
} CASES[] = {
    /* clang-format off */
    {"zone", "", "syntax: expected JSON, found a mistake in line 1 ('[' or '{' expected near end of file)\n"},
    {"zone", "[]", "document: expected an object, found a list\n"},
    {"zone", "\"x\"", "syntax: expected JSON, found a mistake in line 1 ('[' or '{' expected)\n"},
    {"zone", "{\"name\":\"a\",\"cidrs\":[\"10.0.0.0/8\"]} x", "syntax: expected JSON, found a mistake in line 1 (end of file expected)\n"},
    {"zone", "{\"name\":\"a\",\"name\":\"b\",\"cidrs\":[\"10.0.0.0/8\"]}", "syntax: expected JSON, found a mistake in line 1 (duplicate object key)\n"},
    {"zone", "{\"name\":\"a\",\"cidrs\":[\"10.0.0.0/8\",\"::1\"]}", ""},
    {"zone", "{}", "name: expected a name (a-z, 0-9, then also . _ - @, at most 63), found nothing\n"
},
    {"zone", "{\"name\":\"a\",\"cidrs\":\"10.0.0.0/8\"}", "cidrs: expected a list, found \"10.0.0.0/8\"\n"},
    {"zone", "{\"name\":\"a\",\"cidrs\":[1,null,true,{},[],1.5,\"10.0.0.1/8\"]}",
     "cidrs[0]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found 1\n"
     "cidrs[1]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found null\n"
     "cidrs[2]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found true\n"
     "cidrs[3]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found an object\n"
     "cidrs[4]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found a list\n"
     "cidrs[5]: expected an address or network such as 10.1.0.0/16 or 2001:db8::/32, found a fraction\n"
     "cidrs[6]: expected a network whose host bits are zero, found \"10.0.0.1/8\"; did you mean \"10.0.0.0/8\"?\n"},
    {"zone", "{\"nmae\":\"a\",\"name\":\"b\",\"cidrs\":[\"::1\"]}", "nmae: expected a key of zone, found \"a\"; did you mean \"name\"?\n"},
    {"zone", "{\"na\\u0001me\":\"a\",\"name\":\"b\",\"cidrs\":[\"::1\"]}", "na\\x01me: expected a key of zone, found \"a\"; did you mean \"name\"?\n"},
    {"zone", "{\"name\":\"a\\u0000b\",\"cidrs\":[\"::1\"]}", "syntax: expected JSON, found a mistake in line 1 (\\\\u0000 is not allowed without JSON_ALLOW_NUL)\n"},
    {"route", "{\"name\":\"t\",\"host\":\"t.test\",\"upstream\":\"http://127.0.0.1:8080\"}", ""},
    {"route", "{\"name\":\"t\",\"port\":9444,\"strip_path\":false,\"upstream\":\"http://127.0.0.1:8080\",\"body_bytes\":1048576,\"response_timeout\":\"5m\",\"stream_idle\":60}", ""},
    {"route", "{\"name\":\"t\",\"port\":\"9444\",\"upstream\":\"http://127.0.0.1:8080\"}", "port: expected a port from 1 to 65535, found \"9444\"\n"},
    {"route", "{\"name\":\"t\",\"port\":70000,\"upstream\":\"http://127.0.0.1:8080\"}", "port: expected a port from 1 to 65535, found 70000\n"},
    {"route", "{\"name\":\"t\",\"port\":-1,\"upstream\":\"http://127.0.0.1:8080\"}", "port: expected a port from 1 to 65535, found -1\n"},
    {"route", "{\"name\":\"t\",\"host\":7,\"upstream\":\"ftp://127.0.0.1:8080\"}",
     "host: expected a host name in lower case, without port, found 7\n"
     "upstream: expected http://ADDRESS:PORT, https://ADDRESS:PORT, unix:/path or tcp://ADDRESS:PORT, found \"ftp://127.0.0.1:8080\"\n"},
    {"route", "{\"name\":\"t\",\"host\":\"t.test\",\"upstream\":\"http://127.0.0.1:8080\",\"origin\":\"file\"}", "origin: expected a key of route, found \"file\"\n"},
    {"route", "{\"name\":\"t\",\"host\":\"t.test\",\"upstream\":\"http://127.0.0.1:8080\",\"inject_basic_file\":\"../x\"}", "inject_basic_file: expected a file name without directory (A-Z, a-z, 0-9, . _ -), found \"../x\"\n"},
    {"rule", "{\"name\":\"r\",\"users\":[\"*\"],\"zones\":[\"local\"],\"routes\":[\"*\"],\"assurance\":\"hardware\",\"max_age\":\"1h\"}", ""},
    {"rule", "{\"name\":\"r\",\"users\":[\"*\"],\"zones\":[],\"routes\":[\"*\"]}", ""},
    {"rule", "{\"name\":\"r\",\"users\":null,\"assurance\":3,\"max_age\":1.5,\"paths\":[\"a\"],\"methods\":[\"get\"]}",
     "users: expected a list, found null\n"
     "assurance: expected none, password, mfa, phishing-resistant or hardware, found 3\n"
     "max_age: expected a duration from 0s to 7d, found a fraction\n"
     "paths[0]: expected a path pattern such as /a/b, /a/*/c or /a/**, found \"a\"\n"
     "methods[0]: expected an HTTP method in upper case, found \"get\"; did you mean \"GET\"?\n"
     "routes: expected at least one item: a name (a-z, 0-9, then also . _ - @, at most 63) or *, found nothing\n"},
    /* clang-format on */
};

static void every_mistake_has_its_exact_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        struct snapshot *s = snapshot_bare();
        struct buf b;
        buf_init(&b, 65536);
        int rc = resource_parse(s, CASES[i].kind, span_str(CASES[i].json), &b);
        char *errors = sample_text(&b);
        if (strcmp(errors, CASES[i].errors) != 0)
            fail_msg("case %zu: %s\nexpected:\n%s\nfound:\n%s", i, CASES[i].json, CASES[i].errors,
                     errors);
        assert_int_equal(rc, errors[0] == 0 ? 0 : FAULT_FORMAT);
        assert_int_equal(section_count(section_of_kind(CASES[i].kind), s), rc == 0);
        free(errors);
        snapshot_free(s);
    }
}

static void only_resources_have_a_json_form(void **state)
{
    (void)state;
    static const char *const KINDS[] = {"listener", "", "portal", "user", "zones"};
    struct snapshot *s = snapshot_new();
    struct buf b;
    buf_init(&b, 65536);
    for (size_t i = 0; i < countof(KINDS); i++) {
        assert_int_equal(resource_parse(s, KINDS[i], SPAN("{}"), &b), FAULT_MISUSE);
        assert_int_equal(resource_write(s, KINDS[i], "main", &b), FAULT_MISUSE);
    }
    assert_int_equal(resource_write(s, "zone", "none", &b), FAULT_ABSENT);
    buf_fini(&b);
    snapshot_free(s);
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *name;
    } ALL[] = {{"zone", "office"}, {"zone", "local"}, {"route", "tomcat"},
               {"route", "redis"}, {"rule", "ops"},   {"rule", "bots"}};
    struct snapshot *s = sample_parse(SAMPLE_FULL), *again = snapshot_bare();
    for (size_t i = 0; i < countof(ALL); i++) {
        struct buf once, twice, errors;
        buf_init(&once, 65536);
        buf_init(&twice, 65536);
        buf_init(&errors, 65536);
        assert_int_equal(resource_write(s, ALL[i].kind, ALL[i].name, &once), 0);
        assert_int_equal(resource_parse(again, ALL[i].kind, buf_view(&once), &errors), 0);
        assert_int_equal(resource_write(again, ALL[i].kind, ALL[i].name, &twice), 0);
        assert_true(span_eq(buf_view(&once), buf_view(&twice)));
        buf_fini(&once);
        buf_fini(&twice);
        buf_fini(&errors);
    }
    assert_int_equal(again->routes[0].origin, ORIGIN_STORE);
    assert_int_equal(again->rules[0].origin, ORIGIN_STORE);
    assert_int_equal(again->zones[0].origin, ORIGIN_STORE);
    snapshot_free(s);
    snapshot_free(again);
}

static void a_document_has_a_fixed_form(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(SAMPLE_FULL);
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(resource_write(s, "route", "redis", &out), 0);
    char *text = sample_text(&out);
    assert_string_equal(
        text, "{\"name\":\"redis\",\"port\":9444,\"strip_path\":false,"
              "\"kind\":\"http\",\"upstream\":\"http://[::1]:8081\",\"balance\":\"session\","
              "\"upstream_drain\":[],\"health_interval\":10,\"slow_start\":0,"
              "\"upstream_pin\":[],"
              "\"host_header\":\"preserve\",\"rewrite_names\":[],\"identity\":[],"
              "\"pass_headers\":[],\"body_bytes\":0,\"connect_timeout\":0,"
              "\"response_timeout\":60,\"stream_idle\":600,\"websocket_idle\":0,\"start\":\"/"
              "\",\"client_certificate\":\"inherit\",\"bind_network\":\"off\",\"bind_fingerprint\":"
              "false}");
    free(text);
    assert_int_equal(resource_write(s, "rule", "bots", &out), 0);
    text = sample_text(&out);
    assert_string_equal(text,
                        "{\"name\":\"bots\",\"users\":[],\"groups\":[],\"tokens\":[\"ci\"],"
                        "\"zones\":[\"lab\"],\"routes\":[\"*\"],\"methods\":[],\"paths\":[],"
                        "\"assurance\":\"mfa\",\"max_age\":0,\"demand\":false,"
                        "\"approvals\":1,\"grant_max\":14400,\"deny\":false,"
                        "\"certificates\":[],\"anonymous\":false,\"read_only\":false,\"times\":[],"
                        "\"time_zone\":\"UTC\"}");
    free(text);
    snapshot_free(s);
}

static void deeply_nested_json_is_refused(void **state)
{
    (void)state;
    struct buf json, errors;
    struct snapshot *s = snapshot_bare();
    buf_init(&json, 1 << 20);
    buf_init(&errors, 65536);
    (void)buf_text(&json, "{\"name\":");
    for (int i = 0; i < 200000; i++)
        (void)buf_byte(&json, '[');
    assert_int_equal(resource_parse(s, "zone", buf_view(&json), &errors), FAULT_FORMAT);
    buf_fini(&json);
    buf_fini(&errors);
    snapshot_free(s);
}

static void a_document_cut_at_any_byte_never_harms(void **state)
{
    (void)state;
    const char *json = CASES[countof(CASES) - 3].json;
    struct buf errors;
    buf_init(&errors, 1 << 20);
    for (size_t len = 0; len < strlen(json); len++) {
        struct snapshot *s = snapshot_bare();
        char *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, json, len);
        assert_int_equal(resource_parse(s, "rule", span_of(exact, len), &errors), FAULT_FORMAT);
        free(exact);
        snapshot_free(s);
    }
    buf_fini(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_has_its_exact_message),
        cmocka_unit_test(deeply_nested_json_is_refused),
        cmocka_unit_test(a_document_cut_at_any_byte_never_harms),
        cmocka_unit_test(only_resources_have_a_json_form),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(a_document_has_a_fixed_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
