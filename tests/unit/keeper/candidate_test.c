/* A policy that might come: what differs, in which order, and what is refused. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "keeper/candidate.h"
#include "keeper/difflines.h"
#include "store/resources.h"
#include "tests/unit/keeper/bench_shared.h"

#define RULE(name)                                                                                 \
    "{\"name\":\"" name "\",\"users\":[\"bob\"],\"zones\":[\"local\"],\"routes\":[\"tomcat\"]}"

static void put(const char *kind, const char *name, const char *doc)
{
    assert_true(resources_put(BENCH.k.store, kind, name, span_str(doc), 1) >= 0);
}

/* "rule a added, …" of a body; or the fault and the reason. */
static void assert_changes(const char *body, const char *expected)
{
    struct candidate *c = NULL;
    struct candidate_error why;
    struct buf says;
    buf_init(&says, 8192);
    candidate_error_init(&why);
    json_t *root = json_loads(body, 0, NULL);
    assert_non_null(root);
    int r = candidate_new(&BENCH.k, root, &c, &why);
    if (r < 0) {
        (void)buf_printf(&says, "%s: %.*s", why.field, SPAN_FMT(buf_view(&why.text)));
    } else {
        for (size_t i = 0; i < c->entry_count; i++) {
            const struct version_entry *e = &c->entries[i];
            (void)buf_printf(&says, "%s%s %s%s", i == 0 ? "" : ", ", e->name,
                             !e->had   ? "comes"
                             : !e->has ? "goes"
                                       : "changes",
                             e->has && e->place_after == 0 && e->had ? " place" : "");
        }
        assert_non_null(c->live);
        candidate_free(c);
    }
    struct span view = buf_view(&says);
    if (!span_starts(view, span_str(expected)) || (r == 0 && view.len != strlen(expected)))
        fail_msg("%s\n gives %.*s", body, SPAN_FMT(view));
    json_decref(root);
    candidate_error_fini(&why);
    buf_fini(&says);
}

static void what_differs_is_told_and_nothing_is_written(void **state)
{
    (void)state;
    uint64_t before = 0, after = 0;
    struct documents d;
    put("rule", "a", RULE("a"));
    put("rule", "b", RULE("b"));
    put("rule", "c", RULE("c"));
    documents_init(&d);
    assert_int_equal(documents_read(&d, BENCH.k.store), 0);
    before = d.count;
    documents_fini(&d);
    assert_changes("{}", "");
    assert_changes("{\"rules\":[" RULE("a") "]}", "");
    assert_changes("{\"rules\":[" RULE("n") "," RULE("a") "]}", "n comes");
    assert_changes("{\"prune\":true,\"rules\":[" RULE("a") "]}", "b goes, c goes");
    assert_changes("{\"prune\":true,\"rules\":[]}", "a goes, b goes, c goes");
    assert_changes("{\"prune\":true}", "");
    assert_changes("{\"prune\":true,\"rules\":[" RULE("a") "," RULE("c") "," RULE("b") "]}",
                   "b changes place");
    assert_changes("{\"prune\":true,\"rules\":[" RULE("c") "," RULE("a") "," RULE("b") "]}",
                   "a changes place, b changes place");
    /* The default said aloud is the same. */
    assert_changes("{\"rules\":[{\"name\":\"a\",\"users\":[\"bob\"],\"zones\":[\"local\"],"
                   "\"routes\":[\"tomcat\"],\"assurance\":\"mfa\"}]}",
                   "");
    documents_init(&d);
    assert_int_equal(documents_read(&d, BENCH.k.store), 0);
    after = d.count;
    documents_fini(&d);
    assert_int_equal(before, after);
}

static void what_cannot_be_is_refused_with_its_place(void **state)
{
    (void)state;
    assert_changes("{\"rules\":[1]}", "rules: rules[0]: expected an object");
    assert_changes("{\"rules\":[{}]}", "rules: rules[0]: expected an object");
    assert_changes("{\"rules\":[{\"name\":\"A B\"}]}", "rules: rules[0]: expected an object");
    assert_changes("{\"rules\":[" RULE("x") "," RULE("x") "]}",
                   "rules: rules[1]: the name x occurs");
    assert_changes("{\"rules\":[" RULE("admins") "]}",
                   "rules: rule admins comes from the configuration file");
    assert_changes("{\"zones\":[{\"name\":\"local\",\"cidrs\":[\"10.0.0.0/8\"]}]}",
                   "zones: zone local comes from postern itself");
    assert_changes("{\"zones\":[{\"name\":\"z\",\"cidrs\":[\"10.0.0.1/8\"]}]}", ": zone z: ");
    assert_changes("{\"settings\":{\"session.idle\":\"1s\"}}", ": setting session.idle: ");
    assert_changes("{\"settings\":{\"nothing.here\":1}}", ": setting nothing.here: name: ");
}

static void assert_lines(const char *before, const char *after, const char *expected)
{
    json_t *a = json_loads(before, JSON_DECODE_ANY, NULL),
           *b = json_loads(after, JSON_DECODE_ANY, NULL);
    json_t *lines = difflines(a, b), *one;
    struct buf says;
    size_t i;
    buf_init(&says, 65536);
    assert_non_null(lines);
    json_array_foreach(lines, i, one)
    {
        (void)buf_printf(&says, "%s%s|", json_string_value(json_object_get(one, "op")),
                         json_string_value(json_object_get(one, "text")));
    }
    struct span view = buf_view(&says);
    if (!span_is(view, expected))
        fail_msg("%.*s", SPAN_FMT(view));
    buf_fini(&says);
    json_decref(lines);
    json_decref(a);
    json_decref(b);
}

static void lines_that_stay_stand_beside_those_that_differ(void **state)
{
    (void)state;
    assert_lines("null", "{\"a\":1,\"b\":[]}", "+a: 1|+b: []|");
    assert_lines("{\"a\":1}", "null", "-a: 1|");
    assert_lines("{\"a\":1,\"l\":[\"x\",\"y\"]}", "{\"a\":2,\"l\":[\"y\",\"z\"]}",
                 "-a: 1|+a: 2| l:|-  - \"x\"|   - \"y\"|+  - \"z\"|");
    assert_lines("{\"a\":\"<b>\\u0007\"}", "{\"a\":\"<b>\\u0007\"}", " a: \"<b>\\u0007\"|");
    assert_lines("null", "null", "");
}

static void a_list_too_long_to_compare_is_replaced_whole(void **state)
{
    (void)state;
    json_t *a = json_object(), *b = json_object(), *l = json_array(), *m = json_array();
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(json_array_append_new(l, json_integer(i)), 0);
        assert_int_equal(json_array_append_new(m, json_integer(i + 1)), 0);
    }
    assert_int_equal(json_object_set_new(a, "l", l), 0);
    assert_int_equal(json_object_set_new(b, "l", m), 0);
    json_t *lines = difflines(a, b);
    assert_int_equal(json_array_size(lines), 6002);
    json_decref(lines);
    json_decref(a);
    json_decref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_is_told_and_nothing_is_written),
        cmocka_unit_test(what_cannot_be_is_refused_with_its_place),
        cmocka_unit_test(lines_that_stay_stand_beside_those_that_differ),
        cmocka_unit_test(a_list_too_long_to_compare_is_replaced_whole),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
