#include "tests/unit/unit.h"

#include "base/fault.h"
#include "keeper/grants.h"
#include "keeper/sentence.h"

static void becomes(const char *in, const char *wanted)
{
    char out[SENTENCE_SIZE];
    int len = sentence_read(span_str(in), out);
    assert_int_equal(len, (int)strlen(wanted));
    assert_string_equal(out, wanted);
}

static void a_sentence_is_one_line_of_what_can_be_seen(void **state)
{
    (void)state;
    becomes("disk is full", "disk is full");
    becomes("  a\r\n\r\nb\t c  ", "a b c");
    becomes("by: root\nby: host", "by: root by: host");
    becomes("\x1b[2Jred\x07", "[2Jred");
    /* Turned writing, zero width, line separator, C1, tags. */
    becomes("a\xe2\x80\xae"
            "b\xe2\x80\x8b"
            "c\xe2\x80\xa8"
            "d\xc2\x9b"
            "e\xf3\xa0\x81\x81"
            "f",
            "a b c d e f");
    becomes("Störung ☃ <b>&\"'", "Störung ☃ <b>&\"'");
    becomes("", "");
    becomes(" \n\xe2\x80\x8b\xc2\xa0", "");
}

static void what_is_too_long_or_no_text_is_refused(void **state)
{
    (void)state;
    char out[SENTENCE_SIZE], big[SENTENCE_MAX + 2];
    memset(big, 'x', sizeof(big));
    assert_int_equal(sentence_read(span_of(big, SENTENCE_MAX), out), SENTENCE_MAX);
    assert_int_equal(sentence_read(span_of(big, SENTENCE_MAX + 1), out), FAULT_LIMIT);
    big[SENTENCE_MAX] = ' ';
    assert_int_equal(sentence_read(span_of(big, SENTENCE_MAX + 1), out), SENTENCE_MAX);
    big[SENTENCE_MAX + 1] = 'x';
    assert_int_equal(sentence_read(span_of(big, SENTENCE_MAX + 2), out), FAULT_LIMIT);
    assert_int_equal(sentence_read(SPAN("\xff"), out), FAULT_FORMAT);
    assert_int_equal(sentence_read(SPAN("\xc0\x80"), out), FAULT_FORMAT);
}

static void time_does_not_go_back_while_the_process_lives(void **state)
{
    (void)state;
    assert_int_equal(grants_time(0, 0, 5000, 1), 5000);
    assert_int_equal(grants_time(1000, 0, 1010, 10000), 1010);
    /* Set back by a day: goes on from where it was. Set ahead: believed, and forgotten again. */
    assert_int_equal(grants_time(100000, 500, 13600, 10500), 100010);
    assert_int_equal(grants_time(100000, 500, 500000, 10500), 500000);
    assert_int_equal(grants_time(100000, 500, 100010, 10500), 100010);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_is_one_line_of_what_can_be_seen),
        cmocka_unit_test(what_is_too_long_or_no_text_is_refused),
        cmocka_unit_test(time_does_not_go_back_while_the_process_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
