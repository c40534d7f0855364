#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/fault.h"
#include "identity/password.h"
#include "store/credentials.h"

static enum password_verdict judge(const char *password)
{
    return password_judge(span_str(password), SPAN("alice"));
}

static void common_passwords_are_refused_in_disguise_too(void **state)
{
    static const char *const BAD[] = {"password",
                                      "PASSWORD",
                                      "Password1!",
                                      "P@ssw0rd",
                                      "P@55w0rd2024",
                                      "passwort",
                                      "changeit",
                                      "ChangeMe123",
                                      "letmein!!!!",
                                      "welcome2024",
                                      "we1come2025",
                                      "Adm1nistrator",
                                      "administrator",
                                      "admin123!",
                                      "!!admin!!",
                                      "12345678",
                                      "123456789",
                                      "1234567890",
                                      "87654321",
                                      "9876543210",
                                      "11111111",
                                      "aaaaaaaaaaaa",
                                      "abababababab",
                                      "abcabcabcabc",
                                      "12341234",
                                      "abcdefgh",
                                      "qwertyuiop",
                                      "qwerty123456",
                                      "1q2w3e4r",
                                      "1qaz2wsx",
                                      "zxcvbnm123",
                                      "iloveyou2",
                                      "Summer2025!",
                                      "sunshine1",
                                      "tomcat12",
                                      "s3cr3t!!",
                                      "trustno1!",
                                      "r00tr00t",
                                      "7e5t7e5t",
                                      "        ",
                                      "correcthorsebatterystaple"};
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++)
        if (judge(BAD[i]) != PASSWORD_COMMON)
            fail_msg("%s: %s", BAD[i], password_verdict_text(judge(BAD[i])));
}

static void names_are_not_enough(void **state)
{
    static const char *const BAD[] = {"alicealice",    "Alice123!",    "123ALICE",
                                      "postern1",      "Postern!",     "posternalice",
                                      "alice-postern", "alice@postern"};
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++)
        if (judge(BAD[i]) == PASSWORD_GOOD)
            fail_msg("%s was accepted", BAD[i]);
    assert_int_equal(password_judge(SPAN("example.com1"), SPAN("bob@example.com")), PASSWORD_NAMED);
    /* A short name is in many good passwords. */
    assert_int_equal(password_judge(SPAN("aljoalqualz"), SPAN("al")), PASSWORD_GOOD);
}

static void good_passwords_need_no_special_characters(void **state)
{
    static const char *const GOOD[] = {
        "vermilion otter",    "kqzjwvtb", "alice likes green soup", "grüße aus köln",
        "パスワードですよね", "x9#Lm2$q", "postern keeps the gate", "my administrator hates me"};
    (void)state;
    for (size_t i = 0; i < countof(GOOD); i++)
        if (judge(GOOD[i]) != PASSWORD_GOOD)
            fail_msg("%s: %s", GOOD[i], password_verdict_text(judge(GOOD[i])));
}

static void length_is_counted_in_code_points(void **state)
{
    char text[PASSWORD_BYTES_MAX + 2];
    (void)state;
    assert_int_equal(judge(""), PASSWORD_SHORT);
    assert_int_equal(judge("kqzjwvt"), PASSWORD_SHORT);
    assert_int_equal(judge("äöüßéèê"), PASSWORD_SHORT);
    assert_int_equal(judge("äöüßéèêx"), PASSWORD_GOOD);
    memset(text, 0, sizeof(text));
    for (size_t i = 0; i < 256; i++)
        text[i] = (char)('a' + i * 7 % 25);
    assert_int_equal(judge(text), PASSWORD_GOOD);
    text[256] = 'x';
    assert_int_equal(judge(text), PASSWORD_LONG);
    /* 256 characters of four bytes are the most that fits. */
    for (size_t i = 0; i < 256; i++)
        memcpy(text + 4 * i, i % 3 ? "\xf0\x9f\x94\x91" : "\xf0\x9f\x90\xb4", 4);
    text[255 * 4 + 3] = (char)0x92;
    assert_int_equal(password_judge(span_of(text, 1024), SPAN("alice")), PASSWORD_GOOD);
    assert_int_equal(password_judge(span_of(text, 1025), SPAN("alice")), PASSWORD_LONG);
}

static void what_is_not_text_is_refused(void **state)
{
    (void)state;
    assert_int_equal(judge("kqzjwvtb\xff"), PASSWORD_MALFORMED);
    assert_int_equal(judge("kqzjwvtb\n"), PASSWORD_MALFORMED);
    assert_int_equal(judge("kqzjwvtb\x7f"), PASSWORD_MALFORMED);
    assert_int_equal(judge("kqzjwvtb\xed\xa0\x80"), PASSWORD_MALFORMED);
    assert_int_equal(password_judge(SPAN("kqzj\0wvtb"), SPAN("alice")), PASSWORD_MALFORMED);
}

static void every_verdict_is_told(void **state)
{
    (void)state;
    for (int v = PASSWORD_GOOD; v <= PASSWORD_NAMED; v++)
        assert_true(strlen(password_verdict_text((enum password_verdict)v)) > 10);
}

static void a_hash_knows_its_password_only(void **state)
{
    char hash[PASSWORD_TEXT_SIZE], again[PASSWORD_TEXT_SIZE];
    (void)state;
    assert_int_equal(PASSWORD_TEXT_SIZE, PASSWORD_HASH_SIZE);
    assert_int_equal(password_hash(SPAN("vermilion otter"), hash), 0);
    assert_true(span_starts(span_str(hash), SPAN("$argon2id$v=19$m=65536,t=3,p=1$")));
    assert_int_equal(password_verify(SPAN("vermilion otter"), hash), 0);
    assert_int_equal(password_verify(SPAN("vermilion otteR"), hash), FAULT_DENIED);
    assert_int_equal(password_verify(SPAN(""), hash), FAULT_DENIED);
    assert_int_equal(password_hash(SPAN("vermilion otter"), again), 0);
    assert_string_not_equal(hash, again);
    assert_false(password_needs_rehash(hash));
}

static void nobody_s_hash_is_of_today_and_never_right(void **state)
{
    (void)state;
    assert_int_equal(password_verify_nobody(SPAN("")), FAULT_DENIED);
    assert_int_equal(password_verify_nobody(SPAN("vermilion otter")), FAULT_DENIED);
}

static void what_is_no_hash_is_not_a_wrong_password(void **state)
{
    static const char *const BAD[] = {"",
                                      "x",
                                      "$argon2id$",
                                      "$argon2i$v=19$m=65536,t=3,p=1$a$b",
                                      "$6$salt$hash",
                                      "$argon2id$v=19$m=65536,t=3,p=1$!!!!$????"};
    char longer[300];
    static char password[PASSWORD_BYTES_MAX + 1];
    char hash[PASSWORD_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++) {
        assert_int_equal(password_verify(SPAN("vermilion otter"), BAD[i]), FAULT_FORMAT);
        assert_true(password_needs_rehash(BAD[i]));
    }
    memset(longer, 'A', sizeof(longer));
    longer[sizeof(longer) - 1] = 0;
    memcpy(longer, "$argon2id$", 10);
    assert_int_equal(password_verify(SPAN("vermilion otter"), longer), FAULT_FORMAT);
    memset(password, 'a', sizeof(password));
    assert_int_equal(password_hash(span_of(password, sizeof(password)), hash), FAULT_LIMIT);
}

static void a_hash_with_weaker_parameters_is_to_be_renewed(void **state)
{
    (void)state;
    assert_true(password_needs_rehash("$argon2id$v=19$m=19456,t=2,p=1$bhzue4SxaCuGfDGTAttpGg$"
                                      "D0ZVqFyZp/wa2KUHOI2zEbfspo9vzGoH0RqpEJZIf/8"));
}

static int before_all(void **state)
{
    (void)state;
    return password_start();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_passwords_are_refused_in_disguise_too),
        cmocka_unit_test(names_are_not_enough),
        cmocka_unit_test(good_passwords_need_no_special_characters),
        cmocka_unit_test(length_is_counted_in_code_points),
        cmocka_unit_test(what_is_not_text_is_refused),
        cmocka_unit_test(every_verdict_is_told),
        cmocka_unit_test(a_hash_knows_its_password_only),
        cmocka_unit_test(nobody_s_hash_is_of_today_and_never_right),
        cmocka_unit_test(what_is_no_hash_is_not_a_wrong_password),
        cmocka_unit_test(a_hash_with_weaker_parameters_is_to_be_renewed),
    };
    return cmocka_run_group_tests(tests, before_all, NULL);
}
