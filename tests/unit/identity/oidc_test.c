#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "identity/oidc.h"

#define NOW UINT64_C(1800000000)
#define BASE "\"iss\":\"https://op.example\",\"aud\":\"me\",\"exp\":1800000300,\"iat\":1800000000"
#define PERSON "\"sub\":\"u1\",\"nonce\":\"n\""
#define EVENT "\"events\":{\"http://schemas.openid.net/event/backchannel-logout\":{}}"

static const struct oidc_expected X = {.issuer = SPAN("https://op.example"),
                                       .client = SPAN("me"),
                                       .nonce = SPAN("n"),
                                       .now = NOW,
                                       .begun = NOW - 10};

static struct jwt token(const char *typ, const char *claims)
{
    struct jwt t = {.claims = json_loads(claims, JSON_REJECT_DUPLICATES, NULL)};
    assert_non_null(t.claims);
    (void)strcpy(t.typ, typ);
    return t;
}

static int person(const char *typ, const char *claims, const char **why)
{
    struct jwt t = token(typ, claims);
    struct oidc_person p;
    *why = "";
    int rc = oidc_person_read(&t, &X, &p, why);
    jwt_fini(&t);
    return rc;
}

static void the_token_that_was_asked_for_is_taken(void **state)
{
    static const char *const ROWS[] = {
        "{" BASE "," PERSON "}",
        "{" BASE "," PERSON ",\"azp\":\"me\"}",
        "{" BASE "," PERSON ",\"nbf\":1800000059}",
        "{\"iss\":\"https://"
        "op.example\",\"aud\":[\"me\"],\"exp\":1800000300.5,\"iat\":1799999990," PERSON "}",
        "{\"iss\":\"https://"
        "op.example\",\"aud\":[\"x\",\"me\"],\"azp\":\"me\",\"exp\":1800000300,\"iat\":"
        "1800000060," PERSON "}",
        "{\"iss\":\"https://"
        "op.example\",\"aud\":\"me\",\"exp\":1799999941,\"iat\":1799999500," PERSON "}",
    };
    const char *why;
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++)
        assert_int_equal(person(i % 2 == 0 ? "" : "jwt", ROWS[i], &why), 0);
}

static void any_other_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *typ, *claims, *why;
    } ROWS[] = {
        {"at+jwt", "{" BASE "," PERSON "}", "type"},
        {"logout+jwt", "{" BASE "," PERSON "}", "type"},
        {"", "{" BASE "," PERSON "," EVENT "}", "type"},
        {"",
         "{\"iss\":\"https://op.example/"
         "\",\"aud\":\"me\",\"exp\":1800000300,\"iat\":1800000000," PERSON "}",
         "issuer"},
        {"", "{\"aud\":\"me\",\"exp\":1800000300,\"iat\":1800000000," PERSON "}", "issuer"},
        {"",
         "{\"iss\":\"https://"
         "op.example\",\"aud\":\"you\",\"exp\":1800000300,\"iat\":1800000000," PERSON "}",
         "audience"},
        {"",
         "{\"iss\":\"https://op.example\",\"aud\":[],\"exp\":1800000300,\"iat\":1800000000," PERSON
         "}",
         "audience"},
        {"",
         "{\"iss\":\"https://"
         "op.example\",\"aud\":[\"me\",\"you\"],\"exp\":1800000300,\"iat\":1800000000," PERSON "}",
         "audience"},
        {"", "{" BASE "," PERSON ",\"azp\":\"you\"}", "audience"},
        {"", "{" BASE "," PERSON ",\"azp\":7}", "audience"},
        {"", "{\"iss\":\"https://op.example\",\"aud\":\"me\",\"iat\":1800000000," PERSON "}",
         "times"},
        {"", "{\"iss\":\"https://op.example\",\"aud\":\"me\",\"exp\":1800000300," PERSON "}",
         "times"},
        {"",
         "{\"iss\":\"https://"
         "op.example\",\"aud\":\"me\",\"exp\":\"1800000300\",\"iat\":1800000000," PERSON "}",
         "times"},
        {"",
         "{\"iss\":\"https://op.example\",\"aud\":\"me\",\"exp\":-1,\"iat\":1800000000," PERSON "}",
         "times"},
        {"",
         "{\"iss\":\"https://op.example\",\"aud\":\"me\",\"exp\":1e300,\"iat\":1800000000," PERSON
         "}",
         "times"},
        {"",
         "{\"iss\":\"https://"
         "op.example\",\"aud\":\"me\",\"exp\":1799999940,\"iat\":1799999930," PERSON "}",
         "expired"},
        {"",
         "{\"iss\":\"https://"
         "op.example\",\"aud\":\"me\",\"exp\":1800000300,\"iat\":1800000061," PERSON "}",
         "not yet"},
        {"", "{" BASE "," PERSON ",\"nbf\":1800000061}", "not yet"},
        {"",
         "{\"iss\":\"https://"
         "op.example\",\"aud\":\"me\",\"exp\":1900000000,\"iat\":1799999000," PERSON "}",
         "old"},
        {"", "{" BASE ",\"sub\":\"u1\"}", "nonce"},
        {"", "{" BASE ",\"sub\":\"u1\",\"nonce\":\"m\"}", "nonce"},
        {"", "{" BASE ",\"sub\":\"u1\",\"nonce\":[\"n\"]}", "nonce"},
        {"", "{" BASE ",\"nonce\":\"n\"}", "subject"},
        {"", "{" BASE ",\"nonce\":\"n\",\"sub\":\"\"}", "subject"},
        {"", "{" BASE ",\"nonce\":\"n\",\"sub\":\"a b\"}", "subject"},
        {"", "{" BASE "," PERSON ",\"sid\":7}", "sid"},
        {"", "{" BASE "," PERSON ",\"auth_time\":\"x\"}", "auth_time"},
        {"", "{" BASE "," PERSON ",\"auth_time\":1800000061}", "auth_time"},
    };
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        const char *why;
        assert_int_equal(person(ROWS[i].typ, ROWS[i].claims, &why), FAULT_DENIED);
        assert_string_equal(why, ROWS[i].why);
    }
}

static void a_proof_that_is_older_than_asked_for_is_stale(void **state)
{
    static const struct {
        const char *claims;
        bool stale;
    } ROWS[] = {
        {"{" BASE "," PERSON "}", true},
        {"{" BASE "," PERSON ",\"auth_time\":1799999800}", true},
        {"{" BASE "," PERSON ",\"auth_time\":1799999990}", false},
    };
    struct oidc_expected x = X;
    (void)state;
    x.max_age = 100;
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct jwt t = token("", ROWS[i].claims);
        struct oidc_person p;
        const char *why;
        assert_int_equal(oidc_person_read(&t, &x, &p, &why), 0);
        assert_int_equal(p.stale, ROWS[i].stale);
        jwt_fini(&t);
    }
}

static void an_end_names_an_event_and_somebody_and_no_sign_in(void **state)
{
    static const struct {
        const char *typ, *claims, *why; /* NULL: taken */
    } ROWS[] = {
        {"logout+jwt", "{" BASE "," EVENT ",\"jti\":\"j\",\"sub\":\"u1\"}", NULL},
        {"", "{" BASE "," EVENT ",\"jti\":\"j\",\"sid\":\"s1\"}", NULL},
        {"jwt", "{" BASE "," EVENT ",\"jti\":\"j\",\"sid\":\"s1\",\"sub\":\"u1\"}", NULL},
        {"at+jwt", "{" BASE "," EVENT ",\"jti\":\"j\",\"sub\":\"u1\"}", "type"},
        {"", "{" BASE ",\"jti\":\"j\",\"sub\":\"u1\"}", "events"},
        {"", "{" BASE ",\"events\":{},\"jti\":\"j\",\"sub\":\"u1\"}", "events"},
        {"",
         "{" BASE ",\"events\":{\"http://schemas.openid.net/event/"
         "backchannel-logout\":1},\"jti\":\"j\",\"sub\":\"u1\"}",
         "events"},
        {"", "{" BASE "," EVENT ",\"jti\":\"j\",\"sub\":\"u1\",\"nonce\":\"n\"}", "nonce"},
        {"", "{" BASE "," EVENT ",\"sub\":\"u1\"}", "jti"},
        {"", "{" BASE "," EVENT ",\"jti\":\"j\"}", "nobody"},
        {"", "{" BASE "," EVENT ",\"jti\":\"j\",\"sub\":\"\"}", "nobody"},
        {"", "{" BASE "," EVENT ",\"jti\":\"j\",\"sub\":\"u1\",\"sid\":1}", "nobody"},
    };
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct jwt t = token(ROWS[i].typ, ROWS[i].claims);
        struct oidc_end e;
        const char *why = "";
        assert_int_equal(oidc_end_read(&t, &X, &e, &why), ROWS[i].why == NULL ? 0 : FAULT_DENIED);
        assert_string_equal(why, ROWS[i].why == NULL ? "" : ROWS[i].why);
        if (ROWS[i].why == NULL)
            assert_true(e.forget > NOW + OIDC_TOKEN_AGE + OIDC_SKEW);
        jwt_fini(&t);
    }
}

static void a_discovery_document_is_of_its_issuer_to_the_letter(void **state)
{
#define ENDPOINTS                                                                                  \
    "\"authorization_endpoint\":\"https://op.example/a\",\"token_endpoint\":\"https://op.example/" \
    "t\","                                                                                         \
    "\"jwks_uri\":\"https://op.example/k\""
    static const struct {
        const char *text;
        int rc;
    } ROWS[] = {
        {"{\"issuer\":\"https://op.example\"," ENDPOINTS "}", 0},
        {"{\"issuer\":\"https://op.example/\"," ENDPOINTS "}", FAULT_DENIED},
        {"{\"issuer\":\"https://OP.example\"," ENDPOINTS "}", FAULT_DENIED},
        {"{" ENDPOINTS "}", FAULT_DENIED},
        {"{\"issuer\":\"https://op.example\",\"issuer\":\"https://op.example\"," ENDPOINTS "}",
         FAULT_FORMAT},
        {"{\"issuer\":\"https://op.example\"}", FAULT_FORMAT},
        {"[]", FAULT_FORMAT},
        {"", FAULT_FORMAT},
    };
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct oidc_discovery d;
        assert_int_equal(oidc_discovery_read(span_str(ROWS[i].text), X.issuer, &d), ROWS[i].rc);
        if (ROWS[i].rc == 0) {
            assert_true(d.basic && !d.says_issuer && span_is(d.keys, "https://op.example/k"));
            oidc_discovery_fini(&d);
        }
    }
}

static void groups_and_levels_are_where_the_configuration_says(void **state)
{
    (void)state;
    struct jwt t = token("", "{" BASE "," PERSON
                             ",\"a.b\":[\"x\"],\"a\":{\"b\":[\"y\"],\"c\":{\"d\":[\"z\"]}},"
                             "\"acr\":\"gold\",\"amr\":[\"pwd\",7,\"hwk\"]}");
    struct oidc_person p;
    const char *why;
    assert_int_equal(json_array_size(oidc_groups(&t, SPAN("a.b"))), 1);
    assert_string_equal(json_string_value(json_array_get(oidc_groups(&t, SPAN("a.b")), 0)), "x");
    assert_string_equal(json_string_value(json_array_get(oidc_groups(&t, SPAN("a.c.d")), 0)), "z");
    assert_null(oidc_groups(&t, SPAN("a.c.e")));
    assert_null(oidc_groups(&t, SPAN_NONE));
    assert_int_equal(oidc_person_read(&t, &X, &p, &why), 0);
    assert_true(oidc_has(&p, true, SPAN("gold")) && oidc_has(&p, false, SPAN("hwk")));
    assert_false(oidc_has(&p, true, SPAN("hwk")) || oidc_has(&p, false, SPAN("gold")));
    assert_false(oidc_has(&p, true, SPAN_NONE));
    jwt_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_that_was_asked_for_is_taken),
        cmocka_unit_test(any_other_is_refused_with_a_reason),
        cmocka_unit_test(a_proof_that_is_older_than_asked_for_is_stale),
        cmocka_unit_test(an_end_names_an_event_and_somebody_and_no_sign_in),
        cmocka_unit_test(a_discovery_document_is_of_its_issuer_to_the_letter),
        cmocka_unit_test(groups_and_levels_are_where_the_configuration_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
