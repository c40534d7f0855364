/* The answer to a handshake, and who may act with a cookie. The request side of handshakes is in
 * the table of h1_request_test.c. */
#include "tests/unit/unit.h"

#include "base/fault.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_switch_to_websocket_is_passed_on),
        cmocka_unit_test(any_other_switch_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
