/* What browsers send of passkeys. The first byte says which part of it is hostile: the attestation
 * object, the client data, the authenticator data of an assertion, a maker's certificate. */
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/fault.h"
#include "identity/cborshape.h"
#include "identity/passkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENT(type)                                                                               \
    SPAN("{\"type\":\"webauthn." type "\",\"challenge\":"                                          \
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"origin\":\"https://gw.example.com\"}")

static void must(bool truth)
{
    if (!truth)
        abort();
}

static struct passkey_question question(void)
{
    static const uint8_t challenge[CLIENTDATA_CHALLENGE];
    return (struct passkey_question){.challenge = span_of(challenge, sizeof(challenge)),
                                     .origin = SPAN("https://gw.example.com"),
                                     .site = "gw.example.com"};
}

static void object(struct span bytes)
{
    struct passkey_question q = question();
    struct passkey_registration r = {.client_data = CLIENT("create"), .object = bytes};
    struct passkey_made made;
    int len = cborshape_item(bytes);
    must(len == FAULT_FORMAT || len == FAULT_LIMIT || (len > 0 && (size_t)len <= bytes.len));
    if (passkey_register(&q, &r, &made) != PASSKEY_GOOD)
        return;
    must(len > 0 && (size_t)len == bytes.len);
    must(made.id_len > 0 && made.id_len <= PASSKEY_ID_MAX && !made.attested);
    must(made.key.len == (made.key.alg == PASSKEY_ES256   ? 64
                          : made.key.alg == PASSKEY_EDDSA ? 32
                                                          : 259));
    must(made.state.synced || !made.state.backed_up);
}

static void client(struct span bytes)
{
    struct passkey_question q = question();
    enum clientdata_verdict v = clientdata_check(bytes, "webauthn.get", q.challenge, q.origin);
    must(v != CLIENTDATA_GOOD || bytes.len >= CLIENT("get").len);
}

/* The bytes of the key are no point of the curve: nothing is ever right. */
static void assertion(struct span bytes)
{
    static const uint8_t signature[70] = {0x30, 0x44, 0x02, 0x20, 0x01};
    struct passkey_question q = question();
    struct passkey_key key = {.alg = PASSKEY_ES256, .len = 64, .bytes = {1, 2, 3}};
    struct passkey_state before = {.count = 1}, now;
    struct passkey_assertion a = {.client_data = CLIENT("get"),
                                  .data = bytes,
                                  .signature = span_of(signature, sizeof(signature))};
    must(passkey_assert(&q, &key, &before, &a, &now) != PASSKEY_GOOD);
}

static struct attestation_roots *roots_new(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    must(key != NULL && x != NULL && bio != NULL && X509_set_pubkey(x, key) == 1);
    must(X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL);
    must(X509_gmtime_adj(X509_getm_notAfter(x), 1000) != NULL);
    must(X509_sign(x, key, EVP_sha256()) > 0 && PEM_write_bio_X509(bio, x) == 1);
    long len = BIO_get_mem_data(bio, &pem);
    struct attestation_roots *roots = attestation_roots_read(span_of(pem, (size_t)len), NULL);
    BIO_free(bio);
    X509_free(x);
    EVP_PKEY_free(key);
    must(roots != NULL);
    return roots;
}

static void certificate(struct span bytes)
{
    static struct attestation_roots *roots;
    static const uint8_t model[16];
    struct span chain[2] = {bytes, bytes};
    if (roots == NULL)
        roots = roots_new();
    must(!attestation_trusted(roots, chain, 2, model, 1700000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const TARGETS[])(struct span bytes) = {object, client, assertion, certificate};
    if (size == 0)
        return 0;
    TARGETS[data[0] % countof(TARGETS)](span_of(data + 1, size - 1));
    return 0;
}
