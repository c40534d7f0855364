#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "identity/wordlist.h"

static char path[64];

static void write_file(const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    (void)close(fd);
}

static bool has(const char *password)
{
    struct wordlist w;
    bool ret = false;
    assert_int_equal(wordlist_open(path, &w), 0);
    assert_int_equal(wordlist_has(&w, span_str(password), &ret), 0);
    wordlist_close(&w);
    return ret;
}

static int check(bool all, uint64_t *lines, uint64_t *at)
{
    struct wordlist w;
    assert_int_equal(wordlist_open(path, &w), 0);
    int rc = wordlist_check(&w, all, lines, at);
    wordlist_close(&w);
    return rc;
}

static void hashes_are_found_whatever_their_case_and_count(void **state)
{
    (void)state;
    /* SHA-1 of "password", "correct horse battery" is not there. */
    static const char LIST[] = "00000000A8DAE4228F821FB418F59826079BF368:12\r\n"
                               "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\r\n"
                               "7c4a8d09ca3762af61e59520943dc26494f8941b\r\n";
    uint64_t lines, at;
    write_file(LIST, sizeof(LIST) - 1);
    assert_true(has("password"));
    assert_true(has("PassWord"));
    assert_true(has("123456"));
    assert_false(has("correct horse battery"));
    assert_int_equal(check(true, &lines, &at), 0);
    assert_int_equal(lines, 3);
}

static void every_word_of_a_long_list_is_found_and_no_other(void **state)
{
    (void)state;
    static char list[20000 * 24];
    size_t len = 0;
    uint64_t lines, at;
    for (unsigned i = 0; i < 20000; i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, "w%05u%.*s%s", 2 * i, (int)(i % 13),
                                "xxxxxxxxxxxxx", i == 19999 ? "" : "\n");
    write_file(list, len);
    for (unsigned i = 0; i < 20000; i++) {
        char word[32];
        (void)snprintf(word, sizeof(word), "w%05u%.*s", 2 * i, (int)(i % 13), "xxxxxxxxxxxxx");
        assert_true(has(word));
        (void)snprintf(word, sizeof(word), "w%05u%.*s", 2 * i + 1, (int)(i % 13), "xxxxxxxxxxxxx");
        assert_false(has(word));
    }
    assert_true(has("W00002x"));
    assert_false(has("a"));
    assert_false(has("zz"));
    assert_false(has("w0000"));
    assert_int_equal(check(true, &lines, &at), 0);
    assert_int_equal(lines, 20000);
    assert_int_equal(check(false, &lines, &at), 0);
}

static void what_is_no_sorted_list_is_said(void **state)
{
    (void)state;
    uint64_t lines, at;
    struct wordlist w;
    bool ret;
    write_file("alpha\ngamma\nbeta\n", 17);
    assert_int_equal(check(true, &lines, &at), FAULT_FORMAT);
    assert_int_equal(at, 12);
    assert_int_equal(check(false, &lines, &at), FAULT_FORMAT);
    write_file("00000000A8DAE4228F821FB418F59826079BF368:12\nword\n", 49);
    assert_int_equal(check(true, &lines, &at), FAULT_FORMAT);
    assert_int_equal(wordlist_open(path, &w), 0);
    assert_int_equal(wordlist_has(&w, SPAN("password"), &ret), FAULT_FORMAT);
    wordlist_close(&w);
    write_file("", 0);
    assert_int_equal(wordlist_open(path, &w), FAULT_FORMAT);
    assert_int_equal(wordlist_open("/tmp", &w), FAULT_FORMAT);
    assert_int_equal(wordlist_open("/nonexistent", &w), -ENOENT);
}

static void endless_lines_and_files_that_shrink_are_faults(void **state)
{
    (void)state;
    static char line[100000];
    struct wordlist w;
    bool ret;
    memset(line, 'x', sizeof(line));
    write_file(line, sizeof(line));
    assert_int_equal(wordlist_open(path, &w), FAULT_LIMIT);
    memcpy(line, "a\n", 2);
    write_file(line, sizeof(line));
    assert_int_equal(wordlist_open(path, &w), 0);
    assert_int_equal(wordlist_has(&w, SPAN("password"), &ret), FAULT_LIMIT);
    assert_int_equal(truncate(path, 1), 0);
    int rc = wordlist_has(&w, SPAN("password"), &ret);
    assert_true(rc <= 0 && !ret);
    wordlist_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_found_whatever_their_case_and_count),
        cmocka_unit_test(every_word_of_a_long_list_is_found_and_no_other),
        cmocka_unit_test(what_is_no_sorted_list_is_said),
        cmocka_unit_test(endless_lines_and_files_that_shrink_are_faults),
    };
    (void)snprintf(path, sizeof(path), "/tmp/postern-wordlist-XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    (void)close(fd);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return rc;
}
