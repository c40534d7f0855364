#include "tests/unit/unit.h"

#include "keeper/precondition.h"
#include "tests/unit/keeper/bench_shared.h"

/* Status of a call of the host with this If-Match (NULL: none); the ETag of the answer in etag. */
static unsigned ask(const char *method, const char *path, const char *body, const char *if_match,
                    char etag[CALL_ETAG_SIZE])
{
    struct call_input in = {.kind = CREDENTIAL_HOST,
                            .host = BENCH_HOST,
                            .method = span_str(method),
                            .path = span_str(path),
                            .body = span_str(body),
                            .if_match = span_str(if_match)};
    struct call *c = call_new(&BENCH.k, &in);
    assert_non_null(c);
    assert_int_equal(store_begin(BENCH.k.store), 0);
    assert_int_equal(store_mark(BENCH.k.store), 0);
    assert_int_equal(operation_run(c), 0);
    store_undo(BENCH.k.store);
    store_rollback(BENCH.k.store);
    unsigned status = c->status;
    if (etag != NULL) {
        memcpy(etag, c->etag, CALL_ETAG_SIZE);
    }
    call_free(c);
    return status;
}

static void a_change_needs_what_was_seen(void **state)
{
    static const struct {
        const char *method, *path, *body, *seen;
    } CHANGES[] = {
        {"DELETE", "/api/v1/users/person", "", "/api/v1/users/person"},
        {"POST", "/api/v1/users/person/disable", "", "/api/v1/users/person"},
        {"PUT", "/api/v1/users/person/groups", "{\"groups\":[]}", "/api/v1/users/person"},
        {"PUT", "/api/v1/routes/tomcat",
         "{\"host\":\"tomcat.postern.localhost\",\"upstream\":\"http://127.0.0.1:1\"}",
         "/api/v1/routes/tomcat"},
    };
    char etag[CALL_ETAG_SIZE], list[128];
    (void)state;
    for (size_t i = 0; i < countof(CHANGES); i++) {
        assert_int_equal(ask("GET", CHANGES[i].seen, "", NULL, etag), 200);
        assert_int_equal(strlen(etag), 34);
        unsigned free = ask(CHANGES[i].method, CHANGES[i].path, CHANGES[i].body, NULL, NULL);
        assert_int_equal(ask(CHANGES[i].method, CHANGES[i].path, CHANGES[i].body, etag, NULL),
                         free);
        assert_int_equal(ask(CHANGES[i].method, CHANGES[i].path, CHANGES[i].body, "*", NULL), free);
        (void)snprintf(list, sizeof(list), "\"a\", %s", etag);
        assert_int_equal(ask(CHANGES[i].method, CHANGES[i].path, CHANGES[i].body, list, NULL),
                         free);
        (void)snprintf(list, sizeof(list), "W/%s", etag);
        assert_int_equal(ask(CHANGES[i].method, CHANGES[i].path, CHANGES[i].body, list, NULL), 412);
        assert_int_equal(ask(CHANGES[i].method, CHANGES[i].path, CHANGES[i].body, "\"a\"", NULL),
                         412);
    }
}

static void what_is_not_there_matches_nothing(void **state)
{
    (void)state;
    assert_int_equal(ask("DELETE", "/api/v1/users/nobody", "", "*", NULL), 412);
    assert_int_equal(ask("PUT", "/api/v1/zones/new", "{\"cidrs\":[\"10.0.0.0/8\"]}", "*", NULL),
                     412);
    assert_int_equal(ask("PUT", "/api/v1/zones/new", "{\"cidrs\":[\"10.0.0.0/8\"]}", NULL, NULL),
                     201);
}

static void a_change_of_another_changes_the_tag_and_mere_use_does_not(void **state)
{
    char before[CALL_ETAG_SIZE], after[CALL_ETAG_SIZE];
    (void)state;
    assert_int_equal(ask("GET", "/api/v1/users/person", "", NULL, before), 200);
    assert_int_equal(users_set_mail(BENCH.k.store, "person", "p@example.org"), 0);
    assert_int_equal(ask("GET", "/api/v1/users/person", "", NULL, after), 200);
    assert_string_not_equal(before, after);
    assert_int_equal(ask("DELETE", "/api/v1/users/person", "", before, NULL), 412);
    assert_int_equal(ask("DELETE", "/api/v1/users/person", "", after, NULL), 200);
}

static void what_is_no_list_of_tags_is_refused(void **state)
{
    static const char *const BAD[] = {"a",  "\"a", "a\"",     ",\"a\"",  "\"a\"\"b\"",
                                      "W/", "W/a", "*,\"a\"", "\"a\",*", "W/\"a"};
    static const char *const GOOD[] = {"*",     " * ",     "\"\"",
                                       "\"a\"", "W/\"a\"", "\"a\" , W/\"b\",\"c\""};
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++) {
        assert_false(precondition_is_shaped(span_str(BAD[i])));
        assert_int_equal(ask("DELETE", "/api/v1/users/person", "", BAD[i], NULL), 400);
    }
    for (size_t i = 0; i < countof(GOOD); i++) {
        assert_true(precondition_is_shaped(span_str(GOOD[i])));
    }
    assert_int_equal(ask("POST", "/api/v1/users", "{\"name\":\"new\"}", "*", NULL), 400);
    /* Of the policy as a whole it is the version. */
    assert_int_equal(ask("POST", "/api/v1/apply", "{}", "\"0\"", NULL), 200);
    assert_int_equal(ask("POST", "/api/v1/apply", "{}", "\"1\"", NULL), 412);
}

static void a_path_says_which_methods_it_has(void **state)
{
    struct call_input in = {
        .kind = CREDENTIAL_HOST, .method = SPAN("OPTIONS"), .path = SPAN("/api/v1/users/person")};
    (void)state;
    struct call *c = call_new(&BENCH.k, &in);
    assert_int_equal(operation_run(c), 0);
    assert_int_equal(c->status, 204);
    assert_string_equal(c->allow, "GET, HEAD, DELETE, OPTIONS");
    call_free(c);
    assert_int_equal(ask("PATCH", "/api/v1/users/person", "", NULL, NULL), 405);
    assert_int_equal(ask("OPTIONS", "/api/v1/nothing", "", NULL, NULL), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_needs_what_was_seen),
        cmocka_unit_test(what_is_not_there_matches_nothing),
        cmocka_unit_test(a_change_of_another_changes_the_tag_and_mere_use_does_not),
        cmocka_unit_test(what_is_no_list_of_tags_is_refused),
        cmocka_unit_test(a_path_says_which_methods_it_has),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
