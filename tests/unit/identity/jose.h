/* A provider in software: keys, their JWKS, and tokens signed with whatever a test likes. */
#ifndef TESTS_JOSE_H
#define TESTS_JOSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/fault.h"
#include "base/text.h"
#include "identity/jwt.h"

#define JOSE_TEXT 16384u

struct jose {
    EVP_PKEY *rsa, *ec, *ed;
};

static inline void jose_open(struct jose *j)
{
    j->rsa = EVP_RSA_gen(2048);
    j->ec = EVP_EC_gen("P-256");
    j->ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_true(j->rsa != NULL && j->ec != NULL && j->ed != NULL);
}

static inline void jose_close(struct jose *j)
{
    EVP_PKEY_free(j->rsa);
    EVP_PKEY_free(j->ec);
    EVP_PKEY_free(j->ed);
}

static inline void jose_number(const EVP_PKEY *key, const char *name, size_t len, char *out)
{
    BIGNUM *n = NULL;
    uint8_t bytes[1024];
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
    if (len == 0)
        len = (size_t)BN_num_bytes(n);
    assert_int_equal(BN_bn2binpad(n, bytes, (int)len), (int)len);
    BN_free(n);
    text_b64url(out, span_of(bytes, len));
}

/* One key as JWK; more: further members with a comma in front. */
static inline void jose_jwk(const EVP_PKEY *key, const char *kid, const char *more, char *out)
{
    char a[1500], b[1500];
    if (EVP_PKEY_is_a(key, "RSA")) {
        jose_number(key, OSSL_PKEY_PARAM_RSA_N, 0, a);
        jose_number(key, OSSL_PKEY_PARAM_RSA_E, 0, b);
        (void)snprintf(out, JOSE_TEXT,
                       "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"%s}", kid, a, b,
                       more);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        jose_number(key, OSSL_PKEY_PARAM_EC_PUB_X, 32, a);
        jose_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32, b);
        (void)snprintf(
            out, JOSE_TEXT,
            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}", kid, a,
            b, more);
    } else {
        uint8_t raw[32];
        size_t len = sizeof(raw);
        assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &len), 1);
        text_b64url(a, span_of(raw, len));
        (void)snprintf(out, JOSE_TEXT,
                       "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\",\"x\":\"%s\"%s}", kid,
                       a, more);
    }
}

static inline size_t jose_raw_ecdsa(const uint8_t *der, size_t len, uint8_t out[64])
{
    const unsigned char *p = der;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    assert_non_null(sig);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32), 32);
    ECDSA_SIG_free(sig);
    return 64;
}

/* header and claims as they stand, signed with key by the algorithm that the key and pss say. */
static inline void jose_sign(EVP_PKEY *key, bool pss, const char *header, const char *claims,
                             char *out)
{
    uint8_t der[1024], raw[64];
    size_t len = sizeof(der);
    EVP_PKEY_CTX *ctx = NULL;
    text_b64url(out, span_str(header));
    strcat(out, ".");
    text_b64url(out + strlen(out), span_str(claims));
    size_t body = strlen(out);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
    assert_int_equal(EVP_DigestSignInit(md, &ctx, digest, NULL, key), 1);
    if (pss) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_int_equal(EVP_DigestSign(md, der, &len, (const uint8_t *)out, body), 1);
    EVP_MD_CTX_free(md);
    strcat(out, ".");
    bool ec = EVP_PKEY_is_a(key, "EC");
    len = ec ? jose_raw_ecdsa(der, len, raw) : len;
    text_b64url(out + strlen(out), span_of(ec ? raw : der, len));
}

#endif
