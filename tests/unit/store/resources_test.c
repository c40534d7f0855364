#include "tests/unit/store/scratch.h"

#include "store/resources.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static void a_resource_is_replaced_in_its_place(void **state)
{
    struct store *s = of(state);
    struct arena arena;
    struct resource r;
    arena_init(&arena, 1024, 1 << 20);
    assert_int_equal(resources_put(s, "rule", "one", SPAN("{\"a\":1}"), NOW), 1);
    assert_int_equal(resources_put(s, "rule", "two", SPAN("{}"), NOW), 1);
    assert_int_equal(resources_put(s, "route", "one", SPAN("{\"r\":1}"), NOW), 1);
    assert_int_equal(resources_put(s, "rule", "one", SPAN("{\"a\":2}"), NOW + 5), 0);
    assert_int_equal(resources_find(s, "rule", "one", &arena, &r), 0);
    assert_true(span_is(r.doc, "{\"a\":2}"));
    assert_int_equal(r.seq, 1);
    assert_int_equal(r.created, NOW);
    assert_int_equal(r.updated, NOW + 5);
    assert_string_equal(r.kind, "rule");
    assert_int_equal(resources_find(s, "zone", "one", &arena, &r), FAULT_ABSENT);
    assert_int_equal(resources_remove(s, "rule", "one"), 0);
    assert_int_equal(resources_remove(s, "rule", "one"), FAULT_ABSENT);
    assert_int_equal(resources_find(s, "route", "one", &arena, &r), 0);
    arena_fini(&arena);
}

static void a_document_that_is_too_large_is_refused(void **state)
{
    static uint8_t doc[RESOURCE_DOC_MAX + 1];
    struct store *s = of(state);
    memset(doc, 'x', sizeof(doc));
    assert_int_equal(resources_put(s, "rule", "big", span_of(doc, sizeof(doc)), NOW), FAULT_LIMIT);
    assert_int_equal(resources_put(s, "rule", "big", span_of(doc, sizeof(doc) - 1), NOW), 1);
    assert_int_equal(resources_put(s, "rule", "No Name", SPAN("{}"), NOW), FAULT_FORMAT);
}

static int collect(void *context, const struct resource *r)
{
    struct buf *out = context;
    return buf_printf(out, "%s/%s ", r->kind, r->name);
}

static void assert_listed(struct buf *b, const char *expect)
{
    assert_true(span_is(buf_view(b), expect));
    buf_clear(b);
}

static void resources_are_listed_by_kind_and_in_order_of_making(void **state)
{
    struct store *s = of(state);
    struct buf out;
    buf_init(&out, 1024);
    assert_int_equal(resources_put(s, "rule", "z", SPAN("{}"), NOW), 1);
    assert_int_equal(resources_put(s, "zone", "m", SPAN("{}"), NOW), 1);
    assert_int_equal(resources_put(s, "rule", "a", SPAN("{}"), NOW), 1);
    const struct page all = {0}, second = {.anchor = 1}, back = {.newest_first = true, .limit = 2};
    assert_int_equal(resources_list(s, NULL, &all, collect, &out), 0);
    assert_listed(&out, "rule/z zone/m rule/a ");
    assert_int_equal(resources_list(s, "rule", &all, collect, &out), 0);
    assert_listed(&out, "rule/z rule/a ");
    assert_int_equal(resources_list(s, "rule", &second, collect, &out), 0);
    assert_listed(&out, "rule/a ");
    assert_int_equal(resources_list(s, NULL, &back, collect, &out), 0);
    assert_listed(&out, "rule/a zone/m ");
    buf_fini(&out);
}

static void settings_remember_numbers_and_text(void **state)
{
    struct scratch *x = *state;
    struct buf out;
    uint64_t n = 77;
    buf_init(&out, 100);
    assert_int_equal(settings_number(x->store, "snapshot.number", &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(settings_text(x->store, "origin", &out), FAULT_ABSENT);
    assert_int_equal(settings_set_number(x->store, "snapshot.number", 41), 0);
    assert_int_equal(settings_set_number(x->store, "snapshot.number", 42), 0);
    assert_int_equal(settings_set_number(x->store, "n", UINT64_MAX), FAULT_LIMIT);
    assert_int_equal(settings_set_text(x->store, "origin", SPAN("here")), 0);
    scratch_reopen(x);
    assert_int_equal(settings_number(x->store, "snapshot.number", &n), 0);
    assert_int_equal(n, 42);
    assert_int_equal(settings_text(x->store, "origin", &out), 0);
    assert_true(span_is(buf_view(&out), "here"));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_resource_is_replaced_in_its_place),
        with_store(a_document_that_is_too_large_is_refused),
        with_store(resources_are_listed_by_kind_and_in_order_of_making),
        with_store(settings_remember_numbers_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
