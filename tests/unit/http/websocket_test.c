/* The answer to a handshake, and who may act with a cookie. The request side of handshakes is in
 * the table of h1_request_test.c. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/fetchmeta.h"
#include "http/h1.h"
#include "http/websocket.h"

#define ASK                                                                                        \
    "GET /s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                  \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define PLAIN "GET /s HTTP/1.1\r\nHost: h\r\n\r\n"
#define S101 "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

/* The example of RFC 6455 section 1.3, without a library: one known input, one known digest. */
static int sha1_of_the_rfc_example(struct span data, uint8_t out[20])
{
    static const uint8_t digest[20] = {0xb3, 0x7a, 0x4f, 0x2c, 0xc0, 0x62, 0x4f, 0x16, 0x90, 0xf6,
                                       0x46, 0x06, 0xcf, 0x38, 0x59, 0x45, 0xb2, 0xbe, 0xc4, 0xea};
    assert_true(span_is(data, "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    memcpy(out, digest, sizeof(digest));
    return 0;
}

static int sha1_that_fails(struct span data, uint8_t out[20])
{
    (void)data;
    (void)out;
    return FAULT_CRYPTO;
}

static int answer(const char *ask, const char *head, websocket_sha1 sha1)
{
    struct arena a;
    struct request r;
    struct response s;
    unsigned status;
    const char *why = "";
    const struct h1_limits limits = {4096, 20};
    arena_init(&a, 4096, 1 << 20);
    assert_int_equal(h1_request_parse(span_str(ask), &limits, &a, &r, &status, &why), 0);
    assert_int_equal(h1_response_parse(span_str(head), r.method, &a, &s, &why), 0);
    int rc = websocket_answer(&r, &s, sha1, &why);
    arena_fini(&a);
    return rc;
}

static void a_switch_to_websocket_is_passed_on(void **state)
{
    (void)state;
    assert_int_equal(answer(ASK, S101 UPGRADE CONNECTION ACCEPT "\r\n", NULL), 0);
    assert_int_equal(answer(ASK, S101 UPGRADE CONNECTION ACCEPT "\r\n", sha1_of_the_rfc_example),
                     0);
    assert_int_equal(answer(ASK,
                            S101 "upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n" ACCEPT
                                 "Sec-WebSocket-Protocol: cockpit1\r\n\r\n",
                            sha1_of_the_rfc_example),
                     0);
}

static void any_other_switch_is_refused(void **state)
{
    (void)state;
    assert_int_equal(answer(PLAIN, S101 UPGRADE CONNECTION ACCEPT "\r\n", NULL), FAULT_FORMAT);
    assert_int_equal(answer(ASK, "HTTP/1.1 200 OK\r\n" UPGRADE CONNECTION ACCEPT "\r\n", NULL),
                     FAULT_FORMAT);
    assert_int_equal(
        answer(ASK, "HTTP/1.0 101 Switching Protocols\r\n" UPGRADE CONNECTION ACCEPT "\r\n", NULL),
        FAULT_FORMAT);
    assert_int_equal(answer(ASK, S101 CONNECTION ACCEPT "\r\n", NULL), FAULT_FORMAT);
    assert_int_equal(answer(ASK, S101 UPGRADE ACCEPT "\r\n", NULL), FAULT_FORMAT);
    assert_int_equal(answer(ASK, S101 UPGRADE CONNECTION "\r\n", NULL), FAULT_FORMAT);
    assert_int_equal(answer(ASK, S101 "Upgrade: h2c\r\n" CONNECTION ACCEPT "\r\n", NULL),
                     FAULT_FORMAT);
    assert_int_equal(answer(ASK, S101 UPGRADE "Upgrade: h2c\r\n" CONNECTION ACCEPT "\r\n", NULL),
                     FAULT_FORMAT);
    assert_int_equal(answer(ASK, S101 UPGRADE CONNECTION "Sec-WebSocket-Accept: x\r\n\r\n", NULL),
                     FAULT_FORMAT);
    assert_int_equal(answer(ASK,
                            S101 UPGRADE CONNECTION
                            "Sec-WebSocket-Accept: AAAALMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                            sha1_of_the_rfc_example),
                     FAULT_FORMAT);
    assert_int_equal(answer(ASK, S101 UPGRADE CONNECTION ACCEPT "\r\n", sha1_that_fails),
                     FAULT_CRYPTO);
}

/* ---- Fetch Metadata ---- */

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
    UPGRADE CONNECTION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                           \
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
        {"GET", SOCKET SITE("same-origin"), FETCHMETA_SAME_ORIGIN},
    };
    for (size_t i = 0; i < countof(cases); i++)
        if (judge(cases[i].method, cases[i].lines) != cases[i].expected)
            fail_msg("%s %s", cases[i].method, cases[i].lines);
    assert_string_equal(fetchmeta_name(FETCHMETA_NAVIGATION), "navigation");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_switch_to_websocket_is_passed_on),
        cmocka_unit_test(any_other_switch_is_refused),
        cmocka_unit_test(a_cookie_acts_only_for_its_own_origin_or_a_navigation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
