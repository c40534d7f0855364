#include "identity/jwt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/fault.h"
#include "base/text.h"

/* A part of the token as an object. */
static int read_object(struct span part, json_t **ret)
{
    uint8_t *bytes = malloc(part.len + 1);
    int n = bytes == NULL ? -ENOMEM : text_unb64url(part, bytes, part.len + 1);
    json_t *value =
        n <= 0 ? NULL : json_loadb((const char *)bytes, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    if (n == -ENOMEM || json_is_object(value)) {
        *ret = value;
        return n == -ENOMEM ? n : 0;
    }
    json_decref(value);
    return FAULT_FORMAT;
}

/* A text of the header; absent is empty. */
static int header_text(const json_t *header, const char *name, size_t most, char *out)
{
    const json_t *v = json_object_get(header, name);
    out[0] = 0;
    if (v == NULL)
        return 0;
    size_t len = json_string_length(v);
    if (!json_is_string(v) || len > most || strlen(json_string_value(v)) != len)
        return FAULT_FORMAT;
    memcpy(out, json_string_value(v), len + 1);
    return 0;
}

/* A media type; "application/" may be left out, and case does not count (RFC 7515 section 4.1.9).
 */
static void plain_type(char typ[JWT_TYP_MAX + 1])
{
    static const char PREFIX[] = "application/";
    for (char *p = typ; *p != 0; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    if (strncmp(typ, PREFIX, sizeof(PREFIX) - 1) == 0)
        memmove(typ, typ + sizeof(PREFIX) - 1, strlen(typ) - sizeof(PREFIX) + 2);
}

static int read_header(const json_t *header, struct jwt *t)
{
    /* Extensions that must be understood, bodies that are not encoded, compressed or encrypted. */
    static const char *const REFUSED[] = {"crit", "b64", "zip", "enc"};
    char alg[16];
    for (size_t i = 0; i < countof(REFUSED); i++)
        if (json_object_get(header, REFUSED[i]) != NULL)
            return FAULT_DENIED;
    int rc = header_text(header, "alg", sizeof(alg) - 1, alg);
    rc = rc < 0 ? rc : jwt_alg_of(span_str(alg), &t->alg);
    rc = rc < 0 ? rc : header_text(header, "kid", JWKS_KID_MAX, t->kid);
    rc = rc < 0 ? rc : header_text(header, "typ", JWT_TYP_MAX, t->typ);
    if (rc == 0)
        plain_type(t->typ);
    return rc;
}

int jwt_read(struct span text, struct jwt *ret)
{
    struct span part[3], rest = text;
    json_t *header = NULL;
    *ret = (struct jwt){.claims = NULL};
    if (text.len > JWT_TEXT_MAX)
        return FAULT_LIMIT;
    for (size_t i = 0; i < 2; i++) {
        size_t dot = span_find(rest, '.');
        if (dot == SIZE_MAX)
            return FAULT_FORMAT;
        part[i] = span_sub(rest, 0, dot);
        rest = span_sub(rest, dot + 1, SIZE_MAX);
    }
    part[2] = rest;
    ret->signed_part = span_sub(text, 0, part[0].len + 1 + part[1].len);
    int rc = read_object(part[0], &header);
    rc = rc < 0 ? rc : read_header(header, ret);
    json_decref(header);
    int n = rc < 0 ? 0 : text_unb64url(part[2], ret->signature, sizeof(ret->signature));
    if (rc == 0 && n <= 0)
        rc = FAULT_FORMAT;
    ret->signature_len = n > 0 ? (size_t)n : 0;
    rc = rc < 0 ? rc : read_object(part[1], &ret->claims);
    if (rc < 0)
        jwt_fini(ret);
    return rc;
}

void jwt_fini(struct jwt *t)
{
    json_decref(t->claims);
    t->claims = NULL;
}

/* Both halves as they stand (RFC 7518 section 3.4) to the DER that OpenSSL takes; the caller frees.
 */
static int der_of(const struct jwt *t, unsigned char **der)
{
    if (t->signature_len != 64)
        return 0;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(t->signature, 32, NULL), *s = BN_bin2bn(t->signature + 32, 32, NULL);
    int len = 0;
    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL;
        len = i2d_ECDSA_SIG(sig, der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return len > 0 ? len : 0;
}

static bool set_padding(EVP_PKEY_CTX *ctx, enum jwt_alg alg)
{
    if (alg == JWT_RS256)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    if (alg == JWT_PS256)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    return true;
}

int jwt_verify(const struct jwt *t, const struct jwk *key)
{
    if (key == NULL || (key->algs & 1u << t->alg) == 0)
        return FAULT_DENIED;
    unsigned char *der = NULL;
    const uint8_t *signature = t->signature;
    size_t len = t->signature_len;
    if (t->alg == JWT_ES256) {
        len = (size_t)der_of(t, &der);
        signature = der;
    }
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    const EVP_MD *digest = t->alg == JWT_EDDSA ? NULL : EVP_sha256();
    bool good = md != NULL && len > 0 &&
                EVP_DigestVerifyInit(md, &ctx, digest, NULL, key->key) == 1 &&
                set_padding(ctx, t->alg) &&
                EVP_DigestVerify(md, signature, len, t->signed_part.at, t->signed_part.len) == 1;
    EVP_MD_CTX_free(md);
    OPENSSL_free(der);
    ERR_clear_error();
    return good ? 0 : FAULT_DENIED;
}
