#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/text.h"
#include "identity/token.h"

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
        cmocka_unit_test(new_tokens_have_their_shape_and_hash),
        cmocka_unit_test(what_is_not_shaped_like_a_token_is_not_looked_up),
        cmocka_unit_test(a_digest_is_sha_256),
        cmocka_unit_test(a_thousand_new_ones_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
