#include "tests/unit/unit.h"

#include "signer/certverify.h"
#include "tests/unit/signer/material.h"

static const struct {
    const char *what, *context;
    size_t hash_len;
} FOREIGN[] = {
    {"the client's context string", "TLS 1.3, client CertificateVerify", 32},
    {"the client's context string, long hash", "TLS 1.3, client CertificateVerify", 48},
    {"lower case", "tls 1.3, server certificateverify", 32},
    {"an exporter", "TLS 1.3, exporter                ", 32},
    {"delegated credentials", "TLS, server delegated credentials", 32},
    {"DTLS", "DTLS 1.3, server CertificateVerif", 32},
    {"another version", "TLS 1.4, server CertificateVerify", 32},
    {"no hash", MATERIAL_SERVER, 0},
    {"SHA-1", MATERIAL_SERVER, 20},
    {"SHA-224", MATERIAL_SERVER, 28},
    {"one byte short", MATERIAL_SERVER, 31},
    {"one byte over", MATERIAL_SERVER, 33},
    {"one byte short of SHA-384", MATERIAL_SERVER, 47},
    {"one byte over SHA-384", MATERIAL_SERVER, 49},
    {"SHA-512", MATERIAL_SERVER, 64},
    {"a shorter context with a longer hash", "TLS 1.3, server CertificateVerif", 33},
    {"a longer context with a shorter hash", "TLS 1.3, server CertificateVerify!", 31},
    {"an empty context", "", 65},
};

static void the_signer_refuses_every_foreign_shape(void **state)
{
    (void)state;
    uint8_t tbs[256];
    for (size_t i = 0; i < countof(FOREIGN); i++) {
        size_t len = material_tbs(tbs, FOREIGN[i].context, FOREIGN[i].hash_len);
        if (certverify_shape(span_of(tbs, len)))
            fail_msg("accepted: %s", FOREIGN[i].what);
    }
}

static void the_signer_refuses_a_tls12_server_key_exchange(void **state)
{
    (void)state;
    /* Two randoms, named curve, X25519, a public point: 32 + 32 + 4 + 32, and padded to our size.
     */
    uint8_t tbs[146] = {0};
    memset(tbs, 0x20, 64);
    tbs[64] = 3;
    tbs[66] = 0x1d;
    tbs[67] = 32;
    assert_false(certverify_shape(span_of(tbs, 100)));
    assert_false(certverify_shape(span_of(tbs, 130)));
    assert_false(certverify_shape(span_of(tbs, 146)));
}

static void the_signer_refuses_bytes_that_are_no_handshake(void **state)
{
    (void)state;
    uint8_t certificate[130] = {0x30, 0x81, 0x7f};
    assert_false(certverify_shape(SPAN_NONE));
    assert_false(certverify_shape(span_of(certificate, sizeof(certificate))));
    memset(certificate, 0x20, sizeof(certificate));
    assert_false(certverify_shape(span_of(certificate, sizeof(certificate))));
}

static void every_byte_of_padding_and_context_counts(void **state)
{
    (void)state;
    uint8_t tbs[256];
    size_t len = material_tbs(tbs, MATERIAL_SERVER, 32);
    assert_true(certverify_shape(span_of(tbs, len)));
    for (size_t i = 0; i < len - 32; i++)
        for (int bit = 0; bit < 8; bit++) {
            tbs[i] = (uint8_t)(tbs[i] ^ (1 << bit));
            assert_false(certverify_shape(span_of(tbs, len)));
            tbs[i] = (uint8_t)(tbs[i] ^ (1 << bit));
        }
    for (size_t cut = 1; cut <= len; cut++) {
        if (len - cut == 130)
            continue;
        assert_false(certverify_shape(span_of(tbs, len - cut)));
        assert_false(certverify_shape(span_of(tbs + cut, len - cut)));
    }
}

static void both_hash_lengths_are_signed(void **state)
{
    (void)state;
    uint8_t tbs[256];
    const struct scheme *row = NULL;
    assert_true(certverify_shape(span_of(tbs, material_tbs(tbs, MATERIAL_SERVER, 48))));
    size_t len = material_tbs(tbs, MATERIAL_SERVER, 32);
    assert_int_equal(certverify_decide(KEY_P256, 0x0403, span_of(tbs, len), false, &row),
                     CERTVERIFY_SIGN);
    assert_string_equal(row->name, "ecdsa_secp256r1_sha256");
}

static void a_scheme_signs_only_with_its_own_kind_of_key(void **state)
{
    (void)state;
    uint8_t tbs[256];
    struct span good = span_of(tbs, material_tbs(tbs, MATERIAL_SERVER, 32));
    static const enum key_kind KINDS[] = {KEY_NONE, KEY_P256, KEY_P384, KEY_RSA, KEY_ED25519};
    unsigned accepted = 0;
    for (size_t k = 0; k < countof(KINDS); k++)
        for (unsigned scheme = 0; scheme <= 0xffff; scheme++) {
            const struct scheme *row = NULL;
            enum certverify_verdict v =
                certverify_decide(KINDS[k], (uint16_t)scheme, good, false, &row);
            assert_true((v == CERTVERIFY_SIGN) == (row != NULL));
            if (v == CERTVERIFY_SIGN) {
                assert_int_equal(row->kind, KINDS[k]);
                assert_int_equal(row->number, scheme);
                accepted++;
            }
        }
    assert_int_equal(accepted, 6);
}

static void old_schemes_are_refused(void **state)
{
    (void)state;
    /* PKCS #1 with SHA-1, -256, -384, -512, ECDSA with SHA-1, P-521, Ed448, the pss_pss ones. */
    static const uint16_t OLD[] = {0x0201, 0x0401, 0x0501, 0x0601, 0x0203, 0x0603,
                                   0x0808, 0x0809, 0x080a, 0x080b, 0x0000};
    uint8_t tbs[256];
    struct span good = span_of(tbs, material_tbs(tbs, MATERIAL_SERVER, 32));
    const struct scheme *row = NULL;
    for (size_t i = 0; i < countof(OLD); i++)
        assert_int_equal(certverify_decide(KEY_RSA, OLD[i], good, false, &row), CERTVERIFY_SCHEME);
    assert_null(row);
}

/* ---- TLS 1.2 ---- */

static size_t exchange(uint8_t tbs[256], uint16_t group, uint8_t point)
{
    memset(tbs, 0x5a, 64);
    tbs[64] = 3;
    tbs[65] = (uint8_t)(group >> 8);
    tbs[66] = (uint8_t)group;
    tbs[67] = point;
    memset(tbs + 68, 0x11, point);
    tbs[68] = point == 65 ? 4 : 0x11;
    return 68u + point;
}

static void a_key_exchange_is_signed_only_where_tls12_is_configured(void **state)
{
    (void)state;
    uint8_t tbs[256];
    static const struct {
        uint16_t group;
        uint8_t point;
    } GOOD[] = {{29, 32}, {23, 65}};
    for (size_t i = 0; i < countof(GOOD); i++) {
        struct span bytes = span_of(tbs, exchange(tbs, GOOD[i].group, GOOD[i].point));
        const struct scheme *row = NULL;
        assert_true(certverify_shape12(bytes) && !certverify_shape(bytes));
        assert_int_equal(certverify_decide(KEY_P256, 0x0403, bytes, false, &row), CERTVERIFY_OFF);
        assert_null(row);
        assert_int_equal(certverify_decide(KEY_P256, 0x0403, bytes, true, &row), CERTVERIFY_SIGN);
    }
}

static void the_shape_of_a_key_exchange_is_exact(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
    } CHANGES[] = {
        {"an explicit prime curve", 64, 1},
        {"an explicit binary curve", 64, 2},
        {"no curve type", 64, 0},
        {"the context string of TLS 1.3", 64, 'T'},
        {"another group, high byte", 65, 1},
        {"P-384", 66, 24},
        {"P-521", 66, 25},
        {"X448", 66, 30},
        {"secp256k1", 66, 22},
        {"an empty point", 67, 0},
        {"a shorter point", 67, 64},
        {"a longer point", 67, 66},
        {"a compressed point", 68, 2},
        {"a compressed point", 68, 3},
        {"a hybrid point", 68, 6},
    };
    uint8_t tbs[256];
    for (size_t i = 0; i < countof(CHANGES); i++) {
        size_t len = exchange(tbs, 23, 65);
        assert_true(certverify_shape12(span_of(tbs, len)));
        tbs[CHANGES[i].at] = CHANGES[i].value;
        if (certverify_shape12(span_of(tbs, len)))
            fail_msg("accepted: %s", CHANGES[i].what);
    }
    for (size_t len = 0; len < sizeof(tbs); len++) {
        (void)exchange(tbs, 23, 65);
        assert_true(certverify_shape12(span_of(tbs, len)) == (len == 133));
        (void)exchange(tbs, 29, 32);
        assert_true(certverify_shape12(span_of(tbs, len)) == (len == 100));
    }
    /* Finite-field Diffie-Hellman: three lengths where the curve would be. */
    memset(tbs, 0, sizeof(tbs));
    tbs[65] = 1;
    assert_false(certverify_shape12(span_of(tbs, 133)));
}

static void no_bytes_have_both_shapes(void **state)
{
    (void)state;
    uint8_t tbs[256];
    for (size_t hash = 0; hash < 100; hash++) {
        size_t len = material_tbs(tbs, MATERIAL_SERVER, hash);
        assert_false(certverify_shape12(span_of(tbs, len)));
    }
    const struct scheme *row = NULL;
    struct span good = span_of(tbs, material_tbs(tbs, MATERIAL_SERVER, 32));
    /* PKCS #1 and a hash that is not the curve's stay closed to TLS 1.3 even where TLS 1.2 is on.
     */
    assert_int_equal(certverify_decide(KEY_RSA, 0x0401, good, true, &row), CERTVERIFY_SCHEME);
    assert_int_equal(certverify_decide(KEY_P384, 0x0403, good, true, &row), CERTVERIFY_KEY);
    assert_null(row);
}

static void tls12_has_its_own_rows(void **state)
{
    (void)state;
    uint8_t tbs[256];
    struct span bytes = span_of(tbs, exchange(tbs, 29, 32));
    static const enum key_kind KINDS[] = {KEY_NONE, KEY_P256, KEY_P384, KEY_RSA, KEY_ED25519};
    unsigned accepted = 0;
    for (size_t k = 0; k < countof(KINDS); k++)
        for (unsigned scheme = 0; scheme <= 0xffff; scheme++) {
            const struct scheme *row = NULL;
            if (certverify_decide(KINDS[k], (uint16_t)scheme, bytes, true, &row) == CERTVERIFY_SIGN)
                accepted++;
        }
    assert_int_equal(accepted, SCHEME_COUNT);
    const struct scheme *row = NULL;
    /* SHA-1 never. */
    assert_int_equal(certverify_decide(KEY_RSA, 0x0201, bytes, true, &row), CERTVERIFY_SCHEME);
    assert_int_equal(certverify_decide(KEY_P256, 0x0203, bytes, true, &row), CERTVERIFY_SCHEME);
}

static void a_clients_key_signs_the_clients_form_and_a_servers_the_servers(void **state)
{
    (void)state;
    uint8_t tbs[256];
    for (int client = 0; client <= 1; client++) {
        size_t len =
            material_tbs(tbs, client ? "TLS 1.3, client CertificateVerify" : MATERIAL_SERVER, 32);
        struct span bytes = span_of(tbs, len);
        const struct scheme *row = NULL;
        assert_int_equal(certverify_decide(KEY_P256, 0x0403, bytes, true, &row),
                         client ? CERTVERIFY_SHAPE : CERTVERIFY_SIGN);
        row = NULL;
        assert_int_equal(certverify_decide_client(KEY_P256, 0x0403, bytes, &row),
                         client ? CERTVERIFY_SIGN : CERTVERIFY_SHAPE);
        assert_true((row != NULL) == (client == 1));
        for (size_t i = 0; client && i < len - 32; i++) {
            tbs[i] ^= 1;
            assert_int_equal(certverify_decide_client(KEY_P256, 0x0403, bytes, &row),
                             CERTVERIFY_SHAPE);
            tbs[i] ^= 1;
        }
        assert_false(certverify_shape_client(span_sub(bytes, 0, len - 1)));
        assert_false(certverify_shape_client(span_sub(bytes, 1, len - 1)));
        /* The wrong kind of key, what was signed before TLS 1.3, nothing at all. */
        assert_int_equal(certverify_decide_client(KEY_RSA, 0x0403, bytes, &row), CERTVERIFY_KEY);
        assert_int_equal(certverify_decide_client(KEY_RSA, 0x0401, bytes, &row), CERTVERIFY_SCHEME);
        assert_int_equal(certverify_decide_client(KEY_P256, 0x0403, SPAN_NONE, &row),
                         CERTVERIFY_SHAPE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signer_refuses_every_foreign_shape),
        cmocka_unit_test(the_signer_refuses_a_tls12_server_key_exchange),
        cmocka_unit_test(the_signer_refuses_bytes_that_are_no_handshake),
        cmocka_unit_test(every_byte_of_padding_and_context_counts),
        cmocka_unit_test(both_hash_lengths_are_signed),
        cmocka_unit_test(a_scheme_signs_only_with_its_own_kind_of_key),
        cmocka_unit_test(old_schemes_are_refused),
        cmocka_unit_test(a_key_exchange_is_signed_only_where_tls12_is_configured),
        cmocka_unit_test(the_shape_of_a_key_exchange_is_exact),
        cmocka_unit_test(no_bytes_have_both_shapes),
        cmocka_unit_test(tls12_has_its_own_rows),
        cmocka_unit_test(a_clients_key_signs_the_clients_form_and_a_servers_the_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
