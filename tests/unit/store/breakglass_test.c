#include "tests/unit/store/scratch.h"

#include "store/breakglass.h"
#include "store/credentials.h"
#include "store/users.h"

static struct store *with_account(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    struct breakglass b = {.user = "glass", .made = NOW, .session = 60, .active = 120};
    assert_int_equal(users_add_kind(s, "glass", USER_BREAK_GLASS, NOW), 0);
    assert_int_equal(breakglass_add(s, &b), 0);
    return s;
}

static void each_code_is_good_once_and_for_its_account(void **state)
{
    struct store *s = with_account(state);
    static const uint8_t codes[2][STORE_HASH_SIZE] = {{1}, {2}};
    struct breakglass b;
    bool drill = true;
    assert_int_equal(breakglass_set_codes(s, "glass", codes, 2), 0);
    assert_int_equal(breakglass_find(s, "glass", &b), 0);
    assert_int_equal(b.codes, 2);
    assert_int_equal(breakglass_use(s, "other", codes[0], NOW, &drill), FAULT_ABSENT);
    assert_int_equal(breakglass_use(s, "glass", codes[0], NOW + 9999999, &drill), 0);
    assert_false(drill);
    assert_int_equal(breakglass_use(s, "glass", codes[0], NOW, &drill), FAULT_ABSENT);
    assert_int_equal(breakglass_set_codes(s, "glass", codes, 0), 0);
    assert_int_equal(breakglass_use(s, "glass", codes[1], NOW, &drill), FAULT_ABSENT);
    assert_int_equal(breakglass_set_codes(s, "absent", codes, 2), FAULT_ABSENT);
    assert_int_equal(breakglass_set_codes(s, "glass", codes, SEALED_CODES_MAX + 1), FAULT_LIMIT);
}

static void a_drills_code_is_told_apart_and_expires(void **state)
{
    struct store *s = with_account(state);
    static const uint8_t first[STORE_HASH_SIZE] = {3}, second[STORE_HASH_SIZE] = {4};
    struct breakglass b;
    bool drill = false;
    assert_int_equal(breakglass_set_drill(s, "glass", first, NOW + 10), 0);
    assert_int_equal(breakglass_find(s, "glass", &b), 0);
    assert_int_equal(b.codes, 0);
    assert_int_equal(breakglass_set_drill(s, "glass", second, NOW + 10), 0);
    assert_int_equal(breakglass_use(s, "glass", first, NOW, &drill), FAULT_ABSENT);
    assert_int_equal(breakglass_use(s, "glass", second, NOW, &drill), 0);
    assert_true(drill);
    assert_int_equal(breakglass_set_drill(s, "glass", first, NOW + 10), 0);
    assert_int_equal(breakglass_use(s, "glass", first, NOW + 10, &drill), FAULT_ABSENT);
    assert_int_equal(breakglass_drilled(s, "glass", NOW + 5), 0);
    assert_int_equal(breakglass_find(s, "glass", &b), 0);
    assert_int_equal(b.last_drill, NOW + 5);
}

static void codes_that_cannot_all_be_set_leave_the_old_ones(void **state)
{
    struct store *s = with_account(state);
    static const uint8_t old[1][STORE_HASH_SIZE] = {{5}}, twice[2][STORE_HASH_SIZE] = {{6}, {6}};
    bool drill;
    assert_int_equal(breakglass_set_codes(s, "glass", old, 1), 0);
    assert_int_equal(breakglass_set_codes(s, "glass", twice, 2), FAULT_EXISTS);
    assert_int_equal(breakglass_use(s, "glass", old[0], NOW, &drill), 0);
}

static void it_has_no_credentials_of_a_person(void **state)
{
    struct store *s = with_account(state);
    static const uint8_t codes[1][STORE_HASH_SIZE] = {{7}};
    const struct enrolment e = {.user = "glass",
                                .secret_len = 20,
                                .created = NOW,
                                .expires = NOW + 60,
                                .renews = ENROL_ALL};
    assert_true(credentials_set_password(s, "glass", "$h", NOW) < 0);
    assert_true(credentials_set_totp(s, "glass", SPAN("12345678901234567890"), 0, NOW) < 0);
    assert_true(credentials_set_recovery(s, "glass", codes, 1, NOW) < 0);
    assert_true(enrolments_add(s, &e) < 0);
}

static void it_goes_with_its_user(void **state)
{
    struct store *s = with_account(state);
    struct breakglass b;
    assert_int_equal(breakglass_activate(s, "glass", NOW + 120, NOW), 0);
    assert_int_equal(breakglass_find(s, "glass", &b), 0);
    assert_true(b.active_until == NOW + 120 && b.last_used == NOW);
    assert_int_equal(breakglass_activate(s, "glass", 0, NOW + 1), 0);
    assert_int_equal(breakglass_find(s, "glass", &b), 0);
    assert_true(b.active_until == 0 && b.last_used == NOW);
    assert_int_equal(users_remove(s, "glass"), 0);
    assert_int_equal(breakglass_find(s, "glass", &b), FAULT_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(each_code_is_good_once_and_for_its_account),
        with_store(a_drills_code_is_told_apart_and_expires),
        with_store(codes_that_cannot_all_be_set_leave_the_old_ones),
        with_store(it_has_no_credentials_of_a_person),
        with_store(it_goes_with_its_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
