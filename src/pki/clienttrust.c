#include "pki/clienttrust.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/fault.h"

#define RSA_BITS_LEAST 2048
#define RSA_BITS_MOST 8192

struct clienttrust {
    struct list link; /* in clienttrusts.all */
    unsigned refs;
    uint8_t key[2 * CLIENTCERT_HASH]; /* SHA-256 of either text */
    OSSL_LIB_CTX *library;
    X509_STORE *store;
    STACK_OF(X509_NAME) * names;
    STACK_OF(X509_CRL) * lists;
};

void clienttrusts_init(struct clienttrusts *t, OSSL_LIB_CTX *library)
{
    t->library = library;
    list_init(&t->all);
}

/* ---- reading ---- */

/* The end of a PEM text is told as a missing start line; anything else was not what was meant. */
static int end_of_text(void)
{
    unsigned long error = ERR_peek_last_error();
    bool over = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return over ? 0 : FAULT_FORMAT;
}

static int add_authority(struct clienttrust *t, X509 *x)
{
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x));
    if (name == NULL || sk_X509_NAME_push(t->names, name) <= 0) {
        X509_NAME_free(name);
        return -ENOMEM;
    }
    return X509_STORE_add_cert(t->store, x) == 1 ? 0 : -ENOMEM;
}

static int read_authorities(struct clienttrust *t, struct span text)
{
    BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
    int rc = bio == NULL ? -ENOMEM : 0, count = 0;
    while (rc == 0) {
        X509 *x = X509_new_ex(t->library, t->library == NULL ? NULL : "provider=default");
        if (x == NULL || PEM_read_bio_X509(bio, &x, NULL, NULL) == NULL) {
            rc = x == NULL ? -ENOMEM : end_of_text();
            X509_free(x);
            break;
        }
        rc = ++count > CLIENTTRUST_AUTHORITIES_MAX ? FAULT_LIMIT : add_authority(t, x);
        X509_free(x);
    }
    BIO_free(bio);
    return rc == 0 && count == 0 ? FAULT_FORMAT : rc;
}

static int read_lists(struct clienttrust *t, struct span text)
{
    BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
    int rc = bio == NULL ? -ENOMEM : 0, count = 0;
    while (rc == 0) {
        X509_CRL *crl = X509_CRL_new_ex(t->library, t->library == NULL ? NULL : "provider=default");
        if (crl == NULL || PEM_read_bio_X509_CRL(bio, &crl, NULL, NULL) == NULL) {
            rc = crl == NULL ? -ENOMEM : end_of_text();
            X509_CRL_free(crl);
            break;
        }
        if (++count > CLIENTTRUST_LISTS_MAX)
            rc = FAULT_LIMIT;
        else if (X509_STORE_add_crl(t->store, crl) != 1 || sk_X509_CRL_push(t->lists, crl) <= 0)
            rc = -ENOMEM;
        if (rc < 0)
            X509_CRL_free(crl);
    }
    BIO_free(bio);
    return rc == 0 && count == 0 ? FAULT_FORMAT : rc;
}

static int fill(struct clienttrust *t, struct span authorities, struct span lists)
{
    t->store = X509_STORE_new();
    t->names = sk_X509_NAME_new_null();
    t->lists = sk_X509_CRL_new_null();
    int rc = t->store == NULL || t->names == NULL || t->lists == NULL ? -ENOMEM : 0;
    rc = rc < 0 ? rc : read_authorities(t, authorities);
    rc = rc < 0 || lists.len == 0 ? rc : read_lists(t, lists);
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
    if (lists.len > 0)
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    if (rc == 0 && X509_STORE_set_flags(t->store, flags) != 1)
        rc = FAULT_CRYPTO;
    ERR_clear_error();
    return rc;
}

static int key_of(struct span authorities, struct span lists, uint8_t key[2 * CLIENTCERT_HASH])
{
    size_t len = 0;
    if (EVP_Q_digest(NULL, "SHA256", NULL, authorities.at, authorities.len, key, &len) != 1 ||
        EVP_Q_digest(NULL, "SHA256", NULL, lists.at, lists.len, key + CLIENTCERT_HASH, &len) != 1)
        return FAULT_CRYPTO;
    return 0;
}

int clienttrust_get(struct clienttrusts *all, struct span authorities, struct span lists,
                    struct clienttrust **ret)
{
    uint8_t key[2 * CLIENTCERT_HASH];
    int rc = key_of(authorities, lists, key);
    list_each(it, &all->all)
    {
        struct clienttrust *known = container_of(it, struct clienttrust, link);
        if (rc == 0 && memcmp(known->key, key, sizeof(key)) == 0) {
            known->refs++;
            *ret = known;
            return 0;
        }
    }
    struct clienttrust *t = rc < 0 ? NULL : calloc(1, sizeof(*t));
    if (t == NULL)
        return rc < 0 ? rc : -ENOMEM;
    t->refs = 1;
    t->library = all->library;
    memcpy(t->key, key, sizeof(key));
    list_init(&t->link);
    rc = fill(t, authorities, lists);
    if (rc < 0) {
        clienttrust_unref(t);
        return rc;
    }
    list_push(&all->all, &t->link);
    *ret = t;
    return 0;
}

void clienttrust_unref(struct clienttrust *t)
{
    if (t == NULL || --t->refs > 0)
        return;
    list_remove(&t->link);
    X509_STORE_free(t->store);
    sk_X509_NAME_pop_free(t->names, X509_NAME_free);
    sk_X509_CRL_pop_free(t->lists, X509_CRL_free);
    free(t);
}

const uint8_t *clienttrust_authorities(const struct clienttrust *t)
{
    return t->key;
}

const STACK_OF(X509_NAME) * clienttrust_names(const struct clienttrust *t)
{
    return t->names;
}

/* ---- verifying ---- */

/* The trusted certificate itself is believed because the configuration names it: where that is an
 * authority below another, nobody has to keep the other one's list. */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    int depth = X509_STORE_CTX_get_error_depth(ctx);
    return ok || (X509_STORE_CTX_get_error(ctx) == X509_V_ERR_UNABLE_TO_GET_CRL && depth > 0 &&
                  chain != NULL && depth == sk_X509_num(chain) - 1);
}

static bool is_strong(X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    if (key == NULL)
        return false;
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return EVP_PKEY_get_bits(key) >= RSA_BITS_LEAST && EVP_PKEY_get_bits(key) <= RSA_BITS_MOST;
    case EVP_PKEY_EC:
    case EVP_PKEY_ED25519:
    case EVP_PKEY_ED448:
        return EVP_PKEY_get_security_bits(key) >= 112;
    default:
        return false;
    }
}

/* What OpenSSL lets pass and we do not: a certificate that does not say what it is for, and one
 * that is an authority. */
static int judge_leaf(X509 *leaf)
{
    if ((X509_get_extension_flags(leaf) & EXFLAG_INVALID) != 0)
        return X509_V_ERR_INVALID_EXTENSION;
    if ((X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) == 0 ||
        (X509_get_extended_key_usage(leaf) & XKU_SSL_CLIENT) == 0)
        return X509_V_ERR_INVALID_PURPOSE;
    return X509_check_ca(leaf) == 0 ? X509_V_OK : X509_V_ERR_INVALID_CA;
}

/* Keys are measured before anything is computed with them. */
static int judge_sizes(X509 *leaf, STACK_OF(X509) * rest)
{
    int count = rest == NULL ? 0 : sk_X509_num(rest);
    if (count + 1 > (int)CLIENTCERT_CHAIN_MAX)
        return X509_V_ERR_CERT_CHAIN_TOO_LONG;
    bool strong = is_strong(leaf);
    for (int i = 0; i < count; i++)
        strong = strong && is_strong(sk_X509_value(rest, i));
    return strong ? X509_V_OK : X509_V_ERR_EE_KEY_TOO_SMALL;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the last list of this certificate's issuer ends; never, when there is none. */
static uint64_t list_end(const struct clienttrust *t, X509 *x)
{
    uint64_t end = 0;
    for (int i = 0; i < sk_X509_CRL_num(t->lists); i++) {
        X509_CRL *crl = sk_X509_CRL_value(t->lists, i);
        if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(x)) != 0)
            continue;
        uint64_t next = clientcert_seconds(X509_CRL_get0_nextUpdate(crl));
        end = next > end ? next : end;
    }
    return end == 0 ? UINT64_MAX : end;
}

static uint64_t end_of(const struct clienttrust *t, STACK_OF(X509) * chain)
{
    uint64_t end = UINT64_MAX;
    int count = sk_X509_num(chain);
    for (int i = 0; i < count; i++) {
        X509 *x = sk_X509_value(chain, i);
        end = sooner(end, clientcert_seconds(X509_get0_notAfter(x)));
        if (i + 1 < count)
            end = sooner(end, list_end(t, x));
    }
    return end;
}

static int run(const struct clienttrust *t, X509_STORE_CTX *ctx, uint64_t now, int *error,
               uint64_t *until)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_STORE_CTX_set_verify_cb(ctx, on_verify);
    X509_VERIFY_PARAM_set_time(param, (time_t)now);
    X509_VERIFY_PARAM_set_depth(param, (int)CLIENTCERT_CHAIN_MAX - 1);
    X509_VERIFY_PARAM_set_auth_level(param, 2);
    if (X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT) != 1)
        return FAULT_CRYPTO;
    if (X509_verify_cert(ctx) != 1) {
        *error = X509_STORE_CTX_get_error(ctx);
        return FAULT_DENIED;
    }
    /* An excused error stays noted. */
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    if (sk_X509_num(chain) < 2) {
        *error = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
        return FAULT_DENIED;
    }
    *until = end_of(t, chain);
    return 0;
}

int clienttrust_verify(const struct clienttrust *t, X509 *leaf, STACK_OF(X509) * rest, uint64_t now,
                       int *error, uint64_t *until)
{
    *error = judge_sizes(leaf, rest);
    if (*error == X509_V_OK)
        *error = judge_leaf(leaf);
    if (*error != X509_V_OK)
        return FAULT_DENIED;
    X509_STORE_CTX *ctx =
        X509_STORE_CTX_new_ex(t->library, t->library == NULL ? NULL : "?provider=default");
    int rc = ctx == NULL || X509_STORE_CTX_init(ctx, t->store, leaf, rest) != 1 ? -ENOMEM : 0;
    rc = rc < 0 ? rc : run(t, ctx, now, error, until);
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    if (rc < 0 && *error == X509_V_OK)
        *error = X509_V_ERR_UNSPECIFIED;
    return rc;
}

/* ---- warnings ---- */

int clienttrust_ends(struct span authorities, struct span lists, uint64_t *authority,
                     uint64_t *list)
{
    struct clienttrusts all;
    struct clienttrust *t;
    clienttrusts_init(&all, NULL);
    *authority = *list = 0;
    int rc = clienttrust_get(&all, authorities, lists, &t);
    if (rc < 0)
        return rc;
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(t->store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        uint64_t end = x == NULL ? 0 : clientcert_seconds(X509_get0_notAfter(x));
        *authority = x != NULL && (*authority == 0 || end < *authority) ? end : *authority;
    }
    for (int i = 0; i < sk_X509_CRL_num(t->lists); i++) {
        uint64_t end = clientcert_seconds(X509_CRL_get0_nextUpdate(sk_X509_CRL_value(t->lists, i)));
        *list = *list == 0 || end < *list ? end : *list;
    }
    clienttrust_unref(t);
    return 0;
}
