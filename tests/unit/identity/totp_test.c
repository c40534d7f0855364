#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/fault.h"
#include "identity/totp.h"

#define SECRET SPAN("12345678901234567890")

static void codes_are_those_of_rfc_4226(void **state)
{
    static const char *const CODES[] = {"755224", "287082", "359152", "969429", "338314",
                                        "254676", "287922", "162583", "399871", "520489"};
    (void)state;
    for (uint64_t i = 0; i < countof(CODES); i++) {
        char code[9];
        assert_int_equal(totp_code(SECRET, i, 6, code), 0);
        assert_string_equal(code, CODES[i]);
    }
}

static void codes_are_those_of_rfc_6238(void **state)
{
    static const struct {
        uint64_t time;
        const char *code;
    } VECTORS[] = {{59, "94287082"},         {1111111109, "07081804"}, {1111111111, "14050471"},
                   {1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"}};
    (void)state;
    for (size_t i = 0; i < countof(VECTORS); i++) {
        char code[9];
        assert_int_equal(totp_code(SECRET, VECTORS[i].time / 30, 8, code), 0);
        assert_string_equal(code, VECTORS[i].code);
    }
}

static void numbers_of_digits_that_do_not_exist_are_misuse(void **state)
{
    char code[9];
    (void)state;
    assert_int_equal(totp_code(SECRET, 1, 5, code), FAULT_MISUSE);
    assert_int_equal(totp_code(SECRET, 1, 9, code), FAULT_MISUSE);
    assert_int_equal(totp_code(SPAN_NONE, 1, 6, code), FAULT_MISUSE);
}

static int verify_at(const char *code, uint64_t now, uint64_t last, uint64_t *step)
{
    return totp_verify(SECRET, span_str(code), now, last, step);
}

static void a_code_is_good_one_step_to_either_side(void **state)
{
    char code[9];
    uint64_t step = 0;
    const uint64_t here = 1111111109 / 30;
    (void)state;
    assert_int_equal(totp_code(SECRET, here, 6, code), 0);
    for (uint64_t s = here - 1; s <= here + 1; s++) {
        assert_int_equal(verify_at(code, s * 30, 0, &step), 0);
        assert_int_equal(step, here);
        assert_int_equal(verify_at(code, s * 30 + 29, 0, &step), 0);
    }
    assert_int_equal(verify_at(code, (here - 2) * 30 + 29, 0, &step), FAULT_DENIED);
    assert_int_equal(verify_at(code, (here + 2) * 30, 0, &step), FAULT_DENIED);
}

static void a_step_is_never_accepted_twice_nor_an_older_one(void **state)
{
    char code[9], older[9];
    uint64_t step = 99;
    const uint64_t here = 1111111109 / 30;
    (void)state;
    assert_int_equal(totp_code(SECRET, here, 6, code), 0);
    assert_int_equal(totp_code(SECRET, here - 1, 6, older), 0);
    assert_int_equal(verify_at(code, here * 30, here, &step), FAULT_STALE);
    assert_int_equal(verify_at(older, here * 30, here, &step), FAULT_STALE);
    assert_int_equal(verify_at(older, here * 30, here - 1, &step), FAULT_STALE);
    assert_int_equal(step, 99);
    assert_int_equal(verify_at(code, here * 30, here - 1, &step), 0);
}

static void the_first_minute_of_time_has_no_step_before_it(void **state)
{
    uint64_t step = 99;
    (void)state;
    /* Step 0 was "accepted" by a secret that accepted none: it is never good. */
    assert_int_equal(verify_at("755224", 0, 0, &step), FAULT_STALE);
    assert_int_equal(verify_at("287082", 0, 0, &step), 0);
    assert_int_equal(step, 1);
}

static void what_is_not_six_digits_is_no_code(void **state)
{
    static const char *const BAD[] = {"",
                                      "12345",
                                      "1234567",
                                      "12345a",
                                      "-12345",
                                      "+12345",
                                      "12345\n",
                                      "123.56",
                                      "0x1234",
                                      "１２３４５６",
                                      "1 2 3 4",
                                      "      ",
                                      "123456                   "};
    uint64_t step;
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++) {
        assert_int_equal(verify_at(BAD[i], 59, 0, &step), FAULT_FORMAT);
        assert_false(totp_is_shaped(span_str(BAD[i])));
    }
    assert_int_equal(totp_verify(SECRET, SPAN("28708\0"), 59, 0, &step), FAULT_FORMAT);
    assert_int_equal(verify_at("287 082", 59, 0, &step), 0);
    assert_true(totp_is_shaped(SPAN(" 287 082 ")));
}

static void base32_is_that_of_rfc_4648(void **state)
{
    static const struct {
        const char *plain, *text, *padded;
    } VECTORS[] = {{"", "", ""},
                   {"f", "MY", "MY======"},
                   {"fo", "MZXQ", "MZXQ===="},
                   {"foo", "MZXW6", "MZXW6==="},
                   {"foob", "MZXW6YQ", "MZXW6YQ="},
                   {"fooba", "MZXW6YTB", "MZXW6YTB"},
                   {"foobar", "MZXW6YTBOI", "MZXW6YTBOI======"}};
    (void)state;
    for (size_t i = 0; i < countof(VECTORS); i++) {
        char text[32];
        uint8_t bytes[16];
        struct span plain = span_str(VECTORS[i].plain);
        base32_encode(text, plain);
        assert_string_equal(text, VECTORS[i].text);
        assert_int_equal(base32_decode(span_str(text), bytes, sizeof(bytes)), plain.len);
        assert_memory_equal(bytes, plain.at, plain.len);
        assert_int_equal(base32_decode(span_str(VECTORS[i].padded), bytes, sizeof(bytes)),
                         plain.len);
    }
}

static void base32_is_read_as_people_type_it(void **state)
{
    uint8_t bytes[16];
    (void)state;
    assert_int_equal(base32_decode(SPAN("mzxw 6ytb-oi"), bytes, sizeof(bytes)), 6);
    assert_memory_equal(bytes, "foobar", 6);
}

static void base32_that_is_none_is_refused(void **state)
{
    static const char *const BAD[] = {"M",
                                      "MZX",
                                      "MZXW6Y",
                                      "M1",
                                      "M0",
                                      "MY!",
                                      "MZ",
                                      "MZXR",
                                      "MY=====",
                                      "MY=A",
                                      "=",
                                      "=======",
                                      "=MY",
                                      "MY======MY======",
                                      "MZXW6YTB========"};
    uint8_t bytes[16];
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++)
        if (base32_decode(span_str(BAD[i]), bytes, sizeof(bytes)) != FAULT_FORMAT)
            fail_msg("%s was read", BAD[i]);
    assert_int_equal(base32_decode(SPAN("MZXW6YTBOI"), bytes, 5), FAULT_LIMIT);
}

static void the_uri_escapes_names(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 512);
    assert_int_equal(totp_uri(&out, SECRET, SPAN("postern gw:9443"), SPAN("ann@example.com")), 0);
    assert_true(span_is(buf_view(&out),
                        "otpauth://totp/postern%20gw%3A9443:ann%40example.com?secret="
                        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=postern%20gw%3A9443"
                        "&algorithm=SHA1&digits=6&period=30"));
    buf_fini(&out);
}

static void new_secrets_differ(void **state)
{
    uint8_t a[TOTP_SECRET_LEN], b[TOTP_SECRET_LEN];
    (void)state;
    assert_int_equal(totp_new_secret(a), 0);
    assert_int_equal(totp_new_secret(b), 0);
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_of_rfc_4226),
        cmocka_unit_test(codes_are_those_of_rfc_6238),
        cmocka_unit_test(numbers_of_digits_that_do_not_exist_are_misuse),
        cmocka_unit_test(a_code_is_good_one_step_to_either_side),
        cmocka_unit_test(a_step_is_never_accepted_twice_nor_an_older_one),
        cmocka_unit_test(the_first_minute_of_time_has_no_step_before_it),
        cmocka_unit_test(what_is_not_six_digits_is_no_code),
        cmocka_unit_test(base32_is_that_of_rfc_4648),
        cmocka_unit_test(base32_is_read_as_people_type_it),
        cmocka_unit_test(base32_that_is_none_is_refused),
        cmocka_unit_test(the_uri_escapes_names),
        cmocka_unit_test(new_secrets_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
