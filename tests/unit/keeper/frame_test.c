#include "tests/unit/unit.h"

#include "base/fault.h"
#include "keeper/frame.h"

static int next(struct span bytes, size_t max, struct span *payload, size_t *taken)
{
    struct buf in;
    buf_init(&in, 1024);
    assert_int_equal(buf_append(&in, bytes), 0);
    int r = frame_next(&in, max, payload, taken);
    if (r == 1) {
        assert_true(*taken <= buf_len(&in));
        assert_int_equal(payload->len + FRAME_HEADER, *taken);
    }
    buf_fini(&in);
    return r;
}

static void a_frame_waits_for_every_byte_of_it(void **state)
{
    static const uint8_t WHOLE[] = {0, 0, 0, 3, 'a', 'b', 'c', 'x'};
    struct span payload;
    size_t taken;
    (void)state;
    for (size_t n = 0; n < 7; n++) {
        assert_int_equal(next(span_of(WHOLE, n), 16, &payload, &taken), 0);
    }
    assert_int_equal(next(span_of(WHOLE, 7), 16, &payload, &taken), 1);
    assert_int_equal(next(span_of(WHOLE, 8), 16, &payload, &taken), 1);
    assert_int_equal(taken, 7);
}

static void an_empty_or_too_long_frame_is_refused_by_its_length_alone(void **state)
{
    static const uint8_t EMPTY[] = {0, 0, 0, 0}, LONG[] = {0, 0, 0, 17},
                         ALL[] = {255, 255, 255, 255};
    struct span payload;
    size_t taken;
    (void)state;
    assert_int_equal(next(span_of(EMPTY, 4), 16, &payload, &taken), FAULT_FORMAT);
    assert_int_equal(next(span_of(LONG, 4), 16, &payload, &taken), FAULT_LIMIT);
    assert_int_equal(next(span_of(ALL, 4), 16, &payload, &taken), FAULT_LIMIT);
}

static void a_frame_that_does_not_fit_leaves_the_output_as_it_was(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 10);
    assert_int_equal(frame_put(&out, SPAN("abc")), 0);
    assert_true(span_eq(buf_view(&out), SPAN("\0\0\0\3abc")));
    assert_true(frame_put(&out, SPAN("too long")) < 0);
    assert_int_equal(buf_len(&out), 7);
    assert_true(frame_put(&out, SPAN_NONE) < 0);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_waits_for_every_byte_of_it),
        cmocka_unit_test(an_empty_or_too_long_frame_is_refused_by_its_length_alone),
        cmocka_unit_test(a_frame_that_does_not_fit_leaves_the_output_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
