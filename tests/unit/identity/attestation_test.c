#include "tests/unit/unit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "authenticator.h"

static const uint64_t NOW = 1700000000;
static const uint8_t MODEL[16] = "a model's number";

/* What a certificate of a maker may get wrong. */
struct maker {
    const char *unit;
    bool authority;
    const char *model; /* extension value in hex, or NULL: none */
    long from, until;  /* seconds from NOW */
    long version;
};

static X509 *certificate(EVP_PKEY *key, const char *name, const struct maker *m, X509 *issuer,
                         EVP_PKEY *signer)
{
    X509 *x = X509_new();
    X509_NAME *subject = X509_NAME_new();
    time_t from = (time_t)NOW + m->from, until = (time_t)NOW + m->until;
    X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const uint8_t *)"Maker", -1, -1, 0);
    if (m->unit != NULL)
        X509_NAME_add_entry_by_txt(subject, "OU", MBSTRING_ASC, (const uint8_t *)m->unit, -1, -1,
                                   0);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
    X509_set_version(x, m->version);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_set_subject_name(x, subject);
    X509_set_issuer_name(x, issuer == NULL ? subject : X509_get_subject_name(issuer));
    X509_NAME_free(subject);
    ASN1_TIME_set(X509_getm_notBefore(x), from);
    ASN1_TIME_set(X509_getm_notAfter(x), until);
    X509_set_pubkey(x, key);
    X509V3_CTX c;
    X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
    if (m->version == X509_VERSION_3) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, NID_basic_constraints,
                                                m->authority ? "critical,CA:TRUE" : "CA:FALSE");
        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
    }
    if (m->model != NULL) {
        uint8_t raw[64];
        size_t len = strlen(m->model) / 2;
        assert_int_equal(text_unhex(span_str(m->model), raw, len), 0);
        ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
        ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
        ASN1_OCTET_STRING_set(s, raw, (int)len);
        X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, id, 0, s);
        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
        ASN1_OCTET_STRING_free(s);
        ASN1_OBJECT_free(id);
    }
    assert_true(X509_sign(x, signer == NULL ? key : signer, EVP_sha256()) > 0);
    return x;
}

static struct span der_of(X509 *x, uint8_t *room)
{
    uint8_t *p = room;
    int len = i2d_X509(x, &p);
    assert_true(len > 0);
    return span_of(room, (size_t)len);
}

static struct attestation_roots *roots_of(X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    PEM_write_bio_X509(bio, x);
    long len = BIO_get_mem_data(bio, &pem);
    struct attestation_roots *roots = attestation_roots_read(span_of(pem, (size_t)len), NULL);
    BIO_free(bio);
    assert_non_null(roots);
    return roots;
}

static const struct maker ROOT = {.authority = true, .from = -1000, .until = 1000, .version = 2};
#define LEAF                                                                                       \
    {                                                                                              \
        .unit = "Authenticator Attestation", .from = -1000, .until = 1000, .version = 2            \
    }

static void only_a_right_leaf_below_a_root_is_trusted(void **state)
{
    (void)state;
    struct maker good = LEAF, wrong = LEAF;
    EVP_PKEY *root_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *root = certificate(root_key, "Root", &ROOT, NULL, NULL);
    struct attestation_roots *roots = roots_of(root);
    struct {
        const char *what;
        struct maker m;
        bool trusted;
    } cases[] = {
        {"as it should be", good, true}, {"another unit", wrong, false},
        {"an authority", wrong, false},  {"not yet", wrong, false},
        {"no more", wrong, false},       {"the right model", wrong, true},
        {"another model", wrong, false}, {"a model cut short", wrong, false},
        {"version 1", wrong, false},
    };
    char model[37] = "0410", other[37] = "0410";
    text_hex(model + 4, span_of(MODEL, 16));
    text_hex(other + 4, span_of("b model's number", 16));
    cases[1].m.unit = "Authenticator attestation";
    cases[2].m.authority = true;
    cases[3].m.from = 10;
    cases[4].m.until = -10;
    cases[5].m.model = model;
    cases[6].m.model = other;
    cases[7].m.model = "040f41";
    cases[8].m.version = 0;
    for (size_t i = 0; i < countof(cases); i++) {
        uint8_t room[4096];
        X509 *leaf = certificate(key, "Device", &cases[i].m, root, root_key);
        struct span chain = der_of(leaf, room);
        if (attestation_trusted(roots, &chain, 1, MODEL, NOW) != cases[i].trusted)
            fail_msg("%s", cases[i].what);
        X509_free(leaf);
    }
    X509 *self = certificate(key, "Device", &good, NULL, NULL);
    uint8_t room[4096];
    struct span chain[2] = {der_of(self, room)};
    assert_false(attestation_trusted(roots, chain, 1, MODEL, NOW));
    assert_false(attestation_trusted(NULL, chain, 1, MODEL, NOW));
    assert_false(attestation_trusted(roots, chain, 0, MODEL, NOW));
    chain[1] = SPAN("not a certificate");
    assert_false(attestation_trusted(roots, chain, 2, MODEL, NOW));
    X509_free(self);
    X509_free(root);
    attestation_roots_free(roots);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(key);
}

static void a_registration_is_attested_through_a_chain(void **state)
{
    (void)state;
    struct maker between = ROOT, leaf = LEAF;
    EVP_PKEY *keys[3] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-256"), EVP_EC_gen("P-256")};
    X509 *root = certificate(keys[0], "Root", &ROOT, NULL, NULL);
    X509 *middle = certificate(keys[1], "Middle", &between, root, keys[0]);
    X509 *end = certificate(keys[2], "Device", &leaf, middle, keys[1]);
    struct attestation_roots *roots = roots_of(root);
    uint8_t room[2][4096];
    struct span chain[2] = {der_of(end, room[0]), der_of(middle, room[1])};
    struct device d = device_new(PASSKEY_ES256);
    struct wish w = wish_for("webauthn.create");
    struct buf client, data, object;
    struct passkey_made made;
    struct passkey_question q = {.challenge = span_of(CHALLENGE, sizeof(CHALLENGE)),
                                 .origin = SPAN(ORIGIN),
                                 .site = SITE,
                                 .roots = roots,
                                 .now = NOW};
    buf_init(&client, 8192);
    buf_init(&data, 8192);
    buf_init(&object, 32768);
    make_client(&client, &w);
    make_data(&data, &d, &w);
    struct {
        const char *format;
        EVP_PKEY *signer;
        size_t count;
        enum passkey_verdict v;
    } cases[] = {
        {"packed", keys[2], 2, PASSKEY_GOOD},      {"packed", keys[2], 1, PASSKEY_ATTESTATION},
        {"packed", keys[1], 2, PASSKEY_SIGNATURE}, {"packed", NULL, 0, PASSKEY_ATTESTATION},
        {"none", NULL, 0, PASSKEY_ATTESTATION},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        buf_clear(&object);
        make_object(&object, &d, cases[i].format, buf_view(&data), buf_view(&client),
                    cases[i].signer, chain, cases[i].count);
        struct passkey_registration r = {buf_view(&client), buf_view(&object)};
        enum passkey_verdict v = passkey_register(&q, &r, &made);
        if (v != cases[i].v)
            fail_msg("case %zu: %s", i, passkey_verdict_text(v));
        assert_true(v != PASSKEY_GOOD || made.attested);
    }
    buf_fini(&client);
    buf_fini(&data);
    buf_fini(&object);
    EVP_PKEY_free(d.pkey);
    attestation_roots_free(roots);
    X509_free(root);
    X509_free(middle);
    X509_free(end);
    for (size_t i = 0; i < countof(keys); i++)
        EVP_PKEY_free(keys[i]);
}

static void a_damaged_list_of_roots_is_refused(void **state)
{
    (void)state;
    struct buf note;
    buf_init(&note, 256);
    assert_null(attestation_roots_read(SPAN_NONE, &note));
    assert_true(buf_len(&note) > 0);
    assert_null(attestation_roots_read(SPAN("no certificate at all\n"), NULL));
    assert_null(attestation_roots_read(
        SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), NULL));
    buf_fini(&note);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_right_leaf_below_a_root_is_trusted),
        cmocka_unit_test(a_registration_is_attested_through_a_chain),
        cmocka_unit_test(a_damaged_list_of_roots_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
