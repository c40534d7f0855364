#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/h1.h"
#include "http/rawtunnel.h"

#define LINE "GET /.postern/tunnel HTTP/1.1\r\nHost: h\r\n"
#define UPGRADE "Upgrade: postern-tunnel\r\n"
#define CONNECTION "Connection: keep-alive, Upgrade\r\n"
#define S101 "HTTP/1.1 101 Switching Protocols\r\n"

static void one_form_asks_for_a_tunnel_and_what_is_near_it_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        int expected; /* 1 asks, 0 does not, -1 malformed */
    } cases[] = {
        {LINE UPGRADE CONNECTION "\r\n", 1},
        {LINE "Upgrade: Postern-Tunnel\r\n" CONNECTION "\r\n", 1},
        {LINE CONNECTION "\r\n", 0},
        {LINE UPGRADE "\r\n", 0},
        {LINE "Upgrade: postern-tunnel2\r\n" CONNECTION "\r\n", 0},
        {"GET / HTTP/1.0\r\nHost: h\r\n" UPGRADE CONNECTION "\r\n", 0},
        {"POST / HTTP/1.1\r\nHost: h\r\n" UPGRADE CONNECTION "\r\n", -1},
        {"GET /?x HTTP/1.1\r\nHost: h\r\n" UPGRADE CONNECTION "\r\n", -1},
        {LINE UPGRADE CONNECTION "Content-Length: 0\r\n\r\n", -1},
        {LINE UPGRADE CONNECTION "Transfer-Encoding: chunked\r\n\r\n", -1},
        {LINE UPGRADE UPGRADE CONNECTION "\r\n", -1},
        {LINE "Upgrade: postern-tunnel, h2c\r\n" CONNECTION "\r\n", -1},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        const struct h1_limits limits = {4096, 20};
        struct arena a;
        struct request r;
        unsigned status;
        const char *why;
        arena_init(&a, 4096, 1 << 20);
        int rc = h1_request_parse(span_str(cases[i].head), &limits, &a, &r, &status, &why);
        if ((rc < 0 ? -1 : (int)r.upgrade_tunnel) != cases[i].expected)
            fail_msg("%s", cases[i].head);
        if (rc < 0)
            assert_int_equal(status, 400);
        arena_fini(&a);
    }
}

static void only_a_switch_to_this_protocol_grants_it(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool granted;
    } cases[] = {
        {S101 UPGRADE CONNECTION "\r\n", true},
        {S101 UPGRADE "\r\n", false},
        {S101 CONNECTION "\r\n", false},
        {S101 "Upgrade: websocket\r\n" CONNECTION "\r\n", false},
        {S101 UPGRADE UPGRADE CONNECTION "\r\n", false},
        {"HTTP/1.0 101 Switching Protocols\r\n" UPGRADE CONNECTION "\r\n", false},
        {"HTTP/1.1 200 OK\r\n" UPGRADE CONNECTION "\r\n", false},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct arena a;
        struct response r;
        const char *why;
        arena_init(&a, 4096, 1 << 20);
        assert_int_equal(h1_response_parse(span_str(cases[i].head), SPAN("GET"), &a, &r, &why), 0);
        assert_int_equal(rawtunnel_granted(&r), cases[i].granted);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_form_asks_for_a_tunnel_and_what_is_near_it_is_refused),
        cmocka_unit_test(only_a_switch_to_this_protocol_grants_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
