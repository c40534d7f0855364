#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/fault.h"
#include "http/h1.h"
#include "http/trailers.h"

static void fields_that_describe_the_body_may_be_trailers_and_no_others(void **state)
{
    (void)state;
    static const char *const MAY[] = {"ETag",        "server-timing",        "Content-Digest",
                                      "grpc-status", "X-Amz-Checksum-Crc32", "x-checksum-sha256"};
    static const char *const NOT[] = {"",
                                      "host",
                                      "content-length",
                                      "transfer-encoding",
                                      "cookie",
                                      "set-cookie",
                                      "authorization",
                                      "x-forwarded-for",
                                      "x-forwarded-user",
                                      "remote-user",
                                      "x-amz-checksum-",
                                      "etag2",
                                      "eta",
                                      "x_checksum_a",
                                      "trailer",
                                      "connection",
                                      "te",
                                      "content-type",
                                      "location",
                                      "postern-user",
                                      "x-amz-trailer-signature2",
                                      "server.timing"};
    for (size_t i = 0; i < countof(MAY); i++)
        assert_true(trailers_may(span_str(MAY[i])));
    for (size_t i = 0; i < countof(NOT); i++)
        assert_false(trailers_may(span_str(NOT[i])));
}

static struct header lines[] = {
    {.name = {(const uint8_t *)"Trailer", 7},
     .value = {(const uint8_t *)"ETag , Host,, X-Checksum-A", 26},
     .id = HEADER_TRAILER},
    {.name = {(const uint8_t *)"X", 1},
     .value = {(const uint8_t *)"digest", 6},
     .id = HEADER_OTHER},
    {.name = {(const uint8_t *)"trailer", 7},
     .value = {(const uint8_t *)"server-timing", 13},
     .id = HEADER_TRAILER},
};
static const struct headers all = {lines, 3};

static void only_what_may_pass_is_announced(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(trailers_announced(&all, &out), 3);
    assert_true(span_is(buf_view(&out), "ETag, X-Checksum-A, server-timing"));
    buf_fini(&out);
    const struct headers none = {lines + 1, 1};
    buf_init(&out, 4096);
    assert_int_equal(trailers_announced(&none, &out), 0);
    assert_int_equal(buf_len(&out), 0);
    buf_fini(&out);
}

/* -1: denied; else what passes. */
static void write_one(const char *section, bool strict, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    int rc = trailers_write(&all, span_str(section), strict, &out);
    if (expected == NULL) {
        assert_int_equal(rc, FAULT_DENIED);
    } else {
        assert_int_equal(rc, 0);
        assert_true(span_is(buf_view(&out), expected));
    }
    buf_fini(&out);
}

static void announced_and_allowed_fields_pass_and_the_rest_is_refused_or_left_out(void **state)
{
    (void)state;
    write_one("", true, "");
    write_one("etag: \"a\"\r\n", true, "etag: \"a\"\r\n");
    write_one("ETag:\"a:b\"  \r\nx-checksum-a: 1\r\n", true,
              "ETag: \"a:b\"\r\nx-checksum-a: 1\r\n");
    write_one("Digest: not announced\r\nETag: x\r\n", true, "ETag: x\r\n");
    write_one("Host: evil\r\n", true, NULL);
    write_one("ETag: x\r\nHost: evil\r\n", true, NULL);
    write_one("Host: evil\r\nETag: x\r\nCookie: a=b\r\n", false, "ETag: x\r\n");
    write_one("etag:\r\n", true, "etag: \r\n");
}

static void a_body_keeps_its_trailers_however_it_is_split(void **state)
{
    (void)state;
    static const char BODY[] = "2;x=y\r\nok\r\n0\r\nETag: \"a\"\r\nX-Y:z\r\n\r\nGET";
    uint8_t room[H1_TRAILERS_MAX];
    for (size_t step = 1; step < sizeof(BODY); step++) {
        struct h1_body b;
        struct span data;
        h1_body_init(&b, BODY_CHUNKED, 0);
        h1_body_keep(&b, room);
        size_t at = 0;
        while (at < sizeof(BODY) - 1 && !b.done) {
            size_t n = sizeof(BODY) - 1 - at < step ? sizeof(BODY) - 1 - at : step;
            struct span in = span_of((const uint8_t *)BODY + at, n);
            assert_int_equal(h1_body_feed(&b, &in, &data), 0);
            at += n - in.len;
        }
        assert_true(b.done);
        assert_true(span_is(h1_body_trailers(&b), "ETag: \"a\"\r\nX-Y:z\r\n"));
    }
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(h1_last_chunk_write(&out, SPAN("ETag: x\r\n")), 0);
    assert_true(span_is(buf_view(&out), "0\r\nETag: x\r\n\r\n"));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_describe_the_body_may_be_trailers_and_no_others),
        cmocka_unit_test(only_what_may_pass_is_announced),
        cmocka_unit_test(announced_and_allowed_fields_pass_and_the_rest_is_refused_or_left_out),
        cmocka_unit_test(a_body_keeps_its_trailers_however_it_is_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
