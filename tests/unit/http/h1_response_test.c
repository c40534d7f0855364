/* Answers of upstreams, and the writing of heads. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/h1.h"

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *head;
    size_t len;
} refused[] = {
#define X(text)                                                                                    \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
    X(""),
    X("\r\n\r\n"),
    X("\r\nHTTP/1.1 200 OK\r\n\r\n"),
    X("HTTP/1.1 200 OK\r\n"),
    X("HTTP/1.1 200 OK\n\n"),
    X("HTTP/1.1 200 OK\r\n\n"),
    X("HTTP/1.1 200 OK\r\r\n\r\n"),
    X("HTTP/1.1\r\n\r\n"),
    X("HTTP/1.1 \r\n\r\n"),
    X("HTTP/1.1 20\r\n\r\n"),
    X("HTTP/1.1 2000 OK\r\n\r\n"),
    X("HTTP/1.1 20x OK\r\n\r\n"),
    X("HTTP/1.1 +20 OK\r\n\r\n"),
    X("HTTP/1.1  200 OK\r\n\r\n"),
    X("HTTP/1.1\t200 OK\r\n\r\n"),
    X("HTTP/1.1 200\tOK\r\n\r\n"),
    X("HTTP/1.1 099 OK\r\n\r\n"),
    X("HTTP/1.1 000 OK\r\n\r\n"),
    X("HTTP/1.1 600 OK\r\n\r\n"),
    X("HTTP/1.1 999 OK\r\n\r\n"),
    X("HTTP/1.2 200 OK\r\n\r\n"),
    X("HTTP/2.0 200 OK\r\n\r\n"),
    X("HTTP/0.9 200 OK\r\n\r\n"),
    X("http/1.1 200 OK\r\n\r\n"),
    X("ICY 200 OK\r\n\r\n"),
    X(" HTTP/1.1 200 OK\r\n\r\n"),
    X("HTTP/1.1 200 O\0K\r\n\r\n"),
    X("HTTP/1.1 200 O\x1bK\r\n\r\n"),
    X("HTTP/1.1 200 O\rK\r\n\r\n"),
    X("<html>no head at all</html>\r\n\r\n"),
    X(OK " Folded: x\r\n\r\n"),
    X(OK "A: b\r\n c\r\n\r\n"),
    X(OK "A : b\r\n\r\n"),
    X(OK "A\r\n\r\n"),
    X(OK ": b\r\n\r\n"),
    X(OK "A: b\0\r\n\r\n"),
    X(OK "A: b\x01\r\n\r\n"),
    X(OK "A: b\nSet-Cookie: c\r\n\r\n"),
    X(OK "A: b\rSet-Cookie: c\r\n\r\n"),
    X(OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
    X(OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    X(OK "Content-Length: 5, 5\r\n\r\n"),
    X(OK "Content-Length: -5\r\n\r\n"),
    X(OK "Content-Length: 05\r\n\r\n"),
    X(OK "Content-Length: 9223372036854775808\r\n\r\n"),
    X(OK "Content-Length:\r\n\r\n"),
    X(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    X(OK "Transfer-Encoding: gzip, chunked\r\n\r\n"),
    X(OK "Transfer-Encoding: gzip\r\n\r\n"),
    X(OK "Transfer-Encoding: identity\r\n\r\n"),
    X(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    X("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    X("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
    X("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
    X("HTTP/1.1 101 Switching Protocols\r\nContent-Length: 5\r\n\r\n"),
    X("HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n"),
    X(OK "Location: /a\r\nLocation: /b\r\n\r\n"),
    X(OK "Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n"),
    X(OK "Connection: close, Set-Cookie\r\n\r\n"),
    X(OK "\r\nHTTP/1.1 200 OK\r\n\r\n"),
#undef X
};

static void every_malformed_answer_is_refused(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < countof(refused); i++) {
        struct arena a;
        struct response r;
        const char *why = "";
        arena_init(&a, 4096, 1 << 20);
        struct span head = span_of(refused[i].head, refused[i].len);
        if (h1_response_parse(head, SPAN("GET"), &a, &r, &why) == 0 || *why == 0) {
            print_error("accepted: %s\n", refused[i].head);
            wrong++;
        }
        arena_fini(&a);
    }
    assert_int_equal(wrong, 0);
}

static void the_framing_of_an_answer_follows_its_status_and_method(void **state)
{
    (void)state;
    static const struct {
        const char *method, *head;
        unsigned status;
        enum body_framing framing;
        uint64_t length;
        bool has_length, keep;
    } cases[] = {
        {"GET", OK "Content-Length: 5\r\n\r\n", 200, BODY_LENGTH, 5, true, true},
        {"GET", OK "Content-Length: 0\r\n\r\n", 200, BODY_LENGTH, 0, true, true},
        {"GET", OK "Transfer-Encoding: Chunked\r\n\r\n", 200, BODY_CHUNKED, 0, false, true},
        {"GET", OK "\r\n", 200, BODY_UNTIL_CLOSE, 0, false, false},
        {"GET", OK "Connection: keep-alive\r\n\r\n", 200, BODY_UNTIL_CLOSE, 0, false, false},
        {"GET", OK "Connection: close\r\nContent-Length: 5\r\n\r\n", 200, BODY_LENGTH, 5, true,
         false},
        {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, BODY_LENGTH, 5, true, false},
        {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", 200,
         BODY_LENGTH, 5, true, true},
        {"HEAD", OK "Content-Length: 5\r\n\r\n", 200, BODY_NONE, 5, true, true},
        {"HEAD", OK "Transfer-Encoding: chunked\r\n\r\n", 200, BODY_NONE, 0, false, true},
        {"HEAD", OK "\r\n", 200, BODY_NONE, 0, false, true},
        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, BODY_NONE, 7, true,
         true},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, BODY_NONE, 0, false, true},
        {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, BODY_NONE, 0, false,
         true},
        {"GET", "HTTP/1.1 100 Continue\r\n\r\n", 100, BODY_NONE, 0, false, true},
        {"GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101, BODY_NONE, 0,
         false, true},
        {"GET", "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", 200, BODY_LENGTH, 1, true, true},
        {"GET", "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", 200, BODY_LENGTH, 1, true, true},
        {"GET", "HTTP/1.1 404 Pas trouv\xe9\r\nContent-Length: 1\r\n\r\n", 404, BODY_LENGTH, 1,
         true, true},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct arena a;
        struct response r;
        const char *why = "";
        arena_init(&a, 4096, 1 << 20);
        int rc =
            h1_response_parse(span_str(cases[i].head), span_str(cases[i].method), &a, &r, &why);
        assert_int_equal(rc, 0);
        assert_int_equal(r.status, cases[i].status);
        assert_int_equal(r.framing, cases[i].framing);
        assert_int_equal(r.length, cases[i].length);
        assert_int_equal(r.has_length, cases[i].has_length);
        assert_int_equal(r.keep_alive, cases[i].keep);
        arena_fini(&a);
    }
}

static void repeated_headers_of_an_answer_are_kept_in_order(void **state)
{
    (void)state;
    struct arena a;
    struct response r;
    const char *why;
    arena_init(&a, 4096, 1 << 20);
    assert_int_equal(h1_response_parse(SPAN(OK "Set-Cookie: a=b\r\nX: y\r\nSet-Cookie: c=d\r\n"
                                               "Content-Length: 0\r\n\r\n"),
                                       SPAN("GET"), &a, &r, &why),
                     0);
    assert_int_equal(r.headers.count, 4);
    assert_true(span_is(r.headers.at[0].value, "a=b"));
    assert_true(span_is(r.headers.at[2].value, "c=d"));
    assert_true(span_is(r.reason, "OK"));
    arena_fini(&a);
}

static void an_answer_with_endless_headers_is_refused(void **state)
{
    (void)state;
    static char head[8192];
    size_t len = (size_t)snprintf(head, sizeof(head), OK);
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(head + len, sizeof(head) - len, "A: b\r\n");
    len += (size_t)snprintf(head + len, sizeof(head) - len, "\r\n");
    struct arena a;
    struct response r;
    const char *why;
    arena_init(&a, 4096, 1 << 20);
    assert_true(h1_response_parse(span_of(head, len), SPAN("GET"), &a, &r, &why) < 0);
    arena_fini(&a);
}

/* ---- writing ---- */

static void a_header_is_written_as_one_line(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 64);
    assert_int_equal(h1_write_header(&b, SPAN("A"), SPAN("b c")), 0);
    assert_int_equal(h1_write_header(&b, SPAN("D"), SPAN_NONE), 0);
    assert_true(span_is(buf_view(&b), "A: b c\r\nD: \r\n"));
    buf_fini(&b);
}

static void a_value_can_not_end_its_line(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 64);
    assert_int_equal(h1_write_header(&b, SPAN("A"), SPAN("b\r\nC: d")), FAULT_FORMAT);
    assert_int_equal(h1_write_header(&b, SPAN("A"), SPAN("b\n")), FAULT_FORMAT);
    assert_int_equal(h1_write_header(&b, SPAN("A"), SPAN("b\0")), FAULT_FORMAT);
    assert_int_equal(h1_write_header(&b, SPAN("A: b\r\nC"), SPAN("d")), FAULT_FORMAT);
    assert_int_equal(h1_write_header(&b, SPAN(""), SPAN("d")), FAULT_FORMAT);
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(h1_write_header(&b, SPAN("A"),
                                     span_of("0123456789012345678901234567890123456789"
                                             "0123456789012345678901234567890123456789",
                                             80)),
                     FAULT_LIMIT);
    buf_fini(&b);
}

static void every_status_has_a_text(void **state)
{
    (void)state;
    assert_string_equal(h1_status_text(200), "OK");
    assert_string_equal(h1_status_text(431), "Request Header Fields Too Large");
    assert_string_equal(h1_status_text(599), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_malformed_answer_is_refused),
        cmocka_unit_test(the_framing_of_an_answer_follows_its_status_and_method),
        cmocka_unit_test(repeated_headers_of_an_answer_are_kept_in_order),
        cmocka_unit_test(an_answer_with_endless_headers_is_refused),
        cmocka_unit_test(a_header_is_written_as_one_line),
        cmocka_unit_test(a_value_can_not_end_its_line),
        cmocka_unit_test(every_status_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
