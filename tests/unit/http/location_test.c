#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/location.h"

struct row {
    const char *value, *expected; /* NULL: as it was */
};

static void check(const struct location_map *m, const struct row *rows, size_t count, bool refresh)
{
    for (size_t i = 0; i < count; i++) {
        struct buf b;
        struct span value = span_str(rows[i].value);
        buf_init(&b, 4096);
        int rc = refresh ? location_rewrite_refresh(m, value, &b) : location_rewrite(m, value, &b);
        const char *expected = rows[i].expected != NULL ? rows[i].expected : rows[i].value;
        if (rc != (rows[i].expected != NULL) || !span_is(buf_view(&b), expected))
            fail_msg("%s: %d %.*s", rows[i].value, rc, SPAN_FMT(buf_view(&b)));
        buf_fini(&b);
    }
}

static void the_upstreams_own_origin_becomes_ours(void **state)
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
        {"http://127.0.0.1:08080/a", NULL},
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
    };
    struct addr upstream;
    assert_int_equal(addr_parse(SPAN("127.0.0.1"), &upstream), 0);
    const struct location_map m = {&upstream, 8080, SPAN("console.internal"),
                                   SPAN("gw.example:9443")};
    check(&m, rows, countof(rows), false);
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
    struct addr upstream;
    assert_int_equal(addr_parse(SPAN("2001:db8::1"), &upstream), 0);
    const struct location_map m = {&upstream, 80, SPAN_NONE, SPAN("gw.example")};
    check(&m, rows, countof(rows), false);
}

static void refresh_is_mapped_where_its_url_stands(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"5; url=http://127.0.0.1:8080/a", "5; url=https://gw.example:9443/a"},
        {"0;URL='http://127.0.0.1:8080/a'", "0;URL='https://gw.example:9443/a'"},
        {"0, url = \"http://127.0.0.1:8080/a\"", "0, url = \"https://gw.example:9443/a\""},
        {"5", NULL},
        {"5;", NULL},
        {"5; ", NULL},
        {"5; url", NULL},
        {"5; url=", NULL},
        {"5; url=/a", NULL},
        {"5; url=https://other.example/", NULL},
        {"", NULL},
    };
    struct addr upstream;
    assert_int_equal(addr_parse(SPAN("127.0.0.1"), &upstream), 0);
    const struct location_map m = {&upstream, 8080, SPAN_NONE, SPAN("gw.example:9443")};
    check(&m, rows, countof(rows), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_upstreams_own_origin_becomes_ours),
        cmocka_unit_test(a_default_port_is_the_schemes_own),
        cmocka_unit_test(refresh_is_mapped_where_its_url_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
