#include "tests/unit/unit.h"

#include <errno.h>

#include <openssl/rsa.h>

#include "base/fault.h"
#include "base/secret.h"
#include "signer/authority.h"
#include "signer/pair.h"
#include "signer/tickets.h"
#include "tests/unit/signer/material.h"

static int load(const char *dir, struct pair **ret, struct buf *note)
{
    buf_init(note, 1024);
    return pair_load(material_path(dir, "server.crt"), material_path(dir, "server.key"), 7, ret,
                     note);
}

static void refused(const char *dir, int fault, const char *words)
{
    struct pair *p = NULL;
    struct buf note;
    assert_int_equal(load(dir, &p, &note), fault);
    assert_null(p);
    char *text = buf_take_string(&note);
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, words);
    free(text);
    buf_fini(&note);
}

static void a_key_that_others_can_read_is_refused(void **state)
{
    (void)state;
    char *dir = material_dir();
    material_pair(dir, "P-256", "a.example");
    assert_int_equal(chmod(material_path(dir, "server.key"), 0644), 0);
    refused(dir, FAULT_DENIED, "chmod 600");
    material_gone(dir);
}

static void a_key_of_another_certificate_is_refused(void **state)
{
    (void)state;
    char *dir = material_dir();
    material_pair(dir, "P-256", "a.example");
    EVP_PKEY *key = material_key("P-256");
    material_write_key(material_path(dir, "server.key"), key, NULL);
    EVP_PKEY_free(key);
    refused(dir, FAULT_CONFLICT, "does not belong");
    material_gone(dir);
}

static void damaged_files_are_refused_with_their_name(void **state)
{
    (void)state;
    char *dir = material_dir();
    refused(dir, -ENOENT, "server.crt");
    material_pair(dir, "P-256", "a.example");
    assert_int_equal(truncate(material_path(dir, "server.crt"), 200), 0);
    refused(dir, FAULT_FORMAT, "server.crt: holds a damaged certificate");
    assert_int_equal(truncate(material_path(dir, "server.crt"), 0), 0);
    refused(dir, FAULT_FORMAT, "holds no certificate");
    material_pair(dir, "P-256", "a.example");
    assert_int_equal(truncate(material_path(dir, "server.key"), 100), 0);
    refused(dir, FAULT_FORMAT, "server.key: holds no PEM private key");
    assert_int_equal(truncate(material_path(dir, "server.key"), 0), 0);
    refused(dir, FAULT_FORMAT, "server.key");
    material_gone(dir);
}

static void an_encrypted_key_is_refused_with_the_reason(void **state)
{
    (void)state;
    char *dir = material_dir();
    EVP_PKEY *key = material_key("P-256");
    material_pair(dir, "P-256", "a.example");
    material_write_key(material_path(dir, "server.key"), key, "secret");
    EVP_PKEY_free(key);
    refused(dir, FAULT_FORMAT, "is encrypted");
    material_gone(dir);
}

static void a_chain_in_the_wrong_order_is_refused(void **state)
{
    (void)state;
    char *dir = material_dir();
    struct pair *p = NULL;
    struct buf note;
    const struct authority_names names = {.portal = "gw.example.com"};
    assert_int_equal(authority_init(dir, &names, NULL), 0);
    FILE *f = fopen(material_path(dir, "ca.crt"), "r");
    X509 *ca = PEM_read_X509(f, NULL, NULL, NULL);
    (void)fclose(f);
    material_write_certificate(material_path(dir, "server.crt"), ca, "a");
    assert_int_equal(load(dir, &p, &note), 0);
    assert_int_equal(pair_handle(p), 7);
    pair_unref(p);
    buf_fini(&note);
    /* A second authority's certificate issued nothing here. */
    X509_free(ca);
    EVP_PKEY *key = material_key("P-256");
    X509 *stranger = material_self_signed(key, "stranger", -10, 1000);
    material_write_certificate(material_path(dir, "server.crt"), stranger, "a");
    refused(dir, FAULT_CONFLICT, "certificate 2 of the chain was not issued by certificate 3");
    X509_free(stranger);
    EVP_PKEY_free(key);
    material_gone(dir);
}

static void a_certificate_for_clients_only_is_refused(void **state)
{
    (void)state;
    char *dir = material_dir();
    EVP_PKEY *key = material_key("P-256");
    X509 *x = material_self_signed(key, "a.example", -10, 1000);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, "clientAuth");
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    material_write_key(material_path(dir, "server.key"), key, NULL);
    material_write_certificate(material_path(dir, "server.crt"), x, "w");
    refused(dir, FAULT_FORMAT, "not meant for a TLS 1.3 server");
    X509_free(x);
    EVP_PKEY_free(key);
    material_gone(dir);
}

static void a_key_that_tls13_cannot_use_is_refused(void **state)
{
    (void)state;
    char *dir = material_dir();
    material_pair(dir, "P-521", "a.example");
    refused(dir, FAULT_FORMAT, "ECDSA P-256");
    material_gone(dir);
}

static void an_expired_certificate_is_loaded_and_says_so(void **state)
{
    (void)state;
    char *dir = material_dir();
    struct pair *p = NULL;
    struct buf note;
    EVP_PKEY *key = material_key("P-256");
    X509 *x = material_self_signed(key, "a.example", -7200, -3600);
    material_write_key(material_path(dir, "server.key"), key, NULL);
    material_write_certificate(material_path(dir, "server.crt"), x, "w");
    assert_int_equal(load(dir, &p, &note), 0);
    assert_int_equal(pair_not_after(p) - pair_not_before(p), 3600);
    pair_unref(p);
    buf_fini(&note);
    X509_free(x);
    EVP_PKEY_free(key);
    material_gone(dir);
}

static bool verifies(const char *dir, const struct scheme *s, struct span tbs, struct span sig)
{
    FILE *f = fopen(material_path(dir, "server.crt"), "r");
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    (void)fclose(f);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pc = NULL;
    bool ok =
        EVP_DigestVerifyInit_ex(c, &pc, s->digest, NULL, NULL, X509_get0_pubkey(x), NULL) == 1;
    if (ok && s->pss)
        ok = EVP_PKEY_CTX_set_rsa_padding(pc, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(pc, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok && EVP_DigestVerify(c, sig.at, sig.len, tbs.at, tbs.len) == 1;
    EVP_MD_CTX_free(c);
    X509_free(x);
    return ok;
}

static void every_scheme_makes_a_signature_that_verifies(void **state)
{
    (void)state;
    static const char *const KINDS[] = {"P-256", "P-384", "RSA", "ED25519"};
    unsigned tried = 0;
    for (size_t k = 0; k < countof(KINDS); k++) {
        char *dir = material_dir();
        struct pair *p = NULL;
        struct buf note;
        uint8_t tbs[256], signature[PAIR_SIGNATURE_MAX];
        struct span good = span_of(tbs, material_tbs(tbs, MATERIAL_SERVER, 32));
        material_pair(dir, KINDS[k], "a.example");
        assert_int_equal(load(dir, &p, &note), 0);
        for (size_t i = 0; i < SCHEME_COUNT; i++) {
            if (SCHEMES[i].kind != pair_kind(p)) {
                assert_int_equal(pair_sign(p, &SCHEMES[i], good, signature, sizeof(signature)),
                                 FAULT_DENIED);
                continue;
            }
            for (int again = 0; again < 2; again++) {
                int len = pair_sign(p, &SCHEMES[i], good, signature, sizeof(signature));
                assert_true(len > 0);
                assert_true(verifies(dir, &SCHEMES[i], good, span_of(signature, (size_t)len)));
            }
            assert_int_equal(pair_sign(p, &SCHEMES[i], good, signature, 16), FAULT_LIMIT);
            tried++;
        }
        pair_unref(p);
        buf_fini(&note);
        material_gone(dir);
    }
    assert_int_equal(tried, SCHEME_COUNT);
}

static void a_rotation_keeps_the_current_key_as_the_previous_one(void **state)
{
    (void)state;
    struct tickets t;
    uint8_t before[TICKETS_LEN];
    assert_int_equal(tickets_init(&t, 1000), 0);
    memcpy(before, t.keys.at, TICKETS_LEN);
    assert_memory_not_equal(before, before + TICKET_KEY_LEN, TICKET_KEY_LEN);
    assert_int_equal(tickets_due(&t, 1000), TICKETS_ROTATE_MS);
    assert_int_equal(tickets_due(&t, 1000 + TICKETS_ROTATE_MS), 0);
    assert_int_equal(tickets_rotate(&t, 5000), 0);
    assert_memory_equal(t.keys.at + TICKET_KEY_LEN, before, TICKET_KEY_LEN);
    assert_memory_not_equal(t.keys.at, before, TICKET_KEY_LEN);
    assert_int_equal(tickets_due(&t, 5000), TICKETS_ROTATE_MS);
    tickets_fini(&t);
}

static int library(void **state)
{
    (void)state;
    return pair_library_init() < 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_others_can_read_is_refused),
        cmocka_unit_test(a_key_of_another_certificate_is_refused),
        cmocka_unit_test(damaged_files_are_refused_with_their_name),
        cmocka_unit_test(an_encrypted_key_is_refused_with_the_reason),
        cmocka_unit_test(a_chain_in_the_wrong_order_is_refused),
        cmocka_unit_test(a_certificate_for_clients_only_is_refused),
        cmocka_unit_test(a_key_that_tls13_cannot_use_is_refused),
        cmocka_unit_test(an_expired_certificate_is_loaded_and_says_so),
        cmocka_unit_test(every_scheme_makes_a_signature_that_verifies),
        cmocka_unit_test(a_rotation_keeps_the_current_key_as_the_previous_one),
    };
    return cmocka_run_group_tests(tests, library, NULL);
}
