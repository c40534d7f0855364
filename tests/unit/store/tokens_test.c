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

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_token_is_found_by_its_hash_until_its_owner_goes),
        with_store(a_token_name_is_free_again_after_revocation),
        with_store(a_token_that_does_not_fit_the_arena_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
