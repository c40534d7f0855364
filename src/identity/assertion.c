#include "identity/assertion.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/fault.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/text.h"

#define FIELD 32u /* bytes of a coordinate of P-256 and of each half of a signature */
#define DER_MAX 256u

/* ---- keys ---- */

/* The coordinates as base64url. */
struct point {
    char x[TEXT_B64_SIZE(FIELD)], y[TEXT_B64_SIZE(FIELD)];
};

static int coordinate(const EVP_PKEY *key, const char *name, char out[TEXT_B64_SIZE(FIELD)])
{
    BIGNUM *n = NULL;
    uint8_t bytes[FIELD];
    int ok = EVP_PKEY_get_bn_param(key, name, &n) == 1 &&
             BN_bn2binpad(n, bytes, sizeof(bytes)) == (int)sizeof(bytes);
    BN_free(n);
    if (ok)
        text_b64url(out, span_of(bytes, sizeof(bytes)));
    return ok ? 0 : FAULT_CRYPTO;
}

static int point_of(const EVP_PKEY *key, struct point *ret)
{
    int rc = coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, ret->x);
    return rc < 0 ? rc : coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, ret->y);
}

/* RFC 7638: the required members in the order of their names. */
static int name_key(struct assertion_key *k)
{
    struct point p;
    struct buf text;
    uint8_t hash[SHA256_DIGEST_LENGTH];
    int rc = point_of(k->pkey, &p);
    if (rc < 0)
        return rc;
    buf_init(&text, 256);
    (void)buf_printf(&text, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", p.x,
                     p.y);
    struct span view = buf_view(&text);
    if (text.bad || SHA256(view.at, view.len, hash) == NULL)
        rc = FAULT_CRYPTO;
    else
        text_b64url(k->kid, span_of(hash, sizeof(hash)));
    buf_fini(&text);
    return rc;
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[64];
    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

int assertion_key_new(struct assertion_key *k, uint64_t now)
{
    *k = (struct assertion_key){.pkey = EVP_EC_gen("P-256"), .at = now};
    int rc = k->pkey == NULL ? FAULT_CRYPTO : name_key(k);
    if (rc < 0)
        assertion_key_fini(k);
    return rc;
}

void assertion_key_fini(struct assertion_key *k)
{
    EVP_PKEY_free(k->pkey);
    *k = (struct assertion_key){.pkey = NULL};
}

int assertion_key_write(const struct assertion_key *k, bool private_part, struct buf *out)
{
    unsigned char *der = NULL;
    int len = private_part ? i2d_PrivateKey(k->pkey, &der) : i2d_PUBKEY(k->pkey, &der);
    char text[TEXT_B64_SIZE(DER_MAX)];
    int rc = len <= 0 || len > (int)DER_MAX ? FAULT_CRYPTO : 0;
    if (rc == 0) {
        text_b64url(text, span_of(der, (size_t)len));
        rc = buf_text(out, text);
    }
    if (len > 0)
        OPENSSL_clear_free(der, (size_t)len);
    secret_wipe(text, sizeof(text));
    return rc;
}

int assertion_key_read(struct assertion_key *k, bool private_part, struct span text, uint64_t at)
{
    uint8_t der[DER_MAX];
    const unsigned char *p = der;
    int len = text_unb64url(text, der, sizeof(der));
    *k = (struct assertion_key){.at = at};
    if (len > 0)
        k->pkey = private_part ? d2i_AutoPrivateKey(NULL, &p, len) : d2i_PUBKEY(NULL, &p, len);
    int rc = k->pkey != NULL && p == der + len && is_p256(k->pkey) ? name_key(k) : FAULT_FORMAT;
    secret_wipe(der, sizeof(der));
    if (rc < 0)
        assertion_key_fini(k);
    return rc;
}

int assertion_key_jwk(const struct assertion_key *k, struct buf *out)
{
    struct point p;
    int rc = point_of(k->pkey, &p);
    if (rc < 0)
        return rc;
    return buf_printf(out,
                      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\","
                      "\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}",
                      k->kid, p.x, p.y);
}

/* ---- claims ---- */

static void put_text(struct buf *out, const char *key, struct span value)
{
    if (value.len == 0)
        return;
    (void)buf_printf(out, "\"%s\":", key);
    (void)text_json(out, value);
    (void)buf_byte(out, ',');
}

static void put_number(struct buf *out, const char *key, uint64_t value)
{
    (void)buf_printf(out, "\"%s\":%llu,", key, (unsigned long long)value);
}

/* As many whole names as fit; that some are missing is said, so that a console does not take the
 * list for all of them. */
static void put_groups(struct buf *out, struct span groups)
{
    size_t start = buf_len(out), count = 0, omitted = 0;
    struct span name;
    (void)buf_text(out, "\"groups\":[");
    while (span_cut(&groups, '\n', &name)) {
        if (name.len == 0)
            continue;
        if (omitted > 0 || buf_len(out) - start + name.len + 3 > ASSERTION_GROUPS_MAX) {
            omitted++;
            continue;
        }
        if (count++ > 0)
            (void)buf_byte(out, ',');
        (void)text_json(out, name);
    }
    (void)buf_text(out, "],");
    if (omitted > 0)
        put_number(out, "groups_omitted", omitted);
}

static void put_amr(struct buf *out, const struct assertion *a)
{
    (void)buf_text(out, "\"amr\":[");
    for (size_t i = 0; i < a->amr_count; i++)
        (void)buf_printf(out, "%s\"%s\"", i == 0 ? "" : ",", a->amr[i]);
    (void)buf_text(out, "],");
}

/* The session's own number is what revocation and the list of sessions are spoken in; a console
 * needs to tell two sessions apart, no more. */
static int put_session(struct buf *out, const uint8_t id[16])
{
    static const char PURPOSE[] = "postern-assertion-sid";
    uint8_t bytes[sizeof(PURPOSE) + 16], hash[SHA256_DIGEST_LENGTH];
    char text[TEXT_B64_SIZE(16)];
    memcpy(bytes, PURPOSE, sizeof(PURPOSE));
    memcpy(bytes + sizeof(PURPOSE), id, 16);
    if (SHA256(bytes, sizeof(bytes), hash) == NULL)
        return FAULT_CRYPTO;
    text_b64url(text, span_of(hash, 16));
    put_text(out, "sid", span_str(text));
    return 0;
}

static int put_claims(struct buf *out, const struct assertion *a)
{
    uint8_t random[16];
    char jti[TEXT_B64_SIZE(sizeof(random))];
    int rc = rng_fill(random, sizeof(random));
    if (rc < 0)
        return rc;
    text_b64url(jti, span_of(random, sizeof(random)));
    (void)buf_byte(out, '{');
    put_text(out, "iss", a->issuer);
    put_text(out, "aud", a->audience);
    put_text(out, "sub", a->subject);
    put_text(out, "name", a->name);
    put_text(out, "owner", a->owner);
    put_groups(out, a->groups);
    put_text(out, "acr", span_str(a->acr));
    put_amr(out, a);
    if (a->auth_time != 0)
        put_number(out, "auth_time", a->auth_time);
    rc = put_session(out, a->session);
    put_number(out, "iat", a->now);
    put_number(out, "nbf", a->now);
    put_number(out, "exp", a->now + ASSERTION_LIFE);
    (void)buf_printf(out, "\"jti\":\"%s\"}", jti);
    return out->bad ? FAULT_LIMIT : rc;
}

/* ---- the token ---- */

static int put_b64url(struct buf *out, struct span bytes)
{
    char text[TEXT_B64_SIZE(ASSERTION_MAX)];
    if (bytes.len > ASSERTION_MAX)
        return FAULT_LIMIT;
    text_b64url(text, bytes);
    return buf_text(out, text);
}

/* RFC 7518 section 3.4: R and S side by side, each of the length of the field. */
static int put_signature(const struct assertion_key *k, struct span input, struct buf *out)
{
    unsigned char der[128], raw[2 * FIELD];
    const unsigned char *p = der;
    size_t len = sizeof(der);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    ECDSA_SIG *s = NULL;
    if (c != NULL && EVP_DigestSignInit_ex(c, NULL, "SHA256", NULL, NULL, k->pkey, NULL) == 1 &&
        EVP_DigestSign(c, der, &len, input.at, input.len) == 1)
        s = d2i_ECDSA_SIG(NULL, &p, (long)len);
    int rc = s != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(s), raw, FIELD) == (int)FIELD &&
                     BN_bn2binpad(ECDSA_SIG_get0_s(s), raw + FIELD, FIELD) == (int)FIELD
                 ? put_b64url(out, span_of(raw, sizeof(raw)))
                 : FAULT_CRYPTO;
    ECDSA_SIG_free(s);
    EVP_MD_CTX_free(c);
    return rc;
}

int assertion_sign(const struct assertion_key *k, const struct assertion *a, struct buf *out)
{
    struct buf part, token;
    buf_init(&part, ASSERTION_MAX);
    buf_init(&token, ASSERTION_MAX);
    (void)buf_printf(&part, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"postern-assertion+jwt\"}",
                     k->kid);
    int rc = put_b64url(&token, buf_view(&part));
    buf_clear(&part);
    rc = rc < 0 ? rc : put_claims(&part, a);
    (void)buf_byte(&token, '.');
    rc = rc < 0 ? rc : put_b64url(&token, buf_view(&part));
    if (rc == 0) {
        struct buf signature;
        buf_init(&signature, 128);
        rc = put_signature(k, buf_view(&token), &signature);
        (void)buf_byte(&token, '.');
        (void)buf_append(&token, buf_view(&signature));
        buf_fini(&signature);
    }
    if (rc == 0)
        rc = token.bad ? FAULT_LIMIT : buf_append(out, buf_view(&token));
    buf_fini(&part);
    buf_fini(&token);
    return rc;
}
