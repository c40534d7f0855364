#include "tests/unit/unit.h"

#include "base/cursor.h"
#include "base/fault.h"

static void cursor_reads_what_a_writer_wrote(void **state)
{
    (void)state;
    uint8_t memory[64], fixed[3] = {1, 2, 3}, back[3];
    struct writer w = writer_into(memory, sizeof(memory));
    writer_u8(&w, 0xab);
    writer_u16(&w, 0x1234);
    writer_u32(&w, 0xdeadbeef);
    writer_u64(&w, 0x0102030405060708u);
    writer_fixed(&w, fixed, sizeof(fixed));
    writer_bytes(&w, SPAN("hello"), 5);
    int len = writer_finish(&w);
    assert_int_equal(len, 1 + 2 + 4 + 8 + 3 + 4 + 5);
    struct cursor c = cursor_over(span_of(memory, (size_t)len));
    assert_int_equal(cursor_u8(&c), 0xab);
    assert_int_equal(cursor_u16(&c), 0x1234);
    assert_int_equal(cursor_u32(&c), 0xdeadbeef);
    assert_true(cursor_u64(&c) == 0x0102030405060708u);
    cursor_fixed(&c, back, sizeof(back));
    assert_memory_equal(back, fixed, sizeof(fixed));
    assert_true(span_is(cursor_bytes(&c, 5), "hello"));
    assert_int_equal(cursor_finish(&c), 0);
}

static void cursor_refuses_a_length_past_the_end(void **state)
{
    (void)state;
    const uint8_t packet[] = {0, 0, 0, 9, 'x'};
    struct cursor c = cursor_over(span_of(packet, sizeof(packet)));
    assert_int_equal(cursor_bytes(&c, 100).len, 0);
    assert_int_equal(cursor_finish(&c), FAULT_FORMAT);
}

static void cursor_refuses_a_length_over_the_cap(void **state)
{
    (void)state;
    const uint8_t packet[] = {0, 0, 0, 2, 'x', 'y'};
    struct cursor c = cursor_over(span_of(packet, sizeof(packet)));
    (void)cursor_bytes(&c, 1);
    assert_int_equal(cursor_finish(&c), FAULT_FORMAT);
}

static void cursor_stays_bad_and_yields_zero(void **state)
{
    (void)state;
    uint8_t into[4] = {9, 9, 9, 9};
    struct cursor c = cursor_over(SPAN("\x01"));
    assert_int_equal(cursor_u32(&c), 0);
    assert_int_equal(cursor_u8(&c), 0);
    cursor_fixed(&c, into, sizeof(into));
    assert_int_equal(into[0] | into[3], 0);
    assert_int_equal(cursor_finish(&c), FAULT_FORMAT);
}

static void cursor_refuses_leftover_bytes(void **state)
{
    (void)state;
    struct cursor c = cursor_over(SPAN("ab"));
    (void)cursor_u8(&c);
    assert_int_equal(cursor_finish(&c), FAULT_FORMAT);
}

static void writer_refuses_what_does_not_fit(void **state)
{
    (void)state;
    uint8_t memory[4];
    struct writer w = writer_into(memory, sizeof(memory));
    writer_u16(&w, 1);
    writer_u32(&w, 1);
    writer_u16(&w, 1);
    assert_int_equal(writer_finish(&w), FAULT_LIMIT);
    w = writer_into(memory, sizeof(memory));
    writer_bytes(&w, SPAN("abc"), 2);
    assert_int_equal(writer_finish(&w), FAULT_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursor_reads_what_a_writer_wrote),
        cmocka_unit_test(cursor_refuses_a_length_past_the_end),
        cmocka_unit_test(cursor_refuses_a_length_over_the_cap),
        cmocka_unit_test(cursor_stays_bad_and_yields_zero),
        cmocka_unit_test(cursor_refuses_leftover_bytes),
        cmocka_unit_test(writer_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
