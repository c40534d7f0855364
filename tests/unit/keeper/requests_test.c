#include "tests/unit/unit.h"

#include "base/fault.h"
#include "keeper/json.h"
#include "store/requests.h"
#include "store/resources.h"
#include "store/tokens.h"
#include "store/trail.h"
#include "store/versions.h"
#include "tests/unit/keeper/bench_shared.h"

/* ann and abe may ask; lea, leo and lou decide; olga is an owner and decides nothing by that. */
static const char CONFIG[] =
    "portal: {host: postern.localhost}\n"
    "listeners: [{name: main, address: \"127.0.0.1:9443\"}]\n"
    "changes: {wait: 1h, two_person: [policy, authorities, breakglass]}\n"
    "routes: {app: {host: app.postern.localhost, upstream: \"http://127.0.0.1:8080\"}}\n"
    "rules:\n"
    "  - {name: urgent, groups: [ops], zones: [local], routes: [app], approvers: leads,\n"
    "     approvals: %d, grant_max: %s}\n"
    "  - {name: plain, groups: [ops], zones: [local], routes: [app]}\n";

static const char *const PEOPLE[][2] = {
    {"ann", "ops"},   {"abe", "ops"},     {"lea", "leads"},           {"leo", "leads"},
    {"lou", "leads"}, {"olga", "owners"}, {"adam", "administrators"}, {"aziz", "administrators"}};
enum { ANN, ABE, LEA, LEO, LOU, OLGA, ADAM, AZIZ, PEOPLE_COUNT, HOST = PEOPLE_COUNT };
static char KEY[PEOPLE_COUNT][TOKEN_TEXT_SIZE];

static void configure(int approvals, const char *longest)
{
    char text[1024];
    struct buf note;
    buf_init(&note, 65536);
    (void)snprintf(text, sizeof(text), CONFIG, approvals, longest);
    live_free(BENCH.k.live);
    snapshot_free(BENCH.k.file);
    bench_must(yaml_parse("bench", span_str(text), &BENCH.k.file, &note) == 0);
    bench_must(live_new(BENCH.k.file, BENCH.k.store, NULL, NULL, 1, &BENCH.k.live, &note) == 0);
    buf_fini(&note);
}

static int people(void **state)
{
    uint64_t now = clock_wall_ms() / 1000;
    (void)setup(state);
    bench_must(groups_add(BENCH.k.store, "ops", 1) == 0);
    bench_must(groups_add(BENCH.k.store, "leads", 1) == 0);
    for (unsigned i = 0; i < PEOPLE_COUNT; i++) {
        bench_must(users_add(BENCH.k.store, PEOPLE[i][0], now - 9999) == 0);
        bench_must(groups_join(BENCH.k.store, PEOPLE[i][1], PEOPLE[i][0]) == 0);
        bench_log_in(&BENCH, PEOPLE[i][0], KEY[i]);
    }
    configure(1, "4h");
    return 0;
}

/* Runs one call as the keeper does, and keeps what it did. */
static struct call *call(enum credential_kind kind, const char *key, const char *method,
                         const char *path, const char *body)
{
    struct call_input in = {.kind = kind,
                            .token = span_str(key),
                            .host = BENCH_HOST,
                            .method = span_str(method),
                            .path = span_str(path),
                            .body = span_str(body),
                            .type = SPAN("application/json")};
    struct call *c = call_new(&BENCH.k, &in);
    bench_must(c != NULL);
    bench_must(store_begin(BENCH.k.store) == 0 && store_mark(BENCH.k.store) == 0);
    assert_int_equal(operation_run(c), 0);
    if (c->status >= 400 && !c->keep) {
        store_undo(BENCH.k.store);
    } else {
        assert_int_equal(store_keep(BENCH.k.store), 0);
    }
    assert_int_equal(store_commit(BENCH.k.store), 0);
    return c;
}

static unsigned ask(unsigned who, const char *method, const char *path, const char *body)
{
    struct call *c = call(who == HOST ? CREDENTIAL_HOST : CREDENTIAL_CONSOLE,
                          who == HOST ? "" : KEY[who], method, path, body);
    unsigned status = c->status;
    call_free(c);
    return status;
}

static unsigned long long made(unsigned who)
{
    struct call *c = call(CREDENTIAL_CONSOLE, KEY[who], "POST", "/api/v1/requests",
                          "{\"rule\":\"urgent\",\"reason\":\"disk is full\",\"duration\":\"10m\"}");
    assert_int_equal(c->status, 201);
    unsigned long long id =
        (unsigned long long)json_integer_value(json_object_get(c->answer, "id"));
    call_free(c);
    return id;
}

static unsigned step(unsigned who, unsigned long long id, const char *what)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "/api/v1/requests/%llu%s%s", id,
                   strcmp(what, "drop") == 0 ? "" : "/", strcmp(what, "drop") == 0 ? "" : what);
    return ask(who, strcmp(what, "drop") == 0 ? "DELETE" : "POST", path,
               strcmp(what, "drop") == 0 ? "" : "{}");
}

static const char *state_of(unsigned long long id)
{
    static const char *const NAMES[] = {"",        "pending",   "approved", "denied",
                                        "expired", "withdrawn", "ended",    "failed"};
    struct request r;
    assert_int_equal(requests_find(BENCH.k.store, id, &r), 0);
    return NAMES[r.state];
}

static bool has_grant(const char *user)
{
    struct buf lines;
    buf_init(&lines, 4096);
    assert_int_equal(requests_grants(BENCH.k.store, user, clock_wall_ms() / 1000, &lines), 0);
    bool has = span_is(buf_view(&lines), "urgent\n");
    buf_fini(&lines);
    return has;
}

static void sweep(void)
{
    struct call *c = call_new(&BENCH.k, &(struct call_input){0});
    bench_must(c != NULL && store_begin(BENCH.k.store) == 0);
    assert_int_equal(grants_sweep_step(&BENCH.k, c), 0);
    assert_int_equal(store_commit(BENCH.k.store), 0);
    call_free(c);
}

/* Puts a request or a grant into the past. */
static void age(unsigned long long id, enum request_state state, uint64_t ends)
{
    struct request r;
    assert_int_equal(requests_find(BENCH.k.store, id, &r), 0);
    assert_int_equal(requests_move(BENCH.k.store, id, r.state, state, r.decided, ends, ""), 0);
}

/* ---- granting ---- */

static void one_of_the_group_grants_and_the_time_ends_it(void **state)
{
    (void)state;
    unsigned long long id = made(ANN);
    assert_false(has_grant("ann"));
    assert_int_equal(step(LEA, id, "approve"), 200);
    assert_true(has_grant("ann"));
    assert_false(has_grant("abe"));
    sweep();
    assert_true(has_grant("ann"));
    age(id, REQUEST_APPROVED, clock_wall_ms() / 1000);
    assert_false(has_grant("ann"));
    sweep();
    assert_string_equal(state_of(id), "ended");
}

static void several_have_to_agree_and_each_counts_once(void **state)
{
    (void)state;
    configure(2, "4h");
    unsigned long long id = made(ANN);
    assert_int_equal(step(LEA, id, "approve"), 200);
    assert_string_equal(state_of(id), "pending");
    assert_int_equal(step(LEA, id, "approve"), 409);
    assert_false(has_grant("ann"));
    /* Whoever agreed and has left the group since is not counted. */
    assert_int_equal(groups_leave(BENCH.k.store, "leads", "lea"), 0);
    assert_int_equal(step(LEO, id, "approve"), 200);
    assert_string_equal(state_of(id), "pending");
    assert_int_equal(users_set_disabled(BENCH.k.store, "leo", true), 0);
    assert_int_equal(step(LOU, id, "approve"), 200);
    assert_string_equal(state_of(id), "pending");
    assert_int_equal(users_set_disabled(BENCH.k.store, "leo", false), 0);
    assert_int_equal(groups_join(BENCH.k.store, "leads", "lea"), 0);
    assert_false(has_grant("ann"));
    /* They count again as soon as somebody repeats it. */
    assert_int_equal(step(LOU, id, "approve"), 200);
    assert_true(has_grant("ann"));
    assert_int_equal(step(LOU, id, "approve"), 409);
    assert_int_equal(step(ANN, id, "drop"), 200);
    id = made(ANN);
    assert_int_equal(step(LEA, id, "approve"), 200);
    assert_int_equal(step(LEA, id, "approve"), 409);
    assert_int_equal(step(LEO, id, "approve"), 200);
    assert_true(has_grant("ann"));
}

/* ---- nobody for himself ---- */

static void nobody_agrees_to_what_he_asks_for(void **state)
{
    (void)state;
    struct store *s = BENCH.k.store;
    char text[TOKEN_API_TEXT_SIZE], path[96];
    uint64_t now = clock_wall_ms() / 1000;
    /* lea may ask and decides: both, but not for herself. */
    assert_int_equal(groups_join(s, "ops", "lea"), 0);
    unsigned long long id = made(LEA);
    assert_int_equal(step(LEA, id, "approve"), 403);
    /* Nor with a token of her own, or with one of a program. */
    assert_int_equal(users_add_kind(s, "bot", USER_SERVICE, now), 0);
    assert_int_equal(groups_join(s, "leads", "bot"), 0);
    for (unsigned i = 0; i < 2; i++) {
        struct token t = {.created = now, .routes = SPAN("portal")};
        (void)snprintf(t.name, sizeof(t.name), "t%u", i);
        (void)snprintf(t.owner, sizeof(t.owner), "%s", i == 0 ? "lea" : "bot");
        bench_must(token_new_id(t.id) == 0 && token_new_api(text, t.hash) == 0);
        bench_must(tokens_add(s, &t) == 0);
        (void)snprintf(path, sizeof(path), "/api/v1/requests/%llu/approve", id);
        struct call *c = call(CREDENTIAL_TOKEN, text, "POST", path, "{}");
        assert_int_equal(c->status, 403);
        call_free(c);
    }
    /* Nor with another account of the same person. */
    assert_int_equal(users_set_mail(s, "lea", "lea@example.org"), 0);
    assert_int_equal(users_set_mail(s, "leo", "LEA@example.org"), 0);
    assert_int_equal(step(LEO, id, "approve"), 403);
    assert_int_equal(users_set_mail(s, "leo", ""), 0);
    /* Being an owner is no say in what a group decides. */
    assert_int_equal(step(OLGA, id, "approve"), 403);
    assert_int_equal(step(ANN, id, "approve"), 404);
    assert_string_equal(state_of(id), "pending");
    assert_false(has_grant("lea"));
    assert_int_equal(step(LEO, id, "approve"), 200);
    assert_true(has_grant("lea"));
    assert_int_equal(groups_leave(s, "ops", "lea"), 0);
}

static void an_account_that_the_asker_made_or_shaped_does_not_count(void **state)
{
    (void)state;
    struct store *s = BENCH.k.store;
    /* olga may ask, and has given leo his way into the group a moment ago. */
    assert_int_equal(groups_join(s, "ops", "olga"), 0);
    assert_int_equal(ask(OLGA, "PUT", "/api/v1/users/leo/groups", "{\"groups\":[\"leads\"]}"), 200);
    unsigned long long id = made(OLGA);
    assert_int_equal(step(LEO, id, "approve"), 403);
    assert_int_equal(step(LOU, id, "approve"), 200);
    assert_true(has_grant("olga"));
}

/* ---- what it rests on ---- */

static void a_rule_that_is_another_now_is_not_granted_and_ends_what_runs(void **state)
{
    (void)state;
    unsigned long long id = made(ANN), running = made(ABE);
    assert_int_equal(step(LEA, running, "approve"), 200);
    configure(1, "2h");
    assert_int_equal(step(LEA, id, "approve"), 409);
    assert_string_equal(state_of(id), "failed");
    assert_true(has_grant("abe"));
    sweep();
    assert_false(has_grant("abe"));
    assert_string_equal(state_of(running), "ended");
}

static void who_is_disabled_or_not_named_any_more_is_not_granted(void **state)
{
    (void)state;
    struct store *s = BENCH.k.store;
    unsigned long long id = made(ANN);
    assert_int_equal(users_set_disabled(s, "ann", true), 0);
    assert_int_equal(step(LEA, id, "approve"), 409);
    assert_string_equal(state_of(id), "failed");
    assert_int_equal(users_set_disabled(s, "ann", false), 0);
    id = made(ANN);
    assert_int_equal(groups_leave(s, "ops", "ann"), 0);
    assert_int_equal(step(LEA, id, "approve"), 409);
    assert_string_equal(state_of(id), "failed");
    assert_false(has_grant("ann"));
}

static void a_request_is_decided_once_and_in_time(void **state)
{
    (void)state;
    unsigned long long id = made(ANN);
    assert_int_equal(step(LEA, id, "deny"), 200);
    assert_int_equal(step(LEO, id, "approve"), 409);
    assert_int_equal(step(LEO, id, "deny"), 409);
    assert_string_equal(state_of(id), "denied");
    id = made(ANN);
    assert_int_equal(step(ABE, id, "drop"), 404);
    assert_int_equal(step(LEA, id, "drop"), 403);
    assert_int_equal(step(ANN, id, "drop"), 200);
    assert_int_equal(step(LEA, id, "approve"), 409);
    assert_int_equal(step(ANN, id, "drop"), 409);
    assert_false(has_grant("ann"));
}

static void the_host_grants_alone_and_others_end_what_runs(void **state)
{
    (void)state;
    unsigned long long id = made(ANN);
    assert_int_equal(step(HOST, id, "approve"), 200);
    assert_true(has_grant("ann"));
    assert_int_equal(step(ABE, id, "drop"), 404);
    assert_int_equal(step(LOU, id, "drop"), 200);
    assert_string_equal(state_of(id), "ended");
    assert_false(has_grant("ann"));
    assert_int_equal(ask(HOST, "POST", "/api/v1/requests",
                         "{\"rule\":\"urgent\",\"reason\":\"x\",\"duration\":\"10m\"}"),
                     403);
}

static void what_is_asked_wrongly_is_not_asked(void **state)
{
    (void)state;
    static const struct {
        unsigned who, status;
        const char *body;
    } CASES[] = {
        {ANN, 400, "{\"rule\":\"urgent\",\"reason\":\" \\n\\t\",\"duration\":\"10m\"}"},
        {ANN, 400, "{\"rule\":\"urgent\",\"reason\":\"x\",\"duration\":\"5h\"}"},
        {ANN, 400, "{\"rule\":\"urgent\",\"reason\":\"x\",\"duration\":\"0s\"}"},
        {ANN, 400, "{\"rule\":\"urgent\",\"reason\":\"x\",\"duration\":\"-1h\"}"},
        {ANN, 400, "{\"rule\":\"urgent\",\"reason\":\"x\"}"},
        {ANN, 404, "{\"rule\":\"plain\",\"reason\":\"x\",\"duration\":\"10m\"}"},
        {ANN, 404, "{\"rule\":\"absent\",\"reason\":\"x\",\"duration\":\"10m\"}"},
        {ANN, 400, "{\"rule\":\"../x\",\"reason\":\"x\",\"duration\":\"10m\"}"},
        {LEO, 404, "{\"rule\":\"urgent\",\"reason\":\"x\",\"duration\":\"10m\"}"},
    };
    for (size_t i = 0; i < countof(CASES); i++) {
        assert_int_equal(ask(CASES[i].who, "POST", "/api/v1/requests", CASES[i].body),
                         CASES[i].status);
    }
    (void)made(ANN);
    assert_int_equal(ask(ANN, "POST", "/api/v1/requests",
                         "{\"rule\":\"urgent\",\"reason\":\"x\",\"duration\":\"10m\"}"),
                     409);
    assert_int_equal(ask(LEA, "POST", "/api/v1/requests/0/approve", "{}"), 404);
    assert_int_equal(ask(LEA, "POST", "/api/v1/requests/99999999999999999999/approve", "{}"), 404);
}

/* ---- two people ---- */

#define ZONE "/api/v1/zones/lab"
#define ZONE_BODY "{\"cidrs\":[\"10.9.0.0/16\"]}"

static bool has_zone(void)
{
    struct resource found;
    struct arena arena;
    arena_init(&arena, 1024, 65536);
    int r = resources_find(BENCH.k.store, "zone", "lab", &arena, &found);
    arena_fini(&arena);
    return r == 0;
}

/* Asks for a guarded change: it waits, and nothing is done. */
static unsigned long long held(unsigned who, const char *method, const char *path, const char *body)
{
    struct call *c = call(CREDENTIAL_CONSOLE, KEY[who], method, path, body);
    if (c->status != 202) {
        fail_msg("%s %s: %u %s", method, path, c->status, c->detail);
    }
    assert_null(c->change);
    json_t *request = json_object_get(c->answer, "request");
    assert_string_equal(json_string_value(json_object_get(request, "kind")), "change");
    unsigned long long id = (unsigned long long)json_integer_value(json_object_get(request, "id"));
    call_free(c);
    return id;
}

static int each_record(void *context, const struct record *r)
{
    bool *found = context;
    *found =
        *found || (span_is(r->actor, "adam") && span_is(r->event, "zone.put") &&
                   memmem(r->detail.at, r->detail.len, "\"approved_by\":\"olga\"", 20) != NULL);
    return 0;
}

static void a_guarded_change_is_done_as_who_asked_when_another_agrees(void **state)
{
    (void)state;
    unsigned long long id = held(ADAM, "PUT", ZONE, ZONE_BODY);
    assert_false(has_zone());
    assert_int_equal(step(ADAM, id, "approve"), 403);
    assert_int_equal(step(ANN, id, "approve"), 404);
    assert_int_equal(step(LEA, id, "approve"), 404);
    assert_false(has_zone());
    assert_int_equal(step(OLGA, id, "approve"), 200);
    assert_true(has_zone());
    assert_string_equal(state_of(id), "approved");
    assert_int_equal(step(AZIZ, id, "approve"), 409);
    bool named = false;
    assert_int_equal(trail_search(BENCH.k.store, &(struct trail_filter){.target = "lab"},
                                  &(struct page){.limit = 10}, each_record, &named, NULL),
                     0);
    assert_true(named);
}

static void what_would_be_refused_is_refused_at_once_and_a_look_waits_for_nobody(void **state)
{
    (void)state;
    assert_int_equal(ask(ADAM, "PUT", ZONE, "{\"cidrs\":[\"nonsense\"]}"), 422);
    assert_int_equal(ask(ADAM, "DELETE", "/api/v1/zones/absent", ""), 404);
    assert_int_equal(ask(ADAM, "POST", "/api/v1/apply", "{\"zones\":[],\"dry_run\":true}"), 200);
    assert_int_equal(ask(ANN, "PUT", ZONE, ZONE_BODY), 403);
    uint64_t none = 0;
    assert_int_equal(requests_count_open(BENCH.k.store, "adam", &none), 0);
    assert_int_equal(none, 0);
}

static void who_may_not_any_more_does_nothing_even_when_another_agrees(void **state)
{
    (void)state;
    struct store *s = BENCH.k.store;
    unsigned long long id = held(ADAM, "PUT", ZONE, ZONE_BODY);
    assert_int_equal(groups_leave(s, "administrators", "adam"), 0);
    assert_int_equal(step(OLGA, id, "approve"), 409);
    assert_string_equal(state_of(id), "failed");
    assert_int_equal(groups_join(s, "administrators", "adam"), 0);
    id = held(ADAM, "PUT", ZONE, ZONE_BODY);
    assert_int_equal(users_set_disabled(s, "adam", true), 0);
    assert_int_equal(step(OLGA, id, "approve"), 409);
    assert_string_equal(state_of(id), "failed");
    assert_false(has_zone());
}

static void a_policy_that_is_another_by_now_is_not_changed(void **state)
{
    (void)state;
    struct store *s = BENCH.k.store;
    struct version v;
    unsigned long long id = held(ADAM, "PUT", ZONE, ZONE_BODY);
    /* The host's owner waits for nobody. */
    assert_int_equal(ask(HOST, "PUT", "/api/v1/zones/other", ZONE_BODY), 201);
    assert_int_equal(versions_unsettled(s, &v), 0);
    assert_int_equal(versions_set_state(s, v.number, VERSION_IN_FORCE), 0);
    assert_int_equal(step(OLGA, id, "approve"), 409);
    assert_string_equal(state_of(id), "failed");
    assert_false(has_zone());
}

static void a_token_that_asked_has_to_be_good_when_it_is_done(void **state)
{
    (void)state;
    struct store *s = BENCH.k.store;
    char text[TOKEN_API_TEXT_SIZE];
    struct token t = {.name = "deploy",
                      .owner = "adam",
                      .created = clock_wall_ms() / 1000,
                      .routes = SPAN("portal")};
    bench_must(token_new_id(t.id) == 0 && token_new_api(text, t.hash) == 0);
    bench_must(tokens_add(s, &t) == 0);
    struct call *c = call(CREDENTIAL_TOKEN, text, "PUT", ZONE, ZONE_BODY);
    assert_int_equal(c->status, 202);
    unsigned long long id = (unsigned long long)json_integer_value(
        json_object_get(json_object_get(c->answer, "request"), "id"));
    call_free(c);
    assert_int_equal(tokens_revoke(s, t.id, clock_wall_ms() / 1000), 0);
    assert_int_equal(step(OLGA, id, "approve"), 409);
    assert_string_equal(state_of(id), "failed");
    assert_false(has_zone());
}

static void every_guarded_operation_waits(void **state)
{
    (void)state;
    static const struct {
        unsigned who;
        const char *method, *path, *body;
    } CASES[] = {
        {ADAM, "PUT", "/api/v1/routes/x",
         "{\"host\":\"x.postern.localhost\",\"upstream\":\"http://127.0.0.1:8089\"}"},
        {ADAM, "PUT", "/api/v1/rules/x",
         "{\"users\":[\"ann\"],\"zones\":[\"local\"],\"routes\":[\"app\"]}"},
        {ADAM, "POST", "/api/v1/apply",
         "{\"zones\":[{\"name\":\"lab\",\"cidrs\":[\"10.9.0.0/16\"]}]}"},
        {ADAM, "POST", "/api/v1/certificates",
         "{\"name\":\"c\",\"user\":\"ann\",\"dns\":\"a.example\"}"},
        {OLGA, "POST", "/api/v1/assertion/rotate", "{}"},
        {OLGA, "POST", "/api/v1/sealing/rotate", "{}"},
        {OLGA, "POST", "/api/v1/users/glass/disable", "{}"},
    };
    assert_int_equal(users_add_kind(BENCH.k.store, "glass", USER_BREAK_GLASS, 1), 0);
    for (size_t i = 0; i < countof(CASES); i++) {
        (void)held(CASES[i].who, CASES[i].method, CASES[i].path, CASES[i].body);
    }
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, people, teardown)
    const struct CMUnitTest tests[] = {
        WITH(one_of_the_group_grants_and_the_time_ends_it),
        WITH(several_have_to_agree_and_each_counts_once),
        WITH(nobody_agrees_to_what_he_asks_for),
        WITH(an_account_that_the_asker_made_or_shaped_does_not_count),
        WITH(a_rule_that_is_another_now_is_not_granted_and_ends_what_runs),
        WITH(who_is_disabled_or_not_named_any_more_is_not_granted),
        WITH(a_request_is_decided_once_and_in_time),
        WITH(the_host_grants_alone_and_others_end_what_runs),
        WITH(what_is_asked_wrongly_is_not_asked),
        WITH(a_guarded_change_is_done_as_who_asked_when_another_agrees),
        WITH(what_would_be_refused_is_refused_at_once_and_a_look_waits_for_nobody),
        WITH(who_may_not_any_more_does_nothing_even_when_another_agrees),
        WITH(a_policy_that_is_another_by_now_is_not_changed),
        WITH(a_token_that_asked_has_to_be_good_when_it_is_done),
        WITH(every_guarded_operation_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
