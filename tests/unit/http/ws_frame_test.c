#include "tests/unit/unit.h"

#include <stdlib.h>

#include "http/ws_frame.h"

struct bytes {
    uint8_t at[70000 + 64];
    size_t len;
};

static void put(struct bytes *b, const void *at, size_t len)
{
    assert_true(b->len + len <= sizeof(b->at));
    memcpy(b->at + b->len, at, len);
    b->len += len;
}

/* A frame with the shortest header for `size` bytes of 0x81, which read as headers would be text
 * frames. */
static void frame(struct bytes *b, uint8_t first, bool masked, size_t size)
{
    uint8_t head[14] = {first, 0};
    size_t len = 2;
    if (size < 126) {
        head[1] = (uint8_t)size;
    } else if (size < 65536) {
        head[1] = 126;
        head[2] = (uint8_t)(size >> 8);
        head[3] = (uint8_t)size;
        len = 4;
    } else {
        head[1] = 127;
        for (size_t i = 0; i < 8; i++)
            head[2 + i] = (uint8_t)(size >> (56 - 8 * i));
        len = 10;
    }
    if (masked) {
        head[1] |= 0x80;
        memset(head + len, 0x81, 4);
        len += 4;
    }
    put(b, head, len);
    assert_true(b->len + size <= sizeof(b->at));
    memset(b->at + b->len, 0x81, size);
    b->len += size;
}

/* Feeds one frame's bytes in pieces and insists that only its end is a boundary. */
static void passes_as_one(struct ws_frame *f, const struct bytes *b, size_t step)
{
    for (size_t at = 0; at < b->len; at += step) {
        size_t n = b->len - at < step ? b->len - at : step;
        uint64_t rest = ws_frame_rest(f);
        assert_true(at == 0 ? rest == 0 : rest > 0 && rest <= b->len - at);
        ws_frame_feed(f, span_of(b->at + at, n));
        assert_false(f->lost);
        assert_int_equal(ws_frame_between(f), at + n == b->len);
    }
}

static void a_frame_ends_where_its_length_says_however_it_is_split(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};
    struct bytes *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t step = 1; step < 80000; step = step * 7 + 1) {
            for (int masked = 0; masked < 2; masked++) {
                struct ws_frame f = {0};
                b->len = 0;
                frame(b, 0x82, masked, sizes[i]);
                passes_as_one(&f, b, step);
                passes_as_one(&f, b, step);
            }
        }
    }
    free(b);
}

static void control_frames_stand_between_the_fragments_of_a_message(void **state)
{
    (void)state;
    static const uint8_t firsts[] = {0x01, 0x89, 0x00, 0x8a, 0xc9, 0x80, 0xc1};
    struct bytes *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    struct ws_frame f = {0};
    for (size_t i = 0; i < sizeof(firsts); i++) {
        b->len = 0;
        frame(b, firsts[i], false, 3);
        passes_as_one(&f, b, 2);
    }
    free(b);
}

static void nothing_stands_behind_a_close_frame(void **state)
{
    (void)state;
    struct ws_frame f = {0};
    ws_frame_feed(&f, span_of((const uint8_t *)"\x88\x02\x03\xe8", 4));
    assert_true(f.closed && !f.lost);
    assert_false(ws_frame_between(&f));
    assert_int_equal(ws_frame_rest(&f), 0);
    ws_frame_feed(&f, SPAN("\x81"));
    assert_true(f.lost);
}

static void what_is_no_framing_ends_the_tracking_for_good(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\x83", 1},             /* opcodes that mean nothing */
        {"\x8b", 1},             /* … */
        {"\x80", 1},             /* a continuation of nothing */
        {"\x01\x00\x81", 3},     /* a message inside a message */
        {"\x09", 1},             /* a ping in fragments */
        {"\x89\x7e", 2},         /* a long ping */
        {"\x82\x7e\x00\x7d", 4}, /* a length in a longer form than needed */
        {"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 10}, /* … */
        {"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 10}, /* the highest bit of a length */
        {"HTTP/1.1 200 OK", 15},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ws_frame f = {0};
        ws_frame_feed(&f, span_of((const uint8_t *)bad[i].bytes, bad[i].len));
        assert_true(f.lost);
        assert_false(ws_frame_between(&f));
        assert_int_equal(ws_frame_rest(&f), 0);
        ws_frame_feed(&f, SPAN("\x81\x00"));
        assert_false(ws_frame_between(&f));
    }
}

static void a_close_frame_reads_as_one(void **state)
{
    (void)state;
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t out[WS_CLOSE_MAX];
    size_t len = ws_frame_close(out, 4401, "gone", NULL);
    assert_int_equal(len, 8);
    assert_memory_equal(out, "\x88\x06\x11\x31gone", 8);
    len = ws_frame_close(out, 1001, "x", mask);
    assert_int_equal(len, 9);
    assert_memory_equal(out, "\x88\x83\x01\x02\x03\x04\x02\xeb\x7b", 9);
    char longest[125];
    memset(longest, 'r', sizeof(longest));
    longest[123] = 0;
    assert_int_equal(ws_frame_close(out, 1001, longest, mask), WS_CLOSE_MAX);
    longest[123] = 'r';
    longest[124] = 0;
    assert_int_equal(ws_frame_close(out, 1001, longest, NULL), 4);
    struct ws_frame f = {0};
    ws_frame_feed(&f, span_of(out, 4));
    assert_true(f.closed && !f.lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_ends_where_its_length_says_however_it_is_split),
        cmocka_unit_test(control_frames_stand_between_the_fragments_of_a_message),
        cmocka_unit_test(nothing_stands_behind_a_close_frame),
        cmocka_unit_test(what_is_no_framing_ends_the_tracking_for_good),
        cmocka_unit_test(a_close_frame_reads_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
