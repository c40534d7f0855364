#include "signer/clientca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/text.h"
#include "signer/issue.h"
#include "signer/pemdir.h"

#define CERTIFICATE "client-ca.crt"
#define KEY "client-ca.key"
#define LIST "client-ca.list"
#define REVOKED "client-ca.crl"
#define LIST_LINE_MAX 256u
#define LIST_BYTES_MAX (CLIENTCA_ISSUED_MAX * LIST_LINE_MAX)
#define CSR_BYTES_MAX 16384u

/* One certificate that was made. */
struct issued {
    char name[64];
    char serial[41];
    char spki[65];
    uint64_t not_after;
    uint64_t revoked; /* when; 0: it is not */
};

/* The authority while it is being worked with: locked, so that two commands come one after the
 * other. */
struct desk {
    int dir, lock;
    X509 *certificate;
    EVP_PKEY *key;
    struct issued *at;
    size_t count;
    struct buf *note;
};

static int complain(const struct desk *d, const char *subject, const char *text, int fault)
{
    if (d->note != NULL)
        (void)buf_printf(d->note, "%s: %s", subject, text);
    return fault;
}

/* ---- the list of what was made ---- */

/* "name serial spki not_after revoked", each a word. */
static int read_line(struct span line, struct issued *ret)
{
    struct span word[5];
    for (size_t i = 0; i < countof(word); i++)
        if (!span_cut(&line, ' ', &word[i]))
            return FAULT_FORMAT;
    if (line.len > 0 || !text_is_name(word[0]) || word[1].len != 40 || word[2].len != 64)
        return FAULT_FORMAT;
    (void)snprintf(ret->name, sizeof(ret->name), "%.*s", SPAN_FMT(word[0]));
    (void)snprintf(ret->serial, sizeof(ret->serial), "%.*s", SPAN_FMT(word[1]));
    (void)snprintf(ret->spki, sizeof(ret->spki), "%.*s", SPAN_FMT(word[2]));
    return text_u64(word[3], INT64_MAX, &ret->not_after) < 0 ||
                   text_u64(word[4], INT64_MAX, &ret->revoked) < 0
               ? FAULT_FORMAT
               : 0;
}

static int read_text(int fd, struct buf *out)
{
    uint8_t piece[4096];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        if (buf_append(out, span_of(piece, (size_t)n)) < 0)
            return FAULT_LIMIT;
    }
}

static int parse_list(struct desk *d, struct span text)
{
    struct span line;
    d->at = calloc(text.len / 100 + 2, sizeof(*d->at));
    int rc = d->at == NULL ? -ENOMEM : 0;
    size_t room = text.len / 100 + 1;
    while (rc == 0 && text.len > 0) {
        if (!span_cut(&text, '\n', &line) || d->count == room)
            return FAULT_FORMAT;
        rc = read_line(line, &d->at[d->count]);
        d->count += rc == 0;
    }
    return rc;
}

static int read_list(struct desk *d)
{
    struct buf text;
    int fd = openat(d->dir, LIST, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno != ENOENT)
        return complain(d, LIST, fault_text(-errno), -errno);
    buf_init(&text, LIST_BYTES_MAX);
    int rc = fd < 0 ? 0 : read_text(fd, &text);
    rc = rc < 0 ? rc : parse_list(d, buf_view(&text));
    if (fd >= 0)
        (void)close(fd);
    buf_fini(&text);
    return rc < 0 ? complain(d, LIST, "is not what was written there", rc) : 0;
}

static int write_list(const struct desk *d)
{
    struct buf text;
    buf_init(&text, LIST_BYTES_MAX);
    for (size_t i = 0; i < d->count; i++) {
        const struct issued *c = &d->at[i];
        (void)buf_printf(&text, "%s %s %s %llu %llu\n", c->name, c->serial, c->spki,
                         (unsigned long long)c->not_after, (unsigned long long)c->revoked);
    }
    int rc = text.bad ? FAULT_LIMIT : pemdir_write(d->dir, LIST, buf_view(&text), 0600);
    rc = rc < 0 ? rc : pemdir_settle(d->dir, LIST, false);
    buf_fini(&text);
    return rc;
}

/* ---- the desk ---- */

static void leave(struct desk *d)
{
    X509_free(d->certificate);
    EVP_PKEY_free(d->key);
    free(d->at);
    if (d->dir >= 0)
        (void)close(d->dir); /* the lock goes with it */
    ERR_clear_error();
}

/* The key first: a certificate without its key would be an authority that can revoke nobody. */
static int found(struct desk *d)
{
    d->key = EVP_EC_gen("P-256");
    int rc = d->key == NULL ? FAULT_CRYPTO : issue_client_ca(d->key, &d->certificate);
    rc = rc < 0 ? rc : pemdir_write_pem(d->dir, KEY, NULL, d->key);
    rc = rc < 0 ? rc : pemdir_write_pem(d->dir, CERTIFICATE, d->certificate, NULL);
    rc = rc < 0 ? rc : pemdir_settle(d->dir, KEY, true);
    return rc < 0 ? rc : pemdir_settle(d->dir, CERTIFICATE, true);
}

static int read_authority(struct desk *d, bool make)
{
    int rc = pemdir_read(d->dir, CERTIFICATE, &d->certificate, NULL);
    if (rc == -ENOENT && make)
        return found(d);
    if (rc == -ENOENT)
        return complain(d, CERTIFICATE, "there is no authority for clients; 'ca issue' makes it",
                        FAULT_ABSENT);
    if (rc == 0)
        rc = pemdir_read(d->dir, KEY, NULL, &d->key);
    if (rc == 0 && X509_check_private_key(d->certificate, d->key) != 1)
        rc = FAULT_CONFLICT;
    return rc < 0 ? complain(d, KEY, fault_text(rc), rc) : 0;
}

static int sit_down(struct desk *d, const struct clientca_places *at, bool make, struct buf *note)
{
    *d = (struct desk){.note = note};
    d->dir = pemdir_open(at->dir);
    if (d->dir < 0)
        return complain(d, at->dir, fault_text(d->dir), d->dir);
    if (flock(d->dir, LOCK_EX) < 0)
        return -errno;
    int rc = read_authority(d, make);
    return rc < 0 ? rc : read_list(d);
}

static uint64_t now_seconds(void)
{
    return clock_wall_ms() / 1000;
}

/* ---- what is published ---- */

static int add_revoked(X509_CRL *crl, const struct issued *c)
{
    X509_REVOKED *r = X509_REVOKED_new();
    BIGNUM *n = NULL;
    ASN1_INTEGER *serial = NULL;
    ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)c->revoked);
    bool ok = r != NULL && when != NULL && BN_hex2bn(&n, c->serial) == 40 &&
              (serial = BN_to_ASN1_INTEGER(n, NULL)) != NULL &&
              X509_REVOKED_set_serialNumber(r, serial) == 1 &&
              X509_REVOKED_set_revocationDate(r, when) == 1 && X509_CRL_add0_revoked(crl, r) == 1;
    if (!ok)
        X509_REVOKED_free(r);
    BN_free(n);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(when);
    return ok ? 0 : FAULT_CRYPTO;
}

static int add_extensions(const struct desk *d, X509_CRL *crl)
{
    X509V3_CTX c;
    X509V3_set_ctx_nodb(&c);
    X509V3_set_ctx(&c, d->certificate, NULL, NULL, crl, 0);
    X509_EXTENSION *e = X509V3_EXT_nconf(NULL, &c, "authorityKeyIdentifier", "keyid:always");
    /* The number of a list only ever grows (RFC 5280 section 5.2.3); so does the clock. */
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    bool ok = e != NULL && number != NULL && X509_CRL_add_ext(crl, e, -1) == 1 &&
              ASN1_INTEGER_set_uint64(number, clock_wall_ms()) == 1 &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;
    X509_EXTENSION_free(e);
    ASN1_INTEGER_free(number);
    return ok ? 0 : FAULT_CRYPTO;
}

static int make_crl(const struct desk *d, X509_CRL *crl)
{
    ASN1_TIME *now = ASN1_TIME_set(NULL, (time_t)now_seconds() - 3600);
    bool ok = now != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(d->certificate)) == 1 &&
              X509_CRL_set1_lastUpdate(crl, now) == 1 &&
              X509_CRL_set1_nextUpdate(crl, X509_get0_notAfter(d->certificate)) == 1;
    ASN1_TIME_free(now);
    int rc = ok ? 0 : FAULT_CRYPTO;
    for (size_t i = 0; rc == 0 && i < d->count; i++)
        if (d->at[i].revoked != 0)
            rc = add_revoked(crl, &d->at[i]);
    rc = rc < 0 ? rc : add_extensions(d, crl);
    if (rc == 0 && (X509_CRL_sort(crl) != 1 || X509_CRL_sign(crl, d->key, EVP_sha256()) <= 0))
        rc = FAULT_CRYPTO;
    return rc;
}

static int write_crl(int dir, X509_CRL *crl)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    int rc = bio == NULL || PEM_write_bio_X509_CRL(bio, crl) != 1 ? FAULT_CRYPTO : 0;
    if (rc == 0) {
        long len = BIO_get_mem_data(bio, &text);
        rc = pemdir_write(dir, REVOKED, span_of(text, (size_t)len), 0644);
    }
    BIO_free(bio);
    return rc;
}

static int publish(const struct desk *d, const char *where)
{
    X509_CRL *crl = X509_CRL_new();
    int dir = pemdir_open(where);
    if (dir < 0) {
        X509_CRL_free(crl);
        return complain(d, where, fault_text(dir), dir);
    }
    int rc = crl == NULL ? -ENOMEM : make_crl(d, crl);
    rc = rc < 0 ? rc : write_crl(dir, crl);
    rc = rc < 0 ? rc : pemdir_write_pem(dir, CERTIFICATE, d->certificate, NULL);
    /* The list first: an authority without one would believe everybody. */
    rc = rc < 0 ? rc : pemdir_settle(dir, REVOKED, false);
    rc = rc < 0 ? rc : pemdir_settle(dir, CERTIFICATE, false);
    if (rc == 0 && fsync(dir) < 0)
        rc = -errno;
    pemdir_forget(dir, REVOKED);
    pemdir_forget(dir, CERTIFICATE);
    (void)close(dir);
    X509_CRL_free(crl);
    return rc;
}

/* ---- making ---- */

/* Five groups of five from 32 letters that cannot be confused: 125 bits. */
static int make_passphrase(char out[CLIENTCA_PASSPHRASE_SIZE])
{
    static const char LETTERS[] = "abcdefghijkmnpqrstuvwxyz23456789";
    uint8_t bytes[25];
    size_t at = 0;
    int rc = rng_fill(bytes, sizeof(bytes));
    for (size_t i = 0; rc == 0 && i < sizeof(bytes); i++) {
        if (i > 0 && i % 5 == 0)
            out[at++] = '-';
        out[at++] = LETTERS[bytes[i] % 32];
    }
    out[at] = 0;
    secret_wipe(bytes, sizeof(bytes));
    return rc;
}

/* A new file that only its owner can read, and that was not there: a link or somebody else's file
 * would get the key. */
static int write_new(const struct desk *d, const char *path, struct span bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return complain(d, path, fault_text(-errno), errno == EEXIST ? FAULT_EXISTS : -errno);
    int rc = file_write_all(fd, bytes);
    if (rc == 0 && fsync(fd) < 0)
        rc = -errno;
    (void)close(fd);
    if (rc < 0)
        (void)unlink(path);
    return rc;
}

static int write_bio(const struct desk *d, const char *path, BIO *bio)
{
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    return len <= 0 ? FAULT_CRYPTO : write_new(d, path, span_of(text, (size_t)len));
}

static int write_pkcs12(const struct desk *d, const struct clientca_wish *w, X509 *leaf,
                        EVP_PKEY *key, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    STACK_OF(X509) *chain = sk_X509_new_null();
    PKCS12 *p = NULL;
    int rc = bio == NULL || chain == NULL || sk_X509_push(chain, d->certificate) <= 0 ? -ENOMEM : 0;
    if (rc == 0)
        p = PKCS12_create(passphrase, w->name, key, leaf, chain, NID_aes_256_cbc, NID_aes_256_cbc,
                          PKCS12_DEFAULT_ITER, PKCS12_DEFAULT_ITER, 0);
    if (rc == 0 && (p == NULL || i2d_PKCS12_bio(bio, p) != 1))
        rc = FAULT_CRYPTO;
    rc = rc < 0 ? rc : write_bio(d, w->file, bio);
    PKCS12_free(p);
    sk_X509_free(chain);
    BIO_free(bio);
    return rc;
}

static int write_chain(const struct desk *d, const struct clientca_wish *w, X509 *leaf)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rc = bio == NULL || PEM_write_bio_X509(bio, leaf) != 1 ||
                     PEM_write_bio_X509(bio, d->certificate) != 1
                 ? FAULT_CRYPTO
                 : 0;
    rc = rc < 0 ? rc : write_bio(d, w->file, bio);
    BIO_free(bio);
    return rc;
}

static bool is_curve(EVP_PKEY *key)
{
    char name[32] = "";
    size_t len = 0;
    return EVP_PKEY_get_group_name(key, name, sizeof(name), &len) == 1 &&
           (strcmp(name, "prime256v1") == 0 || strcmp(name, "secp384r1") == 0);
}

/* What a handshake of ours takes, and nothing that is slow to verify. */
static bool is_good_key(EVP_PKEY *key)
{
    if (key == NULL)
        return false;
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_bits(key) <= 8192;
    case EVP_PKEY_EC:
        return is_curve(key);
    case EVP_PKEY_ED25519:
        return true;
    default:
        return false;
    }
}

/* Nothing that a request wishes for is granted: names and purposes are ours. It proves that whoever
 * made it has the key, and that is all. */
static int read_csr(const struct desk *d, const char *path, EVP_PKEY **ret)
{
    struct buf text;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return complain(d, path, fault_text(-errno), -errno);
    buf_init(&text, CSR_BYTES_MAX);
    int rc = read_text(fd, &text);
    (void)close(fd);
    BIO *bio = rc < 0 ? NULL : BIO_new_mem_buf(buf_view(&text).at, (int)buf_len(&text));
    X509_REQ *req = bio == NULL ? NULL : PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    EVP_PKEY *key = req == NULL ? NULL : X509_REQ_get_pubkey(req);
    if (!is_good_key(key) || X509_REQ_verify(req, key) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    X509_REQ_free(req);
    BIO_free(bio);
    buf_fini(&text);
    if (key == NULL)
        return complain(d, path, "is no signed request with a key of a kind that is taken",
                        FAULT_FORMAT);
    *ret = key;
    return 0;
}

static int note_issued(struct desk *d, const struct clientca_wish *w, X509 *leaf,
                       struct clientca_made *ret)
{
    uint8_t serial[20] = {0}, spki[EVP_MAX_MD_SIZE];
    unsigned char *der = NULL;
    size_t len = 0;
    struct issued *at = &d->at[d->count];
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), NULL);
    int count = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    bool ok = n != NULL && BN_bn2binpad(n, serial, sizeof(serial)) == sizeof(serial) && count > 0 &&
              EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)count, spki, &len) == 1 && len == 32;
    BN_free(n);
    OPENSSL_free(der);
    if (!ok)
        return FAULT_CRYPTO;
    *at = (struct issued){.not_after = (uint64_t)issue_seconds(X509_get0_notAfter(leaf))};
    (void)snprintf(at->name, sizeof(at->name), "%s", w->name);
    text_hex(at->serial, span_of(serial, sizeof(serial)));
    text_hex(at->spki, span_of(spki, len));
    d->count++;
    memcpy(ret->serial, at->serial, sizeof(ret->serial));
    memcpy(ret->spki, at->spki, sizeof(ret->spki));
    ret->not_after = (int64_t)at->not_after;
    return 0;
}

static int check_wish(const struct desk *d, const struct clientca_wish *w)
{
    if (!text_is_name(span_str(w->name)))
        return complain(d, w->name, "not a well-formed name", FAULT_MISUSE);
    if (w->days == 0 || w->days > CLIENTCA_DAYS_MAX)
        return complain(d, w->name, "1 to 1827 days", FAULT_MISUSE);
    if (d->count >= CLIENTCA_ISSUED_MAX)
        return complain(d, LIST, "is full", FAULT_LIMIT);
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->at[i].name, w->name) == 0 && d->at[i].revoked == 0)
            return complain(d, w->name, "has a certificate; 'ca revoke' ends it", FAULT_EXISTS);
    return 0;
}

/* The line in the list before the file: what is not in the list could never be revoked. */
static int issue(struct desk *d, const struct clientca_places *at, const struct clientca_wish *w,
                 struct clientca_made *ret)
{
    X509 *leaf = NULL;
    EVP_PKEY *key = NULL;
    const struct issuer by = {d->certificate, d->key};
    int rc = check_wish(d, w);
    if (rc == 0 && w->csr == NULL && (key = EVP_EC_gen("P-256")) == NULL)
        rc = FAULT_CRYPTO;
    if (rc == 0 && w->csr != NULL)
        rc = read_csr(d, w->csr, &key);
    if (rc == 0 && w->csr == NULL)
        rc = make_passphrase(ret->passphrase);
    rc = rc < 0 ? rc : issue_client(&by, w->name, w->days, key, &leaf);
    rc = rc < 0 ? rc : note_issued(d, w, leaf, ret);
    rc = rc < 0 ? rc : write_list(d);
    rc = rc < 0 ? rc : publish(d, at->publish);
    if (rc == 0)
        rc = w->csr == NULL ? write_pkcs12(d, w, leaf, key, ret->passphrase)
                            : write_chain(d, w, leaf);
    if (rc < 0 && leaf != NULL) {
        /* Nobody has it: its line goes, if it is there. */
        d->count -= d->count > 0 && strcmp(d->at[d->count - 1].serial, ret->serial) == 0;
        int undone = write_list(d);
        rc = rc < 0 ? rc : undone;
    }
    X509_free(leaf);
    EVP_PKEY_free(key);
    return rc;
}

int clientca_issue(const struct clientca_places *at, const struct clientca_wish *wish,
                   struct clientca_made *ret, struct buf *note)
{
    struct desk d;
    *ret = (struct clientca_made){.not_after = 0};
    int rc = sit_down(&d, at, true, note);
    rc = rc < 0 ? rc : issue(&d, at, wish, ret);
    leave(&d);
    return rc;
}

int clientca_revoke(const struct clientca_places *at, const char *name, struct buf *note)
{
    struct desk d;
    bool any = false;
    int rc = sit_down(&d, at, false, note);
    for (size_t i = 0; rc == 0 && i < d.count; i++) {
        if (strcmp(d.at[i].name, name) == 0 && d.at[i].revoked == 0) {
            d.at[i].revoked = now_seconds();
            any = true;
        }
    }
    if (rc == 0 && !any)
        rc = complain(&d, name, "has no certificate of this authority", FAULT_ABSENT);
    rc = rc < 0 ? rc : write_list(&d);
    rc = rc < 0 ? rc : publish(&d, at->publish);
    leave(&d);
    return rc;
}

int clientca_publish(const struct clientca_places *at, struct buf *note)
{
    struct desk d;
    int rc = sit_down(&d, at, false, note);
    rc = rc < 0 ? rc : publish(&d, at->publish);
    leave(&d);
    return rc;
}

int clientca_list(const struct clientca_places *at, struct buf *out)
{
    struct desk d;
    char text[CLOCK_TEXT_SIZE];
    int rc = sit_down(&d, at, false, NULL);
    (void)buf_text(out, "[");
    for (size_t i = 0; rc == 0 && i < d.count; i++) {
        const struct issued *c = &d.at[i];
        clock_format(c->not_after * 1000, text);
        (void)buf_printf(
            out, "%s{\"name\":\"%s\",\"serial\":\"%s\",\"spki\":\"%s\",\"not_after\":\"%s\"",
            i == 0 ? "" : ",", c->name, c->serial, c->spki, text);
        clock_format(c->revoked * 1000, text);
        (void)buf_printf(out, c->revoked == 0 ? ",\"revoked\":null}" : ",\"revoked\":\"%s\"}",
                         text);
    }
    (void)buf_text(out, "]\n");
    leave(&d);
    return rc == 0 && out->bad ? FAULT_LIMIT : rc;
}
