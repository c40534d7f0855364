#include "net/tls.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/fault.h"
#include "base/secret.h"
#include "net/tlskey.h"

#define TICKET_KEY_LEN 80u
#define TICKET_NAME_LEN 16u
/* A ticket key is current for an hour and previous for another: a ticket is good for at least this.
 */
#define TICKET_SECONDS 3600
#define CHAIN_MAX 8

/* One per process: what every context shares. */
static struct {
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *base, *remote;
    EVP_CIPHER *ticket_cipher;
    int tickets_index; /* where an SSL_CTX keeps its struct ticket_keys */
} tls_library = {.tickets_index = -1};

struct ticket_keys {
    uint8_t keys[2 * TICKET_KEY_LEN]; /* current, previous: 16 name, 32 HMAC, 32 AES */
};

static void on_context_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
                            void *argp)
{
    (void)parent;
    (void)ad;
    (void)index;
    (void)argl;
    (void)argp;
    if (ptr != NULL)
        secret_wipe(ptr, sizeof(struct ticket_keys));
    free(ptr);
}

int tls_library_init(void)
{
    if (tls_library.ctx != NULL)
        return 0;
    /* No configuration file: what a TLS server of ours does is in this file. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return FAULT_CRYPTO;
    if (tls_library.tickets_index < 0)
        tls_library.tickets_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_free);
    tls_library.ctx = OSSL_LIB_CTX_new();
    if (tls_library.tickets_index < 0 || tls_library.ctx == NULL)
        goto failed;
    /* Loading any provider by name ends the implicit loading of the default one. */
    tls_library.base = OSSL_PROVIDER_load(tls_library.ctx, "default");
    tls_library.ticket_cipher =
        EVP_CIPHER_fetch(tls_library.ctx, "AES-256-CBC", "provider=default");
    if (tls_library.base == NULL || tls_library.ticket_cipher == NULL ||
        EVP_set_default_properties(tls_library.ctx, TLSKEY_PROPERTIES) != 1 ||
        tlskey_load(tls_library.ctx, &tls_library.remote) < 0)
        goto failed;
    return 0;
failed:
    ERR_clear_error();
    tls_library_fini();
    return FAULT_CRYPTO;
}

void tls_library_fini(void)
{
    EVP_CIPHER_free(tls_library.ticket_cipher);
    if (tls_library.remote != NULL)
        (void)OSSL_PROVIDER_unload(tls_library.remote);
    if (tls_library.base != NULL)
        (void)OSSL_PROVIDER_unload(tls_library.base);
    OSSL_LIB_CTX_free(tls_library.ctx);
    tls_library.ticket_cipher = NULL;
    tls_library.base = tls_library.remote = NULL;
    tls_library.ctx = NULL;
}

/* ---- tickets --------------------------------------------------------------------------------- */

static int ticket_mac_init(EVP_MAC_CTX *mac, const uint8_t *key)
{
    /* OpenSSL reads the key only; its parameters have no const. */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key, 32),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params);
}

/* Positive: go on; 2 means that the client gets a new ticket. Clients use a ticket once (RFC 8446
 * appendix C.4), so without a new one each second connection would be a full handshake. 0: not our
 * key, full handshake. -1: error. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int encrypt)
{
    const struct ticket_keys *t =
        SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tls_library.tickets_index);
    const uint8_t *key = t->keys;
    if (encrypt) {
        memcpy(name, key, TICKET_NAME_LEN);
        if (RAND_bytes_ex(tls_library.ctx, iv, EVP_MAX_IV_LENGTH, 0) != 1)
            return -1;
    } else if (memcmp(name, key, TICKET_NAME_LEN) != 0) {
        key += TICKET_KEY_LEN;
        if (memcmp(name, key, TICKET_NAME_LEN) != 0)
            return 0;
    }
    if (ticket_mac_init(mac, key + TICKET_NAME_LEN) != 1 ||
        EVP_CipherInit_ex2(cipher, tls_library.ticket_cipher, key + TICKET_NAME_LEN + 32, iv,
                           encrypt, NULL) != 1)
        return -1;
    return encrypt ? 1 : 2;
}

void tls_context_tickets(SSL_CTX *ctx, const uint8_t tickets[160])
{
    struct ticket_keys *t = SSL_CTX_get_ex_data(ctx, tls_library.tickets_index);
    memcpy(t->keys, tickets, sizeof(t->keys));
}

/* ---- ALPN ------------------------------------------------------------------------------------ */

/* A client that offers protocols but not ours is refused (RFC 7301 section 3.2): to answer HTTP/1.1
 * to one that asked for something else is how cross-protocol attacks begin. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *offer, unsigned len, void *arg)
{
    static const struct span HTTP11 = {(const uint8_t *)"http/1.1", 8};
    struct cursor c = cursor_over(span_of(offer, len));
    (void)ssl;
    (void)arg;
    while (c.rest.len > 0 && !c.bad) {
        struct span name = cursor_take(&c, cursor_u8(&c));
        if (!c.bad && span_eq(name, HTTP11)) {
            *out = name.at;
            *out_len = (unsigned char)name.len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- contexts -------------------------------------------------------------------------------- */

/* Every list below is named in full, so the security levels have nothing to add; asking them for
 * each certificate and algorithm of each handshake is work without a result. */
static int on_security(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid, void *other,
                       void *ex)
{
    (void)ssl;
    (void)ctx;
    (void)op;
    (void)bits;
    (void)nid;
    (void)other;
    (void)ex;
    return 1;
}

static int set_policy(SSL_CTX *ctx)
{
    /* Not const only because OpenSSL's macros drop it. */
    static char GROUPS[] = "X25519:P-256";
    static char SIGALGS[] = "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ed25519:"
                            "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512";
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
                                      "TLS_AES_256_GCM_SHA384") != 1 ||
        SSL_CTX_set1_groups_list(ctx, GROUPS) != 1 ||
        SSL_CTX_set1_sigalgs_list(ctx, SIGALGS) != 1 || SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
        SSL_CTX_set_max_early_data(ctx, 0) != 1)
        return FAULT_CRYPTO;
    /* Tickets are psk_dhe_ke only: SSL_OP_ALLOW_NO_DHE_KEX stays off. A phone without AES
     * instructions gets ChaCha20 when it asks for it first. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* NO_AUTO_CHAIN: otherwise every handshake would search a trust store for issuers. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, TICKET_SECONDS);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_security_callback(ctx, on_security);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    return 0;
}

static X509 *next_certificate(BIO *bio)
{
    X509 *x = X509_new_ex(tls_library.ctx, "provider=default");
    if (x != NULL && PEM_read_bio_X509(bio, &x, NULL, NULL) == NULL) {
        /* A failed read leaves the object with us. */
        X509_free(x);
        x = NULL;
    }
    return x;
}

static int use_chain(SSL_CTX *ctx, struct tls_signer *s, const struct msg_identity_is *id, BIO *bio,
                     uint8_t leaf_hash[32])
{
    X509 *leaf = next_certificate(bio);
    EVP_PKEY *key = NULL;
    unsigned len = 0;
    int rc = FAULT_FORMAT;
    if (leaf != NULL && X509_get0_pubkey(leaf) != NULL)
        rc = tlskey_new(tls_library.ctx, s, id->key, X509_get0_pubkey(leaf), &key);
    if (rc == 0 &&
        (SSL_CTX_use_certificate(ctx, leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1 ||
         X509_digest(leaf, EVP_sha256(), leaf_hash, &len) != 1))
        rc = FAULT_CRYPTO;
    EVP_PKEY_free(key);
    X509_free(leaf);
    for (int i = 1; rc == 0; i++) {
        X509 *x = next_certificate(bio);
        if (x == NULL)
            break;
        if (i >= CHAIN_MAX)
            rc = FAULT_LIMIT;
        else if (SSL_CTX_add1_chain_cert(ctx, x) != 1)
            rc = -ENOMEM;
        X509_free(x);
    }
    return rc;
}

/* A ticket resumes only where the session id context is the same: same generation, same leaf. */
static int set_session_id_context(SSL_CTX *ctx, uint64_t generation, const uint8_t leaf_hash[32])
{
    uint8_t text[8 + 32], digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct writer w = writer_into(text, sizeof(text));
    writer_u64(&w, generation);
    writer_fixed(&w, leaf_hash, 32);
    if (EVP_Digest(text, w.len, digest, &len, EVP_sha256(), NULL) != 1 ||
        SSL_CTX_set_session_id_context(ctx, digest, len) != 1)
        return FAULT_CRYPTO;
    return 0;
}

static int fill_context(SSL_CTX *ctx, struct tls_signer *s, uint64_t generation)
{
    struct msg_identity_is id;
    uint8_t leaf_hash[EVP_MAX_MD_SIZE];
    struct ticket_keys *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return -ENOMEM;
    if (SSL_CTX_set_ex_data(ctx, tls_library.tickets_index, t) != 1) {
        free(t);
        return -ENOMEM;
    }
    if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) != 1)
        return FAULT_CRYPTO;
    int rc = set_policy(ctx);
    if (rc == 0)
        rc = tls_signer_identity(s, &id);
    if (rc < 0)
        return rc;
    memcpy(t->keys, id.tickets, sizeof(t->keys));
    BIO *bio = BIO_new_mem_buf(id.chain.at, (int)id.chain.len);
    rc = bio == NULL ? -ENOMEM : use_chain(ctx, s, &id, bio, leaf_hash);
    BIO_free(bio);
    secret_wipe(&id, sizeof(id));
    return rc == 0 ? set_session_id_context(ctx, generation, leaf_hash) : rc;
}

int tls_context_new(struct tls_signer *s, uint64_t generation, SSL_CTX **ret)
{
    if (tls_library.ctx == NULL)
        return FAULT_MISUSE;
    SSL_CTX *ctx = SSL_CTX_new_ex(tls_library.ctx, TLSKEY_PROPERTIES, TLS_server_method());
    if (ctx == NULL) {
        ERR_clear_error();
        return FAULT_CRYPTO;
    }
    int rc = fill_context(ctx, s, generation);
    ERR_clear_error();
    if (rc < 0) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *ret = ctx;
    return 0;
}
