#include "tests/unit/store/scratch.h"

#include "store/passkeys.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static struct passkey passkey(const char *user, const char *name, uint8_t first)
{
    struct passkey p = {.id = {first, 2, 3},
                        .id_len = 3,
                        .alg = -7,
                        .key = {9, 8},
                        .key_len = 64,
                        .count = 5,
                        .verified = true,
                        .synced = true,
                        .made = NOW};
    (void)snprintf(p.user, sizeof(p.user), "%s", user);
    (void)snprintf(p.name, sizeof(p.name), "%s", name);
    return p;
}

static void people(struct store *s)
{
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
}

static void a_credential_exists_once_whoever_has_it(void **state)
{
    struct store *s = of(state);
    struct passkey p = passkey("ann", "Blue key", 1), got;
    people(s);
    assert_int_equal(passkeys_add(s, &p), 0);
    assert_int_equal(passkeys_find(s, span_of(p.id, p.id_len), &got), 0);
    assert_string_equal(got.user, "ann");
    assert_true(got.alg == -7 && got.key_len == 64 && got.key[1] == 8 && got.count == 5);
    assert_true(got.verified && got.synced && !got.backed_up && !got.attested && !got.disabled);
    assert_int_equal(passkeys_find(s, span_of(p.id, 2), &got), FAULT_ABSENT);
    struct passkey twice = passkey("bob", "Other", 1), same = passkey("ann", "Blue key", 7);
    assert_int_equal(passkeys_add(s, &twice), FAULT_EXISTS);
    assert_int_equal(passkeys_add(s, &same), FAULT_EXISTS);
    struct passkey nobody = passkey("eve", "Key", 8), nameless = passkey("ann", "", 9);
    assert_int_equal(passkeys_add(s, &nobody), FAULT_ABSENT);
    assert_int_equal(passkeys_add(s, &nameless), FAULT_LIMIT);
    same.user[0] = 'b';
    memcpy(same.user, "bob", 4);
    assert_int_equal(passkeys_add(s, &same), 0);
}

static int each_count(void *context, const struct passkey *p)
{
    (void)p;
    ++*(unsigned *)context;
    return 0;
}

static void a_person_has_no_more_than_the_limit(void **state)
{
    struct store *s = of(state);
    char name[8];
    unsigned seen = 0;
    uint64_t count = 0;
    people(s);
    for (uint8_t i = 0; i < PASSKEYS_PER_USER; i++) {
        (void)snprintf(name, sizeof(name), "k%u", i);
        struct passkey p = passkey("ann", name, i);
        assert_int_equal(passkeys_add(s, &p), 0);
    }
    struct passkey more = passkey("ann", "more", 200), other = passkey("bob", "k", 201);
    assert_int_equal(passkeys_add(s, &more), FAULT_LIMIT);
    assert_int_equal(passkeys_add(s, &other), 0);
    assert_int_equal(passkeys_list(s, "ann", each_count, &seen), 0);
    assert_int_equal(seen, PASSKEYS_PER_USER);
    assert_int_equal(passkeys_count(s, "ann", &count), 0);
    assert_int_equal(count, PASSKEYS_PER_USER);
}

static void a_count_of_signatures_never_goes_back(void **state)
{
    struct store *s = of(state);
    struct passkey p = passkey("ann", "key", 1), zero = passkey("ann", "zero", 2), got;
    struct span id = span_of(p.id, p.id_len), none = span_of(zero.id, zero.id_len);
    people(s);
    zero.count = 0;
    assert_int_equal(passkeys_add(s, &p), 0);
    assert_int_equal(passkeys_add(s, &zero), 0);
    assert_int_equal(passkeys_used(s, id, 6, true, NOW + 1), 0);
    assert_int_equal(passkeys_used(s, id, 6, true, NOW + 2), FAULT_STALE);
    assert_int_equal(passkeys_used(s, id, 0, true, NOW + 2), FAULT_STALE);
    assert_int_equal(passkeys_find(s, id, &got), 0);
    assert_true(got.count == 6 && got.backed_up && got.last_used == NOW + 1);
    assert_int_equal(passkeys_used(s, none, 0, false, NOW + 2), 0);
    assert_int_equal(passkeys_used(s, none, 0, false, NOW + 3), 0);
    assert_int_equal(passkeys_used(s, none, 1, false, NOW + 3), 0);
    assert_int_equal(passkeys_used(s, none, 0, false, NOW + 3), FAULT_STALE);
}

static void a_disabled_key_is_good_for_nothing_until_it_is_enabled(void **state)
{
    struct store *s = of(state);
    struct passkey p = passkey("ann", "key", 1), other = passkey("ann", "other", 2), got;
    struct span id = span_of(p.id, p.id_len);
    uint64_t count;
    people(s);
    assert_int_equal(passkeys_add(s, &p), 0);
    assert_int_equal(passkeys_add(s, &other), 0);
    assert_int_equal(passkeys_disable(s, SPAN("none")), FAULT_ABSENT);
    assert_int_equal(passkeys_disable(s, id), 0);
    assert_int_equal(passkeys_find(s, id, &got), 0);
    assert_true(got.disabled);
    assert_int_equal(passkeys_used(s, id, 99, false, NOW), FAULT_STALE);
    assert_int_equal(passkeys_count(s, "ann", &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(passkeys_enable(s, "bob", "key"), FAULT_ABSENT);
    assert_int_equal(passkeys_enable(s, "ann", "key"), 0);
    assert_int_equal(passkeys_used(s, id, 99, false, NOW), 0);
}

static void a_key_is_renamed_and_removed_by_its_owner_only(void **state)
{
    struct store *s = of(state);
    struct passkey p = passkey("ann", "key", 1), other = passkey("ann", "other", 2), got;
    people(s);
    assert_int_equal(passkeys_add(s, &p), 0);
    assert_int_equal(passkeys_add(s, &other), 0);
    assert_int_equal(passkeys_rename(s, "bob", "key", "mine"), FAULT_ABSENT);
    assert_int_equal(passkeys_rename(s, "ann", "key", "other"), FAULT_EXISTS);
    assert_int_equal(passkeys_rename(s, "ann", "key", ""), FAULT_LIMIT);
    assert_int_equal(passkeys_rename(s, "ann", "key", "desk"), 0);
    assert_int_equal(passkeys_find_name(s, "ann", "desk", &got), 0);
    assert_int_equal(passkeys_remove(s, "bob", "desk"), FAULT_ABSENT);
    assert_int_equal(passkeys_remove(s, "ann", "desk"), 0);
    assert_int_equal(passkeys_find_name(s, "ann", "desk", &got), FAULT_ABSENT);
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_int_equal(passkeys_find(s, span_of(other.id, 3), &got), FAULT_ABSENT);
}

static void a_handle_stays_and_a_decoy_is_of_this_store(void **state)
{
    struct store *s = of(state);
    uint8_t first[PASSKEYS_HANDLE_SIZE] = {1}, second[PASSKEYS_HANDLE_SIZE] = {2};
    uint8_t got[PASSKEYS_HANDLE_SIZE], secret[STORE_HASH_SIZE], again[STORE_HASH_SIZE];
    people(s);
    assert_int_equal(passkeys_handle(s, "ann", first, got), 0);
    assert_memory_equal(got, first, sizeof(got));
    assert_int_equal(passkeys_handle(s, "ann", second, got), 0);
    assert_memory_equal(got, first, sizeof(got));
    assert_int_equal(passkeys_handle(s, "eve", second, got), FAULT_ABSENT);
    assert_int_equal(passkeys_decoy(s, secret), 0);
    assert_int_equal(passkeys_decoy(s, again), 0);
    assert_memory_equal(secret, again, sizeof(secret));
    memset(again, 0, sizeof(again));
    assert_memory_not_equal(secret, again, sizeof(secret));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_credential_exists_once_whoever_has_it),
        with_store(a_person_has_no_more_than_the_limit),
        with_store(a_count_of_signatures_never_goes_back),
        with_store(a_disabled_key_is_good_for_nothing_until_it_is_enabled),
        with_store(a_key_is_renamed_and_removed_by_its_owner_only),
        with_store(a_handle_stays_and_a_decoy_is_of_this_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
