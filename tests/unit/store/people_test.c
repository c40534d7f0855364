/* Users, groups, credentials, tokens, throttles. */
#include "tests/unit/store/scratch.h"

#include "store/credentials.h"
#include "store/throttles.h"
#include "store/tokens.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

/* ---- users and groups ---- */

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

static void the_owners_group_exists_and_stays(void **state)
{
    struct store *s = of(state);
    struct group g;
    assert_int_equal(groups_find(s, GROUP_OWNERS, &g), 0);
    assert_int_equal(g.members, 0);
    assert_int_equal(groups_remove(s, GROUP_OWNERS), FAULT_DENIED);
    assert_int_equal(groups_add(s, GROUP_OWNERS, NOW), FAULT_EXISTS);
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

/* ---- credentials ---- */

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
    struct enrolment e = {.secret_len = 20, .created = NOW, .expires = NOW + 60};
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

/* ---- tokens ---- */

static struct token machine(const char *name, uint8_t id)
{
    struct token t = {.routes = SPAN("tomcat\nwso2"), .paths = SPAN("/a/**"), .created = NOW};
    fill(t.id, sizeof(t.id), id);
    fill(t.hash, sizeof(t.hash), id);
    (void)snprintf(t.name, sizeof(t.name), "%s", name);
    (void)snprintf(t.owner, sizeof(t.owner), "ann");
    return t;
}

static int collect_token(void *context, const struct token *t)
{
    return buf_printf(context, "%s:%.*s ", t->name, SPAN_FMT(t->paths));
}

static void a_token_is_found_by_its_hash_until_its_owner_goes(void **state)
{
    struct store *s = of(state);
    struct arena arena;
    struct token t = machine("ci", 1), got;
    arena_init(&arena, 4096, 1 << 16);
    assert_int_equal(tokens_add(s, &t), FAULT_ABSENT);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(tokens_add(s, &t), 0);
    assert_int_equal(tokens_find_hash(s, t.hash, &arena, &got), 0);
    assert_true(span_is(got.routes, "tomcat\nwso2"));
    assert_int_equal(got.methods.len, 0);
    assert_true(span_is(got.paths, "/a/**"));
    assert_false(got.owner_disabled);
    assert_int_equal(users_set_disabled(s, "ann", true), 0);
    assert_int_equal(tokens_find(s, t.id, &arena, &got), 0);
    assert_true(got.owner_disabled);
    assert_int_equal(tokens_touch(s, t.id, NOW + 100), 0);
    assert_int_equal(tokens_touch(s, t.id, NOW + 110), 0);
    assert_int_equal(tokens_find(s, t.id, &arena, &got), 0);
    assert_int_equal(got.last_used, NOW + 100);
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_int_equal(tokens_find_hash(s, t.hash, &arena, &got), FAULT_ABSENT);
    arena_fini(&arena);
}

static void a_token_name_is_free_again_after_revocation(void **state)
{
    struct store *s = of(state);
    struct arena arena;
    struct buf out;
    struct token a = machine("ci", 1), b = machine("ci", 2), got;
    const struct page all = {0}, back = {.newest_first = true};
    arena_init(&arena, 4096, 1 << 16);
    buf_init(&out, 1024);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(tokens_add(s, &a), 0);
    assert_int_equal(tokens_add(s, &b), FAULT_EXISTS);
    assert_int_equal(tokens_revoke(s, a.id, NOW), 0);
    assert_int_equal(tokens_revoke(s, a.id, NOW), FAULT_ABSENT);
    assert_int_equal(tokens_add(s, &b), 0);
    assert_int_equal(tokens_find_hash(s, a.hash, &arena, &got), 0);
    assert_int_equal(got.revoked, NOW);
    assert_int_equal(tokens_find_name(s, "ci", &arena, &got), 0);
    assert_memory_equal(got.id, b.id, sizeof(b.id));
    assert_int_equal(tokens_list(s, NULL, &all, collect_token, &out), 0);
    assert_int_equal(tokens_list(s, "ann", &back, collect_token, &out), 0);
    assert_int_equal(tokens_list(s, "bob", &all, collect_token, &out), 0);
    assert_true(span_is(buf_view(&out), "ci:/a/** ci:/a/** "));
    buf_fini(&out);
    arena_fini(&arena);
}

static void a_token_that_does_not_fit_the_arena_is_a_limit(void **state)
{
    struct store *s = of(state);
    struct arena arena;
    struct token t = machine("ci", 1), got;
    static char paths[4000];
    memset(paths, '/', sizeof(paths));
    t.paths = span_of(paths, sizeof(paths));
    arena_init(&arena, 256, 1024);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(tokens_add(s, &t), 0);
    assert_int_equal(tokens_find(s, t.id, &arena, &got), FAULT_LIMIT);
    arena_fini(&arena);
}

/* ---- throttles ---- */

static void failures_are_remembered_and_forgotten(void **state)
{
    struct store *s = of(state);
    struct throttle t = {7, 7};
    assert_int_equal(throttles_find(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(t.failures, 0);
    t = (struct throttle){3, NOW};
    assert_int_equal(throttles_put(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    t.failures = 4;
    assert_int_equal(throttles_put(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(throttles_find(s, THROTTLE_SOURCE, "ann", &t), 0);
    assert_int_equal(t.failures, 0);
    assert_int_equal(throttles_find(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(t.failures, 4);
    assert_int_equal(t.last_failure, NOW);
    t.failures = 0;
    assert_int_equal(throttles_put(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(throttles_find(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(t.failures, 0);
}

static uint32_t failures(struct store *s, enum throttle_kind kind, const char *key)
{
    struct throttle t;
    assert_int_equal(throttles_find(s, kind, key, &t), 0);
    return t.failures;
}

static void invented_names_cannot_push_out_real_ones(void **state)
{
    struct store *s = of(state);
    struct throttle t = {9, NOW};
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(throttles_put(s, THROTTLE_ACCOUNT, "ann", &t), 0);
    assert_int_equal(throttles_put(s, THROTTLE_PASSWORD, "ann", &t), 0);
    for (unsigned i = 0; i < 50; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "x%02u", i);
        t = (struct throttle){1, NOW + 1 + i};
        assert_int_equal(throttles_put(s, THROTTLE_ACCOUNT, name, &t), 0);
        assert_int_equal(throttles_put(s, THROTTLE_SOURCE, name, &t), 0);
    }
    assert_int_equal(throttles_prune(s, NOW - 10, 10), 0);
    assert_int_equal(failures(s, THROTTLE_ACCOUNT, "ann"), 9);
    assert_int_equal(failures(s, THROTTLE_ACCOUNT, "x39"), 0);
    assert_int_equal(failures(s, THROTTLE_ACCOUNT, "x40"), 1);
    assert_int_equal(failures(s, THROTTLE_SOURCE, "x39"), 0);
    assert_int_equal(failures(s, THROTTLE_SOURCE, "x49"), 1);
    assert_int_equal(throttles_prune(s, NOW + 1000, 10), 0);
    assert_int_equal(failures(s, THROTTLE_ACCOUNT, "ann"), 0);
    assert_int_equal(failures(s, THROTTLE_PASSWORD, "ann"), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(names_that_are_not_names_are_refused),
        with_store(a_user_is_made_once),
        with_store(users_are_listed_in_pages),
        with_store(a_page_is_never_longer_than_the_maximum),
        with_store(the_owners_group_exists_and_stays),
        with_store(memberships_follow_users_and_groups),
        with_store(setting_groups_is_all_or_nothing),
        with_store(groups_that_do_not_fit_are_a_limit),
        with_store(a_password_belongs_to_a_user_and_can_be_disabled),
        with_store(a_rehash_does_not_overwrite_a_newer_password),
        with_store(a_totp_step_is_accepted_once),
        with_store(a_recovery_code_is_used_once_and_by_its_owner),
        with_store(an_enrolment_code_works_once_and_in_time),
        with_store(a_failed_enrolment_changes_nothing),
        with_store(only_the_newest_enrolment_code_works),
        with_store(secrets_do_not_stay_in_the_file_of_a_removed_user),
        with_store(a_token_is_found_by_its_hash_until_its_owner_goes),
        with_store(a_token_name_is_free_again_after_revocation),
        with_store(a_token_that_does_not_fit_the_arena_is_a_limit),
        with_store(failures_are_remembered_and_forgotten),
        with_store(invented_names_cannot_push_out_real_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
