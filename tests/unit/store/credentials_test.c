#include "tests/unit/store/scratch.h"

#include "store/credentials.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static void a_password_belongs_to_a_user_and_can_be_disabled(void **state)
{
    struct store *s = of(state);
    struct password p;
    struct user u;
    assert_int_equal(credentials_set_password(s, "ann", "$hash", NOW), FAULT_ABSENT);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(credentials_password(s, "ann", &p), FAULT_ABSENT);
    assert_int_equal(credentials_disable_password(s, "ann"), FAULT_ABSENT);
    assert_int_equal(credentials_set_password(s, "ann", "$hash", NOW), 0);
    assert_int_equal(credentials_disable_password(s, "ann"), 0);
    assert_int_equal(credentials_password(s, "ann", &p), 0);
    assert_true(p.disabled);
    assert_string_equal(p.hash, "$hash");
    assert_int_equal(users_find(s, "ann", &u), 0);
    assert_true(u.password_disabled);
    assert_int_equal(u.password_set, NOW);
    assert_int_equal(credentials_set_password(s, "ann", "$new", NOW + 1), 0);
    assert_int_equal(credentials_password(s, "ann", &p), 0);
    assert_false(p.disabled);
}

static void a_rehash_does_not_overwrite_a_newer_password(void **state)
{
    struct store *s = of(state);
    struct password p;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(credentials_set_password(s, "ann", "$a", NOW), 0);
    assert_int_equal(credentials_rehash(s, "ann", "$a", "$b"), 0);
    assert_int_equal(credentials_rehash(s, "ann", "$a", "$c"), FAULT_STALE);
    assert_int_equal(credentials_password(s, "ann", &p), 0);
    assert_string_equal(p.hash, "$b");
    assert_int_equal(p.set_at, NOW);
}

static void a_totp_step_is_accepted_once(void **state)
{
    struct store *s = of(state);
    struct totp t;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(credentials_set_totp(s, "bob", SPAN("12345678901234567890"), 0, NOW),
                     FAULT_ABSENT);
    assert_int_equal(credentials_set_totp(s, "ann", SPAN(""), 0, NOW), FAULT_LIMIT);
    assert_int_equal(credentials_set_totp(s, "ann", SPAN("12345678901234567890"), 100, NOW), 0);
    assert_int_equal(credentials_accept_step(s, "ann", 100), FAULT_STALE);
    assert_int_equal(credentials_accept_step(s, "ann", 99), FAULT_STALE);
    assert_int_equal(credentials_accept_step(s, "ann", 101), 0);
    assert_int_equal(credentials_accept_step(s, "ann", 101), FAULT_STALE);
    assert_int_equal(credentials_totp(s, "ann", &t), 0);
    assert_int_equal(t.last_step, 101);
    assert_int_equal(t.secret_len, 20);
    assert_memory_equal(t.secret, "12345678901234567890", 20);
    assert_int_equal(credentials_disable_totp(s, "ann"), 0);
    assert_int_equal(credentials_totp(s, "ann", &t), 0);
    assert_true(t.disabled);
    assert_int_equal(credentials_remove_totp(s, "ann"), 0);
    assert_int_equal(credentials_totp(s, "ann", &t), FAULT_ABSENT);
}

static void a_recovery_code_is_used_once_and_by_its_owner(void **state)
{
    struct store *s = of(state);
    uint8_t hashes[3][STORE_HASH_SIZE];
    struct user u;
    for (uint8_t i = 0; i < 3; i++)
        fill(hashes[i], STORE_HASH_SIZE, (uint8_t)(i + 1));
    assert_int_equal(credentials_set_recovery(s, "ann", hashes, 3, NOW), FAULT_ABSENT);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    assert_int_equal(credentials_set_recovery(s, "ann", hashes, 17, NOW), FAULT_LIMIT);
    assert_int_equal(credentials_set_recovery(s, "ann", hashes, 3, NOW), 0);
    assert_int_equal(credentials_use_recovery(s, "bob", hashes[0]), FAULT_ABSENT);
    assert_int_equal(credentials_use_recovery(s, "ann", hashes[0]), 0);
    assert_int_equal(credentials_use_recovery(s, "ann", hashes[0]), FAULT_ABSENT);
    assert_int_equal(users_find(s, "ann", &u), 0);
    assert_int_equal(u.recovery_left, 2);
    assert_int_equal(credentials_set_recovery(s, "ann", hashes, 1, NOW), 0);
    assert_int_equal(credentials_use_recovery(s, "ann", hashes[1]), FAULT_ABSENT);
}

static struct enrolment invitation(const char *user, uint8_t code)
{
    struct enrolment e = {
        .secret_len = 20, .created = NOW, .expires = NOW + 60, .renews = ENROL_ALL};
    fill(e.hash, sizeof(e.hash), code);
    fill(e.secret, 20, 0x5a);
    (void)snprintf(e.user, sizeof(e.user), "%s", user);
    return e;
}

static void an_enrolment_code_works_once_and_in_time(void **state)
{
    struct store *s = of(state);
    struct enrolment e = invitation("ann", 1), got;
    uint8_t codes[2][STORE_HASH_SIZE] = {{1}, {2}};
    struct user u;
    struct totp t;
    assert_int_equal(enrolments_add(s, &e), FAULT_ABSENT);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(enrolments_add(s, &e), 0);
    assert_int_equal(enrolments_find(s, e.hash, NOW + 60, &got), FAULT_STALE);
    assert_int_equal(enrolments_finish(s, e.hash, NOW + 60, "$h", 7, codes, 2), FAULT_STALE);
    assert_int_equal(enrolments_find(s, e.hash, NOW + 59, &got), 0);
    assert_string_equal(got.user, "ann");
    assert_int_equal(users_find(s, "ann", &u), 0);
    assert_int_equal(u.enrol_until, NOW + 60);
    assert_int_equal(enrolments_finish(s, e.hash, NOW + 1, "$h", 7, codes, 2), 0);
    assert_int_equal(enrolments_finish(s, e.hash, NOW + 1, "$x", 8, codes, 2), FAULT_ABSENT);
    assert_int_equal(enrolments_find(s, e.hash, NOW, &got), FAULT_ABSENT);
    assert_int_equal(credentials_totp(s, "ann", &t), 0);
    assert_memory_equal(t.secret, e.secret, 20);
    assert_int_equal(t.last_step, 7);
    assert_int_equal(users_find(s, "ann", &u), 0);
    assert_int_equal(u.password_set, NOW + 1);
    assert_int_equal(u.recovery_left, 2);
    assert_int_equal(u.enrol_until, 0);
}

static void a_failed_enrolment_changes_nothing(void **state)
{
    struct store *s = of(state);
    struct enrolment e = invitation("ann", 1), got;
    uint8_t twice[2][STORE_HASH_SIZE] = {{1}, {1}};
    struct user u;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(enrolments_add(s, &e), 0);
    assert_int_equal(enrolments_finish(s, e.hash, NOW, "$h", 7, twice, 2), FAULT_EXISTS);
    assert_int_equal(users_find(s, "ann", &u), 0);
    assert_int_equal(u.password_set, 0);
    assert_false(u.totp);
    assert_int_equal(u.recovery_left, 0);
    assert_int_equal(enrolments_find(s, e.hash, NOW, &got), 0);
}

static void only_the_newest_enrolment_code_works(void **state)
{
    struct store *s = of(state);
    struct enrolment first = invitation("ann", 1), second = invitation("ann", 2), got;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(enrolments_add(s, &first), 0);
    assert_int_equal(enrolments_add(s, &second), 0);
    assert_int_equal(enrolments_find(s, first.hash, NOW, &got), FAULT_ABSENT);
    assert_int_equal(enrolments_find(s, second.hash, NOW, &got), 0);
    assert_int_equal(enrolments_prune(s, NOW), 0);
    assert_int_equal(enrolments_find(s, second.hash, NOW, &got), 0);
    assert_int_equal(enrolments_revoke(s, "ann"), 0);
    assert_int_equal(enrolments_find(s, second.hash, NOW, &got), FAULT_ABSENT);
}

static void secrets_do_not_stay_in_the_file_of_a_removed_user(void **state)
{
    struct scratch *x = *state;
    static const char MARK[] = "a-very-recognisable-secret-00001";
    assert_int_equal(users_add(x->store, "ann", NOW), 0);
    assert_int_equal(
        credentials_set_totp(x->store, "ann", SPAN("a-very-recognisable-secret-00001"), 0, NOW), 0);
    assert_int_equal(users_remove(x->store, "ann"), 0);
    scratch_close(x);
    FILE *f = fopen(x->path, "rb");
    assert_non_null(f);
    static char all[1 << 20];
    size_t n = fread(all, 1, sizeof(all), f);
    (void)fclose(f);
    assert_null(memmem(all, n, MARK, sizeof(MARK) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_password_belongs_to_a_user_and_can_be_disabled),
        with_store(a_rehash_does_not_overwrite_a_newer_password),
        with_store(a_totp_step_is_accepted_once),
        with_store(a_recovery_code_is_used_once_and_by_its_owner),
        with_store(an_enrolment_code_works_once_and_in_time),
        with_store(a_failed_enrolment_changes_nothing),
        with_store(only_the_newest_enrolment_code_works),
        with_store(secrets_do_not_stay_in_the_file_of_a_removed_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
