#include "tests/unit/unit.h"

#include <errno.h>

#include "base/fault.h"
#include "base/span.h"
#include "signer/authority.h"
#include "signer/issue.h"
#include "tests/unit/signer/material.h"

static X509 *read_certificate(const char *dir, const char *file)
{
    FILE *f = fopen(material_path(dir, file), "r");
    assert_non_null(f);
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    (void)fclose(f);
    assert_non_null(x);
    return x;
}

static EVP_PKEY *read_private(const char *dir, const char *file)
{
    FILE *f = fopen(material_path(dir, file), "r");
    assert_non_null(f);
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    (void)fclose(f);
    return key;
}

/* X509_V_OK or why not, with everything that a strict client checks. */
static int verify(X509 *ca, X509 *leaf, const char *host, const char *address)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, ca);
    assert_int_equal(X509_STORE_CTX_init(c, store, leaf, NULL), 1);
    X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(c);
    X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (host != NULL)
        X509_VERIFY_PARAM_set1_host(p, host, 0);
    if (address != NULL)
        X509_VERIFY_PARAM_set1_ip_asc(p, address);
    int verdict = X509_verify_cert(c) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(c);
    X509_STORE_CTX_free(c);
    X509_STORE_free(store);
    return verdict;
}

static mode_t mode_of(const char *dir, const char *file)
{
    struct stat st;
    assert_int_equal(stat(material_path(dir, file), &st), 0);
    return st.st_mode & 07777;
}

static void names_that_cannot_be_in_a_certificate_are_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",     ".",     "a..b", ".a",        "a.",  "-a.b",
                                      "a-.b", "A.b",   "a b",  "a,DNS:b",   "*.a", "a/b",
                                      "a\nb", "a_b.c", "é.fr", "127.0.0.1", "::1"};
    char label[80];
    for (size_t i = 0; i < countof(BAD); i++) {
        const struct authority_names names = {.portal = BAD[i]};
        if (authority_init("/nonexistent", &names, NULL) != FAULT_MISUSE)
            fail_msg("accepted: %s", BAD[i]);
    }
    memset(label, 'a', 64);
    label[64] = '\0';
    assert_false(authority_name_ok(label));
    label[63] = '\0';
    assert_true(authority_name_ok(label));
    assert_true(authority_name_ok("postern.localhost"));
    const char *also[] = {"ok.example", "10.0.0.0/8"};
    const struct authority_names names = {.portal = "a.b", .also = also, .also_count = 2};
    assert_int_equal(authority_init("/nonexistent", &names, NULL), FAULT_MISUSE);
}

static void the_leaf_is_good_for_the_portal_and_one_level_below(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int verdict;
    } HOSTS[] = {
        {"postern.localhost", X509_V_OK},
        {"tomcat.postern.localhost", X509_V_OK},
        {"a.b.postern.localhost", X509_V_ERR_HOSTNAME_MISMATCH},
        {"localhost", X509_V_ERR_HOSTNAME_MISMATCH},
        {"evil.localhost", X509_V_ERR_HOSTNAME_MISMATCH},
        {"evilpostern.localhost", X509_V_ERR_HOSTNAME_MISMATCH},
    };
    char *dir = material_dir();
    const struct authority_names names = {.portal = "postern.localhost"};
    assert_int_equal(authority_init(dir, &names, NULL), 0);
    X509 *ca = read_certificate(dir, "ca.crt"), *leaf = read_certificate(dir, "server.crt");
    for (size_t i = 0; i < countof(HOSTS); i++)
        assert_int_equal(verify(ca, leaf, HOSTS[i].host, NULL), HOSTS[i].verdict);
    assert_int_equal(verify(ca, leaf, NULL, "127.0.0.1"), X509_V_ERR_IP_ADDRESS_MISMATCH);
    assert_int_equal(X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0), 0);
    assert_int_equal(X509_get_pathlen(ca), 0);
    assert_true(ASN1_STRING_length(X509_get0_serialNumber(leaf)) >= 16);
    int days = 0, seconds = 0;
    ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(leaf), X509_get0_notAfter(leaf));
    assert_true(days < ISSUE_LEAF_DAYS);
    X509_free(ca);
    X509_free(leaf);
    material_gone(dir);
}

static void addresses_are_in_the_leaf_and_in_the_constraints(void **state)
{
    (void)state;
    char *dir = material_dir();
    const char *also[] = {"192.0.2.7", "2001:db8::7", "gw.example.net"};
    const struct authority_names names = {
        .portal = "gw.example.com", .also = also, .also_count = 3};
    assert_int_equal(authority_init(dir, &names, NULL), 0);
    X509 *ca = read_certificate(dir, "ca.crt"), *leaf = read_certificate(dir, "server.crt");
    assert_int_equal(verify(ca, leaf, NULL, "192.0.2.7"), X509_V_OK);
    assert_int_equal(verify(ca, leaf, NULL, "2001:db8::7"), X509_V_OK);
    assert_int_equal(verify(ca, leaf, NULL, "192.0.2.8"), X509_V_ERR_IP_ADDRESS_MISMATCH);
    assert_int_equal(verify(ca, leaf, "gw.example.net", NULL), X509_V_OK);
    assert_int_equal(verify(ca, leaf, "x.gw.example.net", NULL), X509_V_ERR_HOSTNAME_MISMATCH);
    X509_free(ca);
    X509_free(leaf);
    material_gone(dir);
}

/* A leaf that somebody with the CA key makes for a name of their choice. */
static int verdict_on_forged(const char *dir, const char *san)
{
    X509 *ca = read_certificate(dir, "ca.crt");
    EVP_PKEY *ca_key = read_private(dir, "ca.key"), *key = material_key("P-256");
    X509 *x = material_self_signed(key, "forged", -10, 1000);
    X509_EXTENSION_free(X509_delete_ext(x, 0));
    X509V3_CTX c;
    X509V3_set_ctx(&c, ca, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    X509_EXTENSION *aki = X509V3_EXT_conf_nid(NULL, &c, NID_authority_key_identifier, "keyid");
    X509_EXTENSION *ski = X509V3_EXT_conf_nid(NULL, &c, NID_subject_key_identifier, "hash");
    X509_EXTENSION *bc = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:FALSE");
    X509_EXTENSION *all[] = {e, aki, ski, bc};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(X509_add_ext(x, all[i], -1), 1);
        X509_EXTENSION_free(all[i]);
    }
    X509_set_issuer_name(x, X509_get_subject_name(ca));
    assert_true(X509_sign(x, ca_key, EVP_sha256()) > 0);
    int verdict = verify(ca, x, NULL, NULL);
    X509_free(x);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return verdict;
}

static void a_stolen_authority_is_good_for_no_other_name(void **state)
{
    (void)state;
    char *dir = material_dir();
    const struct authority_names names = {.portal = "gw.example.com"};
    assert_int_equal(authority_init(dir, &names, NULL), 0);
    assert_int_equal(verdict_on_forged(dir, "DNS:x.gw.example.com"), X509_V_OK);
    assert_int_equal(verdict_on_forged(dir, "DNS:bank.example"), X509_V_ERR_PERMITTED_VIOLATION);
    assert_int_equal(verdict_on_forged(dir, "DNS:example.com"), X509_V_ERR_PERMITTED_VIOLATION);
    assert_int_equal(verdict_on_forged(dir, "IP:192.0.2.1"), X509_V_ERR_EXCLUDED_VIOLATION);
    assert_int_equal(verdict_on_forged(dir, "IP:2001:db8::1"), X509_V_ERR_EXCLUDED_VIOLATION);
    material_gone(dir);
    dir = material_dir();
    const char *also[] = {"192.0.2.7"};
    const struct authority_names with = {.portal = "gw.example.com", .also = also, .also_count = 1};
    assert_int_equal(authority_init(dir, &with, NULL), 0);
    assert_int_equal(verdict_on_forged(dir, "IP:192.0.2.7"), X509_V_OK);
    assert_int_equal(verdict_on_forged(dir, "IP:192.0.2.8"), X509_V_ERR_PERMITTED_VIOLATION);
    assert_int_equal(verdict_on_forged(dir, "IP:2001:db8::1"), X509_V_ERR_PERMITTED_VIOLATION);
    material_gone(dir);
}

static void nothing_is_overwritten(void **state)
{
    (void)state;
    static const char *const FILES[] = {"ca.crt", "ca.key", "server.crt", "server.key"};
    const struct authority_names names = {.portal = "gw.example.com"};
    for (size_t i = 0; i < countof(FILES); i++) {
        char *dir = material_dir();
        struct buf note;
        buf_init(&note, 256);
        int fd = open(material_path(dir, FILES[i]), O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
        assert_int_equal(authority_init(dir, &names, &note), FAULT_EXISTS);
        assert_true(span_starts(buf_view(&note), span_str(FILES[i])));
        for (size_t k = 0; k < countof(FILES); k++)
            assert_int_equal(access(material_path(dir, FILES[k]), F_OK) == 0, k == i);
        buf_fini(&note);
        material_gone(dir);
    }
}

static void keys_are_for_the_owner_only_and_no_temporary_file_stays(void **state)
{
    (void)state;
    char *dir = material_dir();
    const struct authority_names names = {.portal = "gw.example.com"};
    assert_int_equal(authority_init(dir, &names, NULL), 0);
    assert_int_equal(mode_of(dir, "ca.key"), 0600);
    assert_int_equal(mode_of(dir, "server.key"), 0600);
    assert_int_equal(mode_of(dir, "ca.crt"), 0644);
    assert_int_equal(mode_of(dir, "server.crt"), 0644);
    material_gone(dir); /* fails when anything else is left */
}

static void a_renewed_leaf_has_the_same_names_and_another_key(void **state)
{
    (void)state;
    char *dir = material_dir();
    const char *also[] = {"192.0.2.7"};
    const struct authority_names names = {
        .portal = "gw.example.com", .also = also, .also_count = 1};
    struct authority_facts before, after;
    assert_int_equal(authority_init(dir, &names, NULL), 0);
    assert_int_equal(authority_show(dir, "server.crt", &before), 0);
    EVP_PKEY *old = read_private(dir, "server.key");
    assert_int_equal(authority_renew(dir, NULL, NULL), 0);
    assert_int_equal(authority_show(dir, "server.crt", &after), 0);
    EVP_PKEY *fresh = read_private(dir, "server.key");
    assert_string_equal(before.sans, "DNS:gw.example.com\nDNS:*.gw.example.com\nIP:192.0.2.7\n");
    assert_string_equal(after.sans, before.sans);
    assert_string_equal(after.subject, before.subject);
    assert_string_not_equal(after.sha256, before.sha256);
    assert_int_not_equal(EVP_PKEY_eq(old, fresh), 1);
    X509 *ca = read_certificate(dir, "ca.crt"), *leaf = read_certificate(dir, "server.crt");
    assert_int_equal(verify(ca, leaf, "x.gw.example.com", NULL), X509_V_OK);
    X509_free(ca);
    X509_free(leaf);
    EVP_PKEY_free(old);
    EVP_PKEY_free(fresh);
    material_gone(dir);
}

static void a_renewal_for_names_outside_the_constraints_is_refused(void **state)
{
    (void)state;
    char *dir = material_dir();
    const struct authority_names names = {.portal = "gw.example.com"};
    const struct authority_names other = {.portal = "bank.example"};
    const struct authority_names below = {.portal = "sub.gw.example.com"};
    struct authority_facts before, after;
    assert_int_equal(authority_init(dir, &names, NULL), 0);
    assert_int_equal(authority_show(dir, "server.crt", &before), 0);
    assert_int_equal(authority_renew(dir, &other, NULL), FAULT_DENIED);
    assert_int_equal(authority_show(dir, "server.crt", &after), 0);
    assert_string_equal(before.sha256, after.sha256);
    assert_int_equal(authority_renew(dir, &below, NULL), 0);
    material_gone(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_cannot_be_in_a_certificate_are_refused),
        cmocka_unit_test(the_leaf_is_good_for_the_portal_and_one_level_below),
        cmocka_unit_test(addresses_are_in_the_leaf_and_in_the_constraints),
        cmocka_unit_test(a_stolen_authority_is_good_for_no_other_name),
        cmocka_unit_test(nothing_is_overwritten),
        cmocka_unit_test(keys_are_for_the_owner_only_and_no_temporary_file_stays),
        cmocka_unit_test(a_renewed_leaf_has_the_same_names_and_another_key),
        cmocka_unit_test(a_renewal_for_names_outside_the_constraints_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
