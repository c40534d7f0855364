#include "tests/unit/unit.h"

#include "keeper/roles.h"
#include "store/breakglass.h"
#include "tests/unit/keeper/bench_shared.h"

enum who { NOBODY, USER, OPERATOR, AUDITOR, ADMINISTRATOR, OWNER, HOST, WHO_COUNT };

static const struct {
    const char *name, *group;
    unsigned role;
} PEOPLE[WHO_COUNT] = {
    [NOBODY] = {"", NULL, ROLE_NOBODY},
    [USER] = {"ursula", NULL, ROLE_USER},
    [OPERATOR] = {"otto", GROUP_OPERATORS, ROLE_OPERATOR},
    [AUDITOR] = {"ada", GROUP_AUDITORS, ROLE_AUDITOR},
    [ADMINISTRATOR] = {"anton", GROUP_ADMINISTRATORS, ROLE_ADMINISTRATOR},
    [OWNER] = {"olga", GROUP_OWNERS, ROLE_OWNER},
    [HOST] = {"", NULL, ROLE_HOST},
};

static char KEY[WHO_COUNT][TOKEN_TEXT_SIZE];

static int people(void **state)
{
    int r = setup(state);
    for (enum who w = USER; w <= OWNER; w++) {
        bench_must(users_add(BENCH.k.store, PEOPLE[w].name, 1) == 0);
        bench_must(PEOPLE[w].group == NULL ||
                   groups_join(BENCH.k.store, PEOPLE[w].group, PEOPLE[w].name) == 0);
        bench_log_in(&BENCH, PEOPLE[w].name, KEY[w]);
    }
    bench_must(users_add(BENCH.k.store, "plain", 1) == 0);
    bench_must(users_add_kind(BENCH.k.store, "glass", USER_BREAK_GLASS, 1) == 0);
    return r;
}

static unsigned ask(enum who w, const char *method, const char *path, const char *body)
{
    int fault;
    enum credential_kind kind = w == NOBODY ? CREDENTIAL_NONE
                                : w == HOST ? CREDENTIAL_HOST
                                            : CREDENTIAL_CONSOLE;
    struct call *c = bench_call(&BENCH, kind, KEY[w], span_str(method), span_str(path), SPAN_NONE,
                                span_str(body), &fault);
    unsigned status = fault < 0 ? 503 : c->need != CALL_ANSWER ? 200 : c->status;
    call_free(c);
    return status;
}

/* The path of a row with something that exists in the place of each name. */
static void real_path(const char *path, char out[128])
{
    char *to = out;
    while (*path != '\0' && to < out + 100) {
        if (*path == '{') {
            to = stpcpy(to, "plain");
            path = strchr(path, '}') + 1;
        } else {
            *to++ = *path++;
        }
    }
    *to = '\0';
}

static void every_row_is_open_to_its_roles_and_to_no_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        const struct operation *op = &OPERATIONS[i];
        char path[128];
        real_path(op->path, path);
        for (enum who w = NOBODY; w < WHO_COUNT; w++) {
            unsigned held = w == NOBODY ? 0 : w == HOST ? ROLE_HOST : PEOPLE[w].role | ROLE_USER;
            unsigned status = ask(w, op->method, path, "{");
            bool known = w != NOBODY || (op->roles & ROLE_NOBODY) != 0;
            bool page = (op->flags & OPERATION_PAGE) != 0;
            if (!known) {
                if (status != (page ? 303u : 401u)) {
                    fail_msg("%s %s: nobody gets %u", op->method, op->path, status);
                }
            } else if (!roles_admit(op->roles, held)) {
                if (status != 403) {
                    fail_msg("%s %s: %s gets %u", op->method, op->path, roles_name(held), status);
                }
            } else if (status == 403 && strstr(op->path, "/me/") == NULL && !page &&
                       strstr(op->path, "/account/") == NULL &&
                       strstr(op->path, "/approvals") == NULL &&
                       strstr(op->path, "/leases") == NULL) {
                fail_msg("%s %s: %s is refused", op->method, op->path, roles_name(held));
            }
        }
    }
}

static const struct {
    const char *method, *below, *body;
    bool tended; /* by operators, too */
} TOUCHES[] = {
    {"DELETE", "", "", false},
    {"POST", "/disable", "", true},
    {"POST", "/enable", "", false},
    {"PUT", "/groups", "{\"groups\":[]}", false},
    {"POST", "/reset", "{\"lost\":[\"password\"]}", false},
    {"POST", "/enrol", "", false},
    {"PUT", "/mail", "{\"mail\":\"\"}", false},
    {"DELETE", "/sessions", "", true},
};

static void privileged_people_are_changed_by_owners_only(void **state)
{
    static const char *const PRIVILEGED[] = {"olga", "anton", "owner", "glass"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < countof(TOUCHES); i++) {
        for (size_t n = 0; n < countof(PRIVILEGED); n++) {
            (void)snprintf(path, sizeof(path), "/api/v1/users/%s%s", PRIVILEGED[n],
                           TOUCHES[i].below);
            for (enum who w = USER; w <= ADMINISTRATOR; w++) {
                assert_int_equal(ask(w, TOUCHES[i].method, path, TOUCHES[i].body), 403);
            }
            assert_int_not_equal(ask(OWNER, TOUCHES[i].method, path, TOUCHES[i].body), 403);
        }
        (void)snprintf(path, sizeof(path), "/api/v1/users/plain%s", TOUCHES[i].below);
        assert_int_equal(ask(ADMINISTRATOR, TOUCHES[i].method, path, TOUCHES[i].body), 200);
        assert_int_equal(ask(OPERATOR, TOUCHES[i].method, path, TOUCHES[i].body),
                         TOUCHES[i].tended ? 200 : 403);
        assert_int_equal(ask(AUDITOR, TOUCHES[i].method, path, TOUCHES[i].body), 403);
    }
}

static void only_owners_give_and_take_roles(void **state)
{
    static const char *const ROLES[] = {"owners", "administrators", "auditors", "operators"};
    char body[128];
    (void)state;
    for (size_t i = 0; i < countof(ROLES); i++) {
        (void)snprintf(body, sizeof(body), "{\"groups\":[\"%s\"]}", ROLES[i]);
        assert_int_equal(ask(ADMINISTRATOR, "PUT", "/api/v1/users/plain/groups", body), 403);
        assert_int_equal(ask(OWNER, "PUT", "/api/v1/users/plain/groups", body), 200);
        (void)snprintf(body, sizeof(body), "{\"name\":\"new\",\"groups\":[\"%s\"]}", ROLES[i]);
        assert_int_equal(ask(ADMINISTRATOR, "POST", "/api/v1/users", body), 403);
        assert_int_equal(ask(OWNER, "POST", "/api/v1/users", body), 201);
    }
    assert_int_equal(ask(ADMINISTRATOR, "POST", "/api/v1/users", "{\"name\":\"new\"}"), 201);
    /* Neither is one taken away by leaving it out. */
    assert_int_equal(ask(ADMINISTRATOR, "PUT", "/api/v1/users/ada/groups", "{\"groups\":[]}"), 403);
    assert_int_equal(
        ask(ADMINISTRATOR, "PUT", "/api/v1/users/ada/groups", "{\"groups\":[\"auditors\"]}"), 200);
}

static void what_acts_for_privileged_people_comes_from_owners_or_themselves(void **state)
{
    static const char OF_OWNER[] = "{\"name\":\"t\",\"owner\":\"olga\",\"routes\":[\"portal\"]}";
    static const char OF_SELF[] = "{\"name\":\"t\",\"owner\":\"anton\",\"routes\":[\"portal\"]}";
    static const char CERTIFICATE[] = "{\"name\":\"c\",\"user\":\"olga\",\"dns\":\"a.example\"}";
    (void)state;
    assert_int_equal(ask(ADMINISTRATOR, "POST", "/api/v1/tokens", OF_OWNER), 403);
    assert_int_equal(ask(OWNER, "POST", "/api/v1/tokens", OF_OWNER), 201);
    assert_int_equal(ask(ADMINISTRATOR, "POST", "/api/v1/tokens", OF_SELF), 201);
    /* The bench's robot acts for the owner. */
    assert_int_equal(ask(ADMINISTRATOR, "POST", "/api/v1/tokens/robot/rotate", "{}"), 403);
    assert_int_equal(ask(ADMINISTRATOR, "DELETE", "/api/v1/tokens/robot", ""), 403);
    assert_int_equal(ask(OPERATOR, "DELETE", "/api/v1/tokens/robot", ""), 403);
    assert_int_equal(ask(OWNER, "DELETE", "/api/v1/tokens/robot", ""), 200);
    assert_int_equal(ask(ADMINISTRATOR, "POST", "/api/v1/certificates", CERTIFICATE), 403);
    assert_int_equal(ask(OWNER, "POST", "/api/v1/certificates", CERTIFICATE), 201);
}

static void a_refused_change_is_recorded_and_nothing_else_is_kept(void **state)
{
    struct call_input in = {.kind = CREDENTIAL_CONSOLE,
                            .token = span_str(KEY[ADMINISTRATOR]),
                            .host = BENCH_HOST,
                            .method = SPAN("DELETE"),
                            .path = SPAN("/api/v1/users/olga")};
    (void)state;
    struct call *c = call_new(&BENCH.k, &in);
    assert_non_null(c);
    assert_int_equal(operation_run(c), 0);
    assert_int_equal(c->status, 403);
    assert_true(c->keep);
    assert_true(list_empty(&c->revokes));
    struct user user;
    assert_int_equal(users_find(BENCH.k.store, "olga", &user), 0);
    call_free(c);
}

static void roles_have_names(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 256);
    assert_int_equal(roles_of(SPAN_NONE), ROLE_USER);
    assert_int_equal(roles_of(SPAN("a\noperators\nauditors")),
                     ROLE_USER | ROLE_OPERATOR | ROLE_AUDITOR);
    assert_string_equal(roles_name(ROLE_USER | ROLE_OPERATOR | ROLE_AUDITOR), "auditor");
    assert_string_equal(roles_name(0), "nobody");
    roles_text(ROLE_ADMINISTRATOR | ROLE_AUDITOR, &out);
    assert_true(span_is(buf_view(&out), "owners, administrators and auditors"));
    buf_fini(&out);
    assert_false(roles_admit(ROLE_HOST, ROLE_OWNER | ROLE_USER));
    assert_true(roles_admit(ROLE_NOBODY, 0));
    assert_false(roles_admit(ROLE_USER, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_open_to_its_roles_and_to_no_others),
        cmocka_unit_test(privileged_people_are_changed_by_owners_only),
        cmocka_unit_test(only_owners_give_and_take_roles),
        cmocka_unit_test(what_acts_for_privileged_people_comes_from_owners_or_themselves),
        cmocka_unit_test(a_refused_change_is_recorded_and_nothing_else_is_kept),
        cmocka_unit_test(roles_have_names),
    };
    return cmocka_run_group_tests(tests, people, teardown);
}
