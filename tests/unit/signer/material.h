/* Keys and certificates for tests: self-signed pairs of every kind, in a directory that goes away.
 */
#ifndef MATERIAL_H
#define MATERIAL_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static const char *const MATERIAL_FILES[] = {
    "ca.crt",          "ca.key",  "server.crt", "server.key", "other.key",
    ".server.key.new", "one.crt", "one.key",    "two.crt",    "two.key"};

static inline char *material_dir(void)
{
    char *dir = strdup("/tmp/postern-unit-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static inline const char *material_path(const char *dir, const char *file)
{
    static char paths[4][256];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    (void)snprintf(path, 256, "%s/%s", dir, file);
    return path;
}

static inline void material_gone(char *dir)
{
    for (size_t i = 0; i < sizeof(MATERIAL_FILES) / sizeof(MATERIAL_FILES[0]); i++)
        (void)unlink(material_path(dir, MATERIAL_FILES[i]));
    assert_int_equal(rmdir(dir), 0);
    free(dir);
}

static inline EVP_PKEY *material_key(const char *kind)
{
    if (strncmp(kind, "P-", 2) == 0)
        return EVP_EC_gen(kind);
    if (strcmp(kind, "RSA") == 0)
        return EVP_RSA_gen(2048);
    return EVP_PKEY_Q_keygen(NULL, NULL, kind);
}

static inline X509 *material_self_signed(EVP_PKEY *key, const char *host, long from, long until)
{
    X509 *x = X509_new();
    char san[300];
    (void)snprintf(san, sizeof(san), "DNS:%s", host);
    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 77);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)host, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_gmtime_adj(X509_getm_notBefore(x), from);
    X509_gmtime_adj(X509_getm_notAfter(x), until);
    X509_set_pubkey(x, key);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(x, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
    return x;
}

static inline void material_write_key(const char *path, EVP_PKEY *key, const char *passphrase)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, key, passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0,
                                          NULL, (void *)(uintptr_t)passphrase),
                     1);
    (void)fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
}

static inline void material_write_certificate(const char *path, X509 *x, const char *mode)
{
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, x), 1);
    (void)fclose(f);
}

/* NAME.crt and NAME.key of this kind ("P-256", "P-384", "RSA", "ED25519"). */
static inline void material_named_pair(const char *dir, const char *name, const char *kind,
                                       const char *host)
{
    char file[64];
    EVP_PKEY *key = material_key(kind);
    X509 *x = material_self_signed(key, host, -3600, 86400);
    (void)snprintf(file, sizeof(file), "%s.key", name);
    material_write_key(material_path(dir, file), key, NULL);
    (void)snprintf(file, sizeof(file), "%s.crt", name);
    material_write_certificate(material_path(dir, file), x, "w");
    X509_free(x);
    EVP_PKEY_free(key);
}

static inline void material_pair(const char *dir, const char *kind, const char *host)
{
    material_named_pair(dir, "server", kind, host);
}

/* The to-be-signed form of a TLS 1.3 CertificateVerify. */
static inline size_t material_tbs(uint8_t out[256], const char *context, size_t hash_len)
{
    size_t len = strlen(context) + 1;
    memset(out, 0x20, 64);
    memcpy(out + 64, context, len);
    memset(out + 64 + len, 0xa5, hash_len);
    return 64 + len + hash_len;
}
#define MATERIAL_SERVER "TLS 1.3, server CertificateVerify"

#endif
