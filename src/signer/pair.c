#include "signer/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"

#define KEY_FILE_MAX 16384u
#define CERTIFICATE_FILE_MAX 131072u
#define DIGEST_LEN_MAX 64u
/* The first holds the greatest keyring of RSA keys while another replaces it; the last, two
 * RSA-8192 pairs and still within the least RLIMIT_MEMLOCK that distributions give. */
static const size_t SECURE_HEAP_SIZES[] = {1u << 20, 1u << 18, 1u << 16};
#define SECURE_HEAP_LEAST 32u

struct pair {
    bool client; /* shown to consoles, never to clients of ours */
    unsigned refs;
    uint32_t handle;
    enum key_kind kind;
    EVP_PKEY *key;
    struct buf chain;
    char subject[256];
    char fingerprint[65];
    int64_t not_before, not_after;
    /* One context per scheme of the allowlist, set up once: starting an operation costs as much as
     * a tenth of an ECDSA signature. NULL where the scheme does not fit or hashes by itself. */
    EVP_PKEY_CTX *contexts[SCHEME_COUNT];
    EVP_MD *digests[SCHEME_COUNT];
};

static void say(struct buf *note, const char *text)
{
    if (note != NULL)
        (void)buf_text(note, text);
}

static void say_of(struct buf *note, const char *file, const char *text)
{
    if (note != NULL)
        (void)buf_printf(note, "%s: %s", file, text);
}

int pair_library_init(void)
{
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return FAULT_CRYPTO;
    if (CRYPTO_secure_malloc_initialized())
        return 1;
    int rc = 0;
    for (size_t i = 0; i < countof(SECURE_HEAP_SIZES) && rc != 1; i++) {
        /* 2: the heap is there, but not locked: a smaller one may be. */
        if (rc == 2 && CRYPTO_secure_malloc_done() != 1)
            break;
        rc = CRYPTO_secure_malloc_init(SECURE_HEAP_SIZES[i], SECURE_HEAP_LEAST);
    }
    return rc == 0 ? FAULT_CRYPTO : rc == 1;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int read_public_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    struct stat st;
    int rc = 0;
    if (fstat(fd, &st) < 0)
        rc = -errno;
    else if (!S_ISREG(st.st_mode))
        rc = FAULT_DENIED;
    while (rc == 0) {
        uint8_t *at = buf_reserve(out, 4096);
        if (at == NULL) {
            rc = FAULT_LIMIT;
            break;
        }
        ssize_t n = read(fd, at, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = -errno;
        if (n <= 0)
            break;
        buf_commit(out, (size_t)n);
    }
    (void)close(fd);
    return rc;
}

static int read_certificates(const char *path, STACK_OF(X509) * certs, struct buf *note)
{
    struct buf file;
    buf_init(&file, CERTIFICATE_FILE_MAX);
    int rc = read_public_file(path, &file);
    if (rc < 0) {
        say_of(note, path, fault_text(rc));
        buf_fini(&file);
        return rc;
    }
    struct span text = buf_view(&file);
    BIO *bio = BIO_new_mem_buf(text.at == NULL ? (const uint8_t *)"" : text.at, (int)text.len);
    rc = bio == NULL ? -ENOMEM : 0;
    while (rc == 0) {
        X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (x == NULL) {
            /* The end of the file shows as "no start line"; everything else is damage. */
            if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
                say_of(note, path, "holds a damaged certificate");
                rc = FAULT_FORMAT;
            }
            break;
        }
        if (sk_X509_num(certs) >= PAIR_CERTIFICATES_MAX) {
            say_of(note, path, "holds too many certificates");
            rc = FAULT_LIMIT;
        } else if (sk_X509_push(certs, x) <= 0) {
            rc = -ENOMEM;
        }
        if (rc < 0)
            X509_free(x);
    }
    if (rc == 0 && sk_X509_num(certs) == 0) {
        say_of(note, path, "holds no certificate");
        rc = FAULT_FORMAT;
    }
    ERR_clear_error();
    BIO_free(bio);
    buf_fini(&file);
    return rc;
}

/* The first private key of the text. The DER form passes through the secure heap only. */
static int decode_key(struct span text, const char *path, EVP_PKEY **ret, struct buf *note)
{
    BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
    if (bio == NULL)
        return -ENOMEM;
    int rc = FAULT_ABSENT;
    while (rc == FAULT_ABSENT) {
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long len = 0;
        if (PEM_read_bio_ex(bio, &name, &header, &der, &len, PEM_FLAG_SECURE) != 1) {
            say_of(note, path, "holds no PEM private key");
            rc = FAULT_FORMAT;
            break;
        }
        if (strcmp(name, "ENCRYPTED PRIVATE KEY") == 0 || strstr(header, "ENCRYPTED") != NULL) {
            say_of(note, path, "is encrypted; a service cannot ask for the passphrase");
            rc = FAULT_FORMAT;
        } else if (span_ends(span_str(name), SPAN("PRIVATE KEY"))) {
            const unsigned char *at = der;
            *ret = d2i_AutoPrivateKey(NULL, &at, len);
            rc = *ret != NULL ? 0 : FAULT_FORMAT;
            if (rc < 0)
                say_of(note, path, "holds a damaged private key");
        }
        OPENSSL_secure_free(name);
        OPENSSL_secure_free(header);
        OPENSSL_secure_clear_free(der, (size_t)len);
    }
    ERR_clear_error();
    BIO_free(bio);
    return rc;
}

static int read_key(const char *path, EVP_PKEY **ret, struct buf *note)
{
    struct secret file = {0};
    int rc = secret_read_file(&file, path, KEY_FILE_MAX);
    if (rc == FAULT_DENIED)
        say_of(note, path, "must be a file that only its owner can read (chmod 600)");
    else if (rc < 0)
        say_of(note, path, fault_text(rc));
    else
        rc = decode_key(secret_view(&file), path, ret, note);
    secret_fini(&file);
    return rc;
}

/* ---- checking -------------------------------------------------------------------------------- */

static enum key_kind kind_of(const EVP_PKEY *key)
{
    char group[64];
    if (EVP_PKEY_is_a(key, "ED25519"))
        return KEY_ED25519;
    if (EVP_PKEY_is_a(key, "RSA")) {
        int bits = EVP_PKEY_get_bits(key);
        return bits >= 2048 && bits <= 8192 ? KEY_RSA : KEY_NONE;
    }
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
        return KEY_NONE;
    if (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0)
        return KEY_P256;
    return strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0 ? KEY_P384 : KEY_NONE;
}

static int check_chain(STACK_OF(X509) * certs, struct buf *note)
{
    for (int i = 0; i + 1 < sk_X509_num(certs); i++) {
        X509 *subject = sk_X509_value(certs, i), *issuer = sk_X509_value(certs, i + 1);
        EVP_PKEY *key = X509_get0_pubkey(issuer);
        if (key == NULL || X509_check_issued(issuer, subject) != X509_V_OK ||
            X509_verify(subject, key) != 1) {
            if (note != NULL)
                (void)buf_printf(
                    note,
                    "certificate %d of the chain was not issued by certificate %d: the "
                    "order is leaf first, then its issuer, and so on",
                    i + 1, i + 2);
            ERR_clear_error();
            return FAULT_CONFLICT;
        }
    }
    return 0;
}

static int check_leaf(X509 *leaf, const EVP_PKEY *key, bool client, struct buf *note)
{
    if (X509_check_private_key(leaf, key) != 1) {
        ERR_clear_error();
        say(note, "the private key does not belong to the first certificate");
        return FAULT_CONFLICT;
    }
    if (kind_of(key) == KEY_NONE) {
        say(note, "the key must be ECDSA P-256 or P-384, RSA of 2048 to 8192 bits, or Ed25519");
        return FAULT_FORMAT;
    }
    int purpose = client ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER;
    if (X509_check_purpose(leaf, purpose, 0) != 1 ||
        (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0) {
        ERR_clear_error();
        say(note, client ? "the first certificate is not meant for a TLS 1.3 client (its key usage "
                           "says so)"
                         : "the first certificate is not meant for a TLS 1.3 server (its key usage "
                           "says so)");
        return FAULT_FORMAT;
    }
    return 0;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static int64_t seconds_of(const ASN1_TIME *t)
{
    int days = 0, seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int64_t at = INT64_MIN;
    if (epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, t) == 1)
        at = (int64_t)days * 86400 + seconds;
    ASN1_TIME_free(epoch);
    return at;
}

static int keep_chain(struct pair *p, STACK_OF(X509) * certs, struct buf *note)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return -ENOMEM;
    int rc = 0;
    for (int i = 0; rc == 0 && i < sk_X509_num(certs); i++)
        if (PEM_write_bio_X509(bio, sk_X509_value(certs, i)) != 1)
            rc = -ENOMEM;
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    if (rc == 0 && (len <= 0 || buf_append(&p->chain, span_of(text, (size_t)len)) < 0)) {
        say(note, "the certificate chain is too long");
        rc = FAULT_LIMIT;
    }
    BIO_free(bio);
    return rc;
}

static int keep_facts(struct pair *p, X509 *leaf)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (X509_digest(leaf, EVP_sha256(), digest, &len) != 1 || len != 32)
        return FAULT_CRYPTO;
    text_hex(p->fingerprint, span_of(digest, len));
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL)
        return -ENOMEM;
    if (X509_NAME_print_ex(bio, X509_get_subject_name(leaf), 0, XN_FLAG_RFC2253) >= 0) {
        int n = BIO_read(bio, p->subject, (int)sizeof(p->subject) - 1);
        p->subject[n > 0 ? n : 0] = '\0';
    }
    BIO_free(bio);
    p->not_before = seconds_of(X509_get0_notBefore(leaf));
    p->not_after = seconds_of(X509_get0_notAfter(leaf));
    return 0;
}

static int keep_context(struct pair *p, size_t row)
{
    const struct scheme *s = &SCHEMES[row];
    if (s->kind != p->kind || s->digest == NULL)
        return 0;
    EVP_PKEY_CTX *c = p->contexts[row] = EVP_PKEY_CTX_new_from_pkey(NULL, p->key, NULL);
    EVP_MD *md = p->digests[row] = EVP_MD_fetch(NULL, s->digest, NULL);
    if (c == NULL || md == NULL)
        return -ENOMEM;
    if (EVP_PKEY_sign_init(c) != 1)
        return FAULT_CRYPTO;
    /* The key's own default is PKCS #1 v1.5, which is said so that it does not depend on it. */
    if (s->kind == KEY_RSA && !s->pss && EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) != 1)
        return FAULT_CRYPTO;
    if (s->pss && (EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) != 1 ||
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) != 1))
        return FAULT_CRYPTO;
    return EVP_PKEY_CTX_set_signature_md(c, md) == 1 ? 0 : FAULT_CRYPTO;
}

static int fill(struct pair *p, STACK_OF(X509) * certs, const char *certificate, const char *key,
                struct buf *note)
{
    int rc = read_certificates(certificate, certs, note);
    if (rc == 0)
        rc = read_key(key, &p->key, note);
    if (rc == 0)
        rc = check_leaf(sk_X509_value(certs, 0), p->key, p->client, note);
    if (rc == 0)
        rc = check_chain(certs, note);
    if (rc == 0) {
        p->kind = kind_of(p->key);
        rc = keep_chain(p, certs, note);
    }
    if (rc == 0)
        rc = keep_facts(p, sk_X509_value(certs, 0));
    for (size_t i = 0; rc == 0 && i < SCHEME_COUNT; i++)
        rc = keep_context(p, i);
    return rc;
}

static int load(const char *certificate, const char *key, uint32_t handle, bool client,
                struct pair **ret, struct buf *note)
{
    struct pair *p = calloc(1, sizeof(*p));
    STACK_OF(X509) *certs = sk_X509_new_null();
    if (p == NULL || certs == NULL) {
        free(p);
        sk_X509_free(certs);
        return -ENOMEM;
    }
    p->refs = 1;
    p->handle = handle;
    p->client = client;
    buf_init(&p->chain, PAIR_CHAIN_MAX);
    int rc = fill(p, certs, certificate, key, note);
    sk_X509_pop_free(certs, X509_free);
    if (rc < 0) {
        if (note != NULL && buf_len(note) == 0)
            say(note, fault_text(rc));
        pair_unref(p);
        return rc;
    }
    *ret = p;
    return 0;
}

int pair_load(const char *certificate, const char *key, uint32_t handle, struct pair **ret,
              struct buf *note)
{
    return load(certificate, key, handle, false, ret, note);
}

int pair_load_client(const char *certificate, const char *key, uint32_t handle, struct pair **ret,
                     struct buf *note)
{
    return load(certificate, key, handle, true, ret, note);
}

bool pair_is_client(const struct pair *p)
{
    return p->client;
}

bool pair_shares_key(const struct pair *a, const struct pair *b)
{
    return EVP_PKEY_eq(a->key, b->key) == 1;
}

struct pair *pair_ref(struct pair *p)
{
    p->refs++;
    return p;
}

void pair_unref(struct pair *p)
{
    if (p == NULL || --p->refs > 0)
        return;
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        EVP_PKEY_CTX_free(p->contexts[i]);
        EVP_MD_free(p->digests[i]);
    }
    EVP_PKEY_free(p->key);
    buf_fini(&p->chain);
    free(p);
}

uint32_t pair_handle(const struct pair *p)
{
    return p->handle;
}

enum key_kind pair_kind(const struct pair *p)
{
    return p->kind;
}

struct span pair_chain(const struct pair *p)
{
    return buf_view(&p->chain);
}

const char *pair_subject(const struct pair *p)
{
    return p->subject;
}

const char *pair_fingerprint(const struct pair *p)
{
    return p->fingerprint;
}

int64_t pair_not_before(const struct pair *p)
{
    return p->not_before;
}

int64_t pair_not_after(const struct pair *p)
{
    return p->not_after;
}

bool pair_same(const struct pair *a, const struct pair *b)
{
    /* The chain holds the public key, and each key was checked against its chain. */
    return span_eq(pair_chain(a), pair_chain(b));
}

/* ---- signing --------------------------------------------------------------------------------- */

static int sign_whole(struct pair *p, struct span tbs, uint8_t *signature, size_t *len)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int ok = c != NULL && EVP_DigestSignInit_ex(c, NULL, NULL, NULL, NULL, p->key, NULL) == 1 &&
             EVP_DigestSign(c, signature, len, tbs.at, tbs.len) == 1;
    EVP_MD_CTX_free(c);
    return ok ? 0 : FAULT_CRYPTO;
}

int pair_sign(struct pair *p, const struct scheme *scheme, struct span tbs, uint8_t *signature,
              size_t cap)
{
    size_t row = (size_t)(scheme - SCHEMES), len = cap;
    if (row >= SCHEME_COUNT || scheme->kind != p->kind)
        return FAULT_DENIED;
    if ((size_t)EVP_PKEY_get_size(p->key) > cap)
        return FAULT_LIMIT;
    int rc = 0;
    if (scheme->digest == NULL) {
        rc = sign_whole(p, tbs, signature, &len);
    } else {
        unsigned char digest[DIGEST_LEN_MAX];
        unsigned digest_len = 0;
        if (EVP_Digest(tbs.at, tbs.len, digest, &digest_len, p->digests[row], NULL) != 1 ||
            EVP_PKEY_sign(p->contexts[row], signature, &len, digest, digest_len) != 1)
            rc = FAULT_CRYPTO;
    }
    if (rc < 0)
        ERR_clear_error();
    return rc < 0 ? rc : (int)len;
}
