#include "identity/jwks.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/fault.h"
#include "base/text.h"

#define RSA_BYTES_MOST (JWKS_RSA_BITS_MOST / 8u)

static const char *const NAMES[JWT_ALG_COUNT] = {
    [JWT_RS256] = "RS256", [JWT_PS256] = "PS256", [JWT_ES256] = "ES256", [JWT_EDDSA] = "EdDSA"};

int jwt_alg_of(struct span name, enum jwt_alg *ret)
{
    for (size_t i = 0; i < JWT_ALG_COUNT; i++)
        if (span_is(name, NAMES[i])) {
            *ret = (enum jwt_alg)i;
            return 0;
        }
    return FAULT_DENIED;
}

static struct span member(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return json_is_string(v) ? span_of(json_string_value(v), json_string_length(v)) : SPAN_NONE;
}

/* The bytes of a member in base64url: their number, 0 when there are none that fit. */
static size_t bytes_of(const json_t *jwk, const char *name, uint8_t *out, size_t cap)
{
    int n = text_unb64url(member(jwk, name), out, cap);
    return n > 0 ? (size_t)n : 0;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *read_rsa(const json_t *jwk)
{
    uint8_t modulus[RSA_BYTES_MOST], exponent[8];
    size_t n = bytes_of(jwk, "n", modulus, sizeof(modulus));
    size_t e = bytes_of(jwk, "e", exponent, sizeof(exponent));
    if (n == 0 || e == 0)
        return NULL;
    BIGNUM *bn = BN_bin2bn(modulus, (int)n, NULL), *be = BN_bin2bn(exponent, (int)e, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    /* An exponent of 1 or an even one signs for anybody. */
    if (bn != NULL && be != NULL && build != NULL && BN_num_bits(bn) >= JWKS_RSA_BITS_LEAST &&
        BN_is_odd(bn) && BN_is_odd(be) && BN_num_bits(be) > 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be) == 1)
        key = from_params("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(bn);
    BN_free(be);
    return key;
}

static EVP_PKEY *read_ec(const json_t *jwk)
{
    uint8_t point[65] = {4};
    if (!span_is(member(jwk, "crv"), "P-256") || bytes_of(jwk, "x", point + 1, 32) != 32 ||
        bytes_of(jwk, "y", point + 33, 32) != 32)
        return NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1)
        key = from_params("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *read_okp(const json_t *jwk)
{
    uint8_t raw[32];
    if (!span_is(member(jwk, "crv"), "Ed25519") || bytes_of(jwk, "x", raw, sizeof(raw)) != 32)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
}

static const struct {
    const char *type;
    unsigned algs;
    EVP_PKEY *(*read)(const json_t *jwk);
} TYPES[] = {
    {"RSA", 1u << JWT_RS256 | 1u << JWT_PS256, read_rsa},
    {"EC", 1u << JWT_ES256, read_ec},
    {"OKP", 1u << JWT_EDDSA, read_okp},
};

/* Is it for verifying at all (RFC 7517 sections 4.2 and 4.3)? */
static bool may_verify(const json_t *jwk)
{
    const json_t *use = json_object_get(jwk, "use"), *ops = json_object_get(jwk, "key_ops");
    bool verifies = ops == NULL;
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const json_t *op = json_array_get(ops, i);
        verifies = verifies || (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0);
    }
    return verifies && (use == NULL || span_is(member(jwk, "use"), "sig")) &&
           json_object_get(jwk, "d") == NULL && json_object_get(jwk, "k") == NULL;
}

/* 1: *ret holds a key; 0: it is none of ours. */
static int read_key(const json_t *jwk, struct jwk *ret)
{
    struct span kid = member(jwk, "kid"), alg = member(jwk, "alg"), type = member(jwk, "kty");
    enum jwt_alg only = JWT_RS256;
    *ret = (struct jwk){.key = NULL};
    if (!json_is_object(jwk) || !may_verify(jwk) || kid.len > JWKS_KID_MAX ||
        memchr(kid.at == NULL ? (const uint8_t *)"" : kid.at, 0, kid.len) != NULL)
        return 0;
    bool bound = json_object_get(jwk, "alg") != NULL;
    if (bound && jwt_alg_of(alg, &only) < 0)
        return 0;
    for (size_t i = 0; i < countof(TYPES); i++) {
        if (!span_is(type, TYPES[i].type))
            continue;
        ret->algs = TYPES[i].algs & (bound ? 1u << only : ~0u);
        ret->key = ret->algs == 0 ? NULL : TYPES[i].read(jwk);
    }
    ERR_clear_error();
    if (kid.len > 0)
        memcpy(ret->kid, kid.at, kid.len);
    return ret->key != NULL;
}

static int read_keys(const json_t *keys, struct jwks *ret)
{
    size_t n = json_array_size(keys);
    if (n > JWKS_KEYS_MAX)
        return FAULT_LIMIT;
    ret->key = calloc(n == 0 ? 1 : n, sizeof(*ret->key));
    if (ret->key == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct jwk *k = &ret->key[ret->count];
        if (read_key(json_array_get(keys, i), k) == 0)
            continue;
        ret->count++;
        for (size_t j = 0; j + 1 < ret->count; j++)
            if (k->kid[0] != 0 && strcmp(ret->key[j].kid, k->kid) == 0 &&
                (ret->key[j].algs & k->algs) != 0)
                return FAULT_FORMAT;
    }
    return 0;
}

int jwks_read(struct span text, struct jwks *ret)
{
    *ret = (struct jwks){.count = 0};
    if (text.len > JWKS_TEXT_MAX)
        return FAULT_LIMIT;
    json_t *set = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *keys = json_object_get(set, "keys");
    int rc = json_is_array(keys) ? read_keys(keys, ret) : FAULT_FORMAT;
    json_decref(set);
    if (rc < 0)
        jwks_fini(ret);
    return rc;
}

void jwks_fini(struct jwks *s)
{
    for (size_t i = 0; i < s->count; i++)
        EVP_PKEY_free(s->key[i].key);
    free(s->key);
    *s = (struct jwks){.count = 0};
}

const struct jwk *jwks_find(const struct jwks *s, struct span kid, enum jwt_alg alg)
{
    const struct jwk *found = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const struct jwk *k = &s->key[i];
        if ((k->algs & 1u << alg) == 0)
            continue;
        if (kid.len > 0 && span_is(kid, k->kid))
            return k;
        if (kid.len == 0 && found != NULL)
            return NULL;
        if (kid.len == 0)
            found = k;
    }
    return found;
}
