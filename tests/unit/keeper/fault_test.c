/* A store that fails between two steps of an operation, at every step there is.
 *
 * A step is a statement, a row that is written, or the commit. The n-th one fails, for
 * n = 1, 2, … until the operation succeeds: once so that only its statement is lost, and once so
 * that SQLite throws the whole transaction away. After each failure every table is what it was
 * before, the trail included: no session without its record, no factor half set, no keys that died
 * for others that never came to life. */
#include "tests/unit/unit.h"

#include <errno.h>

#include <sqlite3.h>

#include "base/fault.h"
#include "identity/totp.h"
#include "keeper/json.h"
#include "keeper/signin.h"
#include "store/credentials.h"
#include "store/entries.h"
#include "store/identities.h"
#include "tests/unit/keeper/bench.h"

#define CONFIG                                                                                     \
    BENCH_CONFIG                                                                                   \
    "providers:\n"                                                                                 \
    "  else: {issuer: \"https://id.example\", client_id: postern}\n"                               \
    "notices: {mail_server: \"smtps://mail.example\", mail_from: gate@example.org}\n"

#define TABLES_MAX 64u

struct world {
    struct bench b;
    sqlite3 *eye; /* a second connection: sees what is committed and nothing else */
    char code[TOKEN_TEXT_SIZE];
    char sealed[64];
    struct signin first; /* a session of person's, made before */
};

/* ---- a store that fails ---- */

static sqlite3 *victim;
static int steps, fail_at, fail_code;
static bool statement_fails, commit_failed;

static bool trip(void)
{
    return fail_at > 0 && ++steps == fail_at;
}

static int on_statement(unsigned what, void *context, void *statement, void *text)
{
    static const char *const VERBS[] = {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"};
    const char *sql = text;
    (void)what, (void)context, (void)statement;
    /* What runs inside of triggers is told as a comment. */
    if (strncmp(sql, "--", 2) == 0) {
        return 0;
    }
    statement_fails = false;
    for (size_t i = 0; i < countof(VERBS) && !statement_fails; i++) {
        statement_fails = strncmp(sql, VERBS[i], strlen(VERBS[i])) == 0 && trip();
    }
    return 0;
}

static int on_progress(void *context)
{
    (void)context;
    return statement_fails;
}

static void on_row(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc, (void)argv;
    if (trip()) {
        sqlite3_result_error(context, "fault", -1);
        sqlite3_result_error_code(context, fail_code);
    }
}

static int on_commit(void *context)
{
    (void)context;
    commit_failed = trip();
    return commit_failed;
}

static int on_open(sqlite3 *db, char **error, const void *routines)
{
    (void)error, (void)routines;
    const char *path = sqlite3_db_filename(db, "main");
    const char *base = path == NULL ? NULL : strrchr(path, '/');
    if (victim == NULL && base != NULL && strcmp(base, "/postern.db") == 0) {
        victim = db;
    }
    return SQLITE_OK;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sqlite3_errmsg(db), sql);
    }
}

/* Every row that is written asks on_row first. Such triggers are of the connection and leave no
 * trace in the file. */
static void watch(struct world *w)
{
    static const char *const VERBS[] = {"INSERT", "UPDATE", "DELETE"};
    sqlite3_stmt *st;
    char sql[256];
    assert_int_equal(sqlite3_create_function_v2(victim, "fault_row", 0,
                                                SQLITE_UTF8 | SQLITE_INNOCUOUS, NULL, on_row, NULL,
                                                NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(w->eye,
                                        "SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                                        "name NOT LIKE 'sqlite_%'",
                                        -1, &st, NULL),
                     SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(st, 0);
        for (size_t i = 0; i < countof(VERBS); i++) {
            (void)snprintf(sql, sizeof(sql),
                           "CREATE TEMP TRIGGER fault_%s_%s BEFORE %s ON main.%s "
                           "BEGIN SELECT fault_row(); END",
                           table, VERBS[i], VERBS[i], table);
            run_sql(victim, sql);
        }
    }
    (void)sqlite3_finalize(st);
    (void)sqlite3_trace_v2(victim, SQLITE_TRACE_STMT, on_statement, NULL);
    sqlite3_progress_handler(victim, 1, on_progress, NULL);
    (void)sqlite3_commit_hook(victim, on_commit, NULL);
}

static void arm(int n, int code)
{
    steps = 0;
    fail_at = n;
    fail_code = code;
}

/* Was the fault met? */
static bool disarm(void)
{
    bool met = steps >= fail_at;
    arm(0, SQLITE_OK);
    statement_fails = commit_failed = false;
    return met;
}

/* ---- what is in the store ---- */

struct picture {
    size_t count;
    struct {
        char table[64];
        uint64_t rows, hash;
    } of[TABLES_MAX];
};

static uint64_t mix(uint64_t hash, const void *at, size_t len)
{
    const uint8_t *bytes = at;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3u; /* FNV-1a */
    }
    return hash;
}

static void look_at_table(sqlite3 *db, struct picture *p, const char *table)
{
    sqlite3_stmt *st;
    char sql[128];
    uint64_t hash = 0xcbf29ce484222325u, rows = 0;
    (void)snprintf(sql, sizeof(sql), "SELECT * FROM %s", table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    for (; sqlite3_step(st) == SQLITE_ROW; rows++) {
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            const void *at = sqlite3_column_blob(st, i);
            int len = sqlite3_column_bytes(st, i), type = sqlite3_column_type(st, i);
            hash = mix(hash, &type, sizeof(type));
            hash = mix(hash, &len, sizeof(len));
            hash = mix(hash, at, (size_t)len);
        }
    }
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_true(p->count < TABLES_MAX);
    (void)snprintf(p->of[p->count].table, sizeof(p->of[0].table), "%s", table);
    p->of[p->count].rows = rows;
    p->of[p->count++].hash = hash;
}

static struct picture look(struct world *w)
{
    struct picture p = {0};
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(w->eye,
                                        "SELECT name FROM sqlite_schema WHERE type = 'table' "
                                        "ORDER BY name",
                                        -1, &st, NULL),
                     SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        look_at_table(w->eye, &p, (const char *)sqlite3_column_text(st, 0));
    }
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    return p;
}

static void check_same(const struct picture *was, const struct picture *is, int n)
{
    assert_int_equal(was->count, is->count);
    for (size_t i = 0; i < was->count; i++) {
        if (was->of[i].rows != is->of[i].rows || was->of[i].hash != is->of[i].hash) {
            fail_msg("table %s is not what it was after step %d failed: %lu rows, now %lu",
                     was->of[i].table, n, (unsigned long)was->of[i].rows,
                     (unsigned long)is->of[i].rows);
        }
    }
}

static uint64_t number(struct world *w, const char *sql)
{
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(w->eye, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    uint64_t n = (uint64_t)sqlite3_column_int64(st, 0);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    return n;
}

static uint64_t recorded(struct world *w, const char *event)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM audit WHERE event = '%s'", event);
    return number(w, sql);
}

/* ---- operations, as a turn of the keeper has them ---- */

static bool turn_kept(struct world *w, int fault)
{
    bool broken = w->b.k.turn.broken;
    turn_end(&w->b.k.turn);
    return fault == 0 && !broken && !commit_failed;
}

static int call_step(struct keeper *k, void *context)
{
    struct call *c = context;
    (void)k;
    int r = operation_run(c);
    bool undo = c->need != CALL_ANSWER || (c->status >= 400 && !c->keep);
    return r < 0 ? r : undo ? -ECANCELED : 0;
}

/* true: it succeeded and is committed. The caller frees *ret, unless that is NULL. */
static bool ask(struct world *w, struct call_input *in, struct call **ret)
{
    if (in->host.len == 0) {
        in->host = BENCH_HOST;
    }
    in->method = SPAN("POST");
    in->type = SPAN("application/json");
    struct call *c = call_new(&w->b.k, in);
    assert_non_null(c);
    int r = turn_run(&w->b.k.turn, call_step, c);
    if (r == -ECANCELED && c->need == CALL_HASH) {
        bool compares = c->comparing;
        call_reset(c);
        (void)snprintf(c->hash, sizeof(c->hash), "$argon2id$stand-in");
        c->hashed = !compares;
        c->compared = c->matches = compares;
        r = turn_run(&w->b.k.turn, call_step, c);
    }
    bool kept = turn_kept(w, r) && c->status < 400;
    if (ret != NULL) {
        *ret = c;
    } else {
        call_free(c);
    }
    return kept;
}

/* Of the host's owner. */
static bool tell(struct world *w, const char *path, const char *body, struct call **ret)
{
    struct call_input in = {
        .kind = CREDENTIAL_HOST, .path = span_str(path), .body = span_str(body)};
    return ask(w, &in, ret);
}

struct sign {
    struct signin *s;
    struct call *call;
};

static int sign_step(struct keeper *k, void *context)
{
    struct sign *x = context;
    return signin_finish(k, x->s, x->call);
}

static bool sign_in(struct world *w, struct signin *s)
{
    struct call_input in = {.host = BENCH_HOST, .method = SPAN("POST"), .path = SPAN("/login")};
    struct sign x = {.s = s, .call = call_new(&w->b.k, &in)};
    assert_non_null(x.call);
    s->user = "person";
    s->proofs.factors = factor_bit(FACTOR_PASSWORD) | factor_bit(FACTOR_TOTP);
    bool kept = turn_kept(w, turn_run(&w->b.k.turn, sign_step, &x));
    call_free(x.call);
    return kept && s->result == SIGNIN_OK;
}

/* ---- the loop ---- */

static void until_it_succeeds(struct world *w, bool (*operation)(struct world *w),
                              void (*check)(struct world *w))
{
    static const int CODES[] = {SQLITE_ERROR, SQLITE_IOERR};
    bool met = true;
    int n = 0;
    while (met) {
        assert_true(++n < 1000);
        for (size_t i = 0; i < countof(CODES) && met; i++) {
            struct picture before = look(w);
            arm(n, CODES[i]);
            bool kept = operation(w);
            met = disarm();
            if (!met) {
                assert_true(kept);
                break;
            }
            struct picture after = look(w);
            if (kept) {
                fail_msg("it says that it succeeded although step %d failed", n);
            }
            check_same(&before, &after, n);
            if (check != NULL) {
                check(w);
            }
        }
    }
    /* Fewer could not even find out who it is, change something and record it. */
    assert_true(n > 5);
    print_message("%d steps\n", n - 1);
}

/* ---- sessions ---- */

static bool is_alive(struct world *w, enum credential_kind kind, const char *key)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    struct session s;
    assert_int_equal(token_hash(span_str(key), hash), 0);
    int r = sessions_find_key(w->b.k.store, (uint8_t)kind, hash, &s);
    assert_true(r == 0 || r == FAULT_ABSENT);
    return r == 0 && s.ended == 0;
}

static void first_lives(struct world *w)
{
    assert_true(is_alive(w, CREDENTIAL_SSO, w->first.sso));
    assert_true(is_alive(w, CREDENTIAL_CONSOLE, w->first.console));
}

static struct signin again;

static bool sign_in_again(struct world *w)
{
    again = (struct signin){.agent = SPAN("Another"), .replaces = span_str(w->first.sso)};
    return sign_in(w, &again);
}

static void no_session_without_its_record(void **state)
{
    struct world *w = *state;
    uint64_t sessions = number(w, "SELECT count(*) FROM sessions"), logins = recorded(w, "login");
    assert_int_equal(logins, 1);
    until_it_succeeds(w, sign_in_again, first_lives);
    assert_int_equal(number(w, "SELECT count(*) FROM sessions"), sessions + 1);
    assert_int_equal(recorded(w, "login"), logins + 1);
    assert_true(is_alive(w, CREDENTIAL_SSO, again.sso));
    assert_true(is_alive(w, CREDENTIAL_CONSOLE, again.console));
    assert_false(is_alive(w, CREDENTIAL_SSO, w->first.sso));
}

static bool raise_first(struct world *w)
{
    again = (struct signin){.agent = SPAN("Bench"), .raises = w->first.session};
    return sign_in(w, &again);
}

static void no_old_keys_dead_without_new_ones_alive(void **state)
{
    struct world *w = *state;
    uint64_t sessions = number(w, "SELECT count(*) FROM sessions");
    until_it_succeeds(w, raise_first, first_lives);
    assert_int_equal(number(w, "SELECT count(*) FROM sessions"), sessions);
    assert_int_equal(recorded(w, "login.raised"), 1);
    assert_true(is_alive(w, CREDENTIAL_SSO, again.sso));
    assert_true(is_alive(w, CREDENTIAL_CONSOLE, again.console));
    assert_false(is_alive(w, CREDENTIAL_SSO, w->first.sso));
    assert_false(is_alive(w, CREDENTIAL_CONSOLE, w->first.console));
}

static bool break_seal(struct world *w)
{
    char form[256];
    (void)snprintf(form, sizeof(form), "user=glass&code=%s&reason=the+provider+is+down", w->sealed);
    struct call_input in = {.path = SPAN("/signin/emergency"), .body = span_str(form)};
    return ask(w, &in, NULL);
}

static void no_broken_seal_without_its_session_and_record(void **state)
{
    struct world *w = *state;
    struct call *c;
    assert_true(tell(w, "/api/v1/breakglass", "{\"name\":\"glass\",\"groups\":[\"owners\"]}", &c));
    (void)snprintf(w->sealed, sizeof(w->sealed), "%s",
                   json_string_value(json_array_get(json_object_get(c->answer, "codes"), 0)));
    call_free(c);
    until_it_succeeds(w, break_seal, NULL);
    assert_int_equal(number(w, "SELECT count(*) FROM sessions WHERE user = 'glass'"), 1);
    assert_int_equal(number(w, "SELECT count(*) FROM sealed_codes"), 3);
    assert_int_equal(number(w, "SELECT active_until > 0 FROM breakglass"), 1);
    assert_int_equal(recorded(w, "breakglass.used"), 1);
}

/* ---- lost factors ---- */

static void give_factors(struct world *w)
{
    static const uint8_t CODES[2][STORE_HASH_SIZE] = {{1}, {2}};
    struct store *s = w->b.k.store;
    uint64_t now = clock_wall_ms() / 1000;
    assert_int_equal(credentials_set_password(s, "person", "$argon2id$old", now), 0);
    assert_int_equal(credentials_set_totp(s, "person", SPAN("01234567890123456789"), 0, now), 0);
    assert_int_equal(credentials_set_recovery(s, "person", CODES, 2, now), 0);
}

static bool reset_authenticator(struct world *w)
{
    return tell(w, "/api/v1/users/person/reset", "{\"lost\":[\"authenticator\"]}", NULL);
}

static void no_factor_lost_without_the_link_that_sets_it_anew(void **state)
{
    struct world *w = *state;
    give_factors(w);
    until_it_succeeds(w, reset_authenticator, first_lives);
    assert_int_equal(number(w, "SELECT count(*) FROM totps"), 0);
    assert_int_equal(number(w, "SELECT count(*) FROM passwords"), 1);
    assert_int_equal(number(w, "SELECT count(*) FROM enrolments"), 1);
    assert_int_equal(recorded(w, "factor.lost"), 1);
    assert_true(number(w, "SELECT count(*) FROM notices WHERE event = 'factor.lost'") > 0);
    assert_false(is_alive(w, CREDENTIAL_SSO, w->first.sso));
}

/* What the test itself wants to know is no step of the operation. */
static struct enrolment link_of(struct world *w)
{
    struct enrolment e;
    int n = fail_at;
    fail_at = 0;
    assert_int_equal(enrolments_find_user(w->b.k.store, "person", clock_wall_ms() / 1000, &e), 0);
    fail_at = n;
    return e;
}

static bool make_link(struct world *w)
{
    return tell(w, "/api/v1/users/person/enrol", "{}", NULL);
}

static bool add_user(struct world *w)
{
    return tell(w, "/api/v1/users", "{\"name\":\"new\",\"groups\":[\"owners\"],\"enrol\":true}",
                NULL);
}

static void no_user_is_half_made(void **state)
{
    struct world *w = *state;
    until_it_succeeds(w, add_user, first_lives);
    assert_int_equal(number(w, "SELECT count(*) FROM memberships WHERE user = 'new'"), 1);
    assert_int_equal(number(w, "SELECT count(*) FROM enrolments WHERE user = 'new'"), 1);
    assert_int_equal(recorded(w, "user.added"), 1);
    assert_int_equal(recorded(w, "enrolment.made"), 1);
}

/* Whoever is an entry of a directory gets no password here because nobody could look that up. */
static void no_link_for_more_than_is_lost(void **state)
{
    struct world *w = *state;
    struct entry e = {.user = "person", .directory = "staff", .id = "01"};
    assert_int_equal(entries_put(w->b.k.store, &e), 0);
    until_it_succeeds(w, make_link, first_lives);
    assert_int_equal(link_of(w).renews, ENROL_TOTP);
    assert_int_equal(recorded(w, "enrolment.made"), 1);
    until_it_succeeds(w, reset_authenticator, first_lives);
    assert_int_equal(link_of(w).renews, ENROL_TOTP);
    assert_false(link_of(w).confirm);
    assert_int_equal(recorded(w, "factor.lost"), 1);
}

static bool ask_for_recovery(struct world *w)
{
    char totp[9];
    struct enrolment e = link_of(w);
    assert_int_equal(totp_code(span_of(e.secret, e.secret_len),
                               clock_wall_ms() / 1000 / TOTP_PERIOD, TOTP_DIGITS, totp),
                     0);
    struct call_input in = {.path = SPAN("/enrol"),
                            .enrol = {.code = span_str(w->code),
                                      .password = SPAN("seven small green lizards"),
                                      .again = SPAN("seven small green lizards"),
                                      .totp = span_str(totp)}};
    return ask(w, &in, NULL);
}

static bool approve(struct world *w)
{
    char body[64];
    struct enrolment e = link_of(w);
    (void)snprintf(body, sizeof(body), "{\"word\":\"%s\"}", e.word);
    struct call_input in = {.kind = CREDENTIAL_CONSOLE,
                            .token = span_str(w->b.owner),
                            .path = SPAN("/api/v1/approvals/person"),
                            .body = span_str(body)};
    return ask(w, &in, NULL);
}

static bool take_last_step(struct world *w)
{
    struct call_input in = {
        .path = SPAN("/enrol"),
        .enrol = {.code = span_str(w->code), .password = SPAN("seven small green lizards")}};
    return ask(w, &in, NULL);
}

static void no_recovery_is_half_asked_half_approved_or_half_done(void **state)
{
    struct world *w = *state;
    struct call *c;
    give_factors(w);
    assert_true(
        tell(w, "/api/v1/users/person/reset", "{\"lost\":[\"password\",\"authenticator\"]}", &c));
    (void)snprintf(w->code, sizeof(w->code), "%s",
                   json_string_value(json_object_get(c->answer, "code")));
    call_free(c);
    until_it_succeeds(w, ask_for_recovery, NULL);
    assert_true(link_of(w).asked != 0);
    assert_int_equal(recorded(w, "enrolment.asked"), 1);
    until_it_succeeds(w, approve, NULL);
    assert_string_equal(link_of(w).approver, "owner");
    assert_int_equal(recorded(w, "enrolment.approved"), 1);
    assert_int_equal(number(w, "SELECT count(*) FROM passwords"), 0);
    assert_int_equal(number(w, "SELECT count(*) FROM totps"), 0);
    until_it_succeeds(w, take_last_step, NULL);
    assert_int_equal(number(w, "SELECT count(*) FROM enrolments"), 0);
    assert_int_equal(number(w, "SELECT count(*) FROM passwords"), 1);
    assert_int_equal(number(w, "SELECT count(*) FROM totps"), 1);
    assert_int_equal(number(w, "SELECT count(*) FROM recovery_codes"), 10);
}

/* ---- programs, and who somebody is elsewhere ---- */

static bool rotate(struct world *w)
{
    return tell(w, "/api/v1/tokens/robot/rotate", "{}", NULL);
}

static void no_token_is_half_rotated(void **state)
{
    struct world *w = *state;
    uint8_t hash[TOKEN_HASH_SIZE];
    struct arena arena;
    struct token t;
    until_it_succeeds(w, rotate, NULL);
    assert_int_equal(recorded(w, "token.rotated"), 1);
    arena_init(&arena, 1024, 65536);
    assert_int_equal(tokens_find_name(w->b.k.store, "robot", &arena, &t), 0);
    assert_int_equal(token_hash(span_str(w->b.robot), hash), 0);
    assert_memory_not_equal(t.hash, hash, sizeof(hash));
    assert_true(t.former_ends > t.rotated);
    arena_fini(&arena);
}

static bool link_identity(struct world *w)
{
    return tell(w, "/api/v1/users/person/identities",
                "{\"provider\":\"else\",\"subject\":\"4711\"}", NULL);
}

static void no_identity_is_linked_without_its_record(void **state)
{
    struct world *w = *state;
    until_it_succeeds(w, link_identity, NULL);
    assert_int_equal(number(w, "SELECT count(*) FROM identities"), 1);
    assert_int_equal(recorded(w, "identity.linked"), 1);
}

static bool add_certificate(struct world *w)
{
    return tell(w, "/api/v1/certificates",
                "{\"name\":\"laptop\",\"user\":\"person\",\"email\":\"person@example.org\"}", NULL);
}

static void no_certificate_stands_for_anybody_without_its_record(void **state)
{
    struct world *w = *state;
    until_it_succeeds(w, add_certificate, NULL);
    assert_int_equal(number(w, "SELECT count(*) FROM certificates"), 1);
    assert_int_equal(recorded(w, "certificate.added"), 1);
}

/* ---- the world ---- */

static void configure(struct keeper *k)
{
    struct buf note;
    buf_init(&note, 65536);
    live_free(k->live);
    snapshot_free(k->file);
    if (yaml_parse("fault", SPAN(CONFIG), &k->file, &note) != 0 ||
        live_new(k->file, NULL, NULL, NULL, 1, &k->live, &note) != 0) {
        fail_msg("%.*s", SPAN_FMT(buf_view(&note)));
    }
    buf_fini(&note);
}

static int setup(void **state)
{
    struct world *w = test_calloc(1, sizeof(*w));
    char path[128];
    *state = w;
    victim = NULL;
    assert_int_equal(sqlite3_auto_extension((void (*)(void))on_open), SQLITE_OK);
    bench_open(&w->b);
    (void)sqlite3_cancel_auto_extension((void (*)(void))on_open);
    assert_non_null(victim);
    configure(&w->b.k);
    assert_int_equal(users_set_mail(w->b.k.store, "person", "person@example.org"), 0);
    assert_int_equal(users_set_mail(w->b.k.store, "owner", "owner@example.org"), 0);
    (void)snprintf(path, sizeof(path), "%s/postern.db", w->b.dir);
    assert_int_equal(sqlite3_open_v2(path, &w->eye, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    watch(w);
    w->first.agent = SPAN("Bench");
    assert_true(sign_in(w, &w->first));
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    assert_int_equal(sqlite3_close(w->eye), SQLITE_OK);
    bench_close(&w->b);
    test_free(w);
    return 0;
}

#define in_a_world(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_world(no_session_without_its_record),
        in_a_world(no_old_keys_dead_without_new_ones_alive),
        in_a_world(no_broken_seal_without_its_session_and_record),
        in_a_world(no_factor_lost_without_the_link_that_sets_it_anew),
        in_a_world(no_user_is_half_made),
        in_a_world(no_link_for_more_than_is_lost),
        in_a_world(no_recovery_is_half_asked_half_approved_or_half_done),
        in_a_world(no_token_is_half_rotated),
        in_a_world(no_identity_is_linked_without_its_record),
        in_a_world(no_certificate_stands_for_anybody_without_its_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
