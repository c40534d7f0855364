/* Bodies: the same data for every split, and no broken framing taken for data. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/fault.h"
#include "http/h1.h"

struct outcome {
    int rc; /* the first fault, or 0 */
    bool done;
    uint8_t data[512];
    size_t len;
    size_t left; /* bytes behind the end */
};

/* Feeds `in` in two parts, cut at `cut`; cut SIZE_MAX: byte by byte. */
static struct outcome feed(enum body_framing framing, uint64_t length, struct span in, size_t cut)
{
    struct outcome o = {0};
    struct h1_body b;
    h1_body_init(&b, framing, length);
    size_t at = 0;
    while (at < in.len && !b.done && o.rc == 0) {
        size_t part = cut == SIZE_MAX ? 1 : at < cut ? cut - at : in.len - at;
        /* An exact copy, so that one byte too far is found. */
        uint8_t *copy = malloc(part);
        assert_non_null(copy);
        memcpy(copy, in.at + at, part);
        struct span rest = span_of(copy, part), data;
        do {
            size_t before = rest.len;
            o.rc = h1_body_feed(&b, &rest, &data);
            assert_true(o.rc < 0 || rest.len < before || b.done);
            if (o.rc == 0 && data.len > 0) {
                assert_true(o.len + data.len <= sizeof(o.data));
                memcpy(o.data + o.len, data.at, data.len);
                o.len += data.len;
            }
        } while (o.rc == 0 && rest.len > 0 && !b.done);
        at += part - rest.len;
        free(copy);
    }
    o.done = b.done;
    o.left = in.len - at;
    assert_true(o.rc < 0 || b.total == o.len);
    return o;
}

struct row {
    const char *text;
    size_t len;
    const char *data; /* NULL: refused */
    bool done;
    size_t left;
};

#define C(text, data, done, left)                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1, data, done, left                                                   \
    }
#define BAD(text) C(text, NULL, false, 0)
#define X16 "xxxxxxxxxxxxxxxx"

static const struct row chunked[] = {
    C("0\r\n\r\n", "", true, 0),
    C("000\r\n\r\n", "", true, 0),
    C("5\r\nhello\r\n0\r\n\r\n", "hello", true, 0),
    C("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", true, 0),
    C("a\r\n0123456789\r\n0\r\n\r\n", "0123456789", true, 0),
    C("0A\r\n0123456789\r\n0\r\n\r\n", "0123456789", true, 0),
    C("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", true, 0),
    C("5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "hello", true, 16),
    C("1;a\r\nx\r\n0;b=c\r\n\r\n", "x", true, 0),
    C("1;a=\"b;c\\\"d\";e=f\r\nx\r\n0\r\n\r\n", "x", true, 0),
    C("1;a=\"\t \"\r\nx\r\n0\r\n\r\n", "x", true, 0),
    C("0\r\nVary: *\r\nA:b\r\n\r\n", "", true, 0),
    C("0\r\nA: \xff\t\r\n\r\n!", "", true, 1),
    /* Not yet at its end. */
    C("", "", false, 0),
    C("5", "", false, 0),
    C("5\r\nhel", "hel", false, 0),
    C("5\r\nhello\r\n0\r\n", "hello", false, 0),
    C("5\r\nhello\r\n0\r\n\r", "hello", false, 0),
    /* Sizes. */
    BAD("\r\n"),
    BAD("\n"),
    BAD(" 5\r\nhello\r\n"),
    BAD("5 \r\nhello\r\n"),
    BAD("5\t\r\nhello\r\n"),
    BAD("+5\r\nhello\r\n"),
    BAD("-5\r\nhello\r\n"),
    BAD("0x5\r\nhello\r\n"),
    BAD("5_\r\nhello\r\n"),
    BAD("g\r\nhello\r\n"),
    BAD("5.0\r\nhello\r\n"),
    BAD("5,\r\nhello\r\n"),
    BAD("\"5\"\r\nhello\r\n"),
    BAD("5\0\r\nhello\r\n"),
    BAD("5\x0b\r\nhello\r\n"),
    BAD("ffffffffffffffff\r\nx"),
    BAD("8000000000000000\r\nx"),
    BAD("10000000000000000\r\nx"),
    BAD("00000000000000005\r\nhello\r\n"),
    BAD("fffffffffffffffff\r\nx"),
    BAD("100000000000000005\r\nhello\r\n"),
    /* Line ends. */
    BAD("5\nhello\r\n0\r\n\r\n"),
    BAD("5\rhello\r\n0\r\n\r\n"),
    BAD("5\r\r\nhello\r\n0\r\n\r\n"),
    BAD("5\r\nhello\n0\r\n\r\n"),
    BAD("5\r\nhello0\r\n\r\n"),
    BAD("5\r\nhello!\r\n0\r\n\r\n"),
    BAD("5\r\nhello\r0\r\n\r\n"),
    BAD("5\r\nhelloXX0\r\n\r\n"),
    BAD("5\r\nhello\r\n\r\n0\r\n\r\n"),
    BAD("5\r\nhello\r\n0\n\n"),
    BAD("0\n\r\n"),
    BAD("0\r\n\n"),
    BAD("0\r\n\rX"),
    BAD("0\r\r\n\r\n"),
    /* Extensions. */
    BAD("5;\r\nhello\r\n"),
    BAD("5;;a\r\nhello\r\n"),
    BAD("5 ;a\r\nhello\r\n"),
    BAD("5; a\r\nhello\r\n"),
    BAD("5;a =b\r\nhello\r\n"),
    BAD("5;a= b\r\nhello\r\n"),
    BAD("5;a=\r\nhello\r\n"),
    BAD("5;=b\r\nhello\r\n"),
    BAD("5;a=b=c\r\nhello\r\n"),
    BAD("5;a\nhello\r\n"),
    BAD("5;a\n\r\nhello\r\n"),
    BAD("5;a\rb\r\nhello\r\n"),
    BAD("5;a=\"b\r\nhello\r\n"),
    BAD("5;a=\"b\n\"\r\nhello\r\n"),
    BAD("5;a=\"b\"c\r\nhello\r\n"),
    BAD("5;a=\"\\\r\nhello\r\n"),
    BAD("5;a=\"\xff\"\r\nhello\r\n"),
    BAD("5;a\0\r\nhello\r\n"),
    BAD("5;" X16 X16 X16 X16 "\r\nhello\r\n"),
    C("1;" X16 X16 X16 "xxxxxxxxxxxxxx\r\nh\r\n0\r\n\r\n", "h", true, 0),
    /* Trailers. */
    BAD("0\r\n A: b\r\n\r\n"),
    BAD("0\r\nA : b\r\n\r\n"),
    BAD("0\r\nA\r\n\r\n"),
    BAD("0\r\n: b\r\n\r\n"),
    BAD("0\r\nA: b\r\n c\r\n\r\n"),
    BAD("0\r\nA: b\n\r\n"),
    BAD("0\r\nA: b\rc\r\n\r\n"),
    BAD("0\r\nA: \0\r\n\r\n"),
    BAD("0\r\nA: \x7f\r\n\r\n"),
    BAD("0\r\nA\xc3: b\r\n\r\n"),
    BAD("0\r\nGET / HTTP/1.1\r\n\r\n"),
};

static void check(const struct row *row, struct outcome o)
{
    if (row->data == NULL) {
        assert_true(o.rc < 0);
        return;
    }
    assert_int_equal(o.rc, 0);
    assert_int_equal(o.done, row->done);
    assert_true(span_is(span_of(o.data, o.len), row->data));
    assert_int_equal(o.left, row->left);
}

static void every_chunked_body_is_read_the_same_wherever_it_is_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(chunked); i++) {
        struct span in = span_of(chunked[i].text, chunked[i].len);
        for (size_t cut = 0; cut <= in.len; cut++)
            check(&chunked[i], feed(BODY_CHUNKED, 0, in, cut));
        check(&chunked[i], feed(BODY_CHUNKED, 0, in, SIZE_MAX));
    }
}

static void a_broken_body_stays_broken(void **state)
{
    (void)state;
    struct h1_body b;
    struct span in = SPAN("zz"), good = SPAN("0\r\n\r\n"), data;
    h1_body_init(&b, BODY_CHUNKED, 0);
    assert_true(h1_body_feed(&b, &in, &data) < 0);
    assert_true(h1_body_feed(&b, &good, &data) < 0);
    assert_false(b.done);
}

static void a_chunk_size_line_does_not_grow_by_repetition(void **state)
{
    (void)state;
    /* Every chunk may have an extension, but the count starts anew. */
    struct span one = SPAN("1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=b\r\nx\r\n");
    struct h1_body b;
    h1_body_init(&b, BODY_CHUNKED, 0);
    for (int i = 0; i < 100; i++) {
        struct span in = one, data;
        while (in.len > 0)
            assert_int_equal(h1_body_feed(&b, &in, &data), 0);
    }
    assert_int_equal(b.total, 100);
}

static void trailers_have_an_end(void **state)
{
    (void)state;
    struct h1_body b;
    struct span in = SPAN("0\r\n"), data;
    int rc = 0;
    h1_body_init(&b, BODY_CHUNKED, 0);
    assert_int_equal(h1_body_feed(&b, &in, &data), 0);
    size_t bytes = 0;
    while (rc == 0 && bytes < 10000) {
        struct span line = SPAN("X-Trailer: value\r\n");
        rc = h1_body_feed(&b, &line, &data);
        bytes += 18;
    }
    assert_true(rc < 0);
    assert_true(bytes > 4000 && bytes < 4200);
}

static void a_length_is_counted(void **state)
{
    (void)state;
    struct span in = SPAN("hello world");
    for (size_t cut = 0; cut <= in.len; cut++) {
        struct outcome o = feed(BODY_LENGTH, 5, in, cut);
        assert_true(o.done);
        assert_true(span_is(span_of(o.data, o.len), "hello"));
        assert_int_equal(o.left, 6);
        o = feed(BODY_LENGTH, 12, in, cut);
        assert_false(o.done);
        assert_int_equal(o.len, 11);
    }
}

static void a_body_that_is_none_is_done_at_once(void **state)
{
    (void)state;
    struct h1_body b;
    h1_body_init(&b, BODY_NONE, 7);
    assert_true(b.done);
    h1_body_init(&b, BODY_LENGTH, 0);
    assert_true(b.done);
    struct span in = SPAN("x"), data;
    assert_int_equal(h1_body_feed(&b, &in, &data), 0);
    assert_int_equal(in.len, 1);
    assert_int_equal(data.len, 0);
}

static void until_close_takes_everything_and_never_ends(void **state)
{
    (void)state;
    struct outcome o = feed(BODY_UNTIL_CLOSE, 0, SPAN("0\r\n\r\n"), 2);
    assert_false(o.done);
    assert_int_equal(o.len, 5);
}

static void what_chunk_write_writes_feed_reads(void **state)
{
    (void)state;
    struct buf b;
    uint8_t block[300];
    buf_init(&b, 4096);
    memset(block, 'q', sizeof(block));
    assert_int_equal(h1_chunk_write(&b, SPAN("a")), 0);
    assert_int_equal(h1_chunk_write(&b, span_of(block, sizeof(block))), 0);
    assert_int_equal(h1_chunk_write(&b, SPAN_NONE), 0);
    struct outcome o = feed(BODY_CHUNKED, 0, buf_view(&b), SIZE_MAX);
    assert_true(o.done && o.rc == 0 && o.left == 0);
    assert_int_equal(o.len, 301);
    buf_fini(&b);
    buf_init(&b, 16);
    assert_int_equal(h1_chunk_write(&b, span_of(block, 14)), FAULT_LIMIT);
    assert_int_equal(buf_len(&b), 0);
    buf_fini(&b);
}

static void unframing_moves_the_data_together(void **state)
{
    (void)state;
    char text[] = "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nGET /";
    struct h1_body b;
    struct span in = span_of(text, sizeof(text) - 1), data;
    h1_body_init(&b, BODY_CHUNKED, 0);
    assert_int_equal(h1_body_unframe(&b, &in, &data), 0);
    assert_true(b.done);
    assert_true(span_is(data, "abcde"));
    assert_true(span_is(in, "GET /"));
    char broken[] = "3\r\nabc\r\nx";
    in = span_of(broken, sizeof(broken) - 1);
    h1_body_init(&b, BODY_CHUNKED, 0);
    assert_true(h1_body_unframe(&b, &in, &data) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunked_body_is_read_the_same_wherever_it_is_split),
        cmocka_unit_test(a_broken_body_stays_broken),
        cmocka_unit_test(a_chunk_size_line_does_not_grow_by_repetition),
        cmocka_unit_test(trailers_have_an_end),
        cmocka_unit_test(a_length_is_counted),
        cmocka_unit_test(a_body_that_is_none_is_done_at_once),
        cmocka_unit_test(until_close_takes_everything_and_never_ends),
        cmocka_unit_test(what_chunk_write_writes_feed_reads),
        cmocka_unit_test(unframing_moves_the_data_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
