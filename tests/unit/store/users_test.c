#include "tests/unit/store/scratch.h"

#include "store/credentials.h"
#include "store/sessions.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static void names_that_are_not_names_are_refused(void **state)
{
    static const char *const BAD[] = {"",      "Ann", "an n",      "-ann", "ann;drop table users",
                                      "ann\n", "'",   "\xc3\xa4nn"};
    struct store *s = of(state);
    for (size_t i = 0; i < countof(BAD); i++) {
        assert_int_equal(users_add(s, BAD[i], NOW), FAULT_FORMAT);
        assert_int_equal(groups_add(s, BAD[i], NOW), FAULT_FORMAT);
    }
}

static void a_user_is_made_once(void **state)
{
    struct store *s = of(state);
    struct user u = {.created = 5};
    uint64_t n = 0;
    assert_int_equal(users_find(s, "ann", &u), FAULT_ABSENT);
    assert_int_equal(u.created, 5);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_add(s, "ann", NOW), FAULT_EXISTS);
    assert_int_equal(users_find(s, "ann", &u), 0);
    assert_string_equal(u.name, "ann");
    assert_int_equal(u.created, NOW);
    assert_false(u.disabled);
    assert_int_equal(u.password_set, 0);
    assert_false(u.totp);
    assert_int_equal(users_set_disabled(s, "ann", true), 0);
    assert_int_equal(users_set_disabled(s, "bob", true), FAULT_ABSENT);
    assert_int_equal(users_find(s, "ann", &u), 0);
    assert_true(u.disabled);
    assert_int_equal(users_count(s, &n), 0);
    assert_int_equal(n, 1);
}

static int collect_user(void *context, const struct user *u)
{
    return buf_printf(context, "%s ", u->name);
}

static int stop_at_first(void *context, const struct user *u)
{
    (void)u;
    ++*(int *)context;
    return 17;
}

static void users_are_listed_in_pages(void **state)
{
    struct store *s = of(state);
    struct buf out;
    int calls = 0;
    buf_init(&out, 1024);
    assert_int_equal(users_add(s, "cy", NOW), 0);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    assert_int_equal(users_list(s, NULL, 2, collect_user, &out), 0);
    assert_true(span_is(buf_view(&out), "ann bob "));
    buf_clear(&out);
    assert_int_equal(users_list(s, "bob", 2, collect_user, &out), 0);
    assert_true(span_is(buf_view(&out), "cy "));
    buf_fini(&out);
    assert_int_equal(users_list(s, NULL, 0, stop_at_first, &calls), 17);
    assert_int_equal(calls, 1);
}

static void a_page_is_never_longer_than_the_maximum(void **state)
{
    struct store *s = of(state);
    struct buf out;
    assert_int_equal(store_begin(s), 0);
    for (unsigned i = 0; i < STORE_PAGE_MAX + 20; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "u%05u", i);
        assert_int_equal(users_add(s, name, NOW), 0);
    }
    assert_int_equal(store_commit(s), 0);
    buf_init(&out, 1 << 16);
    assert_int_equal(users_list(s, NULL, 100000, collect_user, &out), 0);
    assert_int_equal(buf_len(&out), STORE_PAGE_MAX * 7);
    buf_fini(&out);
}

static void the_built_in_groups_exist_and_stay(void **state)
{
    static const char *const NAMES[] = {"owners", "administrators", "auditors", "operators"};
    struct store *s = of(state);
    struct group g;
    for (size_t i = 0; i < countof(NAMES); i++) {
        assert_int_equal(groups_find(s, NAMES[i], &g), 0);
        assert_int_equal(g.members, 0);
        assert_true(groups_is_built_in(NAMES[i]));
        assert_int_equal(groups_remove(s, NAMES[i]), FAULT_DENIED);
        assert_int_equal(groups_add(s, NAMES[i], NOW), FAULT_EXISTS);
    }
    assert_false(groups_is_built_in("owner"));
}

static void memberships_follow_users_and_groups(void **state)
{
    struct store *s = of(state);
    struct buf out;
    struct group g;
    bool has = true;
    uint64_t n = 9;
    buf_init(&out, 1024);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(groups_add(s, "ops", NOW), 0);
    assert_int_equal(groups_join(s, "ops", "nobody"), FAULT_ABSENT);
    assert_int_equal(groups_join(s, "nogroup", "ann"), FAULT_ABSENT);
    assert_int_equal(groups_join(s, "ops", "ann"), 0);
    assert_int_equal(groups_join(s, "ops", "ann"), 0);
    assert_int_equal(groups_join(s, GROUP_OWNERS, "ann"), 0);
    assert_int_equal(groups_of(s, "ann", &out), 0);
    assert_true(span_is(buf_view(&out), "ops\nowners"));
    assert_int_equal(groups_count_enabled(s, GROUP_OWNERS, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(users_set_disabled(s, "ann", true), 0);
    assert_int_equal(groups_count_enabled(s, GROUP_OWNERS, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(groups_find(s, "ops", &g), 0);
    assert_int_equal(g.members, 1);
    assert_int_equal(groups_leave(s, "ops", "ann"), 0);
    assert_int_equal(groups_leave(s, "ops", "ann"), FAULT_ABSENT);
    assert_int_equal(groups_has(s, "ops", "ann", &has), 0);
    assert_false(has);
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_int_equal(users_remove(s, "ann"), FAULT_ABSENT);
    assert_int_equal(groups_find(s, GROUP_OWNERS, &g), 0);
    assert_int_equal(g.members, 0);
    assert_int_equal(groups_remove(s, "ops"), 0);
    buf_fini(&out);
}

static int collect_name(void *context, const char *name)
{
    return buf_printf(context, "%s ", name);
}

static void a_service_account_can_be_given_nothing_to_sign_in_with(void **state)
{
    struct store *s = of(state);
    struct user u;
    uint8_t bytes[32] = {1};
    uint64_t enabled = 9;
    struct session session = {.user = "ci", .host = "a:9443", .ends_at = NOW + 9};
    struct session_key key = {.kind = 1};
    struct enrolment e = {.user = "ci", .secret_len = 20, .created = NOW, .expires = NOW + 9};
    assert_int_equal(users_add_kind(s, "ci", USER_SERVICE, NOW), 0);
    assert_int_equal(users_find(s, "ci", &u), 0);
    assert_int_equal(u.kind, USER_SERVICE);
    assert_int_equal(credentials_set_password(s, "ci", "$argon2id$x", NOW), FAULT_FORMAT);
    assert_int_equal(credentials_set_totp(s, "ci", span_of(bytes, 20), 0, NOW), FAULT_FORMAT);
    assert_int_equal(
        credentials_set_recovery(s, "ci", (const uint8_t(*)[STORE_HASH_SIZE]) & bytes, 1, NOW),
        FAULT_FORMAT);
    assert_int_equal(enrolments_add(s, &e), FAULT_FORMAT);
    assert_int_equal(sessions_add(s, &session, &key, 1), FAULT_FORMAT);
    /* It administers, but it is no owner who could let anybody in. */
    assert_int_equal(groups_join(s, GROUP_OWNERS, "ci"), 0);
    assert_int_equal(groups_count_enabled(s, GROUP_OWNERS, &enabled), 0);
    assert_int_equal(enabled, 0);
}

static void setting_groups_is_all_or_nothing(void **state)
{
    struct store *s = of(state);
    struct buf out;
    static const char *const GOOD[] = {"dev", "ops"}, *const BAD[] = {"dev", "unknown"};
    buf_init(&out, 1024);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(groups_add(s, "ops", NOW), 0);
    assert_int_equal(groups_add(s, "dev", NOW), 0);
    assert_int_equal(groups_set(s, "bob", GOOD, 2), FAULT_ABSENT);
    assert_int_equal(groups_set(s, "ann", GOOD, 2), 0);
    assert_int_equal(groups_set(s, "ann", BAD, 2), FAULT_ABSENT);
    assert_int_equal(groups_of(s, "ann", &out), 0);
    assert_true(span_is(buf_view(&out), "dev\nops"));
    buf_clear(&out);
    assert_int_equal(groups_members(s, "ops", NULL, 0, collect_name, &out), 0);
    assert_true(span_is(buf_view(&out), "ann "));
    buf_clear(&out);
    assert_int_equal(groups_set(s, "ann", NULL, 0), 0);
    assert_int_equal(groups_of(s, "ann", &out), 0);
    assert_int_equal(buf_len(&out), 0);
    buf_fini(&out);
}

static void groups_that_do_not_fit_are_a_limit(void **state)
{
    struct store *s = of(state);
    struct buf out;
    static const char *const GROUPS[] = {"owners"};
    buf_init(&out, 3);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(groups_set(s, "ann", GROUPS, 1), 0);
    assert_int_equal(groups_of(s, "ann", &out), FAULT_LIMIT);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(names_that_are_not_names_are_refused),
        with_store(a_user_is_made_once),
        with_store(users_are_listed_in_pages),
        with_store(a_page_is_never_longer_than_the_maximum),
        with_store(the_built_in_groups_exist_and_stay),
        with_store(memberships_follow_users_and_groups),
        with_store(a_service_account_can_be_given_nothing_to_sign_in_with),
        with_store(setting_groups_is_all_or_nothing),
        with_store(groups_that_do_not_fit_are_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
