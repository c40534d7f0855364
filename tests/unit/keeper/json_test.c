#include "tests/unit/unit.h"

#include "base/fault.h"
#include "keeper/json.h"

static int read_text(struct span text)
{
    json_t *value = NULL;
    char why[128] = "";
    int r = json_read(text, &value, why, sizeof(why));
    if (r < 0) {
        assert_null(value);
        assert_true(why[0] != '\0');
    }
    json_decref(value);
    return r;
}

static void what_has_two_meanings_is_refused(void **state)
{
    static const char *const BAD[] = {
        "",
        " ",
        "{",
        "}",
        "[]",
        "1",
        "null",
        "\"x\"",
        "{} {}",
        "{}x",
        "{\"a\":1,\"a\":1}",
        "{\"a\":{\"b\":1,\"b\":2}}",
        "{\"a\":01}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":NaN}",
        "{\"a\":1e999}",
        "// x\n{}",
    };
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++) {
        if (read_text(span_str(BAD[i])) != FAULT_FORMAT) {
            fail_msg("accepted: %s", BAD[i]);
        }
    }
    assert_int_equal(read_text(SPAN("{\"a\":1}\0{}")), FAULT_FORMAT);
    assert_int_equal(read_text(SPAN(" {\"a\": [1, {\"b\": null}]} \n")), 0);
}

static void depth_is_bounded_before_anything_is_parsed(void **state)
{
    char text[256];
    (void)state;
    for (size_t depth = 1; depth <= 40; depth++) {
        size_t n = 0;
        text[n++] = '{';
        text[n++] = '"';
        text[n++] = 'a';
        text[n++] = '"';
        text[n++] = ':';
        for (size_t i = 1; i < depth; i++) {
            text[n++] = '[';
        }
        if (depth == 1) {
            text[n++] = '1';
        }
        for (size_t i = 1; i < depth; i++) {
            text[n++] = ']';
        }
        text[n++] = '}';
        assert_int_equal(read_text(span_of(text, n)), depth <= JSON_DEPTH_MAX ? 0 : FAULT_LIMIT);
    }
    /* Brackets inside strings are text. */
    assert_int_equal(read_text(SPAN("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[\"}")), 0);
}

static void a_body_of_more_than_64_kib_is_refused(void **state)
{
    char *text = test_malloc(JSON_BODY_MAX + 1);
    (void)state;
    memset(text, ' ', JSON_BODY_MAX + 1);
    memcpy(text, "{}", 2);
    assert_int_equal(read_text(span_of(text, JSON_BODY_MAX)), 0);
    assert_int_equal(read_text(span_of(text, JSON_BODY_MAX + 1)), FAULT_LIMIT);
    test_free(text);
}

static void bytes_that_are_not_text_become_text(void **state)
{
    static const struct {
        struct span in;
        const char *out;
    } ROWS[] = {
        {SPAN(""), ""},
        {SPAN("a\xc3\xa9"), "a\xc3\xa9"},
        {SPAN("a\xff"), "a?"},
        {SPAN("a\0b"), "a?b"},
    };
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        json_t *value = json_text(ROWS[i].in);
        assert_string_equal(json_string_value(value), ROWS[i].out);
        json_decref(value);
    }
    json_t *lines = json_lines(SPAN("a\n\nb\n"));
    assert_int_equal(json_array_size(lines), 2);
    json_decref(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_two_meanings_is_refused),
        cmocka_unit_test(depth_is_bounded_before_anything_is_parsed),
        cmocka_unit_test(a_body_of_more_than_64_kib_is_refused),
        cmocka_unit_test(bytes_that_are_not_text_become_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
