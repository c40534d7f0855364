#include "tests/unit/unit.h"

#include "base/fault.h"
#include "identity/cborshape.h"

#define SHAPE(literal) cborshape_item(span_of("" literal, sizeof(literal) - 1))

static void one_item_is_measured(void **state)
{
    (void)state;
    assert_int_equal(SHAPE("\x00"), 1);
    assert_int_equal(SHAPE("\x18\x64"), 2);
    assert_int_equal(SHAPE("\x39\x01\x00"), 3);
    assert_int_equal(SHAPE("\x43"
                           "abc"
                           "rest"),
                     4);
    assert_int_equal(SHAPE("\x80"), 1);
    assert_int_equal(SHAPE("\xa1\x61"
                           "a\x82\x01\x02"),
                     6);
    assert_int_equal(SHAPE("\xf5"), 1);
}

static void what_is_cut_is_refused(void **state)
{
    (void)state;
    assert_int_equal(SHAPE(""), FAULT_FORMAT);
    assert_int_equal(SHAPE("\x18"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\x43"
                           "ab"),
                     FAULT_FORMAT);
    assert_int_equal(SHAPE("\x82\x01"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\xa1\x01"), FAULT_FORMAT);
}

/* Nine bytes that would make a library ask for the whole memory. */
static void a_length_that_is_not_covered_by_bytes_is_refused(void **state)
{
    (void)state;
    assert_int_equal(SHAPE("\x9b\x00\x00\x00\x00\xff\xff\xff\xff"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\xbb\x80\x00\x00\x00\x00\x00\x00\x01"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\x5b\xff\xff\xff\xff\xff\xff\xff\xff"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\x7a\x7f\xff\xff\xff"), FAULT_FORMAT);
}

static void forms_that_no_authenticator_uses_are_refused(void **state)
{
    (void)state;
    assert_int_equal(SHAPE("\x9f\xff"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\xbf\xff"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\x5f\x41z\xff"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\xff"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\x1c"), FAULT_FORMAT);
    assert_int_equal(SHAPE("\xc0\x00"), FAULT_FORMAT);
}

static void depth_and_number_are_bounded(void **state)
{
    (void)state;
    uint8_t deep[2 * CBORSHAPE_DEPTH], wide[CBORSHAPE_ITEMS + 8] = {0x99, 1, 0};
    memset(deep, 0x81, sizeof(deep));
    deep[CBORSHAPE_DEPTH] = 0;
    assert_int_equal(cborshape_item(span_of(deep, sizeof(deep))), CBORSHAPE_DEPTH + 1);
    deep[CBORSHAPE_DEPTH] = 0x81;
    assert_int_equal(cborshape_item(span_of(deep, sizeof(deep))), FAULT_LIMIT);
    assert_int_equal(cborshape_item(span_of(wide, sizeof(wide))), FAULT_LIMIT);
    wide[1] = 0;
    wide[2] = CBORSHAPE_ITEMS - 1;
    assert_int_equal(cborshape_item(span_of(wide, sizeof(wide))), CBORSHAPE_ITEMS + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_item_is_measured),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(a_length_that_is_not_covered_by_bytes_is_refused),
        cmocka_unit_test(forms_that_no_authenticator_uses_are_refused),
        cmocka_unit_test(depth_and_number_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
