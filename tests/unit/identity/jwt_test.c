#include "tests/unit/identity/jose.h"

static struct jose J;
static struct jwks KEYS;
static char TOKEN[JOSE_TEXT];

static int judge(const char *text)
{
    struct jwt t;
    int rc = jwt_read(span_str(text), &t);
    if (rc < 0)
        return rc;
    rc = jwt_verify(&t, jwks_find(&KEYS, span_str(t.kid), t.alg));
    jwt_fini(&t);
    return rc;
}

static void each_of_four_algorithms_is_verified(void **state)
{
    (void)state;
    jose_sign(J.rsa, false, "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "{\"a\":1}", TOKEN);
    assert_int_equal(judge(TOKEN), 0);
    jose_sign(J.rsa, true, "{\"alg\":\"PS256\",\"kid\":\"rsa\"}", "{\"a\":1}", TOKEN);
    assert_int_equal(judge(TOKEN), 0);
    jose_sign(J.ec, false, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", "{\"a\":1}", TOKEN);
    assert_int_equal(judge(TOKEN), 0);
    jose_sign(J.ed, false, "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", "{\"a\":1}", TOKEN);
    assert_int_equal(judge(TOKEN), 0);
    jose_sign(J.ed, false, "{\"alg\":\"EdDSA\"}", "{\"a\":1}", TOKEN);
    assert_int_equal(judge(TOKEN), 0);
}

static void a_signature_of_another_algorithm_or_key_is_none(void **state)
{
    (void)state;
    jose_sign(J.rsa, true, "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "{}", TOKEN);
    assert_int_equal(judge(TOKEN), FAULT_DENIED);
    jose_sign(J.rsa, false, "{\"alg\":\"PS256\",\"kid\":\"rsa\"}", "{}", TOKEN);
    assert_int_equal(judge(TOKEN), FAULT_DENIED);
    jose_sign(J.ec, false, "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "{}", TOKEN);
    assert_int_equal(judge(TOKEN), FAULT_DENIED);
    jose_sign(J.rsa, false, "{\"alg\":\"RS256\",\"kid\":\"ec\"}", "{}", TOKEN);
    assert_int_equal(judge(TOKEN), FAULT_DENIED);
    jose_sign(J.rsa, false, "{\"alg\":\"RS256\",\"kid\":\"unknown\"}", "{}", TOKEN);
    assert_int_equal(judge(TOKEN), FAULT_DENIED);
    EVP_PKEY *other = EVP_EC_gen("P-256");
    jose_sign(other, false, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", "{}", TOKEN);
    assert_int_equal(judge(TOKEN), FAULT_DENIED);
    EVP_PKEY_free(other);
}

static void every_bit_counts(void **state)
{
    (void)state;
    jose_sign(J.ec, false, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", "{\"a\":1}", TOKEN);
    size_t len = strlen(TOKEN);
    for (size_t i = 0; i < len; i++) {
        char kept = TOKEN[i];
        TOKEN[i] = kept == 'A' ? 'B' : 'A';
        assert_true(judge(TOKEN) < 0);
        TOKEN[i] = kept;
    }
    assert_int_equal(judge(TOKEN), 0);
    for (size_t i = 0; i < len; i++) {
        static char cut[JOSE_TEXT];
        memcpy(cut, TOKEN, i);
        cut[i] = 0;
        assert_true(judge(cut) < 0);
    }
    strcat(TOKEN, "=");
    assert_true(judge(TOKEN) < 0);
}

static void unsigned_and_shared_secrets_are_refused(void **state)
{
    static const char *const HEADERS[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"NONE\"}",
        "{\"alg\":\"HS256\",\"kid\":\"rsa\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"RS384\"}",
        "{\"alg\":\"ES256K\"}",
        "{\"alg\":\"RSA1_5\"}",
        "{\"alg\":\"es256\"}",
        "{\"alg\":\"\"}",
        "{}",
    };
    (void)state;
    for (size_t i = 0; i < countof(HEADERS); i++) {
        jose_sign(J.rsa, false, HEADERS[i], "{}", TOKEN);
        assert_int_equal(judge(TOKEN), FAULT_DENIED);
        /* And with nothing behind the last dot. */
        *(strrchr(TOKEN, '.') + 1) = 0;
        assert_true(judge(TOKEN) < 0);
    }
}

static void a_header_cannot_bring_its_own_key(void **state)
{
    static char header[2 * JOSE_TEXT], jwk[JOSE_TEXT];
    (void)state;
    EVP_PKEY *own = EVP_EC_gen("P-256");
    jose_jwk(own, "ec", "", jwk);
    (void)snprintf(header, sizeof(header),
                   "{\"alg\":\"ES256\",\"kid\":\"ec\",\"jwk\":%s,\"jku\":\"https://evil.example/\","
                   "\"x5u\":\"https://evil.example/\",\"x5c\":[\"AAAA\"]}",
                   jwk);
    jose_sign(own, false, header, "{}", TOKEN);
    assert_int_equal(judge(TOKEN), FAULT_DENIED);
    EVP_PKEY_free(own);
}

static void what_must_be_understood_and_is_not_is_refused(void **state)
{
    static const char *const HEADERS[] = {
        "{\"alg\":\"EdDSA\",\"crit\":[\"exp\"],\"exp\":1}", "{\"alg\":\"EdDSA\",\"crit\":[]}",
        "{\"alg\":\"EdDSA\",\"b64\":false}", "{\"alg\":\"EdDSA\",\"zip\":\"DEF\"}",
        "{\"alg\":\"EdDSA\",\"enc\":\"A128GCM\"}"};
    static const char *const MALFORMED[] = {"{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}",
                                            "{\"alg\":7}",
                                            "{\"alg\":\"EdDSA\",\"kid\":7}",
                                            "{\"alg\":\"EdDSA\",\"typ\":[]}",
                                            "[]",
                                            "\"EdDSA\"",
                                            "{\"alg\":\"EdDSA\",\"kid\":\"a\\u0000b\"}",
                                            "{"};
    (void)state;
    for (size_t i = 0; i < countof(HEADERS); i++) {
        jose_sign(J.ed, false, HEADERS[i], "{}", TOKEN);
        assert_int_equal(judge(TOKEN), FAULT_DENIED);
    }
    for (size_t i = 0; i < countof(MALFORMED); i++) {
        jose_sign(J.ed, false, MALFORMED[i], "{}", TOKEN);
        assert_int_equal(judge(TOKEN), FAULT_FORMAT);
    }
}

static void claims_are_one_object_without_repeated_names(void **state)
{
    static const char *const CLAIMS[] = {
        "[]", "7", "\"a\"", "{\"a\":1,\"a\":1}", "{\"a\":{\"b\":1,\"b\":2}}", "{} {}", "{"};
    (void)state;
    for (size_t i = 0; i < countof(CLAIMS); i++) {
        jose_sign(J.ed, false, "{\"alg\":\"EdDSA\"}", CLAIMS[i], TOKEN);
        assert_int_equal(judge(TOKEN), FAULT_FORMAT);
    }
}

static void a_signature_of_zeroes_is_none(void **state)
{
    (void)state;
    jose_sign(J.ec, false, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", "{}", TOKEN);
    char *signature = strrchr(TOKEN, '.') + 1;
    memset(signature, 'A', strlen(signature));
    assert_int_equal(judge(TOKEN), FAULT_DENIED);
}

static void too_much_is_not_looked_at(void **state)
{
    (void)state;
    char *big = calloc(1, JWT_TEXT_MAX + 2);
    memset(big, 'A', JWT_TEXT_MAX + 1);
    assert_int_equal(judge(big), FAULT_LIMIT);
    free(big);
    assert_int_equal(judge("a.b.c.d.e"), FAULT_FORMAT);
    assert_int_equal(judge(""), FAULT_FORMAT);
    assert_int_equal(judge(".."), FAULT_FORMAT);
}

static void a_type_is_compared_as_media_types_are(void **state)
{
    struct jwt t;
    (void)state;
    jose_sign(J.ed, false, "{\"alg\":\"EdDSA\",\"typ\":\"application/Logout+JWT\"}", "{}", TOKEN);
    assert_int_equal(jwt_read(span_str(TOKEN), &t), 0);
    assert_string_equal(t.typ, "logout+jwt");
    jwt_fini(&t);
}

int main(void)
{
    static char set[4 * JOSE_TEXT], a[JOSE_TEXT], b[JOSE_TEXT], c[JOSE_TEXT];
    jose_open(&J);
    jose_jwk(J.rsa, "rsa", "", a);
    jose_jwk(J.ec, "ec", "", b);
    jose_jwk(J.ed, "ed", "", c);
    (void)snprintf(set, sizeof(set), "{\"keys\":[%s,%s,%s]}", a, b, c);
    if (jwks_read(span_str(set), &KEYS) < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_four_algorithms_is_verified),
        cmocka_unit_test(a_signature_of_another_algorithm_or_key_is_none),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(unsigned_and_shared_secrets_are_refused),
        cmocka_unit_test(a_header_cannot_bring_its_own_key),
        cmocka_unit_test(what_must_be_understood_and_is_not_is_refused),
        cmocka_unit_test(claims_are_one_object_without_repeated_names),
        cmocka_unit_test(a_signature_of_zeroes_is_none),
        cmocka_unit_test(too_much_is_not_looked_at),
        cmocka_unit_test(a_type_is_compared_as_media_types_are),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    jwks_fini(&KEYS);
    jose_close(&J);
    return failed;
}
