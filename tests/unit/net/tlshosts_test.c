#include "tests/unit/unit.h"

#include "base/buf.h"
#include "net/tlshosts.h"

static uint64_t pairs_of(const struct tlshosts *h, const char *name)
{
    const struct tlshost *host = tlshosts_find(h, span_str(name));
    return host == NULL ? 0 : host->pairs;
}

static void an_exact_name_goes_before_a_wildcard_of_one_label(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned pair;
    } NAMES[] = {
        {"a.test", 0},     {"*.a.test", 1},    {"x.a.test", 2},  {"UPPER.Test", 3},
        {"*.UP.test", 3},  {"both.test", 4},   {"both.test", 5}, {"*", 6},
        {"*.", 6},         {"f*.test", 6},     {"*.*.test", 6},  {"w.*.test", 6},
        {"", 6},           {".test", 6},       {"a..test", 6},   {"a.test.", 6},
        {"192.0.2.1 ", 6}, {"sp ace.test", 6}, {"*.com", 7},
    };
    static const struct {
        const char *asked;
        uint64_t pairs;
    } CASES[] = {
        {"a.test", 1},       {"A.TEST", 1},   {"x.a.test", 4}, {"y.a.test", 2},   {"Y.a.Test", 2},
        {"z.y.a.test", 0},   {".a.test", 0},  {"*.a.test", 0}, {"upper.test", 8}, {"q.up.test", 8},
        {"both.test", 0x30}, {"anything", 0}, {"f.test", 0},   {"foo.test", 0},   {"x.com", 0x80},
        {"com", 0},          {"a.test.", 0},  {"", 0},         {"w.x.test", 0},
    };
    struct tlshosts *h = tlshosts_new();
    for (size_t i = 0; i < countof(NAMES); i++)
        assert_int_equal(tlshosts_add(h, span_str(NAMES[i].name), NAMES[i].pair), 0);
    for (size_t i = 0; i < countof(CASES); i++)
        if (pairs_of(h, CASES[i].asked) != CASES[i].pairs)
            fail_msg("%s: %llx", CASES[i].asked, (unsigned long long)pairs_of(h, CASES[i].asked));
    size_t at = 0, count = 0;
    while (tlshosts_next(h, &at) != NULL)
        count++;
    assert_int_equal(count, 7);
    tlshosts_free(h);
}

static void a_name_with_a_nul_or_too_long_is_nobodys(void **state)
{
    (void)state;
    struct tlshosts *h = tlshosts_new();
    char longest[300];
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(tlshosts_add(h, SPAN("good.test\0.evil.test"), 0), 0);
    assert_int_equal(tlshosts_add(h, span_of(longest, 254), 0), 0);
    assert_int_equal(tlshosts_add(h, span_of(longest, 253), 1), 0);
    /* A wildcard of the greatest length, and of one more. */
    char wild[300] = "*.";
    memset(wild + 2, 'b', 253);
    assert_int_equal(tlshosts_add(h, span_of(wild, 255), 0), 0);
    assert_int_equal(tlshosts_add(h, span_of(wild, 254), 3), 0);
    assert_int_equal(pairs_of(h, "good.test"), 0);
    assert_null(tlshosts_find(h, span_of(longest, 254)));
    assert_int_equal(tlshosts_find(h, span_of(longest, 253))->pairs, 2);
    assert_true(tlshosts_add(h, SPAN("a.test"), 64) < 0);
    tlshosts_free(h);
}

static void the_host_that_is_asked_for_is_read_exactly_or_not_at_all(void **state)
{
    (void)state;
    static const uint8_t GOOD[] = {0, 9, 0, 0, 6, 'a', '.', 't', 'e', 's', 't'};
    assert_true(span_is(tlshosts_asked(span_of(GOOD, sizeof(GOOD))), "a.test"));
    for (size_t len = 0; len < sizeof(GOOD); len++)
        assert_int_equal(tlshosts_asked(span_of(GOOD, len)).len, 0);
    uint8_t bad[16];
    for (size_t i = 0; i < 5; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(bad, GOOD, sizeof(GOOD));
            bad[i] = (uint8_t)(bad[i] ^ 1 << bit);
            assert_int_equal(tlshosts_asked(span_of(bad, sizeof(GOOD))).len, 0);
        }
    memcpy(bad, GOOD, sizeof(GOOD));
    assert_int_equal(tlshosts_asked(span_of(bad, sizeof(GOOD) + 1)).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_name_goes_before_a_wildcard_of_one_label),
        cmocka_unit_test(a_name_with_a_nul_or_too_long_is_nobodys),
        cmocka_unit_test(the_host_that_is_asked_for_is_read_exactly_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
