#include "net/tlskey.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "net/tls.h"

#define PROVIDER "postern"
/* Not "ECDSA" or "RSA": under a name that only this provider knows, OpenSSL finds the right
 * implementation at once and never tries to carry the key over to another provider. */
#define SIGNATURE_NAME "postern-signature"
#define PARAM_REMOTE "postern-remote"

/* The kinds of key, in the order of KINDS. */
enum remote_kind { REMOTE_EC, REMOTE_RSA, REMOTE_ED25519 };

/* What tlskey_new hands through EVP_PKEY_fromdata to the import function below. */
struct remote_seed {
    struct tls_signer *signer;
    uint32_t handle;
    EVP_PKEY *public_key;
};

/* The key of this provider: a handle and the public half as OpenSSL's own provider holds it. A key
 * without a signer is a public key that was brought here to be compared. */
struct remote {
    OSSL_LIB_CTX *library;
    enum remote_kind kind;
    struct tls_signer *signer;
    uint32_t handle;
    EVP_PKEY *public_key;
};

/* ---- key management -------------------------------------------------------------------------- */

static const char *const KINDS[] = {"EC", "RSA", "ED25519"};

static void *key_new(void *provctx, enum remote_kind kind)
{
    struct remote *r = calloc(1, sizeof(*r));
    if (r != NULL)
        *r = (struct remote){.library = provctx, .kind = kind};
    return r;
}

static void *on_new_ec(void *provctx)
{
    return key_new(provctx, REMOTE_EC);
}

static void *on_new_rsa(void *provctx)
{
    return key_new(provctx, REMOTE_RSA);
}

static void *on_new_ed25519(void *provctx)
{
    return key_new(provctx, REMOTE_ED25519);
}

static void on_free(void *key)
{
    struct remote *r = key;
    if (r == NULL)
        return;
    EVP_PKEY_free(r->public_key);
    free(r);
}

static int on_has(const void *key, int selection)
{
    const struct remote *r = key;
    if (r == NULL || r->public_key == NULL)
        return 0;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || r->signer != NULL;
}

static int on_match(const void *a, const void *b, int selection)
{
    const struct remote *x = a, *y = b;
    (void)selection;
    return x->public_key != NULL && y->public_key != NULL &&
           EVP_PKEY_eq(x->public_key, y->public_key) == 1;
}

static int import_public(struct remote *r, const OSSL_PARAM params[])
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(r->library, KINDS[r->kind], "provider=default");
    EVP_PKEY *key = NULL;
    /* OpenSSL reads the parameters only; its interface forgot the const. */
    int ok = c != NULL && EVP_PKEY_fromdata_init(c) == 1 &&
             EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params) == 1;
    EVP_PKEY_CTX_free(c);
    if (!ok)
        return 0;
    EVP_PKEY_free(r->public_key);
    r->public_key = key;
    return 1;
}

static int on_import(void *key, int selection, const OSSL_PARAM params[])
{
    struct remote *r = key;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_REMOTE);
    if (p != NULL) {
        struct remote_seed seed;
        if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size != sizeof(seed))
            return 0;
        memcpy(&seed, p->data, sizeof(seed));
        if (EVP_PKEY_up_ref(seed.public_key) != 1)
            return 0;
        EVP_PKEY_free(r->public_key);
        r->public_key = seed.public_key;
        r->signer = seed.signer;
        r->handle = seed.handle;
        return 1;
    }
    /* No private key enters here: this process must not have one. */
    if (OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PRIV_KEY) != NULL ||
        OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_D) != NULL)
        return 0;
    (void)selection;
    return import_public(r, params);
}

static int on_export(void *key, int selection, OSSL_CALLBACK *give, void *arg)
{
    const struct remote *r = key;
    OSSL_PARAM *params = NULL;
    /* Half of what was asked for would pass as a whole key in another provider. */
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || r->public_key == NULL ||
        EVP_PKEY_todata(r->public_key, EVP_PKEY_PUBLIC_KEY, &params) != 1)
        return 0;
    int ok = give(params, arg);
    OSSL_PARAM_free(params);
    return ok;
}

static const OSSL_PARAM *on_types(int selection)
{
    static const OSSL_PARAM TYPES[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_octet_string(PARAM_REMOTE, NULL, 0),
        OSSL_PARAM_END,
    };
    return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? TYPES : NULL;
}

static int give_int(OSSL_PARAM params[], const char *name, int value)
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, name);
    return p == NULL || OSSL_PARAM_set_int(p, value) == 1;
}

static int on_get_params(void *key, OSSL_PARAM params[])
{
    const struct remote *r = key;
    char group[64];
    if (r->public_key == NULL)
        return 0;
    if (!give_int(params, OSSL_PKEY_PARAM_BITS, EVP_PKEY_get_bits(r->public_key)) ||
        !give_int(params, OSSL_PKEY_PARAM_SECURITY_BITS,
                  EVP_PKEY_get_security_bits(r->public_key)) ||
        !give_int(params, OSSL_PKEY_PARAM_MAX_SIZE, EVP_PKEY_get_size(r->public_key)))
        return 0;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME);
    if (p != NULL && r->kind == REMOTE_EC &&
        (EVP_PKEY_get_group_name(r->public_key, group, sizeof(group), NULL) != 1 ||
         OSSL_PARAM_set_utf8_string(p, group) != 1))
        return 0;
    /* Ed25519 hashes by itself; the empty name says so. */
    p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST);
    return p == NULL || r->kind != REMOTE_ED25519 || OSSL_PARAM_set_utf8_string(p, "") == 1;
}

static const OSSL_PARAM *on_gettable(void *provctx)
{
    static const OSSL_PARAM GETTABLE[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };
    (void)provctx;
    return GETTABLE;
}

static const char *on_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? SIGNATURE_NAME : NULL;
}

/* ---- signatures ------------------------------------------------------------------------------ */

struct remote_signature {
    const struct remote *key; /* borrowed: the EVP_PKEY outlives the operation */
    char digest[16];
    int pad; /* RSA: RSA_PKCS1_PSS_PADDING, or 0 while nobody has said: PKCS #1 v1.5 */
    bool salt_is_digest;
};

/* Which SignatureScheme (RFC 8446 section 4.2.3) a key, a padding and a digest make. The curve of
 * an EC key is not looked at: libssl has chosen what fits the version, and the signer says whether
 * it agrees. */
static const struct {
    enum remote_kind kind;
    bool pss;
    const char *digest, *alias;
    uint16_t scheme;
} SCHEMES_OF[] = {
    {REMOTE_EC, false, "SHA2-256", "SHA256", 0x0403},
    {REMOTE_EC, false, "SHA2-384", "SHA384", 0x0503},
    {REMOTE_RSA, true, "SHA2-256", "SHA256", 0x0804},
    {REMOTE_RSA, true, "SHA2-384", "SHA384", 0x0805},
    {REMOTE_RSA, true, "SHA2-512", "SHA512", 0x0806},
    {REMOTE_RSA, false, "SHA2-256", "SHA256", 0x0401},
    {REMOTE_RSA, false, "SHA2-384", "SHA384", 0x0501},
    {REMOTE_RSA, false, "SHA2-512", "SHA512", 0x0601},
    {REMOTE_ED25519, false, "", "UNDEF", 0x0807},
};

static uint16_t scheme_of(const struct remote_signature *s)
{
    bool rsa = s->key->kind == REMOTE_RSA, pss = rsa && s->pad == RSA_PKCS1_PSS_PADDING;
    /* libssl names the padding only when it is PSS. */
    if (rsa && !pss && s->pad != 0 && s->pad != RSA_PKCS1_PADDING)
        return 0;
    if (pss && !s->salt_is_digest)
        return 0;
    for (size_t i = 0; i < countof(SCHEMES_OF); i++)
        if (SCHEMES_OF[i].kind == s->key->kind && SCHEMES_OF[i].pss == pss &&
            (strcmp(s->digest, SCHEMES_OF[i].digest) == 0 ||
             strcmp(s->digest, SCHEMES_OF[i].alias) == 0))
            return SCHEMES_OF[i].scheme;
    return 0;
}

static void *on_newctx(void *provctx, const char *propq)
{
    (void)provctx;
    (void)propq;
    return calloc(1, sizeof(struct remote_signature));
}

static void on_freectx(void *ctx)
{
    free(ctx);
}

static int on_set_params(void *ctx, const OSSL_PARAM params[])
{
    struct remote_signature *s = ctx;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if (p != NULL && p->data_type == OSSL_PARAM_UTF8_STRING)
        s->pad = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0 ? RSA_PKCS1_PSS_PADDING : 0;
    else if (p != NULL && OSSL_PARAM_get_int(p, &s->pad) != 1)
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
    int salt = RSA_PSS_SALTLEN_MAX;
    if (p != NULL && p->data_type == OSSL_PARAM_UTF8_STRING)
        s->salt_is_digest = strcmp(p->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
    else if (p != NULL && OSSL_PARAM_get_int(p, &salt) != 1)
        return 0;
    else if (p != NULL)
        s->salt_is_digest = salt == RSA_PSS_SALTLEN_DIGEST;
    return 1;
}

static const OSSL_PARAM *on_settable(void *ctx, void *provctx)
{
    static const OSSL_PARAM SETTABLE[] = {
        OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL),
        OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL),
        OSSL_PARAM_END,
    };
    (void)ctx;
    (void)provctx;
    return SETTABLE;
}

static int on_sign_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct remote_signature *s = ctx;
    if (key != NULL)
        s->key = key;
    if (s->key == NULL || s->key->signer == NULL)
        return 0;
    size_t len = digest == NULL ? 0 : strlen(digest);
    if (len >= sizeof(s->digest))
        return 0;
    memcpy(s->digest, digest == NULL ? "" : digest, len);
    s->digest[len] = '\0';
    return params == NULL || on_set_params(ctx, params);
}

static int on_sign(void *ctx, unsigned char *signature, size_t *len, size_t cap,
                   const unsigned char *tbs, size_t tbs_len)
{
    struct remote_signature *s = ctx;
    if (signature == NULL) {
        *len = (size_t)EVP_PKEY_get_size(s->key->public_key);
        return 1;
    }
    uint16_t scheme = scheme_of(s);
    int rc = scheme == 0 ? FAULT_DENIED
                         : tls_signer_sign(s->key->signer, s->key->handle, scheme,
                                           span_of(tbs, tbs_len), signature, cap);
    if (rc < 0)
        return 0;
    *len = (size_t)rc;
    return 1;
}

/* ---- tables ---------------------------------------------------------------------------------- */

#define FUNCTION(f) ((void (*)(void))(f))

#define KEYMGMT(maker)                                                                             \
    {                                                                                              \
        {OSSL_FUNC_KEYMGMT_NEW, FUNCTION(maker)}, {OSSL_FUNC_KEYMGMT_FREE, FUNCTION(on_free)},     \
            {OSSL_FUNC_KEYMGMT_HAS, FUNCTION(on_has)},                                             \
            {OSSL_FUNC_KEYMGMT_MATCH, FUNCTION(on_match)},                                         \
            {OSSL_FUNC_KEYMGMT_IMPORT, FUNCTION(on_import)},                                       \
            {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FUNCTION(on_types)},                                  \
            {OSSL_FUNC_KEYMGMT_EXPORT, FUNCTION(on_export)},                                       \
            {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, FUNCTION(on_types)},                                  \
            {OSSL_FUNC_KEYMGMT_GET_PARAMS, FUNCTION(on_get_params)},                               \
            {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FUNCTION(on_gettable)},                            \
            {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FUNCTION(on_operation_name)}, {0, NULL},      \
    }

static const OSSL_DISPATCH EC_KEYMGMT[] = KEYMGMT(on_new_ec);
static const OSSL_DISPATCH RSA_KEYMGMT[] = KEYMGMT(on_new_rsa);
static const OSSL_DISPATCH ED25519_KEYMGMT[] = KEYMGMT(on_new_ed25519);

static const OSSL_DISPATCH SIGNATURE[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, FUNCTION(on_newctx)},
    {OSSL_FUNC_SIGNATURE_FREECTX, FUNCTION(on_freectx)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FUNCTION(on_sign_init)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, FUNCTION(on_sign)},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FUNCTION(on_set_params)},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FUNCTION(on_settable)},
    {0, NULL},
};

#define ALGORITHM(names, functions, what)                                                          \
    {                                                                                              \
        names, "provider=" PROVIDER, functions, what                                               \
    }

/* libssl asks a key "are you EC?" under these names, so they are those of the default provider. */
static const OSSL_ALGORITHM KEYMGMTS[] = {
    ALGORITHM("EC:id-ecPublicKey:1.2.840.10045.2.1", EC_KEYMGMT, "EC key of the signer"),
    ALGORITHM("RSA:rsaEncryption:1.2.840.113549.1.1.1", RSA_KEYMGMT, "RSA key of the signer"),
    ALGORITHM("ED25519:1.3.101.112", ED25519_KEYMGMT, "Ed25519 key of the signer"),
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM SIGNATURES[] = {
    ALGORITHM(SIGNATURE_NAME, SIGNATURE, "signature made by the signer"),
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *on_query(void *provctx, int operation, int *no_store)
{
    (void)provctx;
    *no_store = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return KEYMGMTS;
    return operation == OSSL_OP_SIGNATURE ? SIGNATURES : NULL;
}

static const OSSL_DISPATCH PROVIDER_FUNCTIONS[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, FUNCTION(on_query)},
    {0, NULL},
};

static int on_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                            const OSSL_DISPATCH **out, void **provctx)
{
    for (; in->function_id != 0; in++) {
        if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX) {
            /* A provider that is built in shares the library context of its application. */
            *provctx = OSSL_FUNC_core_get_libctx(in)(handle);
            *out = PROVIDER_FUNCTIONS;
            return *provctx != NULL;
        }
    }
    return 0;
}

int tlskey_load(OSSL_LIB_CTX *ctx, OSSL_PROVIDER **ret)
{
    OSSL_PROVIDER *p = NULL;
    if (OSSL_PROVIDER_add_builtin(ctx, PROVIDER, on_provider_init) == 1)
        p = OSSL_PROVIDER_load(ctx, PROVIDER);
    if (p == NULL) {
        ERR_clear_error();
        return FAULT_CRYPTO;
    }
    *ret = p;
    return 0;
}

int tlskey_new(OSSL_LIB_CTX *ctx, struct tls_signer *signer, uint32_t handle, EVP_PKEY *public_key,
               EVP_PKEY **ret)
{
    const char *kind = NULL;
    for (size_t i = 0; i < countof(KINDS); i++)
        if (EVP_PKEY_is_a(public_key, KINDS[i]))
            kind = KINDS[i];
    if (kind == NULL)
        return FAULT_FORMAT;
    struct remote_seed seed = {.signer = signer, .handle = handle, .public_key = public_key};
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(PARAM_REMOTE, &seed, sizeof(seed)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(ctx, kind, "provider=" PROVIDER);
    int ok = c != NULL && EVP_PKEY_fromdata_init(c) == 1 &&
             EVP_PKEY_fromdata(c, ret, EVP_PKEY_KEYPAIR, params) == 1;
    EVP_PKEY_CTX_free(c);
    if (!ok)
        ERR_clear_error();
    return ok ? 0 : FAULT_CRYPTO;
}
