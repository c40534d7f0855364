#include "net/tlsclient.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/addr.h"
#include "base/fault.h"
#include "base/text.h"
#include "net/tls.h"
#include "net/tlskey.h"

/* A resumed handshake looks at no certificate: so long a session is good for at most, whatever the
 * console says of its tickets. */
#define SESSION_SECONDS 3600

struct tls_client {
    unsigned refs;
    SSL_CTX *ctx;
    bool anchored; /* authorities vouch */
    uint8_t (*pins)[TLS_PIN_SIZE];
    size_t pin_count;
    char *sni, *name;  /* "" → derived from the host */
    char *certificate; /* "": none */
    struct tls_signer *signer;
    uint8_t fingerprint[32];
};

/* The system's authorities, parsed, with the hash of the text they came from. */
static struct {
    X509_STORE *store;
    uint8_t hash[32];
} shared;

static int peer_index = -1;

/* ---- verification ---------------------------------------------------------------------------- */

static bool hash_key(X509 *x, uint8_t ret[TLS_PIN_SIZE])
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    bool ok = len > 0 && EVP_Digest(der, (size_t)len, ret, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return ok;
}

static bool is_pinned(const struct tls_client *c, const uint8_t key[TLS_PIN_SIZE])
{
    for (size_t i = 0; i < c->pin_count; i++)
        if (memcmp(c->pins[i], key, TLS_PIN_SIZE) == 0)
            return true;
    return c->pin_count == 0;
}

/* Instead of OpenSSL's own: only the end of the chain can be pinned, because without authorities
 * nothing ties the rest of what a peer sends to its key. */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
    const struct tls_client *c = arg;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_peer *peer = ssl == NULL ? NULL : SSL_get_ex_data(ssl, peer_index);
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    if (peer == NULL || leaf == NULL || !hash_key(leaf, peer->spki)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    if (c->anchored && X509_verify_cert(store) != 1) {
        peer->verdict = TLS_PEER_UNTRUSTED;
        peer->error = X509_STORE_CTX_get_error(store);
        return 0;
    }
    if (!is_pinned(c, peer->spki)) {
        peer->verdict = TLS_PEER_MISMATCH;
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    peer->verdict = TLS_PEER_TRUSTED;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_peer *peer = SSL_get_ex_data(ssl, peer_index);
    if (peer == NULL || peer->session == NULL)
        return 0;
    SSL_SESSION_free(*peer->session);
    *peer->session = session;
    return 1;
}

/* ---- making ---------------------------------------------------------------------------------- */

static int parse_store(struct span pem, X509_STORE **ret)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509_STORE *store = X509_STORE_new();
    int rc = bio == NULL || store == NULL ? -ENOMEM : 0;
    size_t count = 0;
    while (rc == 0) {
        X509 *x = tls_next_certificate(bio);
        if (x == NULL)
            break;
        if (X509_STORE_add_cert(store, x) != 1)
            rc = -ENOMEM;
        X509_free(x);
        count++;
    }
    BIO_free(bio);
    ERR_clear_error();
    if (rc == 0 && count == 0)
        rc = FAULT_FORMAT;
    if (rc < 0) {
        X509_STORE_free(store);
        return rc;
    }
    *ret = store;
    return 0;
}

static int shared_store(struct span pem, X509_STORE **ret)
{
    uint8_t hash[32];
    X509_STORE *fresh;
    if (EVP_Digest(pem.at, pem.len, hash, NULL, EVP_sha256(), NULL) != 1)
        return FAULT_CRYPTO;
    if (shared.store == NULL || memcmp(hash, shared.hash, sizeof(hash)) != 0) {
        int rc = parse_store(pem, &fresh);
        if (rc < 0)
            return rc;
        X509_STORE_free(shared.store);
        shared.store = fresh;
        memcpy(shared.hash, hash, sizeof(hash));
    }
    if (X509_STORE_up_ref(shared.store) != 1)
        return FAULT_CRYPTO;
    *ret = shared.store;
    return 0;
}

void tls_client_library_fini(void)
{
    X509_STORE_free(shared.store);
    shared.store = NULL;
}

static int set_trust(struct tls_client *c, const struct tls_client_conf *conf)
{
    X509_STORE *store = NULL;
    c->anchored = conf->authorities.len > 0;
    if (!c->anchored)
        return 0;
    int rc = conf->shared ? shared_store(conf->authorities, &store)
                          : parse_store(conf->authorities, &store);
    if (rc < 0)
        return rc;
    SSL_CTX_set_cert_store(c->ctx, store);
    /* Who names an intermediate authority means that one and not whoever signed it. */
    if (!conf->shared &&
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c->ctx), X509_V_FLAG_PARTIAL_CHAIN) != 1)
        return FAULT_CRYPTO;
    return 0;
}

static int set_pins(struct tls_client *c, const struct tls_client_conf *conf)
{
    c->pins = calloc(conf->pin_count + 1, sizeof(*c->pins));
    if (c->pins == NULL)
        return -ENOMEM;
    if (conf->pin_count > 0)
        memcpy(c->pins, conf->pins, conf->pin_count * sizeof(*c->pins));
    c->pin_count = conf->pin_count;
    return 0;
}

static int set_policy(SSL_CTX *ctx)
{
    static const unsigned char ALPN[] = "\x08http/1.1";
    /* Consoles are older than browsers: with TLS 1.2 what encrypts first and authenticates
     * afterwards is taken when there is nothing better, what has no forward secrecy is not. */
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:DHE+AES:"
                                     "!aNULL:!eNULL:!MD5:!DSS:!PSK:!SRP") != 1 ||
        SSL_CTX_set_alpn_protos(ctx, ALPN, sizeof(ALPN) - 1) != 0)
        return FAULT_CRYPTO;
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    return 0;
}

int tls_client_identify(struct tls_client *c)
{
    struct msg_client_is is;
    EVP_PKEY *key = NULL;
    if (c->certificate[0] == 0)
        return 0;
    int rc = tls_signer_client(c->signer, c->certificate, &is);
    if (rc < 0)
        return rc;
    BIO *bio = BIO_new_mem_buf(is.chain.at, (int)is.chain.len);
    X509 *leaf = bio == NULL ? NULL : tls_next_certificate(bio);
    rc = leaf == NULL || X509_get0_pubkey(leaf) == NULL ? FAULT_FORMAT : 0;
    if (rc == 0)
        rc = tlskey_new(tls_library_context(), c->signer, is.key, X509_get0_pubkey(leaf), &key);
    if (rc == 0 &&
        (SSL_CTX_use_certificate(c->ctx, leaf) != 1 || SSL_CTX_use_PrivateKey(c->ctx, key) != 1 ||
         SSL_CTX_clear_chain_certs(c->ctx) != 1 ||
         SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION) != 1))
        rc = FAULT_CRYPTO;
    EVP_PKEY_free(key);
    X509_free(leaf);
    for (X509 *x; rc == 0 && (x = tls_next_certificate(bio)) != NULL;) {
        if (SSL_CTX_add1_chain_cert(c->ctx, x) != 1)
            rc = -ENOMEM;
        X509_free(x);
    }
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

static bool mix(EVP_MD_CTX *md, struct span part)
{
    uint8_t len[4] = {(uint8_t)(part.len >> 24), (uint8_t)(part.len >> 16),
                      (uint8_t)(part.len >> 8), (uint8_t)part.len};
    return EVP_DigestUpdate(md, len, sizeof(len)) == 1 &&
           (part.len == 0 || EVP_DigestUpdate(md, part.at, part.len) == 1);
}

/* Of the certificate that is shown: another one is another client to the console. */
static bool mix_certificate(const struct tls_client *c, EVP_MD_CTX *md)
{
    X509 *leaf = SSL_CTX_get0_certificate(c->ctx);
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (leaf == NULL)
        return true;
    return X509_digest(leaf, EVP_sha256(), hash, &len) == 1 && mix(md, span_of(hash, len));
}

static int set_fingerprint(struct tls_client *c, const struct tls_client_conf *conf)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
              mix(md, conf->authorities) && mix(md, conf->sni) && mix(md, conf->name);
    for (size_t i = 0; ok && i < c->pin_count; i++)
        ok = mix(md, span_of(c->pins[i], TLS_PIN_SIZE));
    ok = ok && mix_certificate(c, md) && EVP_DigestFinal_ex(md, c->fingerprint, NULL) == 1;
    EVP_MD_CTX_free(md);
    return ok ? 0 : FAULT_CRYPTO;
}

static int fill(struct tls_client *c, const struct tls_client_conf *conf)
{
    int rc = set_policy(c->ctx);
    if (rc == 0)
        rc = set_trust(c, conf);
    if (rc == 0)
        rc = set_pins(c, conf);
    if (rc == 0 && !c->anchored && c->pin_count == 0)
        rc = FAULT_FORMAT;
    c->signer = conf->signer;
    c->certificate = strdup(conf->certificate != NULL ? conf->certificate : "");
    if (rc == 0 && c->certificate == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        rc = tls_client_identify(c);
    if (rc == 0)
        rc = set_fingerprint(c, conf);
    if (rc < 0)
        return rc;
    c->sni = strndup(conf->sni.len > 0 ? (const char *)conf->sni.at : "", conf->sni.len);
    c->name = strndup(conf->name.len > 0 ? (const char *)conf->name.at : "", conf->name.len);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(c->ctx, on_verify, c);
    return c->sni == NULL || c->name == NULL ? -ENOMEM : 0;
}

int tls_client_new(const struct tls_client_conf *conf, struct tls_client **ret)
{
    if (tls_library_context() == NULL)
        return FAULT_MISUSE;
    if (peer_index < 0)
        peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    struct tls_client *c = calloc(1, sizeof(*c));
    if (c == NULL || peer_index < 0) {
        free(c);
        return -ENOMEM;
    }
    c->refs = 1;
    c->ctx = SSL_CTX_new_ex(tls_library_context(), TLSKEY_PROPERTIES, TLS_client_method());
    int rc = c->ctx == NULL ? -ENOMEM : fill(c, conf);
    ERR_clear_error();
    if (rc < 0) {
        tls_client_unref(c);
        return rc;
    }
    *ret = c;
    return 0;
}

struct tls_client *tls_client_ref(struct tls_client *c)
{
    if (c != NULL)
        c->refs++;
    return c;
}

void tls_client_unref(struct tls_client *c)
{
    if (c == NULL || --c->refs > 0)
        return;
    SSL_CTX_free(c->ctx);
    free(c->pins);
    free(c->sni);
    free(c->name);
    free(c->certificate);
    free(c);
}

bool tls_client_same(const struct tls_client *a, const struct tls_client *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return memcmp(a->fingerprint, b->fingerprint, sizeof(a->fingerprint)) == 0;
}

/* ---- connections ----------------------------------------------------------------------------- */

static bool is_address(const char *text)
{
    struct addr a;
    return addr_parse(span_str(text), &a) == 0;
}

static bool set_names(const struct tls_client *c, SSL *ssl, const char *host)
{
    const char *name = c->name[0] != 0 ? c->name : host;
    const char *sni = c->sni[0] != 0 ? c->sni : is_address(name) ? host : name;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    bool ok = is_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1
                               : X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
    /* An address is no server name (RFC 6066 section 3). OpenSSL copies the name; its macro for
     * this drops the const. */
    return ok &&
           (is_address(sni) || SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                        TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)sni) == 1);
}

/* A ticket is shown once (RFC 8446 appendix C.4); a session of TLS 1.2 stays good. */
static void use_session(SSL *ssl, SSL_SESSION **place)
{
    SSL_SESSION *session = place == NULL ? NULL : *place;
    if (session == NULL)
        return;
    long age = (long)time(NULL) - SSL_SESSION_get_time(session);
    bool good = age >= 0 && age < SESSION_SECONDS && SSL_SESSION_is_resumable(session) == 1;
    if (good)
        (void)SSL_set_session(ssl, session);
    if (!good || SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
        SSL_SESSION_free(session);
        *place = NULL;
    }
}

int tls_client_open(struct tls_client *c, const char *host, struct tls_peer *peer, SSL **ret)
{
    SSL *ssl = SSL_new(c->ctx);
    if (ssl == NULL || SSL_set_ex_data(ssl, peer_index, peer) != 1 || !set_names(c, ssl, host)) {
        SSL_free(ssl);
        ERR_clear_error();
        return -ENOMEM;
    }
    use_session(ssl, peer->session);
    SSL_set_connect_state(ssl);
    *ret = ssl;
    return 0;
}

void tls_peer_pin(const struct tls_peer *peer, char out[TLS_PIN_TEXT])
{
    memcpy(out, "sha256/", 7);
    text_b64(out + 7, span_of(peer->spki, TLS_PIN_SIZE));
}

const char *tls_peer_why(const struct tls_peer *peer)
{
    switch (peer->verdict) {
    case TLS_PEER_MISMATCH:
        return "pin_mismatch";
    case TLS_PEER_UNTRUSTED:
        return X509_verify_cert_error_string(peer->error);
    case TLS_PEER_UNSEEN:
    case TLS_PEER_TRUSTED:
        break;
    }
    return "";
}
