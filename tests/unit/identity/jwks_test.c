#include "tests/unit/identity/jose.h"

static struct jose J;

static void read_ok(const char *text, size_t count, struct jwks *s)
{
    assert_int_equal(jwks_read(span_str(text), s), 0);
    assert_int_equal(s->count, count);
}

static void keys_are_found_by_name_and_algorithm(void **state)
{
    static char set[4 * JOSE_TEXT], a[JOSE_TEXT], b[JOSE_TEXT], c[JOSE_TEXT];
    struct jwks s;
    (void)state;
    jose_jwk(J.rsa, "one", ",\"use\":\"sig\",\"x5t\":\"abc\"", a);
    jose_jwk(J.ec, "two", ",\"alg\":\"ES256\",\"key_ops\":[\"verify\"]", b);
    jose_jwk(J.ed, "one", "", c);
    (void)snprintf(set, sizeof(set), "{\"keys\":[%s,%s,%s],\"more\":1}", a, b, c);
    read_ok(set, 3, &s);
    assert_non_null(jwks_find(&s, SPAN("one"), JWT_RS256));
    assert_ptr_equal(jwks_find(&s, SPAN("one"), JWT_PS256), jwks_find(&s, SPAN("one"), JWT_RS256));
    assert_ptr_not_equal(jwks_find(&s, SPAN("one"), JWT_EDDSA),
                         jwks_find(&s, SPAN("one"), JWT_RS256));
    assert_null(jwks_find(&s, SPAN("two"), JWT_RS256));
    assert_null(jwks_find(&s, SPAN("three"), JWT_ES256));
    assert_non_null(jwks_find(&s, SPAN_NONE, JWT_ES256));
    jwks_fini(&s);
}

static void without_a_name_only_a_lonely_key_is_meant(void **state)
{
    static char set[4 * JOSE_TEXT], a[JOSE_TEXT];
    struct jwks s;
    (void)state;
    jose_jwk(J.ec, "one", "", a);
    (void)snprintf(set, sizeof(set), "{\"keys\":[%s]}", a);
    read_ok(set, 1, &s);
    assert_non_null(jwks_find(&s, SPAN_NONE, JWT_ES256));
    jwks_fini(&s);
    static char b[JOSE_TEXT];
    jose_jwk(J.ec, "two", "", b);
    (void)snprintf(set, sizeof(set), "{\"keys\":[%s,%s]}", a, b);
    read_ok(set, 2, &s);
    assert_null(jwks_find(&s, SPAN_NONE, JWT_ES256));
    jwks_fini(&s);
    (void)snprintf(set, sizeof(set), "{\"keys\":[%s,%s]}", a, a);
    assert_int_equal(jwks_read(span_str(set), &s), FAULT_FORMAT);
}

static void what_cannot_verify_is_left_out(void **state)
{
    static const char *const MORE[] = {
        ",\"use\":\"enc\"",  ",\"key_ops\":[\"sign\"]", ",\"alg\":\"RS512\"",
        ",\"alg\":\"none\"", ",\"alg\":\"ES256\"",      ",\"alg\":7",
        ",\"d\":\"AAAA\"",   ",\"k\":\"AAAA\"",
    };
    static char set[4 * JOSE_TEXT], a[JOSE_TEXT];
    struct jwks s;
    (void)state;
    for (size_t i = 0; i < countof(MORE); i++) {
        jose_jwk(J.rsa, "one", MORE[i], a);
        (void)snprintf(set, sizeof(set), "{\"keys\":[%s]}", a);
        read_ok(set, 0, &s);
        jwks_fini(&s);
    }
    static const char *const ALONE[] = {
        "{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"one\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "{\"kty\":\"RSA\"}",
        "{}",
        "7",
        "null",
        "\"x\"",
        "[]",
    };
    for (size_t i = 0; i < countof(ALONE); i++) {
        (void)snprintf(set, sizeof(set), "{\"keys\":[%s]}", ALONE[i]);
        read_ok(set, 0, &s);
        assert_null(jwks_find(&s, SPAN_NONE, JWT_RS256));
        jwks_fini(&s);
    }
}

static void weak_rsa_keys_are_left_out(void **state)
{
    static char set[2 * JOSE_TEXT], a[JOSE_TEXT], n[1500];
    struct jwks s;
    (void)state;
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    jose_jwk(weak, "one", "", a);
    (void)snprintf(set, sizeof(set), "{\"keys\":[%s]}", a);
    read_ok(set, 0, &s);
    jwks_fini(&s);
    EVP_PKEY_free(weak);
    jose_number(J.rsa, OSSL_PKEY_PARAM_RSA_N, 0, n);
    static const char *const EXPONENTS[] = {"AQ", "Ag", "AA", ""};
    for (size_t i = 0; i < countof(EXPONENTS); i++) {
        (void)snprintf(set, sizeof(set), "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}]}",
                       n, EXPONENTS[i]);
        read_ok(set, 0, &s);
        jwks_fini(&s);
    }
}

static void what_is_no_set_is_none(void **state)
{
    static const char *const ROWS[] = {"",
                                       "[]",
                                       "{}",
                                       "{\"keys\":{}}",
                                       "{\"keys\":[],\"keys\":[]}",
                                       "{\"keys\":[{\"kty\":\"RSA\",\"kty\":\"EC\"}]}",
                                       "{\"keys\":[]} x",
                                       "<html>"};
    struct jwks s;
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++)
        assert_int_equal(jwks_read(span_str(ROWS[i]), &s), FAULT_FORMAT);
    char *big = calloc(1, JWKS_TEXT_MAX + 2);
    memset(big, ' ', JWKS_TEXT_MAX + 1);
    assert_int_equal(jwks_read(span_str(big), &s), FAULT_LIMIT);
    (void)strcpy(big, "{\"keys\":[0");
    for (size_t i = 0; i < JWKS_KEYS_MAX; i++)
        strcat(big, ",0");
    strcat(big, "]}");
    assert_int_equal(jwks_read(span_str(big), &s), FAULT_LIMIT);
    free(big);
}

int main(void)
{
    jose_open(&J);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_by_name_and_algorithm),
        cmocka_unit_test(without_a_name_only_a_lonely_key_is_meant),
        cmocka_unit_test(what_cannot_verify_is_left_out),
        cmocka_unit_test(weak_rsa_keys_are_left_out),
        cmocka_unit_test(what_is_no_set_is_none),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    jose_close(&J);
    return failed;
}
