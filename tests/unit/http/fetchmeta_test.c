#include "tests/unit/unit.h"

#include "http/fetchmeta.h"
#include "http/h1.h"

static enum fetchmeta judge(const char *method, const char *lines)
{
    struct arena a;
    struct request r;
    unsigned status;
    const char *why = "";
    const struct h1_limits limits = {4096, 20};
    char head[1024];
    (void)snprintf(head, sizeof(head), "%s / HTTP/1.1\r\nHost: GW.example:9443\r\n%s\r\n", method,
                   lines);
    arena_init(&a, 4096, 1 << 20);
    assert_int_equal(h1_request_parse(span_str(head), &limits, &a, &r, &status, &why), 0);
    enum fetchmeta f = fetchmeta_judge(&r);
    assert_int_equal(fetchmeta_may_proceed(&r), f != FETCHMETA_REFUSED);
    arena_fini(&a);
    return f;
}

#define SITE(s) "Sec-Fetch-Site: " s "\r\n"
#define MODE(s) "Sec-Fetch-Mode: " s "\r\n"
#define DEST(s) "Sec-Fetch-Dest: " s "\r\n"
#define ORIGIN(s) "Origin: " s "\r\n"
#define SOCKET                                                                                     \
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"                                                \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                                              \
    "Sec-WebSocket-Version: 13\r\n"

static void a_cookie_acts_only_for_its_own_origin_or_a_navigation(void **state)
{
    (void)state;
    static const struct {
        const char *method, *lines;
        enum fetchmeta expected;
    } cases[] = {
        {"GET", "", FETCHMETA_REFUSED},
        {"POST", "", FETCHMETA_REFUSED},
        {"POST", SITE("same-origin"), FETCHMETA_SAME_ORIGIN},
        {"GET", SITE("none"), FETCHMETA_USER},
        {"GET", SITE("same-site"), FETCHMETA_REFUSED},
        {"GET", SITE("cross-site"), FETCHMETA_REFUSED},
        {"POST", SITE("same-site") MODE("navigate") DEST("document"), FETCHMETA_REFUSED},
        {"GET", SITE("same-site") MODE("navigate") DEST("document"), FETCHMETA_NAVIGATION},
        {"GET", SITE("cross-site") MODE("navigate") DEST("document"), FETCHMETA_NAVIGATION},
        {"HEAD", SITE("cross-site") MODE("navigate") DEST("document"), FETCHMETA_NAVIGATION},
        {"DELETE", SITE("cross-site") MODE("navigate") DEST("document"), FETCHMETA_REFUSED},
        {"GET", SITE("cross-site") MODE("navigate") DEST("iframe"), FETCHMETA_REFUSED},
        {"GET", SITE("cross-site") MODE("navigate") DEST("object"), FETCHMETA_REFUSED},
        {"GET", SITE("cross-site") MODE("navigate"), FETCHMETA_REFUSED},
        {"GET", SITE("cross-site") MODE("no-cors") DEST("document"), FETCHMETA_REFUSED},
        {"GET", SITE("cross-site") MODE("no-cors") DEST("image"), FETCHMETA_REFUSED},
        {"POST", SITE("cross-site") MODE("cors") DEST("empty"), FETCHMETA_REFUSED},
        {"POST", SITE("Same-Origin"), FETCHMETA_REFUSED},
        {"POST", SITE("same-origin, none"), FETCHMETA_REFUSED},
        {"POST", SITE(""), FETCHMETA_REFUSED},
        {"POST", ORIGIN("https://gw.example:9443"), FETCHMETA_SAME_ORIGIN},
        {"POST", ORIGIN("http://gw.example:9443"), FETCHMETA_REFUSED},
        {"POST", ORIGIN("https://gw.example"), FETCHMETA_REFUSED},
        {"POST", ORIGIN("https://gw.example:9444"), FETCHMETA_REFUSED},
        {"POST", ORIGIN("https://gw.example:94433"), FETCHMETA_REFUSED},
        {"POST", ORIGIN("https://gw.example:9443.evil"), FETCHMETA_REFUSED},
        {"POST", ORIGIN("https://gw.example:9443/"), FETCHMETA_REFUSED},
        {"POST", ORIGIN("https://evil/https://gw.example:9443"), FETCHMETA_REFUSED},
        {"POST", ORIGIN("https://tomcat.gw.example:9443"), FETCHMETA_REFUSED},
        {"POST", ORIGIN("null"), FETCHMETA_REFUSED},
        {"POST", ORIGIN(""), FETCHMETA_REFUSED},
        {"POST", ORIGIN("null") SITE("same-origin"), FETCHMETA_SAME_ORIGIN},
        /* WebSockets. */
        {"GET", SOCKET ORIGIN("https://gw.example:9443"), FETCHMETA_SAME_ORIGIN},
        {"GET", SOCKET ORIGIN("https://evil"), FETCHMETA_REFUSED},
        {"GET", SOCKET ORIGIN("https://evil") SITE("same-origin"), FETCHMETA_REFUSED},
        {"GET", SOCKET ORIGIN("null") SITE("none"), FETCHMETA_REFUSED},
        {"GET", SOCKET, FETCHMETA_REFUSED},
        {"GET", SOCKET SITE("cross-site") MODE("navigate") DEST("document"), FETCHMETA_REFUSED},
        {"GET", SOCKET SITE("same-origin"), FETCHMETA_REFUSED},
        {"GET", SOCKET SITE("none"), FETCHMETA_REFUSED},
        {"GET", SOCKET ORIGIN("https://gw.example:9443") SITE("cross-site"), FETCHMETA_SAME_ORIGIN},
    };
    for (size_t i = 0; i < countof(cases); i++)
        if (judge(cases[i].method, cases[i].lines) != cases[i].expected)
            fail_msg("%s %s", cases[i].method, cases[i].lines);
    assert_string_equal(fetchmeta_name(FETCHMETA_NAVIGATION), "navigation");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_acts_only_for_its_own_origin_or_a_navigation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
