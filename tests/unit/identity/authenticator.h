/* An authenticator in software, for tests: it makes what navigator.credentials gives, right or
 * wrong in every single part. */
#ifndef TESTS_AUTHENTICATOR_H
#define TESTS_AUTHENTICATOR_H

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "base/buf.h"
#include "base/text.h"
#include "identity/passkey.h"

#define SITE "gw.example.com"
#define ORIGIN "https://gw.example.com:9443"
static const uint8_t CHALLENGE[CLIENTDATA_CHALLENGE] = "a challenge of thirty-two bytes";

/* ---- CBOR ---- */

static void head(struct buf *b, unsigned major, size_t n)
{
    if (n < 24) {
        (void)buf_byte(b, (uint8_t)(major << 5 | n));
    } else if (n < 256) {
        (void)buf_byte(b, (uint8_t)(major << 5 | 24));
        (void)buf_byte(b, (uint8_t)n);
    } else {
        (void)buf_byte(b, (uint8_t)(major << 5 | 25));
        (void)buf_byte(b, (uint8_t)(n >> 8));
        (void)buf_byte(b, (uint8_t)n);
    }
}

static void number(struct buf *b, int n)
{
    head(b, n < 0 ? 1u : 0u, (size_t)(n < 0 ? -1 - n : n));
}

static void bytes(struct buf *b, struct span s)
{
    head(b, 2, s.len);
    (void)buf_append(b, s);
}

static void text(struct buf *b, const char *s)
{
    head(b, 3, strlen(s));
    (void)buf_text(b, s);
}

/* ---- keys ---- */

struct device {
    EVP_PKEY *pkey;
    enum passkey_alg alg;
    struct span id;
    uint8_t model[16];
};

static struct device device_new(enum passkey_alg alg)
{
    struct device d = {.alg = alg, .id = SPAN("credential number one")};
    d.pkey = alg == PASSKEY_ES256   ? EVP_EC_gen("P-256")
             : alg == PASSKEY_EDDSA ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                    : EVP_RSA_gen(2048);
    assert_non_null(d.pkey);
    return d;
}

static void bn_param(struct buf *b, const EVP_PKEY *key, const char *name, size_t len)
{
    BIGNUM *n = NULL;
    uint8_t raw[256];
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
    assert_int_equal(BN_bn2binpad(n, raw, (int)len), len);
    BN_free(n);
    bytes(b, span_of(raw, len));
}

/* RFC 9053 and RFC 8230. */
static void cose(struct buf *b, const struct device *d, int alg)
{
    uint8_t raw[32];
    size_t len = sizeof(raw);
    head(b, 5, d->alg == PASSKEY_ES256 ? 5 : 4);
    number(b, 1);
    number(b, d->alg == PASSKEY_ES256 ? 2 : d->alg == PASSKEY_EDDSA ? 1 : 3);
    number(b, 3);
    number(b, alg);
    number(b, -1);
    if (d->alg == PASSKEY_ES256) {
        number(b, 1);
        number(b, -2);
        bn_param(b, d->pkey, OSSL_PKEY_PARAM_EC_PUB_X, 32);
        number(b, -3);
        bn_param(b, d->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
    } else if (d->alg == PASSKEY_EDDSA) {
        number(b, 6);
        number(b, -2);
        assert_int_equal(EVP_PKEY_get_raw_public_key(d->pkey, raw, &len), 1);
        bytes(b, span_of(raw, len));
    } else {
        bn_param(b, d->pkey, OSSL_PKEY_PARAM_RSA_N, 256);
        number(b, -2);
        bn_param(b, d->pkey, OSSL_PKEY_PARAM_RSA_E, 3);
    }
}

static void sign(struct buf *out, EVP_PKEY *key, bool hash, struct span data, struct span client)
{
    uint8_t digest[SHA256_DIGEST_LENGTH], signature[512];
    size_t len = sizeof(signature);
    struct buf all;
    buf_init(&all, 8192);
    SHA256(client.at, client.len, digest);
    (void)buf_append(&all, data);
    (void)buf_append(&all, span_of(digest, sizeof(digest)));
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(c, NULL, hash ? "SHA256" : NULL, NULL, NULL, key, NULL),
                     1);
    assert_int_equal(EVP_DigestSign(c, signature, &len, buf_view(&all).at, buf_len(&all)), 1);
    EVP_MD_CTX_free(c);
    buf_fini(&all);
    (void)buf_append(out, span_of(signature, len));
}

/* ---- what is made ---- */

/* Everything that a test may want to be wrong. */
struct wish {
    const char *type, *origin, *site, *extra; /* extra: more members of the client data */
    const uint8_t *challenge;
    unsigned flags;
    uint32_t count;
    int alg;               /* that the key claims; 0: its own */
    struct span extension; /* CBOR behind the key */
    struct span tail;      /* bytes behind everything */
};

#define UP 0x01u
#define UV 0x04u
#define BE 0x08u
#define BS 0x10u
#define AT 0x40u
#define ED 0x80u

static struct wish wish_for(const char *type)
{
    return (struct wish){.type = type,
                         .origin = ORIGIN,
                         .site = SITE,
                         .extra = "",
                         .challenge = CHALLENGE,
                         .flags = UP | UV | (strcmp(type, "webauthn.create") == 0 ? AT : 0)};
}

static void make_client(struct buf *out, const struct wish *w)
{
    char challenge[TEXT_B64_SIZE(CLIENTDATA_CHALLENGE)];
    text_b64url(challenge, span_of(w->challenge, CLIENTDATA_CHALLENGE));
    (void)buf_printf(out, "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\"%s}", w->type,
                     challenge, w->origin, w->extra);
}

static void make_data(struct buf *out, const struct device *d, const struct wish *w)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256((const uint8_t *)w->site, strlen(w->site), hash);
    (void)buf_append(out, span_of(hash, sizeof(hash)));
    (void)buf_byte(out, (uint8_t)w->flags);
    for (int shift = 24; shift >= 0; shift -= 8)
        (void)buf_byte(out, (uint8_t)(w->count >> shift));
    if ((w->flags & AT) != 0) {
        (void)buf_append(out, span_of(d->model, sizeof(d->model)));
        (void)buf_byte(out, (uint8_t)(d->id.len >> 8));
        (void)buf_byte(out, (uint8_t)d->id.len);
        (void)buf_append(out, d->id);
        cose(out, d, w->alg == 0 ? (int)d->alg : w->alg);
    }
    (void)buf_append(out, w->extension);
    (void)buf_append(out, w->tail);
}

/* format "none", or "packed": signed by the key itself, or by signer with a chain. */
static void make_object(struct buf *out, const struct device *d, const char *format,
                        struct span data, struct span client, EVP_PKEY *signer,
                        const struct span *chain, size_t count)
{
    struct buf signature;
    buf_init(&signature, 512);
    head(out, 5, 3);
    text(out, "fmt");
    text(out, format);
    text(out, "attStmt");
    if (strcmp(format, "packed") != 0) {
        head(out, 5, 0);
    } else {
        head(out, 5, count > 0 ? 3 : 2);
        text(out, "alg");
        number(out, count > 0 ? PASSKEY_ES256 : (int)d->alg);
        text(out, "sig");
        sign(&signature, count > 0 ? signer : d->pkey, count > 0 || d->alg != PASSKEY_EDDSA, data,
             client);
        bytes(out, buf_view(&signature));
        if (count > 0) {
            text(out, "x5c");
            head(out, 4, count);
            for (size_t i = 0; i < count; i++)
                bytes(out, chain[i]);
        }
    }
    text(out, "authData");
    bytes(out, data);
    buf_fini(&signature);
}

#endif
