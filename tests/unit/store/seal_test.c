#include "tests/unit/store/scratch.h"

#include "store/credentials.h"
#include "store/seal.h"
#include "store/users.h"

#define SECRET SPAN("twenty bytes, secret")
#define PURPOSE SPAN("totp")
#define ANN SPAN("ann")

static struct seal_ring ring_of(size_t count)
{
    struct seal_ring ring = {.count = count};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seal_key_new(&ring.keys[i]), 0);
    return ring;
}

static void what_was_sealed_is_opened_with_any_key_of_the_ring(void **state)
{
    (void)state;
    uint8_t blob[SEAL_OVERHEAD + 20], again[SEAL_OVERHEAD + 20], out[20];
    struct span view = span_of(blob, sizeof(blob));
    assert_int_equal(seal_start(), 0);
    struct seal_ring ring = ring_of(1), next = ring_of(2);
    assert_int_equal(seal_close(&ring, PURPOSE, ANN, SECRET, blob), 0);
    assert_int_equal(seal_close(&ring, PURPOSE, ANN, SECRET, again), 0);
    assert_memory_not_equal(blob + 9, again + 9, 16); /* nonces */
    assert_memory_not_equal(blob + SEAL_OVERHEAD, again + SEAL_OVERHEAD, 20);
    assert_int_equal(seal_open(&ring, PURPOSE, ANN, view, out), 0);
    assert_memory_equal(out, SECRET.at, 20);
    assert_true(seal_is_current(&ring, view));
    next.keys[1] = ring.keys[0];
    assert_false(seal_is_current(&next, view));
    assert_int_equal(seal_open(&next, PURPOSE, ANN, view, out), 0);
    struct seal_ring other = ring_of(2), none = {.count = 0};
    assert_int_equal(seal_open(&other, PURPOSE, ANN, view, out), FAULT_ABSENT);
    assert_int_equal(seal_open(&none, PURPOSE, ANN, view, out), FAULT_ABSENT);
    assert_int_equal(seal_close(&none, PURPOSE, ANN, SECRET, again), FAULT_CRYPTO);
}

static void a_changed_or_cut_blob_or_anothers_is_refused(void **state)
{
    (void)state;
    uint8_t blob[SEAL_OVERHEAD + 20], out[20];
    struct span view = span_of(blob, sizeof(blob));
    struct seal_ring ring = ring_of(1);
    assert_int_equal(seal_close(&ring, PURPOSE, ANN, SECRET, blob), 0);
    for (size_t i = 0; i < sizeof(blob) * 8; i++) {
        blob[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_true(seal_open(&ring, PURPOSE, ANN, view, out) < 0);
        blob[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t len = 0; len < sizeof(blob); len++)
        assert_true(seal_open(&ring, PURPOSE, ANN, span_of(blob, len), out) < 0);
    assert_int_equal(seal_open(&ring, PURPOSE, SPAN("bob"), view, out), FAULT_DENIED);
    assert_int_equal(seal_open(&ring, SPAN("other"), ANN, view, out), FAULT_DENIED);
    /* Names and purposes do not flow into each other. */
    assert_int_equal(seal_open(&ring, SPAN("totpa"), SPAN("nn"), view, out), FAULT_DENIED);
    assert_int_equal(seal_open(&ring, PURPOSE, ANN, view, out), 0);
}

static struct totp totp_of(struct store *s, const char *user)
{
    struct totp t;
    assert_int_equal(credentials_totp(s, user, &t), 0);
    return t;
}

static void rows_of_an_older_version_are_sealed_and_stay_good(void **state)
{
    struct scratch *x = *state;
    struct store *s = x->store;
    struct reseal done;
    struct enrolment e = {
        .hash = {1}, .user = "bob", .secret = "another secret", .secret_len = 14, .expires = NOW};
    assert_int_equal(credentials_reseal(s, &done), FAULT_MISUSE);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    assert_int_equal(credentials_set_totp(s, "ann", SECRET, 7, NOW), 0);
    assert_int_equal(enrolments_add(s, &e), 0);
    struct seal_ring ring = ring_of(1), next = ring_of(2);
    store_set_ring(s, &ring);
    assert_int_equal(totp_of(s, "ann").secret_len, 20);
    assert_int_equal(credentials_reseal(s, &done), 0);
    assert_int_equal(done.sealed, 2);
    assert_int_equal(credentials_reseal(s, &done), 0);
    assert_int_equal(done.sealed + done.lost, 0);
    /* A rotation. */
    next.keys[1] = ring.keys[0];
    store_set_ring(s, &next);
    assert_int_equal(credentials_reseal(s, &done), 0);
    assert_int_equal(done.sealed, 2);
    next.count = 1;
    struct totp t = totp_of(s, "ann");
    assert_memory_equal(t.secret, SECRET.at, 20);
    assert_int_equal(t.last_step, 7);
    assert_false(t.disabled);
    assert_int_equal(enrolments_find(s, e.hash, NOW - 1, &e), 0);
    assert_memory_equal(e.secret, "another secret", 14);
}

static void a_lost_key_disables_the_factor_and_nothing_else(void **state)
{
    struct scratch *x = *state;
    struct store *s = x->store;
    struct reseal done;
    struct user user;
    struct enrolment e = {
        .hash = {1}, .user = "ann", .secret = "x", .secret_len = 1, .expires = NOW};
    struct seal_ring ring = ring_of(1), other = ring_of(1), none = {.count = 0};
    store_set_ring(s, &ring);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(credentials_set_password(s, "ann", "hash", NOW), 0);
    assert_int_equal(credentials_set_totp(s, "ann", SECRET, 7, NOW), 0);
    assert_int_equal(enrolments_add(s, &e), 0);
    /* Unreadable keys: nothing is opened, nothing sealed, nothing marked. */
    store_set_ring(s, &none);
    assert_true(totp_of(s, "ann").disabled);
    assert_int_equal(totp_of(s, "ann").secret_len, 0);
    assert_int_equal(credentials_set_totp(s, "ann", SECRET, 7, NOW), FAULT_CRYPTO);
    assert_int_equal(enrolments_find(s, e.hash, NOW - 1, &e), FAULT_STALE);
    store_set_ring(s, &other);
    assert_int_equal(credentials_reseal(s, &done), 0);
    assert_int_equal(done.lost, 2);
    assert_int_equal(users_find(s, "ann", &user), 0);
    assert_true(user.totp_disabled && !user.disabled && !user.password_disabled);
    assert_int_equal(user.enrol_until, 0);
    assert_int_equal(credentials_set_totp(s, "ann", SECRET, 7, NOW), 0);
    assert_false(totp_of(s, "ann").disabled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_is_opened_with_any_key_of_the_ring),
        cmocka_unit_test(a_changed_or_cut_blob_or_anothers_is_refused),
        with_store(rows_of_an_older_version_are_sealed_and_stay_good),
        with_store(a_lost_key_disables_the_factor_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
