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
#include <openssl/x509v3.h>

#include "base/fault.h"
#include "base/secret.h"
#include "net/demand.h"
#include "net/tlshosts.h"
#include "net/tlskey.h"

#define TICKET_KEY_LEN 80u
#define TICKET_NAME_LEN 16u
/* A ticket key is current for an hour and previous for another: a ticket is good for at least this.
 */
#define TICKET_SECONDS 3600
#define CHAIN_MAX 8
/* An identity that changes while it is asked for is asked for again, so often. */
#define IDENTITY_TRIES 3

/* One per process: what every context shares. */
static struct {
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *base, *remote;
    EVP_CIPHER *ticket_cipher;
    int shown_index; /* where an SSL_CTX finds its struct shown */
    int owned_index; /* where the first of them owns it */
    int h2_index;    /* where an SSL says that HTTP/2 is offered */
    int ja4_index;   /* where an SSL owns its struct ja4 */
} tls_library = {.shown_index = -1, .owned_index = -1, .h2_index = -1, .ja4_index = -1};

/* What the contexts of one identity share. The first context owns it and with it the others; a
 * connection that was switched to another keeps the first one as well, so nothing here ends while
 * it may be looked at. */
struct shown {
    uint8_t keys[2 * TICKET_KEY_LEN]; /* current, previous: 16 name, 32 HMAC, 32 AES */
    struct tlshosts *hosts;           /* NULL with one certificate */
    struct {
        uint64_t pairs;
        SSL_CTX *ctx;
    } * others; /* one for each set of pairs that some host has */
    size_t other_count;
};

static void on_context_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
                            void *argp)
{
    (void)parent;
    (void)ad;
    (void)index;
    (void)argl;
    (void)argp;
    struct shown *w = ptr;
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->other_count; i++)
        SSL_CTX_free(w->others[i].ctx);
    free(w->others);
    tlshosts_free(w->hosts);
    secret_wipe(w->keys, sizeof(w->keys));
    free(w);
}

static void on_ja4_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
                        void *argp)
{
    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    free(ptr);
}

int tls_library_init(void)
{
    if (tls_library.ctx != NULL)
        return 0;
    /* No configuration file: what a TLS server of ours does is in this file. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return FAULT_CRYPTO;
    if (tls_library.owned_index < 0)
        tls_library.owned_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_free);
    if (tls_library.shown_index < 0)
        tls_library.shown_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (tls_library.ja4_index < 0)
        tls_library.ja4_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ja4_free);
    if (tls_library.h2_index < 0)
        tls_library.h2_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (demands_library_init() < 0)
        return -ENOMEM;
    tls_library.ctx = OSSL_LIB_CTX_new();
    if (tls_library.owned_index < 0 || tls_library.shown_index < 0 || tls_library.h2_index < 0 ||
        tls_library.ja4_index < 0 || tls_library.ctx == NULL)
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

OSSL_LIB_CTX *tls_library_context(void)
{
    return tls_library.ctx;
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
    const struct shown *w = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tls_library.shown_index);
    const uint8_t *key = w->keys;
    /* Before TLS 1.3 a ticket holds the key of the connection itself: who learns a ticket key later
     * could read what was recorded. There a client shakes hands anew. */
    if (SSL_version(ssl) < TLS1_3_VERSION)
        return 0;
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
    struct shown *w = SSL_CTX_get_ex_data(ctx, tls_library.shown_index);
    memcpy(w->keys, tickets, sizeof(w->keys));
}

/* ---- ALPN ------------------------------------------------------------------------------------ */

int tls_offer_h2(SSL *ssl)
{
    return SSL_set_ex_data(ssl, tls_library.h2_index, &tls_library) == 1 ? 0 : -ENOMEM;
}

bool tls_is_h2(const SSL *ssl)
{
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(ssl, &name, &len);
    return span_is(span_of(name, len), "h2");
}

/* A client that offers protocols but not ours is refused (RFC 7301 section 3.2): to answer HTTP/1.1
 * to one that asked for something else is how cross-protocol attacks begin. HTTP/2 wins when both
 * are offered. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *offer, unsigned len, void *arg)
{
    struct cursor c = cursor_over(span_of(offer, len));
    struct span chosen = SPAN_NONE;
    bool h2 = SSL_get_ex_data(ssl, tls_library.h2_index) != NULL;
    (void)arg;
    while (c.rest.len > 0 && !c.bad) {
        struct span name = cursor_take(&c, cursor_u8(&c));
        if (!c.bad &&
            ((h2 && span_is(name, "h2")) || (chosen.len == 0 && span_is(name, "http/1.1"))))
            chosen = name;
    }
    if (c.bad || chosen.len == 0)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen.at;
    *out_len = (unsigned char)chosen.len;
    return SSL_TLSEXT_ERR_OK;
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
                            "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
                            /* These three for TLS 1.2 only (RFC 8446 section 4.2.3). */
                            "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";
    /* For TLS 1.2: forward-secret and authenticated ones only. */
    static const char CIPHERS[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
                                      "TLS_AES_256_GCM_SHA384") != 1 ||
        SSL_CTX_set_cipher_list(ctx, CIPHERS) != 1 || SSL_CTX_set1_groups_list(ctx, GROUPS) != 1 ||
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
    /* Connections that are asked for a certificate, see net/demand.h. */
    SSL_CTX_set_cert_verify_callback(ctx, demands_verify, NULL);
    SSL_CTX_set_max_cert_list(ctx, CLIENTCERT_BYTES_MAX);
    SSL_CTX_set_security_callback(ctx, on_security);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    return 0;
}

X509 *tls_next_certificate(BIO *bio)
{
    X509 *x = X509_new_ex(tls_library.ctx, "provider=default");
    if (x != NULL && PEM_read_bio_X509(bio, &x, NULL, NULL) == NULL) {
        /* A failed read leaves the object with us. */
        X509_free(x);
        x = NULL;
    }
    return x;
}

/* ---- what the signer shows ---- */

/* One pair: the chain, and a key that leads to the signer. */
struct face {
    X509 *chain[CHAIN_MAX];
    size_t count;
    EVP_PKEY *key;
    uint8_t hash[EVP_MAX_MD_SIZE]; /* of the leaf */
};

struct faces {
    struct face at[TLSHOSTS_PAIRS_MAX];
    size_t count;
};

static void faces_fini(struct faces *f)
{
    for (size_t i = 0; i < f->count; i++) {
        for (size_t k = 0; k < f->at[i].count; k++)
            X509_free(f->at[i].chain[k]);
        EVP_PKEY_free(f->at[i].key);
    }
    *f = (struct faces){.count = 0};
}

static int face_read(struct face *f, struct tls_signer *s, const struct msg_identity_is *id)
{
    BIO *bio = BIO_new_mem_buf(id->chain.at, (int)id->chain.len);
    unsigned len = 0;
    int rc = bio == NULL ? -ENOMEM : 0;
    for (X509 *x; rc == 0 && (x = tls_next_certificate(bio)) != NULL;) {
        if (f->count < CHAIN_MAX) {
            f->chain[f->count++] = x;
        } else {
            X509_free(x);
            rc = FAULT_LIMIT;
        }
    }
    BIO_free(bio);
    EVP_PKEY *public_key = f->count == 0 ? NULL : X509_get0_pubkey(f->chain[0]);
    if (rc == 0 && public_key == NULL)
        rc = FAULT_FORMAT;
    if (rc == 0)
        rc = tlskey_new(tls_library.ctx, s, id->key, public_key, &f->key);
    if (rc == 0 && X509_digest(f->chain[0], EVP_sha256(), f->hash, &len) != 1)
        rc = FAULT_CRYPTO;
    return rc;
}

/* All pairs of one keyring. FAULT_STALE: it changed meanwhile. */
static int faces_ask(struct faces *f, struct tls_signer *s, uint8_t tickets[160])
{
    struct msg_identity_is id;
    uint32_t keyring = 0;
    size_t count = 1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = tls_signer_identity(s, (uint8_t)i, &id);
        if (rc < 0)
            return i == 0 ? rc : FAULT_STALE;
        if (id.count == 0 || id.count > TLSHOSTS_PAIRS_MAX)
            rc = FAULT_FORMAT;
        else if (i > 0 && (id.keyring != keyring || id.count != count))
            rc = FAULT_STALE;
        keyring = id.keyring;
        count = id.count;
        memcpy(tickets, id.tickets, sizeof(id.tickets));
        if (rc == 0)
            rc = face_read(&f->at[f->count++], s, &id);
        secret_wipe(&id, sizeof(id));
    }
    return rc;
}

/* ---- contexts by host ---- */

static int use_face(SSL_CTX *ctx, const struct face *f)
{
    if (SSL_CTX_use_certificate(ctx, f->chain[0]) != 1 || SSL_CTX_use_PrivateKey(ctx, f->key) != 1)
        return FAULT_CRYPTO;
    for (size_t i = 1; i < f->count; i++)
        if (SSL_CTX_add1_chain_cert(ctx, f->chain[i]) != 1)
            return -ENOMEM;
    return 0;
}

/* A context has room for one key of each kind; OpenSSL chooses by what the client can verify. */
static bool has_kind(const struct faces *f, uint64_t pairs, size_t before, size_t of)
{
    bool has = false;
    for (size_t i = 0; i < before; i++)
        has |=
            (pairs >> i & 1) != 0 && EVP_PKEY_get_base_id(X509_get0_pubkey(f->at[i].chain[0])) ==
                                         EVP_PKEY_get_base_id(X509_get0_pubkey(f->at[of].chain[0]));
    return has;
}

/* A ticket resumes only where the session id context is the same: same generation, same leaves. */
static int set_session_id_context(SSL_CTX *ctx, uint64_t generation, const struct faces *f,
                                  uint64_t pairs)
{
    uint8_t text[8 + 32 * TLSHOSTS_PAIRS_MAX], digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct writer w = writer_into(text, sizeof(text));
    writer_u64(&w, generation);
    for (size_t i = 0; i < f->count; i++)
        if ((pairs >> i & 1) != 0)
            writer_fixed(&w, f->at[i].hash, 32);
    if (EVP_Digest(text, w.len, digest, &len, EVP_sha256(), NULL) != 1 ||
        SSL_CTX_set_session_id_context(ctx, digest, len) != 1)
        return FAULT_CRYPTO;
    return 0;
}

static int fill_context(SSL_CTX *ctx, struct shown *w, const struct faces *f, uint64_t pairs,
                        uint64_t generation)
{
    if (SSL_CTX_set_ex_data(ctx, tls_library.shown_index, w) != 1)
        return -ENOMEM;
    if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) != 1)
        return FAULT_CRYPTO;
    int rc = set_policy(ctx);
    for (size_t i = 0; rc == 0 && i < f->count; i++)
        if ((pairs >> i & 1) != 0 && !has_kind(f, pairs, i, i))
            rc = use_face(ctx, &f->at[i]);
    return rc == 0 ? set_session_id_context(ctx, generation, f, pairs) : rc;
}

static int add_names(struct tlshosts *h, X509 *leaf, unsigned pair)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    int rc = 0;
    for (int i = 0; rc == 0 && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
        if (n->type != GEN_DNS)
            continue;
        struct span name =
            span_of(ASN1_STRING_get0_data(n->d.dNSName), (size_t)ASN1_STRING_length(n->d.dNSName));
        rc = tlshosts_add(h, name, pair);
    }
    GENERAL_NAMES_free(names);
    return rc;
}

static int context_for(struct shown *w, SSL_CTX *first, const struct faces *f, uint64_t pairs,
                       uint64_t generation, SSL_CTX **ret)
{
    *ret = pairs == 1 ? first : NULL;
    for (size_t i = 0; *ret == NULL && i < w->other_count; i++)
        *ret = w->others[i].pairs == pairs ? w->others[i].ctx : NULL;
    if (*ret != NULL)
        return 0;
    void *more = realloc(w->others, (w->other_count + 1) * sizeof(*w->others));
    if (more == NULL)
        return -ENOMEM;
    w->others = more;
    SSL_CTX *ctx = SSL_CTX_new_ex(tls_library.ctx, TLSKEY_PROPERTIES, TLS_server_method());
    if (ctx == NULL)
        return FAULT_CRYPTO;
    w->others[w->other_count].pairs = pairs;
    w->others[w->other_count++].ctx = *ret = ctx;
    return fill_context(ctx, w, f, pairs, generation);
}

static struct span body_of(SSL *ssl, unsigned type)
{
    const unsigned char *at = NULL;
    size_t len = 0;
    return SSL_client_hello_get0_ext(ssl, type, &at, &len) == 1 ? span_of(at, len) : SPAN_NONE;
}

/* Says what program speaks. Without memory nothing is known of it, and nobody is refused here. */
static void note_program(SSL *ssl)
{
    struct ja4_hello h = {.version = (uint16_t)SSL_client_hello_get0_legacy_version(ssl)};
    const unsigned char *ciphers = NULL;
    int *extensions = NULL;
    struct ja4 *ja4 = SSL_get_ex_data(ssl, tls_library.ja4_index);
    bool fresh = ja4 == NULL;
    if (fresh)
        ja4 = malloc(sizeof(*ja4));
    if (ja4 == NULL || SSL_client_hello_get1_extensions_present(ssl, &extensions, &h.count) != 1) {
        free(fresh ? ja4 : NULL);
        return;
    }
    h.ciphers.len = SSL_client_hello_get0_ciphers(ssl, &ciphers);
    h.ciphers.at = ciphers;
    h.extensions = extensions;
    h.versions = body_of(ssl, TLSEXT_TYPE_supported_versions);
    h.algorithms = body_of(ssl, TLSEXT_TYPE_signature_algorithms);
    h.alpn = body_of(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation);
    ja4_of(&h, ja4);
    OPENSSL_free(extensions);
    if (fresh && SSL_set_ex_data(ssl, tls_library.ja4_index, ja4) != 1)
        free(ja4);
}

const struct ja4 *tls_fingerprint(const SSL *ssl)
{
    return tls_library.ja4_index < 0 ? NULL : SSL_get_ex_data(ssl, tls_library.ja4_index);
}

/* Before anything else of the hello is looked at, so that a ticket is judged in the context of the
 * host that is asked for. Contexts differ in their certificates only: what else a context says is
 * not taken over here, and what is demanded of the client is set afterwards, connection by
 * connection. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
    const struct shown *w = arg;
    const unsigned char *at = NULL;
    size_t len = 0;
    struct span asked = SPAN_NONE;
    const struct tlshost *host = NULL;
    note_program(ssl);
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &at, &len) == 1)
        asked = tlshosts_asked(span_of(at, len));
    if (w->hosts != NULL)
        host = tlshosts_find(w->hosts, asked);
    if ((host != NULL && SSL_set_SSL_CTX(ssl, host->context) == NULL) ||
        demands_apply(ssl, asked) < 0) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int tell_hosts_apart(SSL_CTX *first, struct shown *w, const struct faces *f,
                            uint64_t generation)
{
    w->hosts = tlshosts_new();
    int rc = w->hosts == NULL ? -ENOMEM : 0;
    for (size_t i = 0; rc == 0 && i < f->count; i++)
        rc = add_names(w->hosts, f->at[i].chain[0], (unsigned)i);
    size_t at = 0;
    for (struct tlshost *host; rc == 0 && (host = tlshosts_next(w->hosts, &at)) != NULL;) {
        SSL_CTX *ctx = NULL;
        rc = context_for(w, first, f, host->pairs, generation, &ctx);
        host->context = ctx;
    }
    return rc;
}

static int fill(SSL_CTX *ctx, struct tls_signer *s, uint64_t generation)
{
    struct shown *w = calloc(1, sizeof(*w));
    struct faces *f = calloc(1, sizeof(*f));
    int rc = w == NULL || f == NULL ? -ENOMEM : FAULT_STALE;
    if (rc == -ENOMEM || SSL_CTX_set_ex_data(ctx, tls_library.owned_index, w) != 1) {
        free(w);
        free(f);
        return -ENOMEM;
    }
    for (int i = 0; rc == FAULT_STALE && i < IDENTITY_TRIES; i++) {
        faces_fini(f);
        rc = faces_ask(f, s, w->keys);
    }
    if (rc == 0)
        rc = fill_context(ctx, w, f, 1, generation);
    if (rc == 0 && f->count > 1)
        rc = tell_hosts_apart(ctx, w, f, generation);
    if (rc == 0)
        SSL_CTX_set_client_hello_cb(ctx, on_hello, w);
    faces_fini(f);
    free(f);
    return rc;
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
    int rc = fill(ctx, s, generation);
    ERR_clear_error();
    if (rc < 0) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *ret = ctx;
    return 0;
}
