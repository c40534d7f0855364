#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/rewrite.h"

struct row {
    const char *value, *expected; /* NULL: as it was */
};

static struct addr four, six;
static struct rewrite_place places[2];
static struct rewrite_map map;
static const char *const NAMES[] = {"jazz1", "jazz2.example:9443"};

/* A console at 127.0.0.1:8080 that is given a Host of its own. */
static int setup(void **state)
{
    (void)state;
    assert_int_equal(addr_parse(SPAN("127.0.0.1"), &four), 0);
    assert_int_equal(addr_parse(SPAN("2001:db8::1"), &six), 0);
    places[0] = (struct rewrite_place){.addr = &four, .port = 8080};
    places[1] = (struct rewrite_place){.host = SPAN("vc.internal"), .port = 8443};
    map = (struct rewrite_map){.places = places,
                               .place_count = 1,
                               .host = SPAN("console.internal"),
                               .authority = SPAN("gw.example:9443")};
    return 0;
}

static void check(enum header_id id, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf b;
        struct span value = span_str(rows[i].value);
        buf_init(&b, 4096);
        int rc = rewrite_response(&map, id, value, &b);
        const char *expected = rows[i].expected != NULL ? rows[i].expected : rows[i].value;
        if (rc != (rows[i].expected != NULL) || !span_is(buf_view(&b), expected))
            fail_msg("%s: %d %.*s", rows[i].value, rc, SPAN_FMT(buf_view(&b)));
        buf_fini(&b);
    }
}

static void the_consoles_own_origin_becomes_ours(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"http://127.0.0.1:8080/a?b#c", "https://gw.example:9443/a?b#c"},
        {"HTTP://127.0.0.1:8080/", "https://gw.example:9443/"},
        {"http://127.0.0.1:8080", "https://gw.example:9443"},
        {"http://127.0.0.1:8080?x", "https://gw.example:9443?x"},
        {"http://127.0.0.1:8080#x", "https://gw.example:9443#x"},
        {"https://127.0.0.1:8080/a", "https://gw.example:9443/a"},
        {"//127.0.0.1:8080/a", "https://gw.example:9443/a"},
        {"http:\\\\127.0.0.1:8080\\a", "https://gw.example:9443\\a"},
        {"\\\\127.0.0.1:8080/a", "https://gw.example:9443/a"},
        {"ws://127.0.0.1:8080/a", "wss://gw.example:9443/a"},
        {"http://localhost:8080/a", "https://gw.example:9443/a"},
        {"http://[::ffff:127.0.0.1]:8080/a", "https://gw.example:9443/a"},
        {"http://gw.example:9443/a", "https://gw.example:9443/a"},
        {"http://GW.example:8080/a", "https://gw.example:9443/a"},
        {"http://console.internal/a", "https://gw.example:9443/a"},
        {"https://console.internal/a", "https://gw.example:9443/a"},
        {"http://console.internal:80/a", "https://gw.example:9443/a"},
        {"http://console.internal:8080/a", "https://gw.example:9443/a"},
        /* As it was. */
        {"", NULL},
        {"/", NULL},
        {"/a/b?c", NULL},
        {"a/b", NULL},
        {"../a", NULL},
        {"?x", NULL},
        {"https://gw.example:9443/a", NULL},
        {"https://other.example/a", NULL},
        {"http://127.0.0.1/a", NULL},
        {"http://127.0.0.1:8081/a", NULL},
        {"http://127.0.0.2:8080/a", NULL},
        {"http://127.0.0.1.evil:8080/a", NULL},
        {"http://127.0.0.1:8080.evil/a", NULL},
        {"http://user@127.0.0.1:8080/a", NULL},
        {"http://127.0.0.1:8080@evil/a", NULL},
        {"http://127.0.0.1%2f:8080/a", NULL},
        {"http://127.0.0%2e1:8080/a", NULL},
        {"http://127.0.0.1:08080/a", NULL},
        {"http://127.0.0.1:99999/a", NULL},
        {"http://127.0.0.1:/a", NULL},
        {"http://[::1:8080/a", NULL},
        {"http://", NULL},
        {"//", NULL},
        {"http:/127.0.0.1:8080/a", NULL},
        {"ftp://127.0.0.1:8080/a", NULL},
        {"javascript:http://127.0.0.1:8080/", NULL},
        {"/x?to=http://127.0.0.1:8080/", NULL},
        {"http://gw.example/a", NULL},
        {"http://console.internal:81/a", NULL},
        {"http://jazz1/ccm", NULL},
    };
    check(HEADER_LOCATION, rows, countof(rows));
    check(HEADER_CONTENT_LOCATION, rows, countof(rows));
    check(HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, rows, countof(rows));
}

static void a_default_port_is_the_schemes_own(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"http://gw.example/a", "https://gw.example/a"},
        {"https://gw.example:443/a", "https://gw.example/a"},
        {"http://[2001:db8::1]/a", "https://gw.example/a"},
        {"http://[2001:DB8:0::1]:80/a", "https://gw.example/a"},
        {"http://localhost/a", NULL},
    };
    places[0] = (struct rewrite_place){.addr = &six, .port = 80};
    map.host = SPAN_NONE;
    map.authority = SPAN("gw.example");
    check(HEADER_LOCATION, rows, countof(rows));
}

static void every_name_that_the_route_lists_is_the_consoles(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"https://jazz1/ccm", "https://gw.example:9443/ccm"},
        {"http://JAZZ1:80/ccm", "https://gw.example:9443/ccm"},
        {"https://jazz1:8080/ccm", "https://gw.example:9443/ccm"},
        {"https://jazz1:8443/ccm", "https://gw.example:9443/ccm"},
        {"https://jazz2.example:9443/ccm", "https://gw.example:9443/ccm"},
        {"https://jazz2.example:8443/ccm", "https://gw.example:9443/ccm"},
        {"https://vc.internal:8443/ui", "https://gw.example:9443/ui"},
        {"https://jazz2.example/ccm", NULL},
        {"https://jazz1:9443/ccm", NULL},
        {"https://vc.internal/ui", NULL},
        {"https://jazz10/ccm", NULL},
        {"https://x.jazz1/ccm", NULL},
    };
    map.place_count = 2;
    map.names = NAMES;
    map.name_count = countof(NAMES);
    check(HEADER_LOCATION, rows, countof(rows));
}

static void refresh_is_mapped_where_its_url_stands(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"5; url=http://127.0.0.1:8080/a", "5; url=https://gw.example:9443/a"},
        {"0;URL='http://127.0.0.1:8080/a'", "0;URL='https://gw.example:9443/a'"},
        {"0, url = \"http://127.0.0.1:8080/a\"", "0, url = \"https://gw.example:9443/a\""},
        {"0; http://127.0.0.1:8080/a", "0; https://gw.example:9443/a"},
        {"5", NULL},
        {"5;", NULL},
        {"5; ", NULL},
        {"5; url", NULL},
        {"5; url=", NULL},
        {"5; url=/a", NULL},
        {"5; urls/a", NULL},
        {"5; url=https://other.example/", NULL},
        {"", NULL},
    };
    check(HEADER_REFRESH, rows, countof(rows));
}

static void every_target_of_a_link_is_mapped(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"<http://127.0.0.1:8080/a>; rel=next", "<https://gw.example:9443/a>; rel=next"},
        {"<http://127.0.0.1:8080/a>;rel=\"x\", </b>, <http://console.internal/c>",
         "<https://gw.example:9443/a>;rel=\"x\", </b>, <https://gw.example:9443/c>"},
        {"</a>; title=\"<http://127.0.0.1:8080/>\", <http://127.0.0.1:8080/>",
         "</a>; title=\"<http://127.0.0.1:8080/>\", <https://gw.example:9443/>"},
        {"</a>; title=\"\\\"<http://127.0.0.1:8080/>\"", NULL},
        {"<https://other.example/>; rel=x", NULL},
        {"<http://127.0.0.1:8080/a", NULL},
        {"</a>; title=\"<http://127.0.0.1:8080/>", NULL},
        {"</a>; title=\"\\", NULL},
        {"<>", NULL},
        {"<", NULL},
        {"http://127.0.0.1:8080/a", NULL},
        {"", NULL},
    };
    check(HEADER_LINK, rows, countof(rows));
}

static void the_sources_of_a_policy_are_mapped_and_nothing_else_of_it(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"connect-src 'self' http://127.0.0.1:8080 ws://127.0.0.1:8080",
         "connect-src 'self' https://gw.example:9443 wss://gw.example:9443"},
        {"default-src console.internal; img-src  data: console.internal/i ;",
         "default-src gw.example:9443; img-src  data: gw.example:9443/i ;"},
        {"connect-src https://console.internal wss://console.internal, script-src 127.0.0.1:8080",
         "connect-src https://gw.example:9443 wss://gw.example:9443, script-src gw.example:9443"},
        {"report-uri http://console.internal/csp", "report-uri https://gw.example:9443/csp"},
        {"\tform-action\thttps://console.internal/a", "\tform-action\thttps://gw.example:9443/a"},
        {"report-to console.internal; sandbox allow-scripts; trusted-types console.internal", NULL},
        {"console.internal 'self'", NULL},
        {"connect-src https://gw.example:9443 wss://gw.example:9443 'nonce-abc=' *", NULL},
        {"script-src 'unsafe-inline' https: *.console.internal other.example:*", NULL},
        {"frame-ancestors 'none'", NULL},
        {";;,, ;", NULL},
        {"", NULL},
    };
    check(HEADER_CONTENT_SECURITY_POLICY, rows, countof(rows));
    check(HEADER_CONTENT_SECURITY_POLICY_REPORT_ONLY, rows, countof(rows));
}

static void only_headers_of_the_table_are_known(void **state)
{
    (void)state;
    assert_true(rewrite_knows(HEADER_SET_COOKIE));
    assert_true(rewrite_knows(HEADER_LINK));
    assert_false(rewrite_knows(HEADER_OTHER));
    assert_false(rewrite_knows(HEADER_CONTENT_TYPE));
    assert_false(rewrite_knows(HEADER_DESTINATION));
}

static void a_prefix_that_the_console_does_not_know_is_put_back(void **state)
{
    (void)state;
    static const struct row locations[] = {
        {"/login?x", "/redis/login?x"},
        {"/", "/redis/"},
        {"http://127.0.0.1:8080", "https://gw.example:9443/redis/"},
        {"http://127.0.0.1:8080?x", "https://gw.example:9443/redis/?x"},
        {"http://127.0.0.1:8080/a", "https://gw.example:9443/redis/a"},
        {"https://gw.example:9443/a", "https://gw.example:9443/redis/a"},
        {"/redisx", "/redis/redisx"},
        {"/redis", NULL},
        {"/redis/a", NULL},
        {"/redis?a", NULL},
        {"https://gw.example:9443/redis/a", NULL},
        {"a/b", NULL},
        {"?x", NULL},
        {"", NULL},
        {"//other.example/a", NULL},
        {"https://other.example/a", NULL},
    };
    static const struct row links[] = {{"</a>; rel=x, <b>", "</redis/a>; rel=x, <b>"}};
    static const struct row origins[] = {{"http://127.0.0.1:8080", "https://gw.example:9443"}};
    static const struct row policies[] = {
        {"img-src http://127.0.0.1:8080 http://127.0.0.1:8080/i console.internal; report-uri /r",
         "img-src https://gw.example:9443 https://gw.example:9443/redis/i gw.example:9443; "
         "report-uri /redis/r"}};
    static const struct row cookies[] = {
        {"a=b; Path=/x; Secure; SameSite=Lax", "a=b; Path=/redis/x; Secure; SameSite=Lax"},
        {"a=b; path=/; Secure; SameSite=Lax", "a=b; Path=/redis; Secure; SameSite=Lax"},
        {"a=b; Path=/redis/x; Secure; SameSite=Lax", NULL},
        {"a=b; Path=; Secure; SameSite=Lax", NULL},
        {"a=b; Path=x; Secure; SameSite=Lax", NULL},
        {"__Host-a=b; Path=/; Secure; SameSite=Lax", NULL},
        {"Path=/; Secure; SameSite=Lax", NULL},
    };
    map.prefix = SPAN("/redis");
    check(HEADER_LOCATION, locations, countof(locations));
    check(HEADER_LINK, links, countof(links));
    check(HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, origins, countof(origins));
    check(HEADER_CONTENT_SECURITY_POLICY, policies, countof(policies));
    check(HEADER_SET_COOKIE, cookies, countof(cookies));
}

/* 8 KiB of each byte that means something, and of whole addresses: read once, never past the end.
 */
static void long_and_odd_values_are_bounded(void **state)
{
    (void)state;
    static const char *const bits[] = {"<",
                                       ">",
                                       "\"",
                                       "\\",
                                       ";",
                                       ",",
                                       "/",
                                       ":",
                                       "[",
                                       "]",
                                       "%",
                                       "http://127.0.0.1:8080/",
                                       "<http://127.0.0.1:8080/>,",
                                       "console.internal ",
                                       "\\\"",
                                       "'",
                                       "\xff"};
    for (enum header_id id = 1; id < HEADER_COUNT; id++) {
        for (size_t i = 0; rewrite_knows(id) && i < countof(bits); i++) {
            struct buf in, out;
            buf_init(&in, 16384);
            buf_init(&out, 65536);
            while (buf_len(&in) < 8192)
                (void)buf_text(&in, bits[i]);
            assert_true(rewrite_response(&map, id, buf_view(&in), &out) >= 0);
            out.max = 100;
            buf_clear(&out);
            int rc = rewrite_response(&map, id, buf_view(&in), &out);
            assert_true(rc == FAULT_LIMIT || (rc >= 0 && buf_len(&out) <= 100));
            buf_fini(&in);
            buf_fini(&out);
        }
    }
}

static void check_request(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buf b;
        struct span value = span_str(rows[i].value);
        buf_init(&b, 4096);
        int rc = rewrite_request(&map, value, &b);
        const char *expected = rows[i].expected != NULL ? rows[i].expected : rows[i].value;
        if (rc != (rows[i].expected != NULL) || !span_is(buf_view(&b), expected))
            fail_msg("%s: %d %.*s", rows[i].value, rc, SPAN_FMT(buf_view(&b)));
        buf_fini(&b);
    }
}

static void a_console_with_a_fixed_host_sees_its_own_origin(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"https://gw.example:9443", "http://console.internal"},
        {"https://GW.example:9443/a?b", "http://console.internal/a?b"},
        {"https://gw.example", NULL},
        {"https://other.example", NULL},
        {"https://gw.example:9443.evil", NULL},
        {"https://u@gw.example:9443", NULL},
        {"null", NULL},
        {"", NULL},
    };
    static const struct row below[] = {
        {"https://gw.example:9443/redis/a", "http://console.internal/a"},
        {"https://gw.example:9443/redis", "http://console.internal"},
        {"https://gw.example:9443/redisx", "http://console.internal/redisx"},
    };
    static const struct row kept[] = {
        {"https://gw.example:9443", NULL}, {"https://other.example", NULL}, {"null", NULL}};
    static const struct row tls[] = {{"https://gw.example:9443", "https://console.internal"}};
    check_request(rows, countof(rows));
    map.prefix = SPAN("/redis");
    check_request(below, countof(below));
    map.prefix = SPAN_NONE;
    map.https = true;
    check_request(tls, countof(tls));
    map.host = SPAN_NONE;
    check_request(kept, countof(kept));
}

static void a_destination_lies_on_the_same_console_or_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int rc;
        const char *path, *query;
    } rows[] = {
        {"https://gw.example:9443/a/b", 0, "/a/b", ""},
        {"HTTPS://GW.example:9443/a?b", 0, "/a", "?b"},
        {"//gw.example:9443/a", 0, "/a", ""},
        {"/a/b?c?d", 0, "/a/b", "?c?d"},
        {"/?", 0, "/", "?"},
        {"http://gw.example:9443/a", FAULT_DENIED},
        {"https://gw.example/a", FAULT_DENIED},
        {"https://console.internal/a", FAULT_DENIED},
        {"http://127.0.0.1:8080/a", FAULT_DENIED},
        {"https://u@gw.example:9443/a", FAULT_DENIED},
        {"https://gw.example:9443:1/a", FAULT_DENIED},
        {"//other.example/a", FAULT_DENIED},
        {"ftp://gw.example:9443/a", FAULT_DENIED},
        {"a/b", FAULT_DENIED},
        {"*", FAULT_DENIED},
        {"https://gw.example:9443", FAULT_FORMAT},
        {"https://gw.example:9443?x", FAULT_FORMAT},
        {"/a#b", FAULT_FORMAT},
        {"/\\other.example/a", FAULT_FORMAT},
        {"\\\\gw.example:9443/a", FAULT_FORMAT},
        {"", FAULT_FORMAT},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct span path, query;
        int rc = rewrite_destination(map.authority, span_str(rows[i].value), &path, &query);
        if (rc != rows[i].rc ||
            (rc == 0 && (!span_is(path, rows[i].path) || !span_is(query, rows[i].query))))
            fail_msg("%s: %d", rows[i].value, rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_consoles_own_origin_becomes_ours, setup),
        cmocka_unit_test_setup(a_default_port_is_the_schemes_own, setup),
        cmocka_unit_test_setup(every_name_that_the_route_lists_is_the_consoles, setup),
        cmocka_unit_test_setup(refresh_is_mapped_where_its_url_stands, setup),
        cmocka_unit_test_setup(every_target_of_a_link_is_mapped, setup),
        cmocka_unit_test_setup(the_sources_of_a_policy_are_mapped_and_nothing_else_of_it, setup),
        cmocka_unit_test_setup(a_prefix_that_the_console_does_not_know_is_put_back, setup),
        cmocka_unit_test_setup(only_headers_of_the_table_are_known, setup),
        cmocka_unit_test_setup(long_and_odd_values_are_bounded, setup),
        cmocka_unit_test_setup(a_console_with_a_fixed_host_sees_its_own_origin, setup),
        cmocka_unit_test_setup(a_destination_lies_on_the_same_console_or_is_refused, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
