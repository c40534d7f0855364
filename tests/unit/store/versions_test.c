#include "tests/unit/store/scratch.h"

#include "store/resources.h"
#include "store/versions.h"

static struct store *of(void **state)
{
    return ((struct scratch *)*state)->store;
}

static uint64_t add(struct store *s, enum version_state as, const char *author)
{
    struct version v = {.at = NOW, .cause = "api", .comment = "why", .state = as};
    uint64_t number = 0;
    (void)snprintf(v.author, sizeof(v.author), "%s", author);
    assert_int_equal(versions_add(s, &v, &number), 0);
    return number;
}

static void entry(struct store *s, uint64_t version, uint64_t position, const char *name,
                  const char *before, const char *after)
{
    struct version_entry e = {.kind = "rule",
                              .name = name,
                              .had = before != NULL,
                              .has = after != NULL,
                              .before = span_str(before == NULL ? "" : before),
                              .after = span_str(after == NULL ? "" : after),
                              .place_before = before != NULL ? 7 : 0};
    assert_int_equal(versions_add_entry(s, version, position, &e), 0);
}

static int put_entry(void *context, const struct version_entry *e)
{
    (void)buf_printf(context, "%s:%.*s>%.*s@%llu%s ", e->name, SPAN_FMT(e->before),
                     SPAN_FMT(e->after), (unsigned long long)e->place_before,
                     !e->had   ? "+"
                     : !e->has ? "-"
                               : "");
    return 0;
}

static int put_number(void *context, const struct version *v)
{
    (void)buf_printf(context, "%llu%s ", (unsigned long long)v->number, v->author);
    return 0;
}

static void assert_says(struct buf *b, const char *expected)
{
    struct span view = buf_view(b);
    if (!span_is(view, expected))
        fail_msg("%.*s", SPAN_FMT(view));
    buf_clear(b);
}

static void a_version_keeps_what_was_before_and_after(void **state)
{
    struct store *s = of(state);
    struct buf b;
    struct version v;
    buf_init(&b, 4096);
    uint64_t one = add(s, VERSION_IN_FORCE, "alice");
    entry(s, one, 0, "a", NULL, "{\"n\":1}");
    entry(s, one, 1, "b", "{}", NULL);
    assert_int_equal(versions_find(s, one, &v), 0);
    assert_string_equal(v.author, "alice");
    assert_string_equal(v.cause, "api");
    assert_string_equal(v.comment, "why");
    assert_int_equal(v.at, NOW);
    assert_int_equal(versions_find(s, one + 1, &v), FAULT_ABSENT);
    assert_int_equal(versions_entries(s, one, put_entry, &b), 0);
    assert_says(&b, "a:>{\"n\":1}@0+ b:{}>@7- ");
    buf_fini(&b);
}

static void what_was_undone_is_no_version_in_force(void **state)
{
    struct store *s = of(state);
    struct buf b;
    struct version v;
    uint64_t current = 99;
    buf_init(&b, 4096);
    assert_int_equal(versions_current(s, &current), 0);
    assert_int_equal(current, 0);
    assert_int_equal(versions_unsettled(s, &v), FAULT_ABSENT);
    uint64_t one = add(s, VERSION_IN_FORCE, "a");
    uint64_t two = add(s, VERSION_MADE, "b");
    uint64_t three = add(s, VERSION_IN_FORCE, "c");
    entry(s, one, 0, "x", NULL, "1");
    entry(s, two, 0, "x", "1", "2");
    entry(s, three, 0, "x", "1", "3");
    assert_int_equal(versions_unsettled(s, &v), 0);
    assert_int_equal(v.number, two);
    assert_int_equal(versions_set_state(s, two, VERSION_UNDONE), 0);
    assert_int_equal(versions_unsettled(s, &v), FAULT_ABSENT);
    assert_int_equal(versions_current(s, &current), 0);
    assert_int_equal(current, three);
    assert_int_equal(versions_since(s, 0, put_entry, &b), 0);
    assert_says(&b, "x:1>3@7 x:>1@0+ ");
    assert_int_equal(versions_since(s, one, put_entry, &b), 0);
    assert_says(&b, "x:1>3@7 ");
    struct page page = {.newest_first = true, .limit = 2};
    assert_int_equal(versions_list(s, &page, put_number, &b), 0);
    assert_says(&b, "3c 2b ");
    buf_fini(&b);
}

static void one_version_waits_until_it_is_confirmed(void **state)
{
    struct store *s = of(state);
    struct version v;
    uint64_t one = add(s, VERSION_IN_FORCE, "a");
    assert_int_equal(versions_pending(s, &v), FAULT_ABSENT);
    assert_int_equal(versions_set_confirm(s, one, NOW + 300, 300), 0);
    assert_int_equal(versions_pending(s, &v), 0);
    assert_int_equal(v.number, one);
    assert_int_equal(v.confirm_by, NOW + 300);
    assert_int_equal(v.confirm_for, 300);
    assert_int_equal(versions_set_confirm(s, one, 0, 300), 0);
    assert_int_equal(versions_pending(s, &v), FAULT_ABSENT);
    assert_int_equal(versions_set_confirm(s, 77, 0, 0), FAULT_ABSENT);
}

static void old_versions_go_with_their_entries(void **state)
{
    struct store *s = of(state);
    struct buf b;
    uint64_t oldest;
    buf_init(&b, 4096);
    for (unsigned i = 0; i < 10; i++)
        entry(s, add(s, VERSION_IN_FORCE, "a"), 0, "x", "1", "2");
    assert_int_equal(versions_prune(s, 3), 0);
    assert_int_equal(versions_oldest(s, &oldest), 0);
    assert_int_equal(oldest, 8);
    assert_int_equal(versions_entries(s, 7, put_entry, &b), 0);
    assert_says(&b, "");
    assert_int_equal(versions_prune(s, 100), 0);
    assert_int_equal(versions_oldest(s, &oldest), 0);
    assert_int_equal(oldest, 8);
    buf_fini(&b);
}

static int put_place(void *context, const struct resource *r)
{
    (void)buf_printf(context, "%s@%llu ", r->name, (unsigned long long)r->seq);
    return 0;
}

static void a_resource_comes_back_to_its_place(void **state)
{
    struct store *s = of(state);
    struct buf b;
    struct page page = {0};
    uint64_t place;
    buf_init(&b, 4096);
    assert_int_equal(resources_place(s, "rule", "a", SPAN("{}"), 0, NOW, &place), 0);
    assert_int_equal(place, 1);
    assert_int_equal(resources_put(s, "rule", "b", SPAN("{}"), NOW), 1);
    assert_int_equal(resources_remove(s, "rule", "a"), 0);
    assert_int_equal(resources_place(s, "rule", "c", SPAN("{}"), 0, NOW, &place), 0);
    assert_int_equal(place, 3);
    assert_int_equal(resources_place(s, "rule", "a", SPAN("{}"), 1, NOW, &place), 0);
    assert_int_equal(resources_place(s, "rule", "d", SPAN("{}"), 2, NOW, &place), FAULT_EXISTS);
    assert_int_equal(resources_place(s, "rule", "a", SPAN("{}"), 9, NOW, &place), FAULT_EXISTS);
    assert_int_equal(resources_list(s, "rule", &page, put_place, &b), 0);
    assert_says(&b, "a@1 b@2 c@3 ");
    buf_fini(&b);
}

static void the_file_is_remembered_by_name(void **state)
{
    struct store *s = of(state);
    struct buf b;
    buf_init(&b, 4096);
    assert_int_equal(filed_put(s, "zone", "z", SPAN("1")), 0);
    assert_int_equal(filed_put(s, "rule", "r", SPAN("2")), 0);
    assert_int_equal(filed_put(s, "zone", "z", SPAN("3")), 0);
    assert_int_equal(filed_list(s, put_entry, &b), 0);
    assert_says(&b, "r:2>@0- z:3>@0- ");
    assert_int_equal(filed_remove(s, "zone", "z"), 0);
    assert_int_equal(filed_remove(s, "zone", "z"), FAULT_ABSENT);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_store(a_version_keeps_what_was_before_and_after),
        with_store(what_was_undone_is_no_version_in_force),
        with_store(one_version_waits_until_it_is_confirmed),
        with_store(old_versions_go_with_their_entries),
        with_store(a_resource_comes_back_to_its_place),
        with_store(the_file_is_remembered_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
