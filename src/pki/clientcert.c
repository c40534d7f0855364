#include "pki/clientcert.h"

#include <errno.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/fault.h"
#include "base/text.h"

/* ---- between processes ---- */

/* One certificate off the front of *der. */
static int take(OSSL_LIB_CTX *library, struct span *der, X509 **ret)
{
    const unsigned char *at = der->at;
    X509 *x = X509_new_ex(library, library == NULL ? NULL : "provider=default");
    if (x == NULL)
        return -ENOMEM;
    if (der->len == 0 || d2i_X509(&x, &at, (long)der->len) == NULL) {
        /* A failed read has freed the object, or left it with us. */
        X509_free(x);
        ERR_clear_error();
        return FAULT_FORMAT;
    }
    *der = span_sub(*der, (size_t)(at - der->at), SIZE_MAX);
    *ret = x;
    return 0;
}

int clientcert_read(OSSL_LIB_CTX *library, struct span der, struct clientcert *ret)
{
    struct clientcert c = {.rest = sk_X509_new_null()};
    if (der.len > CLIENTCERT_BYTES_MAX) {
        clientcert_fini(&c);
        return FAULT_LIMIT;
    }
    int rc = c.rest == NULL ? -ENOMEM : take(library, &der, &c.leaf);
    for (size_t i = 1; rc == 0 && der.len > 0; i++) {
        X509 *x = NULL;
        rc = i < CLIENTCERT_CHAIN_MAX ? take(library, &der, &x) : FAULT_LIMIT;
        if (rc == 0 && sk_X509_push(c.rest, x) <= 0) {
            X509_free(x);
            rc = -ENOMEM;
        }
    }
    if (rc < 0) {
        clientcert_fini(&c);
        return rc;
    }
    *ret = c;
    return 0;
}

void clientcert_fini(struct clientcert *c)
{
    X509_free(c->leaf);
    sk_X509_pop_free(c->rest, X509_free);
    *c = (struct clientcert){0};
}

static int put(X509 *x, uint8_t *out, size_t *at)
{
    unsigned char *end = out + *at;
    int len = i2d_X509(x, NULL);
    if (len <= 0 || (size_t)len > CLIENTCERT_BYTES_MAX - *at)
        return FAULT_LIMIT;
    if (i2d_X509(x, &end) != len)
        return FAULT_CRYPTO;
    *at += (size_t)len;
    return 0;
}

int clientcert_write(X509 *leaf, const STACK_OF(X509) * rest, uint8_t out[CLIENTCERT_BYTES_MAX])
{
    size_t at = 0;
    int count = rest == NULL ? 0 : sk_X509_num(rest);
    int rc = put(leaf, out, &at);
    if (count + 1 > (int)CLIENTCERT_CHAIN_MAX)
        rc = FAULT_LIMIT;
    for (int i = 0; rc == 0 && i < count; i++)
        rc = put(sk_X509_value(rest, i), out, &at);
    return rc < 0 ? rc : (int)at;
}

/* ---- what it says ---- */

uint64_t clientcert_seconds(const ASN1_TIME *t)
{
    struct tm tm;
    time_t at = t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
    return at > 0 ? (uint64_t)at : 0;
}

int clientcert_spki(X509 *leaf, uint8_t ret[CLIENTCERT_HASH])
{
    unsigned char *der = NULL;
    size_t len = 0;
    int count = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    int ok = count > 0 && EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)count, ret, &len) == 1;
    OPENSSL_free(der);
    ERR_clear_error();
    return ok && len == CLIENTCERT_HASH ? 0 : FAULT_CRYPTO;
}

int clientcert_spki_of(struct span der, uint8_t ret[CLIENTCERT_HASH])
{
    X509 *leaf = NULL;
    if (der.len > CLIENTCERT_BYTES_MAX)
        return FAULT_LIMIT;
    int rc = take(NULL, &der, &leaf);
    rc = rc < 0 ? rc : clientcert_spki(leaf, ret);
    X509_free(leaf);
    return rc;
}

bool clientcert_spki_is(const uint8_t a[CLIENTCERT_HASH], const uint8_t b[CLIENTCERT_HASH])
{
    return CRYPTO_memcmp(a, b, CLIENTCERT_HASH) == 0;
}

static int add(struct clientcert_facts *f, enum certname_kind kind, struct span text)
{
    struct clientcert_name *n = &f->names[f->name_count];
    n->kind = kind;
    int rc = certname_read(kind, text, n->text);
    f->name_count += rc == 0;
    return rc;
}

static int add_alternative(struct clientcert_facts *f, const GENERAL_NAME *n)
{
    static const enum certname_kind KINDS[] = {
        [GEN_EMAIL] = CERTNAME_EMAIL, [GEN_DNS] = CERTNAME_DNS, [GEN_URI] = CERTNAME_URI};
    int type = 0;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(n, &type);
    if (type < 0 || (size_t)type >= countof(KINDS) || KINDS[type] == 0)
        return 0;
    struct span text = span_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    /* A wildcard names nobody in particular, but is no trick either. */
    if (type == GEN_DNS && span_starts(text, SPAN("*.")))
        return 0;
    if (f->name_count >= CLIENTCERT_NAMES_MAX)
        return FAULT_LIMIT;
    return add(f, KINDS[type], text);
}

static int add_alternatives(struct clientcert_facts *f, X509 *leaf)
{
    int critical = 0, rc = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);
    /* -1: there is none. Twice, or unreadable, is refused. */
    if (names == NULL)
        return critical == -1 ? 0 : FAULT_FORMAT;
    for (int i = 0; rc == 0 && i < sk_GENERAL_NAME_num(names); i++)
        rc = add_alternative(f, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    return rc;
}

/* A subject that is empty or too long is none; its escapes keep NULs and foreign letters apart. */
static int add_subject(struct clientcert_facts *f, X509 *leaf)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio == NULL)
        return -ENOMEM;
    int rc = 0;
    if (X509_NAME_print_ex(bio, X509_get_subject_name(leaf), 0, XN_FLAG_RFC2253) > 0) {
        long len = BIO_get_mem_data(bio, &text);
        if (len > 0 && (size_t)len <= CERTNAME_MAX)
            rc = add(f, CERTNAME_SUBJECT, span_of(text, (size_t)len));
    }
    BIO_free(bio);
    return rc;
}

int clientcert_facts(X509 *leaf, struct clientcert_facts *ret)
{
    unsigned len = 0;
    char hex[2 * CLIENTCERT_HASH + 1];
    *ret = (struct clientcert_facts){
        .not_before = clientcert_seconds(X509_get0_notBefore(leaf)),
        .not_after = clientcert_seconds(X509_get0_notAfter(leaf)),
    };
    if (X509_digest(leaf, EVP_sha256(), ret->hash, &len) != 1 || len != CLIENTCERT_HASH)
        return FAULT_CRYPTO;
    int rc = clientcert_spki(leaf, ret->spki);
    if (rc < 0)
        return rc;
    text_hex(hex, span_of(ret->spki, sizeof(ret->spki)));
    rc = add_alternatives(ret, leaf);
    rc = rc < 0 ? rc : add(ret, CERTNAME_SPKI, span_str(hex));
    rc = rc < 0 ? rc : add_subject(ret, leaf);
    ERR_clear_error();
    return rc;
}
