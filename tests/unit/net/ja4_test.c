#include "tests/unit/unit.h"

#include "net/ja4.h"

static const uint8_t CIPHERS[] = {0x4a, 0x4a, 0x13, 0x02, 0xc0, 0x2b, 0x13, 0x01};
static const uint8_t VERSIONS[] = {6, 0x8a, 0x8a, 0x03, 0x04, 0x03, 0x03};
static const uint8_t ALGORITHMS[] = {0, 4, 0x04, 0x03, 0x08, 0x04};
static const uint8_t ALPN_H2[] = {0, 12, 2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
static const uint8_t ALPN_H1[] = {0, 9, 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
static const int EXTENSIONS[] = {0xdada, 51, 0, 45, 17513, 16, 10, 13, 43, 21, 41};

#define BYTES(array) span_of(array, sizeof(array))

static struct ja4_hello hello(void)
{
    return (struct ja4_hello){.version = 0x0303,
                              .ciphers = BYTES(CIPHERS),
                              .extensions = EXTENSIONS,
                              .count = countof(EXTENSIONS),
                              .versions = BYTES(VERSIONS),
                              .algorithms = BYTES(ALGORITHMS),
                              .alpn = BYTES(ALPN_H2)};
}

static struct ja4 of(struct ja4_hello h)
{
    struct ja4 ret;
    ja4_of(&h, &ret);
    return ret;
}

static void a_hello_has_the_fingerprint_that_its_parts_make(void **state)
{
    (void)state;
    struct ja4 j = of(hello());
    /* The hashes are of "1301,1302,c02b", of "000a,…,4469_0403,0804", and without what comes and
     * goes. */
    assert_string_equal(j.text, "t13d0310h2_5559582ccdc4_72aaa5d48656");
    assert_string_equal(j.same, "5559582ccdc4_1472448224a5");
}

static void order_padding_resumption_and_protocol_do_not_change_what_a_session_is_bound_to(
    void **state)
{
    static const int FIRST[] = {43, 13, 10, 16, 45, 0, 51};
    (void)state;
    struct ja4 a = of(hello());
    struct ja4_hello h = hello();
    h.extensions = FIRST;
    h.count = countof(FIRST);
    h.alpn = BYTES(ALPN_H1);
    struct ja4 b = of(h);
    assert_string_equal(a.same, b.same);
    assert_string_not_equal(a.text, b.text);
    h.count--;
    assert_string_not_equal(of(h).same, a.same);
    h = hello();
    h.ciphers = span_sub(h.ciphers, 0, 6);
    assert_string_not_equal(of(h).same, a.same);
}

static void a_hello_with_nothing_in_it_has_one_too(void **state)
{
    (void)state;
    struct ja4 j = of((struct ja4_hello){.version = 0x0301});
    assert_string_equal(j.text, "t10i000000_000000000000_000000000000");
    static const int ONE[] = {43};
    j = of((struct ja4_hello){.version = 0x7777, .extensions = ONE, .count = 1});
    assert_string_equal(j.text, "t00i000100_000000000000_b9a491fefe05");
}

static void oversize_and_cut_lists_are_taken_as_far_as_they_go(void **state)
{
    static uint8_t ciphers[65535];
    static int extensions[1000];
    (void)state;
    for (size_t i = 0; i < sizeof(ciphers); i++)
        ciphers[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < countof(extensions); i++)
        extensions[i] = (int)(i * 31) - 500;
    struct ja4_hello h = hello();
    h.ciphers = BYTES(ciphers);
    h.extensions = extensions;
    h.count = countof(extensions);
    for (size_t n = 0; n < sizeof(ALPN_H2); n++) {
        h.alpn = span_of(ALPN_H2, n);
        h.versions = span_of(VERSIONS, n < sizeof(VERSIONS) ? n : sizeof(VERSIONS));
        h.algorithms = span_of(ALGORITHMS, n < sizeof(ALGORITHMS) ? n : sizeof(ALGORITHMS));
        struct ja4 j = of(h);
        assert_int_equal(strlen(j.text), JA4_SIZE - 1);
        assert_int_equal(strlen(j.same), JA4_SAME_SIZE - 1);
        assert_memory_equal(j.text + 4, "9999", 4);
    }
}

static void a_protocol_of_no_letters_is_written_in_hexadecimal(void **state)
{
    static const uint8_t ODD[] = {0, 3, 2, 0xab, 0xcd};
    (void)state;
    struct ja4_hello h = hello();
    h.alpn = BYTES(ODD);
    assert_memory_equal(of(h).text + 8, "ad", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_has_the_fingerprint_that_its_parts_make),
        cmocka_unit_test(
            order_padding_resumption_and_protocol_do_not_change_what_a_session_is_bound_to),
        cmocka_unit_test(a_hello_with_nothing_in_it_has_one_too),
        cmocka_unit_test(oversize_and_cut_lists_are_taken_as_far_as_they_go),
        cmocka_unit_test(a_protocol_of_no_letters_is_written_in_hexadecimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
