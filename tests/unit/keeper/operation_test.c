#include "tests/unit/unit.h"

#include "base/fault.h"
#include "keeper/op.h"
#include "tests/unit/keeper/bench_shared.h"

static const struct operation *find(const char *method, const char *path, bool *other)
{
    struct span params[2];
    return operation_find(span_str(method), span_str(path), params, other);
}

static void a_path_is_found_exactly_or_not_at_all(void **state)
{
    static const char *const ABSENT[] = {
        "",
        "api",
        "/api/v1/user",
        "/api/v1/users/",
        "/api/v1/users//disable",
        "/api/v1/users/a/b",
        "/api/v1/users/a/disable/",
        "/api/v1/users/a/disable/b",
        "//",
        "/api",
        "/sessions//end",
        "/API/v1/users",
        "/api/v1/users/{name}/x",
    };
    struct span params[2];
    bool other;
    (void)state;
    for (size_t i = 0; i < countof(ABSENT); i++) {
        if (find("GET", ABSENT[i], &other) != NULL || other) {
            fail_msg("found: %s", ABSENT[i]);
        }
    }
    assert_non_null(
        operation_find(SPAN("POST"), SPAN("/api/v1/users/ann/disable"), params, &other));
    assert_true(span_is(params[0], "ann"));
    assert_non_null(find("GET", "/", &other));
    assert_non_null(find("HEAD", "/api/v1/whoami", &other));
    assert_null(find("TRACE", "/api/v1/whoami", &other));
    assert_true(other);
}

static void every_row_is_found_by_its_own_path_and_by_no_earlier_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        const struct operation *op = &OPERATIONS[i];
        bool other;
        assert_ptr_equal(find(op->method, op->path, &other), op);
        assert_true(op->summary[0] != '\0' && op->run != NULL);
        /* A change is made by a method that says so, and by those who administer. */
        if ((op->flags & OPERATION_CHANGE) != 0) {
            assert_int_equal(op->roles & ~(unsigned)(ROLE_OWNER | ROLE_ADMINISTRATOR), 0);
            assert_string_not_equal(op->method, "GET");
        }
        /* Auditors change nothing. */
        if ((op->roles & ROLE_AUDITOR) != 0 && (op->flags & OPERATION_READS) == 0) {
            assert_string_equal(op->method, "GET");
        }
        /* What changes a user is held to the guard of privileged people. */
        bool changes =
            strncmp(op->path, "/api/v1/users/{name}", 20) == 0 && strcmp(op->method, "GET") != 0;
        assert_int_equal((op->flags & OPERATION_USER) != 0, changes);
        if ((op->roles & ROLE_NOBODY) != 0) {
            /* Enrolment brings its own proof; public keys are for everybody; and the pages of a
             * sign-in are for those who are nobody yet. */
            if (op->run != op_jwks && strncmp(op->path, "/signin/", 8) != 0) {
                assert_string_equal(op->path, "/enrol");
            }
        }
    }
}

static unsigned status_of(enum credential_kind kind, const char *token, const char *method,
                          const char *path, const char *body)
{
    int fault;
    struct call *c = bench_call(&BENCH, kind, token, span_str(method), span_str(path), SPAN_NONE,
                                span_str(body), &fault);
    unsigned status = fault < 0 ? 503 : c->status;
    call_free(c);
    return status;
}

static void nobody_is_looked_at_before_he_is_known(void **state)
{
    static const enum credential_kind KINDS[] = {CREDENTIAL_NONE,  CREDENTIAL_CONSOLE,
                                                 CREDENTIAL_CHILD, CREDENTIAL_TOKEN,
                                                 CREDENTIAL_SSO,   99};
    (void)state;
    for (size_t i = 0; i < countof(KINDS); i++) {
        assert_int_equal(status_of(KINDS[i], "", "POST", "/api/v1/users", "{"), 401);
        assert_int_equal(status_of(KINDS[i], "", "GET", "/api/v1/nothing", ""), 401);
    }
    assert_int_equal(status_of(CREDENTIAL_SSO, BENCH.owner, "GET", "/api/v1/whoami", ""), 401);
    assert_int_equal(status_of(CREDENTIAL_CHILD, BENCH.owner, "GET", "/api/v1/whoami", ""), 401);
    assert_int_equal(status_of(CREDENTIAL_TOKEN, BENCH.owner, "GET", "/api/v1/whoami", ""), 401);
    assert_int_equal(status_of(CREDENTIAL_CONSOLE, BENCH.robot, "GET", "/api/v1/whoami", ""), 401);
    assert_int_equal(status_of(CREDENTIAL_CONSOLE, BENCH.owner, "GET", "/api/v1/whoami", ""), 200);
}

static void roles_and_scopes_hold(void **state)
{
    (void)state;
    assert_int_equal(status_of(CREDENTIAL_CONSOLE, BENCH.person, "GET", "/api/v1/users", ""), 403);
    assert_int_equal(status_of(CREDENTIAL_CONSOLE, BENCH.owner, "GET", "/api/v1/users", ""), 200);
    assert_int_equal(status_of(CREDENTIAL_TOKEN, BENCH.robot, "GET", "/api/v1/users", ""), 200);
    assert_int_equal(status_of(CREDENTIAL_TOKEN, BENCH.robot, "GET", "/api/v1/audit", ""), 403);
    assert_int_equal(
        status_of(CREDENTIAL_TOKEN, BENCH.robot, "POST", "/api/v1/users", "{\"name\":\"x\"}"), 403);
    assert_int_equal(status_of(CREDENTIAL_HOST, "", "GET", "/api/v1/audit", ""), 200);
}

static void a_body_where_none_belongs_is_refused(void **state)
{
    (void)state;
    assert_int_equal(
        status_of(CREDENTIAL_HOST, "", "POST", "/api/v1/users/person/enable", "{\"a\":1}"), 400);
    assert_int_equal(status_of(CREDENTIAL_HOST, "", "POST", "/api/v1/users/person/enable", "{}"),
                     200);
    assert_int_equal(status_of(CREDENTIAL_HOST, "", "POST", "/api/v1/users/person/enable", ""),
                     200);
}

/* A change of a resource makes a candidate and leaves what is in force alone. */
static void a_change_leaves_what_is_in_force_alone(void **state)
{
    const struct live *before = BENCH.k.live;
    int fault;
    (void)state;
    struct call *c = bench_call(&BENCH, CREDENTIAL_HOST, "", SPAN("PUT"), SPAN("/api/v1/zones/z"),
                                SPAN_NONE, SPAN("{\"cidrs\":[\"10.0.0.0/8\"]}"), &fault);
    assert_int_equal(fault, 0);
    assert_int_equal(c->status, 201);
    assert_non_null(c->change);
    assert_int_equal(live_snapshot(c->change->candidate)->zone_count,
                     live_snapshot(before)->zone_count + 1);
    assert_ptr_equal(BENCH.k.live, before);
    call_free(c);
    assert_int_equal(status_of(CREDENTIAL_HOST, "", "GET", "/api/v1/zones/z", ""), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_found_exactly_or_not_at_all),
        cmocka_unit_test(every_row_is_found_by_its_own_path_and_by_no_earlier_row),
        cmocka_unit_test(nobody_is_looked_at_before_he_is_known),
        cmocka_unit_test(roles_and_scopes_hold),
        cmocka_unit_test(a_body_where_none_belongs_is_refused),
        cmocka_unit_test(a_change_leaves_what_is_in_force_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
