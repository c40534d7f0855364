#include "tests/unit/unit.h"

#include "base/fault.h"
#include "identity/recovery.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recovery_code_is_five_groups_of_five),
        cmocka_unit_test(a_recovery_code_is_read_as_people_type_it),
        cmocka_unit_test(what_cannot_be_a_recovery_code_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
