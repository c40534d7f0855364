/* Recovery codes and tokens. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/text.h"
#include "identity/recovery.h"
#include "identity/token.h"

static void a_recovery_code_is_five_groups_of_five(void **state)
{
    char code[RECOVERY_CODE_SIZE];
    uint8_t hash[RECOVERY_HASH_SIZE], typed[RECOVERY_HASH_SIZE];
    (void)state;
    assert_int_equal(recovery_new(code, hash), 0);
    assert_int_equal(strlen(code), 29);
    for (size_t i = 0; i < 29; i++)
        assert_true(i % 6 == 5 ? code[i] == '-' : strchr("ilou-", code[i]) == NULL);
    assert_int_equal(recovery_hash(span_str(code), typed), 0);
    assert_memory_equal(hash, typed, sizeof(hash));
}

static void a_recovery_code_is_read_as_people_type_it(void **state)
{
    uint8_t a[RECOVERY_HASH_SIZE], b[RECOVERY_HASH_SIZE];
    (void)state;
    assert_int_equal(recovery_hash(SPAN("0a1b2-c3d4e-5f6g7-h8j9k-mnpq1"), a), 0);
    assert_int_equal(recovery_hash(SPAN("OAIB2 C3D4E 5F6G7 H8J9K MNPQl"), b), 0);
    assert_memory_equal(a, b, sizeof(a));
    assert_int_equal(recovery_hash(SPAN("0a1b2c3d4e5f6g7h8j9kmnpq1"), b), 0);
    assert_memory_equal(a, b, sizeof(a));
    assert_int_equal(recovery_hash(SPAN("0a1b2c3d4e5f6g7h8j9kmnpq2"), b), 0);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void what_cannot_be_a_recovery_code_is_refused(void **state)
{
    static const char *const BAD[] = {"",
                                      "123456",
                                      "0a1b2c3d4e5f6g7h8j9kmnpq",
                                      "0a1b2c3d4e5f6g7h8j9kmnpq12",
                                      "0a1b2c3d4e5f6g7h8j9kmnpqu",
                                      "0a1b2c3d4e5f6g7h8j9kmnpq\n",
                                      "0a1b2c3d4e5f6g7h8j9kmnp\xc3\xa4"};
    uint8_t hash[RECOVERY_HASH_SIZE];
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++)
        assert_int_equal(recovery_hash(span_str(BAD[i]), hash), FAULT_FORMAT);
    assert_int_equal(recovery_hash(SPAN("0a1b2c3d4e5f6g7h8j9kmnpq\0"), hash), FAULT_FORMAT);
}

static void new_tokens_have_their_shape_and_hash(void **state)
{
    char text[TOKEN_TEXT_SIZE], api[TOKEN_API_TEXT_SIZE];
    uint8_t hash[TOKEN_HASH_SIZE], again[TOKEN_HASH_SIZE];
    (void)state;
    assert_int_equal(token_new(text, hash), 0);
    assert_int_equal(strlen(text), 43);
    assert_true(token_is_shaped(span_str(text)));
    assert_false(token_is_shaped_api(span_str(text)));
    assert_int_equal(token_hash(span_str(text), again), 0);
    assert_memory_equal(hash, again, sizeof(hash));
    assert_int_equal(token_new_api(api, hash), 0);
    assert_int_equal(strlen(api), 47);
    assert_true(token_is_shaped_api(span_str(api)));
    assert_false(token_is_shaped(span_str(api)));
    assert_int_equal(token_hash(span_str(api), again), 0);
    assert_memory_equal(hash, again, sizeof(hash));
    assert_int_equal(token_new_api(api, NULL), 0);
}

static void what_is_not_shaped_like_a_token_is_not_looked_up(void **state)
{
    static const char *const BAD[] = {"",
                                      "pst_",
                                      "pst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      "pst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      "PST_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
                                      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                                      "AAAAAAAAAAAAAAAAAAAAA+AAAAAAAAAAAAAAAAAAAAA",
                                      " AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    uint8_t hash[TOKEN_HASH_SIZE];
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++)
        assert_int_equal(token_hash(span_str(BAD[i]), hash), FAULT_FORMAT);
    assert_int_equal(token_hash(SPAN("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), hash), 0);
}

static void a_digest_is_sha_256(void **state)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    char hex[2 * TOKEN_HASH_SIZE + 1];
    (void)state;
    assert_int_equal(token_digest(SPAN("abc"), hash), 0);
    text_hex(hex, span_of(hash, sizeof(hash)));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(token_digest(SPAN_NONE, hash), 0);
    text_hex(hex, span_of(hash, sizeof(hash)));
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_thousand_new_ones_differ(void **state)
{
    static uint8_t seen[1000][TOKEN_ID_SIZE];
    (void)state;
    for (size_t i = 0; i < countof(seen); i++) {
        assert_int_equal(token_new_id(seen[i]), 0);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(seen[i], seen[k], TOKEN_ID_SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recovery_code_is_five_groups_of_five),
        cmocka_unit_test(a_recovery_code_is_read_as_people_type_it),
        cmocka_unit_test(what_cannot_be_a_recovery_code_is_refused),
        cmocka_unit_test(new_tokens_have_their_shape_and_hash),
        cmocka_unit_test(what_is_not_shaped_like_a_token_is_not_looked_up),
        cmocka_unit_test(a_digest_is_sha_256),
        cmocka_unit_test(a_thousand_new_ones_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
