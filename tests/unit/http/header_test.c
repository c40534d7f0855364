#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/macros.h"
#include "http/chars.h"
#include "http/header.h"

static void every_known_header_is_found_by_its_name_in_any_case(void **state)
{
    (void)state;
    for (unsigned id = 1; id < HEADER_COUNT; id++) {
        char name[64];
        const char *lower = header_id_name((enum header_id)id);
        size_t len = strlen(lower);
        assert_true(len < sizeof(name));
        assert_int_equal(header_find_id(span_str(lower)), id);
        for (size_t i = 0; i <= len; i++)
            name[i] = (char)(lower[i] >= 'a' && lower[i] <= 'z' ? lower[i] - 32 : lower[i]);
        assert_int_equal(header_find_id(span_str(name)), id);
    }
}

static void a_name_that_differs_in_one_byte_is_another_header(void **state)
{
    (void)state;
    for (unsigned id = 1; id < HEADER_COUNT; id++) {
        uint8_t name[64];
        struct span known = span_str(header_id_name((enum header_id)id));
        for (size_t i = 0; i < known.len; i++) {
            for (unsigned c = 0; c < 256; c++) {
                memcpy(name, known.at, known.len);
                name[i] = (uint8_t)c;
                bool same = char_lower((uint8_t)c) == known.at[i];
                enum header_id got = header_find_id(span_of(name, known.len));
                assert_true(same ? got == id : got != id);
            }
            if (i > 0)
                assert_true(header_find_id(span_sub(known, 0, i)) != id);
        }
    }
    assert_int_equal(header_find_id(SPAN_NONE), HEADER_OTHER);
    assert_int_equal(header_find_id(SPAN("content_length")), HEADER_OTHER);
    assert_int_equal(header_find_id(SPAN("x-something-that-is-rather-long-and-unknown")),
                     HEADER_OTHER);
}

static void headers_are_found_and_counted_by_id(void **state)
{
    (void)state;
    struct header list[] = {
        {SPAN("A"), SPAN("1"), HEADER_OTHER},
        {SPAN("Cookie"), SPAN("2"), HEADER_COOKIE},
        {SPAN("Cookie"), SPAN("3"), HEADER_COOKIE},
    };
    struct headers h = {list, countof(list)};
    assert_ptr_equal(headers_find(&h, HEADER_COOKIE), &list[1]);
    assert_null(headers_find(&h, HEADER_HOST));
    assert_int_equal(headers_count(&h, HEADER_COOKIE), 2);
    assert_int_equal(headers_count(&h, HEADER_HOST), 0);
}

static void a_list_is_searched_by_whole_tokens(void **state)
{
    (void)state;
    assert_true(header_has_token(SPAN("close"), "close"));
    assert_true(header_has_token(SPAN("keep-alive,\tClose ,x"), "close"));
    assert_false(header_has_token(SPAN("closed"), "close"));
    assert_false(header_has_token(SPAN("not close"), "close"));
    assert_false(header_has_token(SPAN(""), "close"));
    assert_false(header_has_token(SPAN(",,"), "close"));
}

/* Every length and offset, so that the wide scan and the narrow one agree. */
static void the_first_control_byte_is_found_wherever_it_stands(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        bool control = (c < 0x20 && c != '\t') || c == 0x7f;
        for (size_t len = 1; len < 50; len += 7) {
            for (size_t at = 0; at < len; at++) {
                uint8_t text[64];
                memset(text, 'a', sizeof(text));
                text[at] = (uint8_t)c;
                assert_int_equal(chars_find_control(text, len), control ? at : len);
            }
        }
    }
}

static void the_character_tables_agree_with_each_other(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t b = (uint8_t)c;
        assert_int_equal(char_is(b, CHAR_TOKEN), chars_token_lower[c] != 0);
        if (char_is(b, CHAR_TOKEN))
            assert_int_equal(chars_token_lower[c], char_lower(b));
        if (char_is(b, CHAR_PLAIN))
            assert_true(char_is(b, CHAR_PATH));
        assert_int_equal(char_is(b, CHAR_TOKEN),
                         (c >= '0' && c <= '9') || (char_lower(b) >= 'a' && char_lower(b) <= 'z') ||
                             (c != 0 && strchr("!#$%&'*+-.^_`|~", (int)c) != NULL));
        assert_int_equal(char_is(b, CHAR_PATH),
                         (c >= '0' && c <= '9') || (char_lower(b) >= 'a' && char_lower(b) <= 'z') ||
                             (c != 0 && strchr("-._~!$&'()*+,;=:@/%", (int)c) != NULL));
        if (char_is(b, CHAR_HEX)) {
            char digit[2] = {(char)c, 0};
            assert_int_equal(char_hex(b), strtoul(digit, NULL, 16));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_known_header_is_found_by_its_name_in_any_case),
        cmocka_unit_test(a_name_that_differs_in_one_byte_is_another_header),
        cmocka_unit_test(headers_are_found_and_counted_by_id),
        cmocka_unit_test(a_list_is_searched_by_whole_tokens),
        cmocka_unit_test(the_first_control_byte_is_found_wherever_it_stands),
        cmocka_unit_test(the_character_tables_agree_with_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
