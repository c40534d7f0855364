#include "signer/issue.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/rng.h"
#include "base/text.h"

#define SERIAL_LEN 20u /* the longest that RFC 5280 allows */
#define DAY 86400
/* Clocks of clients lag; the whole validity stays within the limit of days. */
#define BACKDATE 3600

struct outline {
    const char *common_name;
    int64_t not_before, not_after;
    X509 *issuer; /* NULL: self-signed */
    EVP_PKEY *issuer_key;
    const char *const (*extensions)[2]; /* name, value; ended by {NULL, NULL} */
    X509_EXTENSION *more;               /* copied from another certificate, or NULL */
};

static int add_extension(X509 *x, X509 *issuer, const char *name, const char *value)
{
    X509V3_CTX c;
    X509V3_set_ctx_nodb(&c);
    X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_nconf(NULL, &c, name, value);
    int ok = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok ? 0 : FAULT_CRYPTO;
}

static int set_serial(X509 *x)
{
    unsigned char bytes[SERIAL_LEN];
    int rc = rng_fill(bytes, sizeof(bytes));
    if (rc < 0)
        return rc;
    /* Positive, and never shorter for a leading zero. */
    bytes[0] = (unsigned char)((bytes[0] & 0x3f) | 0x40);
    BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    int ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return ok ? 0 : FAULT_CRYPTO;
}

static int set_subject(X509 *x, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(x);
    const unsigned char *org = (const unsigned char *)"postern";
    const unsigned char *cn = (const unsigned char *)common_name;
    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, org, -1, -1, 0) == 1 &&
                   X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, cn, -1, -1, 0) == 1
               ? 0
               : FAULT_CRYPTO;
}

static int fill_certificate(X509 *x, EVP_PKEY *key, const struct outline *t)
{
    X509 *issuer = t->issuer != NULL ? t->issuer : x;
    int rc = set_serial(x);
    if (rc == 0)
        rc = set_subject(x, t->common_name);
    if (rc < 0)
        return rc;
    if (X509_set_version(x, X509_VERSION_3) != 1 || X509_set_pubkey(x, key) != 1 ||
        X509_set_issuer_name(x, X509_get_subject_name(issuer)) != 1 ||
        ASN1_TIME_set(X509_getm_notBefore(x), (time_t)t->not_before) == NULL ||
        ASN1_TIME_set(X509_getm_notAfter(x), (time_t)t->not_after) == NULL)
        return FAULT_CRYPTO;
    for (size_t i = 0; rc == 0 && t->extensions[i][0] != NULL; i++)
        rc = add_extension(x, issuer, t->extensions[i][0], t->extensions[i][1]);
    if (rc == 0 && t->more != NULL && X509_add_ext(x, t->more, -1) != 1)
        rc = FAULT_CRYPTO;
    if (rc == 0 && X509_sign(x, t->issuer_key != NULL ? t->issuer_key : key, EVP_sha256()) <= 0)
        rc = FAULT_CRYPTO;
    return rc;
}

static int make_certificate(EVP_PKEY *key, const struct outline *t, X509 **ret)
{
    X509 *x = X509_new();
    if (x == NULL)
        return -ENOMEM;
    int rc = fill_certificate(x, key, t);
    if (rc < 0) {
        ERR_clear_error();
        X509_free(x);
        return rc;
    }
    *ret = x;
    return 0;
}

static int64_t now_seconds(void)
{
    return (int64_t)(clock_wall_ms() / 1000);
}

int64_t issue_seconds(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* The tag tells two authorities for the same portal apart in a list of trusted ones. */
static int name_authority(char out[ISSUE_COMMON_NAME_MAX + 1], const char *kind, const char *whose)
{
    unsigned char tag[4];
    char hex[9];
    int rc = rng_fill(tag, sizeof(tag));
    if (rc < 0)
        return rc;
    text_hex(hex, span_of(tag, sizeof(tag)));
    (void)snprintf(out, ISSUE_COMMON_NAME_MAX + 1, "postern %s %s%.40s", kind, hex, whose);
    return 0;
}

int issue_client_ca(EVP_PKEY *key, X509 **ret)
{
    char common_name[ISSUE_COMMON_NAME_MAX + 1];
    int rc = name_authority(common_name, "client CA", "");
    if (rc < 0)
        return rc;
    static const char *const EXTENSIONS[][2] = {
        {"basicConstraints", "critical,CA:TRUE,pathlen:0"},
        {"keyUsage", "critical,keyCertSign,cRLSign"},
        {"extendedKeyUsage", "clientAuth"},
        {"subjectKeyIdentifier", "hash"},
        {"authorityKeyIdentifier", "keyid:always"},
        {NULL, NULL},
    };
    int64_t start = now_seconds() - BACKDATE;
    struct outline t = {.common_name = common_name,
                        .not_before = start,
                        .not_after = start + (int64_t)ISSUE_CLIENT_CA_DAYS * DAY,
                        .extensions = EXTENSIONS};
    return make_certificate(key, &t, ret);
}

int issue_client(const struct issuer *by, const char *common_name, unsigned days, EVP_PKEY *key,
                 X509 **ret)
{
    static const char *const EXTENSIONS[][2] = {
        {"basicConstraints", "critical,CA:FALSE"},  {"keyUsage", "critical,digitalSignature"},
        {"extendedKeyUsage", "clientAuth"},         {"subjectKeyIdentifier", "hash"},
        {"authorityKeyIdentifier", "keyid:always"}, {NULL, NULL},
    };
    int64_t start = now_seconds() - BACKDATE;
    int64_t end = start + (int64_t)days * DAY - 1;
    int64_t ca_end = issue_seconds(X509_get0_notAfter(by->certificate));
    struct outline t = {.common_name = common_name,
                        .not_before = start,
                        .not_after = end < ca_end ? end : ca_end,
                        .issuer = by->certificate,
                        .issuer_key = by->key,
                        .extensions = EXTENSIONS};
    return make_certificate(key, &t, ret);
}

int issue_ca(const char *portal, const char *constraints, EVP_PKEY *key, X509 **ret)
{
    char common_name[ISSUE_COMMON_NAME_MAX + 1], whose[48];
    (void)snprintf(whose, sizeof(whose), " %.40s", portal);
    int rc = name_authority(common_name, "CA", whose);
    if (rc < 0)
        return rc;
    const char *const extensions[][2] = {
        {"basicConstraints", "critical,CA:TRUE,pathlen:0"},
        {"keyUsage", "critical,keyCertSign,cRLSign"},
        {"extendedKeyUsage", "serverAuth"},
        {"subjectKeyIdentifier", "hash"},
        {"authorityKeyIdentifier", "keyid:always"},
        {"nameConstraints", constraints},
        {NULL, NULL},
    };
    int64_t start = now_seconds() - BACKDATE;
    struct outline t = {.common_name = common_name,
                        .not_before = start,
                        .not_after = start + (int64_t)ISSUE_CA_DAYS * DAY,
                        .extensions = extensions};
    return make_certificate(key, &t, ret);
}

int issue_leaf(const struct issuer *by, const struct leaf *leaf, EVP_PKEY *key, X509 **ret)
{
    const char *const extensions[][2] = {
        {"basicConstraints", "critical,CA:FALSE"},
        {"keyUsage", "critical,digitalSignature"},
        {"extendedKeyUsage", "serverAuth"},
        {"subjectKeyIdentifier", "hash"},
        {"authorityKeyIdentifier", "keyid:always"},
        {leaf->san != NULL ? "subjectAltName" : NULL, leaf->san},
        {NULL, NULL},
    };
    int64_t start = now_seconds() - BACKDATE;
    int64_t end = start + (int64_t)ISSUE_LEAF_DAYS * DAY - 1;
    int64_t ca_end = issue_seconds(X509_get0_notAfter(by->certificate));
    struct outline t = {.common_name = leaf->common_name,
                        .not_before = start,
                        .not_after = end < ca_end ? end : ca_end,
                        .issuer = by->certificate,
                        .issuer_key = by->key,
                        .extensions = extensions,
                        .more = leaf->san_copied};
    return make_certificate(key, &t, ret);
}
