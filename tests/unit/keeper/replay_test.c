/* The question that a record holds, and what two policies say to it. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "conf/yaml.h"
#include "keeper/live.h"
#include "keeper/replay.h"

#define NOW 1700000000u

static const char HEAD[] =
    "portal: {host: postern.example}\n"
    "listeners:\n  - {name: main, address: \"127.0.0.1:9443\"}\n"
    "zones: {office: [10.0.0.0/8]}\n"
    "routes:\n"
    "  app: {host: app.example, upstream: \"http://127.0.0.1:1\", bind_network: address}\n"
    "  other: {host: other.example, upstream: \"http://127.0.0.1:2\"}\n"
    "rules:\n";

static struct live *policy(const char *rules)
{
    struct buf text, errors;
    struct snapshot *file = NULL;
    struct live *live = NULL;
    buf_init(&text, 8192);
    buf_init(&errors, 8192);
    assert_int_equal(buf_printf(&text, "%s%s", HEAD, rules), 0);
    int rc = yaml_parse("test", buf_view(&text), &file, &errors);
    rc = rc < 0 ? rc : live_new(file, NULL, NULL, NULL, 1, &live, &errors);
    if (rc < 0)
        fail_msg("%.*s", SPAN_FMT(buf_view(&errors)));
    snapshot_free(file);
    buf_fini(&text);
    buf_fini(&errors);
    return live;
}

static struct access_record request(void)
{
    struct access_record r = {.wall_ms = NOW * 1000ull,
                              .version = 3,
                              .listener = SPAN("main"),
                              .route = SPAN("app"),
                              .host = SPAN("app.example"),
                              .principal_kind = CREDENTIAL_CHILD,
                              .principal = SPAN("ann"),
                              .groups = SPAN("ops\n"),
                              .method = SPAN("GET"),
                              .path = SPAN("/x"),
                              .password_at = NOW - 100,
                              .mfa_at = NOW - 100};
    r.source[10] = r.source[11] = 0xff;
    r.source[12] = 10;
    memcpy(r.began, r.source, sizeof(r.began));
    return r;
}

static struct access_record token(void)
{
    struct access_record r = request();
    r.principal_kind = CREDENTIAL_TOKEN;
    r.principal = SPAN("deploy");
    r.owner = SPAN("ann");
    r.token_routes = SPAN("app\n");
    return r;
}

static void assert_decided(struct live *l, struct access_record r, enum verdict verdict,
                           enum reason reason)
{
    struct decision d;
    assert_true(replay_decide(l, &r, &d));
    assert_string_equal(reason_name(d.reason), reason_name(reason));
    assert_int_equal(d.verdict, verdict);
}

static void a_record_is_asked_with_all_that_it_holds(void **state)
{
    (void)state;
    struct live *l = policy("  - {name: a, groups: [ops], zones: [office], routes: [app], "
                            "methods: [GET], paths: [\"/x\"], max_age: 5m}\n");
    struct access_record r = request();
    assert_decided(l, r, VERDICT_ALLOW, REASON_ALLOWED);
    r.groups = SPAN("others\n");
    assert_decided(l, r, VERDICT_DENY, REASON_WHO);
    r = request();
    r.source[12] = 11;
    assert_decided(l, r, VERDICT_DENY, REASON_ZONE);
    r = request();
    r.method = SPAN("POST");
    assert_decided(l, r, VERDICT_DENY, REASON_METHOD);
    r = request();
    r.destination = SPAN("/y");
    assert_decided(l, r, VERDICT_DENY, REASON_PATH);
    r = request();
    r.flags = ACCESS_OVERRIDE;
    assert_decided(l, r, VERDICT_DENY, REASON_METHOD);
    r = request();
    r.flags = ACCESS_NAMED_ONLY;
    assert_decided(l, r, VERDICT_DENY, REASON_WHO);
    r = request();
    r.mfa_at = 0;
    assert_decided(l, r, VERDICT_PROVE, REASON_ASSURANCE);
    r.mfa_at = r.password_at = NOW - 301;
    assert_decided(l, r, VERDICT_PROVE, REASON_AGE);
    r = request();
    r.began[15] = 9;
    assert_decided(l, r, VERDICT_PROVE, REASON_MOVED);
    r = request();
    r.principal_kind = CREDENTIAL_NONE;
    r.principal = SPAN_NONE;
    assert_decided(l, r, VERDICT_PROVE, REASON_NOBODY);
    r = request();
    r.host = SPAN("gone.example");
    assert_decided(l, r, VERDICT_DENY, REASON_NO_RULE);
    struct decision d;
    r.host = SPAN("postern.example");
    assert_false(replay_decide(l, &r, &d));
    live_free(l);
}

static void a_token_is_what_its_record_says_of_it(void **state)
{
    (void)state;
    struct live *l = policy("  - {name: a, tokens: [deploy], zones: [office], routes: [\"*\"]}\n");
    struct access_record r = token();
    assert_decided(l, r, VERDICT_ALLOW, REASON_ALLOWED);
    r.own = REASON_TOKEN_SCOPE;
    assert_decided(l, r, VERDICT_DENY, REASON_TOKEN_SCOPE);
    r.own = REASON_TOKEN_CERTIFICATE;
    assert_decided(l, r, VERDICT_DENY, REASON_TOKEN_CERTIFICATE);
    r = token();
    r.host = SPAN("other.example");
    assert_decided(l, r, VERDICT_DENY, REASON_TOKEN_SCOPE);
    r = token();
    r.token_zones = SPAN("local\n");
    assert_decided(l, r, VERDICT_DENY, REASON_TOKEN_ZONE);
    live_free(l);
}

static void differences_are_summed_up_by_person_and_console(void **state)
{
    (void)state;
    struct live *before =
        policy("  - {name: a, users: [\"*\"], zones: [office], routes: [\"*\"]}\n");
    struct live *after = policy("  - {name: a, users: [bob], zones: [office], routes: [\"*\"]}\n");
    struct replay *r = malloc(sizeof(*r));
    assert_non_null(r);
    replay_init(r, before, after);
    struct access_record one = request();
    replay_add(r, &one);
    one.wall_ms += 5000;
    one.path = SPAN("/newer");
    replay_add(r, &one);
    one.wall_ms -= 9000;
    one.path = SPAN("/older");
    replay_add(r, &one);
    one.principal = SPAN("bob");
    replay_add(r, &one);
    /* Not asked: an old record, one that was cut, a page of ours, the end of a tunnel. */
    one.version = 2;
    replay_add(r, &one);
    one.version = 3;
    one.flags = ACCESS_CUT;
    replay_add(r, &one);
    one = request();
    one.path = SPAN("/.postern/logout");
    replay_add(r, &one);
    one = request();
    one.stream = STREAM_IDLE;
    replay_add(r, &one);
    assert_int_equal(r->requests, 4);
    assert_int_equal(r->same, 1);
    assert_int_equal(r->old, 2);
    assert_int_equal(r->passed, 2);
    assert_int_equal(r->count.denied, 3);
    assert_int_equal(r->person_count, 1);
    assert_string_equal(r->people[0].name, "ann");
    assert_string_equal(r->people[0].path, "/newer");
    assert_int_equal(r->people[0].requests, 3);
    assert_int_equal(r->route_count, 1);
    assert_int_equal(r->routes[0].count.denied, 3);
    replay_fini(r);
    free(r);
    live_free(before);
    live_free(after);
}

static void many_people_are_only_counted(void **state)
{
    (void)state;
    struct live *before =
        policy("  - {name: a, users: [\"*\"], zones: [office], routes: [\"*\"]}\n");
    struct live *after = policy("  - {name: a, users: [bob], zones: [office], routes: [\"*\"]}\n");
    struct replay *r = malloc(sizeof(*r));
    assert_non_null(r);
    replay_init(r, before, after);
    for (unsigned i = 0; i < 2 * REPLAY_ROWS_MAX; i++) {
        char name[16];
        struct access_record one = request();
        (void)snprintf(name, sizeof(name), "p%u", i);
        one.principal = span_str(name);
        replay_add(r, &one);
    }
    assert_int_equal(r->person_count, REPLAY_ROWS_MAX);
    assert_int_equal(r->more_people, REPLAY_ROWS_MAX);
    assert_int_equal(r->count.denied, 2 * REPLAY_ROWS_MAX);
    replay_fini(r);
    free(r);
    live_free(before);
    live_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_asked_with_all_that_it_holds),
        cmocka_unit_test(a_token_is_what_its_record_says_of_it),
        cmocka_unit_test(differences_are_summed_up_by_person_and_console),
        cmocka_unit_test(many_people_are_only_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
