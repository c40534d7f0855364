#include "tests/unit/store/scratch.h"

#include "store/tokens.h"
#include "store/users.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

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
    const uint8_t here[16] = {1}, there[16] = {2};
    assert_int_equal(tokens_touch(s, t.id, false, here, NOW + 100), 0);
    assert_int_equal(tokens_touch(s, t.id, false, there, NOW + 110), 0);
    assert_int_equal(tokens_find(s, t.id, &arena, &got), 0);
    assert_int_equal(got.last_used, NOW + 100);
    assert_memory_equal(got.last_source, here, 16);
    assert_int_equal(got.former_used, 0);
    assert_int_equal(users_remove(s, "ann"), 0);
    assert_int_equal(tokens_find_hash(s, t.hash, &arena, &got), FAULT_ABSENT);
    arena_fini(&arena);
}

static void a_rotated_token_is_found_by_both_texts_and_by_no_third(void **state)
{
    struct store *s = of(state);
    struct arena arena;
    struct token t = machine("ci", 1), got;
    const uint8_t here[16] = {1};
    uint8_t second[STORE_HASH_SIZE], third[STORE_HASH_SIZE];
    fill(second, sizeof(second), 2);
    fill(third, sizeof(third), 3);
    arena_init(&arena, 4096, 1 << 16);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(tokens_add(s, &t), 0);
    assert_int_equal(tokens_rotate(s, t.id, second, NOW + 10, NOW + 100, NOW + 1000), 0);
    assert_int_equal(tokens_find_hash(s, second, &arena, &got), 0);
    assert_false(got.by_former);
    assert_int_equal(got.expires, NOW + 1000);
    assert_int_equal(got.rotated, NOW + 10);
    assert_int_equal(got.former_ends, NOW + 100);
    assert_int_equal(tokens_find_hash(s, t.hash, &arena, &got), 0);
    assert_true(got.by_former);

    assert_int_equal(tokens_touch(s, t.id, false, here, NOW + 20), 0);
    assert_int_equal(tokens_touch(s, t.id, true, here, NOW + 30), 0);
    assert_int_equal(tokens_find(s, t.id, &arena, &got), 0);
    assert_int_equal(got.former_used, NOW + 30);

    assert_int_equal(tokens_rotate(s, t.id, third, NOW + 40, NOW + 100, 0), 0);
    assert_int_equal(tokens_find_hash(s, t.hash, &arena, &got), FAULT_ABSENT);
    assert_int_equal(tokens_find_hash(s, second, &arena, &got), 0);
    assert_true(got.by_former);
    assert_int_equal(got.former_used, 0);

    assert_int_equal(tokens_rotate(s, t.id, t.hash, NOW + 50, NOW + 50, 0), 0);
    assert_int_equal(tokens_find_hash(s, third, &arena, &got), FAULT_ABSENT);
    assert_int_equal(tokens_find_hash(s, t.hash, &arena, &got), 0);
    assert_int_equal(got.former_ends, 0);
    assert_int_equal(tokens_revoke(s, t.id, NOW), 0);
    assert_int_equal(tokens_rotate(s, t.id, second, NOW, NOW, 0), FAULT_ABSENT);
    arena_fini(&arena);
}

static void a_stray_use_is_worth_one_record_a_minute(void **state)
{
    struct store *s = of(state);
    struct arena arena;
    struct token t = machine("ci", 1), got;
    const uint8_t there[16] = {9};
    arena_init(&arena, 4096, 1 << 16);
    t.zones = SPAN("office\nvpn");
    t.bound = true;
    fill(t.certificate, sizeof(t.certificate), 7);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    assert_int_equal(tokens_add(s, &t), 0);
    assert_int_equal(tokens_stray(s, t.id, there, NOW + 1), 1);
    assert_int_equal(tokens_stray(s, t.id, there, NOW + 60), 0);
    assert_int_equal(tokens_stray(s, t.id, there, NOW + 61), 1);
    assert_int_equal(tokens_find(s, t.id, &arena, &got), 0);
    assert_int_equal(got.strayed, NOW + 61);
    assert_memory_equal(got.stray_source, there, 16);
    assert_true(span_is(got.zones, "office\nvpn"));
    assert_true(got.bound);
    assert_memory_equal(got.certificate, t.certificate, sizeof(t.certificate));
    assert_int_equal(tokens_revoke(s, t.id, NOW), 0);
    assert_int_equal(tokens_stray(s, t.id, there, NOW + 1000), 0);
    arena_fini(&arena);
}

static void tokens_that_end_soon_are_those_that_have_lived_most_of_their_time(void **state)
{
    struct store *s = of(state);
    struct buf out;
    struct token tokens[] = {machine("soon", 1), machine("later", 2), machine("short", 3),
                             machine("gone", 4), machine("never", 5)};
    buf_init(&out, 1024);
    assert_int_equal(users_add(s, "ann", NOW), 0);
    tokens[0].created = NOW - 90;
    tokens[0].expires = NOW + 10;
    tokens[1].expires = NOW + 100000;
    tokens[2].created = NOW - 10;
    tokens[2].expires = NOW + 10;
    tokens[3].created = NOW - 100;
    tokens[3].expires = NOW;
    for (size_t i = 0; i < countof(tokens); i++)
        assert_int_equal(tokens_add(s, &tokens[i]), 0);
    assert_int_equal(tokens_ending(s, NOW, 1000, 10, collect_token, &out), 0);
    assert_true(span_is(buf_view(&out), "soon:/a/** "));
    buf_clear(&out);
    assert_int_equal(users_set_disabled(s, "ann", true), 0);
    assert_int_equal(tokens_ending(s, NOW, 1000, 10, collect_token, &out), 0);
    assert_int_equal(buf_len(&out), 0);
    buf_fini(&out);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_token_is_found_by_its_hash_until_its_owner_goes),
        with_store(a_rotated_token_is_found_by_both_texts_and_by_no_third),
        with_store(a_stray_use_is_worth_one_record_a_minute),
        with_store(tokens_that_end_soon_are_those_that_have_lived_most_of_their_time),
        with_store(a_token_name_is_free_again_after_revocation),
        with_store(a_token_that_does_not_fit_the_arena_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
