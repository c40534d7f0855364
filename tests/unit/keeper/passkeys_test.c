/* What a store that fails between two steps leaves of a passkey: all of it, or nothing. And what a
 * hundred failures in a row leave. */
#include "tests/unit/unit.h"

#include <sqlite3.h>

#include "base/fault.h"
#include "identity/lockout.h"
#include "keeper/attempts.h"
#include "keeper/json.h"
#include "keeper/op.h"
#include "keeper/recover.h"
#include "store/credentials.h"
#include "store/passkeys.h"
#include "tests/unit/identity/authenticator.h"
#include "tests/unit/keeper/bench_shared.h"

static void run_sql(const char *sql)
{
    char path[128];
    sqlite3 *db;
    (void)snprintf(path, sizeof(path), "%s/postern.db", BENCH.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void rename_table(const char *from, const char *to)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "ALTER TABLE %s RENAME TO %s", from, to);
    run_sql(sql);
}

/* One call as the keeper runs it: what went well stays. The caller frees it. */
static struct call *run(const char *path, const char *flow, struct span body, int *fault)
{
    struct call_input in = {.kind = CREDENTIAL_NONE,
                            .host = BENCH_HOST,
                            .method = SPAN("POST"),
                            .path = span_str(path),
                            .body = body,
                            .flow = span_str(flow),
                            .type = SPAN("application/json")};
    struct call *c = call_new(&BENCH.k, &in);
    assert_non_null(c);
    assert_int_equal(store_begin(BENCH.k.store), 0);
    assert_int_equal(store_mark(BENCH.k.store), 0);
    *fault = operation_run(c);
    bool keeps = *fault == 0 && (c->status < 400 || c->keep);
    if (keeps) {
        assert_int_equal(store_keep(BENCH.k.store), 0);
    } else if (store_in_transaction(BENCH.k.store)) {
        store_undo(BENCH.k.store);
    }
    if (store_in_transaction(BENCH.k.store)) {
        assert_int_equal(store_commit(BENCH.k.store), 0);
    } else {
        store_rollback(BENCH.k.store);
    }
    return c;
}

static void put_b64(struct buf *out, const char *name, struct span bytes_of_it)
{
    char text_of_it[TEXT_B64_SIZE(4096)];
    text_b64url(text_of_it, bytes_of_it);
    (void)buf_printf(out, ",\"%s\":\"%s\"", name, text_of_it);
}

/* The body of the answer to this challenge. */
static void answer(struct buf *out, const char *code, const struct device *d, const char *challenge)
{
    struct wish w = wish_for("webauthn.create");
    uint8_t asked[CLIENTDATA_CHALLENGE];
    struct buf client, data, object;
    assert_int_equal(text_unb64url(span_str(challenge), asked, sizeof(asked)), sizeof(asked));
    w.challenge = asked;
    w.origin = "https://postern.localhost:9443";
    w.site = "postern.localhost";
    buf_init(&client, 4096);
    buf_init(&data, 4096);
    buf_init(&object, 4096);
    make_client(&client, &w);
    make_data(&data, d, &w);
    make_object(&object, d, "none", buf_view(&data), buf_view(&client), NULL, NULL, 0);
    (void)buf_printf(out, "{\"code\":\"%s\",\"name\":\"Key\"", code);
    put_b64(out, "id", d->id);
    put_b64(out, "client", buf_view(&client));
    put_b64(out, "object", buf_view(&object));
    (void)buf_byte(out, '}');
    buf_fini(&client);
    buf_fini(&data);
    buf_fini(&object);
}

static bool is_enrolled(const struct device *d)
{
    struct passkey p;
    int r = passkeys_find(BENCH.k.store, d->id, &p);
    assert_true(r == 0 || r == FAULT_ABSENT);
    return r == 0;
}

static bool link_is_good(void)
{
    struct enrolment e;
    return enrolments_find_user(BENCH.k.store, "person", clock_wall_ms() / 1000, &e) == 0;
}

static void no_key_without_its_record_and_no_used_link_without_its_key(void **state)
{
    (void)state;
    /* Steps in the order in which they are made; each fails because its table is not there. */
    static const char *const TABLES[] = {"flows", "passkeys", "audit"};
    struct device d = device_new(PASSKEY_ES256);
    struct buf body, options;
    int fault;
    json_t *link = NULL;
    buf_init(&body, 16384);
    buf_init(&options, 256);
    assert_int_equal(
        recover_link(&BENCH.k, "person", ENROL_ALL, false, "", clock_wall_ms() / 1000, &link), 0);
    const char *code = json_string_value(json_object_get(link, "code"));
    (void)buf_printf(&options, "{\"code\":\"%s\"}", code);
    struct call *asked = run("/signin/enrol/options", "", buf_view(&options), &fault);
    assert_true(fault == 0 && asked->status == 200);
    char *flow = arena_string(&asked->arena, asked->set_flow);
    answer(&body, code, &d, json_string_value(json_object_get(asked->answer, "challenge")));
    for (size_t i = 0; i < countof(TABLES); i++) {
        rename_table(TABLES[i], "gone");
        struct call *c = run("/signin/enrol", flow, buf_view(&body), &fault);
        if (fault == 0 && c->status < 400) {
            fail_msg("%u without %s", c->status, TABLES[i]);
        }
        call_free(c);
        rename_table("gone", TABLES[i]);
        assert_true(!is_enrolled(&d) && link_is_good());
    }
    struct call *c = run("/signin/enrol", flow, buf_view(&body), &fault);
    assert_true(fault == 0 && c->status == 201);
    assert_true(is_enrolled(&d) && !link_is_good());
    call_free(c);
    c = run("/signin/enrol", flow, buf_view(&body), &fault);
    assert_true(fault == 0 && c->status == 410);
    call_free(c);
    call_free(asked);
    json_decref(link);
    buf_fini(&body);
    buf_fini(&options);
    EVP_PKEY_free(d.pkey);
}

/* A key of the device in the store, as if its owner had added it. */
static void add_key(const struct device *d, const char *user)
{
    struct wish w = wish_for("webauthn.create");
    struct passkey_question q = {
        .challenge = span_of(CHALLENGE, sizeof(CHALLENGE)), .origin = SPAN(ORIGIN), .site = SITE};
    struct buf client, data, object;
    struct passkey_made made;
    struct passkey p = {.id_len = d->id.len, .alg = (int32_t)d->alg, .verified = true};
    buf_init(&client, 4096);
    buf_init(&data, 4096);
    buf_init(&object, 4096);
    make_client(&client, &w);
    make_data(&data, d, &w);
    make_object(&object, d, "none", buf_view(&data), buf_view(&client), NULL, NULL, 0);
    struct passkey_registration r = {buf_view(&client), buf_view(&object)};
    assert_int_equal(passkey_register(&q, &r, &made), PASSKEY_GOOD);
    (void)snprintf(p.user, sizeof(p.user), "%s", user);
    (void)snprintf(p.name, sizeof(p.name), "Key");
    memcpy(p.id, d->id.at, d->id.len);
    memcpy(p.key, made.key.bytes, made.key.len);
    p.key_len = made.key.len;
    assert_int_equal(passkeys_add(BENCH.k.store, &p), 0);
    buf_fini(&client);
    buf_fini(&data);
    buf_fini(&object);
}

/* The status of one sign-in by name. spoil: with one bit of the signature turned over. */
static unsigned prove(const struct device *d, const char *user, bool spoil)
{
    struct wish w = wish_for("webauthn.get");
    struct buf options, client, data, signature, body;
    uint8_t asked[CLIENTDATA_CHALLENGE], spoilt[512];
    int fault;
    buf_init(&options, 256);
    buf_init(&client, 4096);
    buf_init(&data, 4096);
    buf_init(&signature, 512);
    buf_init(&body, 16384);
    (void)buf_printf(&options, "{\"user\":\"%s\"}", user);
    struct call *question = run("/signin/passkey/options", "", buf_view(&options), &fault);
    assert_true(fault == 0 && question->status == 200);
    const char *challenge = json_string_value(json_object_get(question->answer, "challenge"));
    assert_int_equal(text_unb64url(span_str(challenge), asked, sizeof(asked)), sizeof(asked));
    w.challenge = asked;
    w.origin = "https://postern.localhost:9443";
    w.site = "postern.localhost";
    make_client(&client, &w);
    make_data(&data, d, &w);
    sign(&signature, d->pkey, true, buf_view(&data), buf_view(&client));
    memcpy(spoilt, buf_view(&signature).at, buf_len(&signature));
    spoilt[40] ^= spoil ? 1 : 0;
    (void)buf_text(&body, "{\"handle\":\"\"");
    put_b64(&body, "id", d->id);
    put_b64(&body, "client", buf_view(&client));
    put_b64(&body, "data", buf_view(&data));
    put_b64(&body, "signature", span_of(spoilt, buf_len(&signature)));
    (void)buf_byte(&body, '}');
    char *flow = arena_string(&question->arena, question->set_flow);
    struct call *c = run("/signin/passkey", flow, buf_view(&body), &fault);
    assert_int_equal(fault, 0);
    unsigned status = c->status;
    call_free(c);
    call_free(question);
    buf_fini(&options);
    buf_fini(&client);
    buf_fini(&data);
    buf_fini(&signature);
    buf_fini(&body);
    return status;
}

static void the_hundredth_failure_in_a_row_disables_passkeys_and_not_the_person(void **state)
{
    (void)state;
    struct throttle t = {.failures = LOCKOUT_FACTOR_MAX - 1, .last_failure = 1};
    struct device d = device_new(PASSKEY_ES256);
    bool spent = true;
    struct store *s = BENCH.k.store;
    d.id = SPAN("another credential");
    add_key(&d, "owner");
    assert_int_equal(prove(&d, "owner", false), 200);
    assert_int_equal(throttles_put(s, THROTTLE_PASSKEY, "owner", &t), 0);
    assert_int_equal(prove(&d, "owner", false), 200); /* a success ends the row */
    assert_int_equal(throttles_put(s, THROTTLE_PASSKEY, "owner", &t), 0);
    assert_int_equal(attempts_spent(s, "owner", FACTOR_PASSKEY, &spent), 0);
    assert_false(spent);
    assert_int_equal(prove(&d, "owner", true), 403);
    assert_int_equal(attempts_spent(s, "owner", FACTOR_PASSKEY, &spent), 0);
    assert_true(spent);
    assert_int_equal(prove(&d, "owner", false), 403);
    assert_int_equal(attempts_spent(s, "owner", FACTOR_TOTP, &spent), 0);
    assert_false(spent);
    assert_int_equal(attempts_restore(s, "owner"), 0);
    assert_int_equal(prove(&d, "owner", false), 200);
    EVP_PKEY_free(d.pkey);
}

/* The status of a question by somebody who proved two factors so many seconds ago. */
static unsigned asked_after(uint64_t seconds, const char *method, const char *path)
{
    char key[TOKEN_TEXT_SIZE];
    uint64_t now = clock_wall_ms() / 1000;
    struct session_key k = {.kind = CREDENTIAL_CONSOLE};
    struct session s = {.user = "person",
                        .host = "postern.localhost",
                        .proven = proven_as(ASSURANCE_MFA, now - seconds),
                        .created = now - seconds,
                        .last_seen = now,
                        .idle = 86400,
                        .ends_at = now + 86400};
    int fault;
    assert_true(token_new_id(s.id) == 0 && token_new(key, k.hash) == 0);
    assert_int_equal(sessions_add(BENCH.k.store, &s, &k, 1), 0);
    struct call *c = bench_call(&BENCH, CREDENTIAL_CONSOLE, key, span_str(method), span_str(path),
                                SPAN_NONE, span_str(method[0] == 'P' ? "{}" : ""), &fault);
    assert_int_equal(fault, 0);
    unsigned status = c->status;
    assert_true(status != 303 || strstr(c->location, "/signin/stepup?need=mfa&age=600") != NULL);
    call_free(c);
    return status;
}

static void keys_are_added_after_a_proof_of_the_last_ten_minutes(void **state)
{
    (void)state;
    assert_int_equal(asked_after(590, "GET", "/account/passkeys/add"), 200);
    assert_int_equal(asked_after(590, "POST", "/account/passkeys/options"), 200);
    assert_int_equal(asked_after(610, "GET", "/account/passkeys/add"), 303);
    assert_int_equal(asked_after(610, "POST", "/account/passkeys/options"), 401);
    assert_int_equal(asked_after(610, "DELETE", "/api/v1/me/passkeys/0123456789abcdef"), 401);
    assert_int_equal(asked_after(590, "DELETE", "/api/v1/me/passkeys/0123456789abcdef"), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hundredth_failure_in_a_row_disables_passkeys_and_not_the_person),
        cmocka_unit_test(keys_are_added_after_a_proof_of_the_last_ten_minutes),
        cmocka_unit_test(no_key_without_its_record_and_no_used_link_without_its_key),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
