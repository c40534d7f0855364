#include "tests/unit/store/scratch.h"

#include "store/entries.h"
#include "store/sessions.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static struct entry entry(const char *user, const char *id, uint64_t checked)
{
    struct entry e = {.directory = "corp", .checked = checked};
    (void)snprintf(e.user, sizeof(e.user), "%s", user);
    (void)snprintf(e.id, sizeof(e.id), "%s", id);
    (void)snprintf(e.dn, sizeof(e.dn), "uid=%s,dc=x", user);
    return e;
}

static int put(struct store *s, const char *user, const char *id, uint64_t checked)
{
    struct entry e = entry(user, id, checked);
    return entries_put(s, &e);
}

static void an_entry_is_one_user_and_a_user_one_entry(void **state)
{
    struct store *s = of(state);
    struct entry e;
    assert_int_equal(put(s, "ann", "01", NOW), FAULT_ABSENT);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    assert_int_equal(entries_find(s, "ann", &e), FAULT_ABSENT);
    assert_int_equal(put(s, "ann", "01", NOW), 0);
    assert_int_equal(put(s, "bob", "01", NOW), FAULT_EXISTS);
    assert_int_equal(entries_find_id(s, "corp", "01", &e), 0);
    assert_string_equal(e.user, "ann");
    assert_string_equal(e.dn, "uid=ann,dc=x");
    assert_int_equal(entries_find_id(s, "other", "01", &e), FAULT_ABSENT);
    assert_int_equal(put(s, "ann", "02", NOW + 1), 0);
    assert_int_equal(entries_find(s, "ann", &e), 0);
    assert_string_equal(e.id, "02");
    assert_true(e.checked == NOW + 1 && !e.gone);
    assert_int_equal(put(s, "bob", "01", NOW), 0);
}

static void who_has_been_on_once_is_settled(void **state)
{
    struct store *s = of(state);
    struct entry e;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(entries_settle(s, "ann"), 0);
    assert_int_equal(put(s, "ann", "01", NOW), 0);
    assert_int_equal(entries_find(s, "ann", &e), 0);
    assert_false(e.settled);
    assert_int_equal(entries_settle(s, "ann"), 0);
    assert_int_equal(put(s, "ann", "01", NOW + 1), 0);
    assert_int_equal(entries_find(s, "ann", &e), 0);
    assert_true(e.settled);
}

static void many_may_wait_for_their_first_sign_in(void **state)
{
    struct store *s = of(state);
    struct entry e;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    assert_int_equal(put(s, "ann", "", 0), 0);
    assert_int_equal(put(s, "bob", "", 0), 0);
    assert_int_equal(entries_find(s, "bob", &e), 0);
    assert_string_equal(e.id, "");
    assert_int_equal(entries_find_id(s, "corp", "", &e), FAULT_ABSENT);
}

static void an_entry_goes_with_its_user(void **state)
{
    struct store *s = of(state);
    struct entry e;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(put(s, "ann", "01", NOW), 0);
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_int_equal(entries_find_id(s, "corp", "01", &e), FAULT_ABSENT);
    assert_int_equal(entries_remove(s, "ann"), FAULT_ABSENT);
}

static int each_due(void *context, const struct entry *e)
{
    char *names = context;
    size_t len = strlen(names);
    (void)snprintf(names + len, 64 - len, "%s", e->user);
    return 0;
}

static void assert_due(struct store *s, uint64_t before, const char *expected)
{
    char names[64] = "";
    assert_int_equal(entries_due(s, "corp", before, NOW, 10, each_due, names), 0);
    assert_string_equal(names, expected);
}

static void log_in(struct store *s, const char *user, uint8_t number)
{
    struct session n = {.created = NOW, .last_seen = NOW, .idle = 60, .ends_at = NOW + 60};
    (void)snprintf(n.user, sizeof(n.user), "%s", user);
    (void)snprintf(n.host, sizeof(n.host), "h");
    n.id[0] = number;
    struct session_key key = {.hash = {number}, .kind = 4};
    assert_int_equal(sessions_add(s, &n, &key, 1), 0);
}

static int each_ended(void *context, const uint8_t id[STORE_ID_SIZE])
{
    (void)context;
    (void)id;
    return 0;
}

static void only_those_who_are_on_are_due(void **state)
{
    struct store *s = of(state);
    static const char *const NAMES[] = {"a", "b", "c"};
    for (size_t i = 0; i < countof(NAMES); i++) {
        assert_int_equal(users_add(s, NAMES[i], NOW), 0);
        assert_int_equal(put(s, NAMES[i], NAMES[i], NOW - i), 0);
    }
    assert_due(s, NOW + 1, "");
    log_in(s, "a", 1);
    log_in(s, "c", 2);
    assert_due(s, NOW + 1, "ca");
    assert_due(s, NOW, "c");
    assert_int_equal(sessions_end_user(s, "c", NOW, each_ended, NULL), 0);
    assert_due(s, NOW + 1, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(an_entry_is_one_user_and_a_user_one_entry),
        with_store(who_has_been_on_once_is_settled),
        with_store(many_may_wait_for_their_first_sign_in),
        with_store(an_entry_goes_with_its_user),
        with_store(only_those_who_are_on_are_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
