#include "tests/unit/store/scratch.h"

#include "base/rng.h"
#include "store/identities.h"
#include "store/sessions.h"
#include "store/users.h"

#define ISSUER SPAN("https://op.example")

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static int add(struct store *s, const char *user, const char *subject)
{
    struct identity i = {.issuer = "https://op.example", .created = NOW};
    (void)snprintf(i.user, sizeof(i.user), "%s", user);
    (void)snprintf(i.subject, sizeof(i.subject), "%s", subject);
    return identities_add(s, &i);
}

static int each_counted(void *context, const struct identity *i)
{
    assert_string_equal(i->issuer, "https://op.example");
    *(unsigned *)context += 1;
    return 0;
}

static void an_identity_is_one_users_and_goes_with_him(void **state)
{
    struct store *s = of(state);
    struct identity i;
    assert_int_equal(add(s, "ann", "s1"), FAULT_ABSENT);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(users_add(s, "bob", NOW), 0);
    assert_int_equal(add(s, "ann", "s1"), 0);
    assert_int_equal(add(s, "bob", "s1"), FAULT_EXISTS);
    assert_int_equal(identities_find(s, ISSUER, SPAN("s1"), &i), 0);
    assert_string_equal(i.user, "ann");
    assert_int_equal(i.used, 0);
    assert_int_equal(identities_find(s, SPAN("https://other.example"), SPAN("s1"), &i),
                     FAULT_ABSENT);
    assert_int_equal(identities_find(s, ISSUER, SPAN("S1"), &i), FAULT_ABSENT);
    assert_int_equal(identities_used(s, ISSUER, SPAN("s1"), NOW + 5), 0);
    assert_int_equal(identities_find(s, ISSUER, SPAN("s1"), &i), 0);
    assert_int_equal(i.used, NOW + 5);
    assert_int_equal(identities_remove(s, "bob", ISSUER, SPAN("s1")), FAULT_ABSENT);
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_int_equal(identities_find(s, ISSUER, SPAN("s1"), &i), FAULT_ABSENT);
}

static void a_user_has_a_bounded_number_of_them(void **state)
{
    struct store *s = of(state);
    char subject[16];
    unsigned count = 0;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    for (unsigned n = 0; n < IDENTITIES_PER_USER; n++) {
        (void)snprintf(subject, sizeof(subject), "s%u", n);
        assert_int_equal(add(s, "ann", subject), 0);
    }
    assert_int_equal(add(s, "ann", "more"), FAULT_LIMIT);
    assert_int_equal(identities_list(s, "ann", each_counted, &count), 0);
    assert_int_equal(count, IDENTITIES_PER_USER);
    assert_int_equal(identities_remove(s, "ann", ISSUER, SPAN("s0")), 0);
    assert_int_equal(add(s, "ann", "more"), 0);
}

static void a_logout_token_is_remembered_until_it_is_old(void **state)
{
    struct store *s = of(state);
    assert_int_equal(endings_add(s, ISSUER, SPAN("j"), NOW + 10), 0);
    assert_int_equal(endings_add(s, ISSUER, SPAN("j"), NOW + 10), FAULT_EXISTS);
    assert_int_equal(endings_add(s, SPAN("https://other.example"), SPAN("j"), NOW + 10), 0);
    assert_int_equal(endings_prune(s, NOW + 10), 0);
    assert_int_equal(endings_add(s, ISSUER, SPAN("j"), NOW + 10), FAULT_EXISTS);
    assert_int_equal(endings_prune(s, NOW + 11), 0);
    assert_int_equal(endings_add(s, ISSUER, SPAN("j"), NOW + 20), 0);
}

static void add_session(struct store *s, uint8_t tag, const char *subject, const char *sid)
{
    struct session n = {.created = NOW, .last_seen = NOW, .idle = 900, .ends_at = NOW + 3600};
    struct session_key keys[1] = {{.kind = 4}};
    memset(n.id, tag, sizeof(n.id));
    memset(keys[0].hash, tag, sizeof(keys[0].hash));
    (void)snprintf(n.user, sizeof(n.user), "ann");
    (void)snprintf(n.host, sizeof(n.host), "portal");
    assert_int_equal(sessions_add(s, &n, keys, 1), 0);
    assert_int_equal(vouches_add(s, n.id, ISSUER, span_str(subject), span_str(sid)), 0);
}

static int each_tag(void *context, const uint8_t *session)
{
    *(unsigned *)context |= 1u << session[0];
    return 0;
}

static unsigned found(struct store *s, const char *subject, const char *sid)
{
    unsigned tags = 0;
    assert_int_equal(vouches_each(s, ISSUER, span_str(subject), span_str(sid), each_tag, &tags), 0);
    return tags;
}

static int each_ended(void *context, const uint8_t id[STORE_ID_SIZE])
{
    (void)context;
    (void)id;
    return 0;
}

static void sessions_are_found_as_the_provider_calls_them(void **state)
{
    struct store *s = of(state);
    uint8_t id[STORE_ID_SIZE];
    assert_int_equal(users_add(s, "ann", NOW), 0);
    add_session(s, 1, "u1", "a");
    add_session(s, 2, "u1", "b");
    add_session(s, 3, "u2", "a");
    add_session(s, 4, "u2", "");
    assert_int_equal(found(s, "u1", ""), 1u << 1 | 1u << 2);
    assert_int_equal(found(s, "", "a"), 1u << 1 | 1u << 3);
    assert_int_equal(found(s, "u1", "a"), 1u << 1);
    assert_int_equal(found(s, "u3", ""), 0);
    assert_int_equal(found(s, "", ""), 0);
    memset(id, 1, sizeof(id));
    assert_int_equal(sessions_end(s, id, NOW, each_ended, NULL), 0);
    assert_int_equal(found(s, "u1", ""), 1u << 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(an_identity_is_one_users_and_goes_with_him),
        with_store(a_user_has_a_bounded_number_of_them),
        with_store(a_logout_token_is_remembered_until_it_is_old),
        with_store(sessions_are_found_as_the_provider_calls_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
