#include "tests/unit/unit.h"

#include "base/fault.h"
#include "keeper/repeat.h"
#include "store/repeats.h"
#include "tests/unit/keeper/bench_shared.h"

static const char GROUP[] = "{\"name\":\"made\"}";

/* Keeps what was done, as a turn does. The caller frees it. */
static struct call *ask(const char *token, const char *path, const char *body, const char *key)
{
    struct call_input in = {.kind = token == NULL ? CREDENTIAL_HOST : CREDENTIAL_CONSOLE,
                            .token = span_str(token),
                            .host = BENCH_HOST,
                            .method = SPAN("POST"),
                            .path = span_str(path),
                            .type = SPAN("application/json"),
                            .body = span_str(body),
                            .repeat = span_str(key)};
    struct call *c = call_new(&BENCH.k, &in);
    assert_non_null(c);
    assert_int_equal(store_begin(BENCH.k.store), 0);
    assert_int_equal(store_mark(BENCH.k.store), 0);
    int r = operation_run(c);
    if (r == 0 && c->status < 400) {
        assert_int_equal(store_keep(BENCH.k.store), 0);
    } else {
        store_undo(BENCH.k.store);
    }
    assert_int_equal(store_commit(BENCH.k.store), 0);
    assert_int_equal(r, 0);
    return c;
}

static unsigned status(const char *token, const char *path, const char *body, const char *key)
{
    struct call *c = ask(token, path, body, key);
    unsigned ret = c->status;
    call_free(c);
    return ret;
}

static void what_is_asked_twice_is_made_once_and_answered_twice(void **state)
{
    static const char TOKEN[] = "{\"name\":\"t\",\"owner\":\"owner\",\"routes\":[\"tomcat\"]}";
    (void)state;
    struct call *first = ask(NULL, "/api/v1/tokens", TOKEN, "k1");
    struct call *second = ask(NULL, "/api/v1/tokens", TOKEN, "k1");
    assert_int_equal(first->status, 201);
    assert_int_equal(second->status, 201);
    assert_true(json_equal(first->answer, second->answer));
    call_free(first);
    call_free(second);
    assert_int_equal(status(NULL, "/api/v1/tokens", TOKEN, "k2"), 409);
    assert_int_equal(status(NULL, "/api/v1/tokens", TOKEN, ""), 409);
}

static void a_key_is_of_one_caller_and_one_question(void **state)
{
    (void)state;
    assert_int_equal(status(NULL, "/api/v1/groups", GROUP, "k3"), 201);
    assert_int_equal(status(NULL, "/api/v1/groups", "{\"name\":\"other\"}", "k3"), 422);
    assert_int_equal(status(NULL, "/api/v1/users", GROUP, "k3"), 422);
    /* Of another it is another key: the group is there already. */
    assert_int_equal(status(BENCH.owner, "/api/v1/groups", GROUP, "k3"), 409);
    assert_int_equal(status(NULL, "/api/v1/groups", GROUP, "k3"), 201);
}

static void what_failed_may_be_asked_again(void **state)
{
    (void)state;
    assert_int_equal(status(NULL, "/api/v1/groups", "{\"name\":\"later\",\"x\":1}", "k4"), 400);
    assert_int_equal(status(BENCH.person, "/api/v1/groups", "{\"name\":\"later\"}", "k4"), 403);
    assert_int_equal(status(NULL, "/api/v1/groups", "{\"name\":\"later\"}", "k4"), 201);
}

static void after_a_restart_it_is_known_that_it_was_done(void **state)
{
    (void)state;
    assert_int_equal(status(NULL, "/api/v1/groups", "{\"name\":\"once\"}", "k5"), 201);
    repeats_fini(&BENCH.k.repeats);
    struct call *c = ask(NULL, "/api/v1/groups", "{\"name\":\"once\"}", "k5");
    assert_int_equal(c->status, 409);
    assert_non_null(strstr(c->detail, "was done"));
    call_free(c);
    /* And forgotten after a day. */
    assert_int_equal(repeats_prune(BENCH.k.store, clock_wall_ms() / 1000 + 1), 0);
    assert_int_equal(status(NULL, "/api/v1/groups", "{\"name\":\"twice\"}", "k5"), 201);
}

static void answers_are_kept_for_a_bounded_number(void **state)
{
    char body[64], key[16];
    (void)state;
    for (unsigned i = 0; i < REPEAT_ANSWERS + 8; i++) {
        (void)snprintf(body, sizeof(body), "{\"name\":\"many%u\"}", i);
        (void)snprintf(key, sizeof(key), "m%u", i);
        assert_int_equal(status(NULL, "/api/v1/groups", body, key), 201);
    }
    assert_int_equal(status(NULL, "/api/v1/groups", "{\"name\":\"many0\"}", "m0"), 409);
    assert_int_equal(status(NULL, "/api/v1/groups", body, key), 201);
}

static void what_is_no_key_is_refused(void **state)
{
    char key[140];
    (void)state;
    memset(key, 'k', sizeof(key));
    key[129] = '\0';
    assert_int_equal(status(NULL, "/api/v1/groups", "{\"name\":\"bad\"}", "a b"), 400);
    assert_int_equal(status(NULL, "/api/v1/groups", "{\"name\":\"bad\"}", "\xc3\xa4"), 400);
    assert_int_equal(status(NULL, "/api/v1/groups", "{\"name\":\"bad\"}", key), 400);
    key[128] = '\0';
    assert_int_equal(status(NULL, "/api/v1/groups", "{\"name\":\"good\"}", key), 201);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_twice_is_made_once_and_answered_twice),
        cmocka_unit_test(a_key_is_of_one_caller_and_one_question),
        cmocka_unit_test(what_failed_may_be_asked_again),
        cmocka_unit_test(after_a_restart_it_is_known_that_it_was_done),
        cmocka_unit_test(answers_are_kept_for_a_bounded_number),
        cmocka_unit_test(what_is_no_key_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
