/* Private keys that are somewhere else: an OpenSSL 3 provider whose keys are handles of the signer.
 *
 * To libssl such a key looks like any other EC, RSA or Ed25519 key; its public half comes from the
 * certificate, and a signature is a question to the signer. The provider signs whole messages only
 * (digest_sign), so that the signer sees what it signs; it neither decrypts nor exports anything
 * private, because it has nothing private. */
#ifndef NET_TLSKEY_H
#define NET_TLSKEY_H

#include <openssl/evp.h>

#include "base/macros.h"

struct tls_signer;

/* What a search for an algorithm says when it wants OpenSSL's own before the provider's. */
#define TLSKEY_PROPERTIES "?provider=default"

/* Makes the provider known to ctx and loads it; OSSL_PROVIDER_unload ends it. 0 or FAULT_CRYPTO. */
must_check int tlskey_load(OSSL_LIB_CTX *ctx, OSSL_PROVIDER **ret);

/* A key with this public half, whose private half is `handle` of `signer`. `signer` must outlive
 * the key; a reference to public_key is kept. FAULT_FORMAT for a kind that no TLS 1.3 scheme of
 * ours signs with, FAULT_CRYPTO. */
must_check int tlskey_new(OSSL_LIB_CTX *ctx, struct tls_signer *signer, uint32_t handle,
                          EVP_PKEY *public_key, EVP_PKEY **ret);

#endif
