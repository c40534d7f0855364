#include "tests/unit/store/scratch.h"

#include "base/arena.h"
#include "store/flows.h"
#include "store/sessions.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static struct flow flow(uint8_t first, const char *source)
{
    struct flow f = {.hash = {first},
                     .kind = FLOW_SECOND,
                     .user = "ann",
                     .factors = 1,
                     .data = SPAN("{}"),
                     .back = SPAN("to=a"),
                     .expires = NOW + FLOW_LIFE};
    (void)snprintf(f.source, sizeof(f.source), "%s", source);
    return f;
}

static int find(struct store *s, uint8_t first, enum flow_kind kind, uint64_t now, struct flow *ret)
{
    static struct arena arena;
    uint8_t hash[STORE_HASH_SIZE] = {first};
    arena_fini(&arena);
    arena_init(&arena, 512, 65536);
    return flows_find(s, hash, kind, now, &arena, ret);
}

static void a_flow_is_found_by_its_cookie_and_kind_until_it_expires(void **state)
{
    struct store *s = of(state);
    struct flow f = flow(1, "a"), got;
    assert_int_equal(flows_put(s, &f), 0);
    assert_int_equal(find(s, 1, FLOW_SECOND, NOW, &got), 0);
    assert_string_equal(got.user, "ann");
    assert_int_equal(got.factors, 1);
    assert_true(span_is(got.back, "to=a") && span_is(got.data, "{}") && !got.raises);
    assert_int_equal(find(s, 1, 0, NOW, &got), 0);
    assert_int_equal(find(s, 1, FLOW_PASSKEY, NOW, &got), FAULT_ABSENT);
    assert_int_equal(find(s, 2, FLOW_SECOND, NOW, &got), FAULT_ABSENT);
    assert_int_equal(find(s, 1, FLOW_SECOND, NOW + FLOW_LIFE, &got), FAULT_ABSENT);
    assert_int_equal(flows_prune(s, NOW + FLOW_LIFE), 0);
    assert_int_equal(find(s, 1, FLOW_SECOND, NOW, &got), FAULT_ABSENT);
}

static void a_flow_is_taken_once_whatever_its_kind(void **state)
{
    struct store *s = of(state);
    struct flow f = flow(1, "a"), got;
    struct arena arena;
    arena_init(&arena, 512, 65536);
    assert_int_equal(flows_put(s, &f), 0);
    assert_int_equal(flows_take(s, f.hash, FLOW_PROVIDER, NOW, &arena, &got), FAULT_ABSENT);
    assert_int_equal(flows_take(s, f.hash, FLOW_SECOND, NOW, &arena, &got), FAULT_ABSENT);
    assert_int_equal(flows_put(s, &f), 0);
    assert_int_equal(flows_take(s, f.hash, FLOW_SECOND, NOW, &arena, &got), 0);
    assert_int_equal(flows_take(s, f.hash, FLOW_SECOND, NOW, &arena, &got), FAULT_ABSENT);
    arena_fini(&arena);
}

static void one_source_pushes_out_only_its_own(void **state)
{
    struct store *s = of(state);
    struct flow f = flow(200, "other"), got;
    assert_int_equal(flows_put(s, &f), 0);
    for (unsigned i = 0; i < FLOWS_PER_SOURCE + 3; i++) {
        f = flow((uint8_t)(i + 1), "flood");
        f.expires += i;
        assert_int_equal(flows_put(s, &f), 0);
    }
    assert_int_equal(find(s, 200, FLOW_SECOND, NOW, &got), 0);
    assert_int_equal(find(s, 3, FLOW_SECOND, NOW, &got), FAULT_ABSENT);
    assert_int_equal(find(s, 4, FLOW_SECOND, NOW, &got), 0);
}

static void what_is_too_long_or_raises_nothing_is_refused(void **state)
{
    struct store *s = of(state);
    static char text[FLOW_BACK_MAX + 1];
    struct flow f = flow(1, "a");
    memset(text, 'x', sizeof(text));
    f.back = span_of(text, sizeof(text));
    assert_int_equal(flows_put(s, &f), FAULT_LIMIT);
    f = flow(1, "a");
    f.data = span_of(text, FLOW_DATA_MAX + 1);
    assert_int_equal(flows_put(s, &f), FAULT_LIMIT);
    f = flow(1, "a");
    f.raises = true;
    assert_true(flows_put(s, &f) < 0);
}

static void a_flow_ends_with_the_session_it_would_raise(void **state)
{
    struct store *s = of(state);
    struct session n = {.id = {9}, .user = "ann", .host = "h", .ends_at = NOW + 100, .agent = "a"};
    struct session_key key = {.kind = 1, .hash = {7}};
    struct flow f = flow(1, "a"), got;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(sessions_add(s, &n, &key, 1), 0);
    f.raises = true;
    memcpy(f.session, n.id, sizeof(f.session));
    assert_int_equal(flows_put(s, &f), 0);
    assert_int_equal(find(s, 1, FLOW_SECOND, NOW, &got), 0);
    assert_true(got.raises && got.session[0] == 9);
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_int_equal(find(s, 1, FLOW_SECOND, NOW, &got), FAULT_ABSENT);
}

static void a_raised_session_has_new_keys_and_later_times(void **state)
{
    struct store *s = of(state);
    struct session n = {.id = {9},
                        .user = "ann",
                        .host = "h",
                        .proven = proven_as(ASSURANCE_HARDWARE, NOW),
                        .factors = 1,
                        .ends_at = NOW + 100,
                        .agent = "a"};
    struct session_key old = {.kind = 1, .hash = {7}}, new = {.kind = 1, .hash = {8}};
    struct proven later = proven_as(ASSURANCE_MFA, NOW + 50);
    struct session got;
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(sessions_add(s, &n, &old, 1), 0);
    assert_int_equal(sessions_raise(s, n.id, &later, 2, &new, 1), 0);
    assert_int_equal(sessions_find_key(s, 1, old.hash, &got), FAULT_ABSENT);
    assert_int_equal(sessions_find_key(s, 1, new.hash, &got), 0);
    assert_int_equal(got.factors, 3);
    assert_int_equal(got.proven.at[ASSURANCE_MFA], NOW + 50);
    assert_int_equal(got.proven.at[ASSURANCE_HARDWARE], NOW);
    assert_int_equal(sessions_end(s, n.id, NOW, NULL, NULL), 0);
    assert_int_equal(sessions_raise(s, n.id, &later, 2, &old, 1), FAULT_ABSENT);
    assert_int_equal(sessions_find_key(s, 1, new.hash, &got), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_flow_is_found_by_its_cookie_and_kind_until_it_expires),
        with_store(a_flow_is_taken_once_whatever_its_kind),
        with_store(one_source_pushes_out_only_its_own),
        with_store(what_is_too_long_or_raises_nothing_is_refused),
        with_store(a_flow_ends_with_the_session_it_would_raise),
        with_store(a_raised_session_has_new_keys_and_later_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
