/* TLS towards a console: who it must be, and the handshake's means to find out.
 *
 * A client is what the TLS upstreams of one route have in common: trust, names, versions (1.2 and
 * 1.3, forward-secret ciphers, HTTP/1.1 by ALPN). Verification is always on. It asks for one of:
 *
 *   authorities          the certificate comes from one of them, is valid today and for the name
 *   pins                 the key of the certificate is one of them; its name and dates do not count
 *   authorities and pins both
 *
 * A client without either can not be made. Clients are counted: pools and generations share them.
 */
#ifndef NET_TLSCLIENT_H
#define NET_TLSCLIENT_H

#include <openssl/ssl.h>

#include "base/macros.h"
#include "base/span.h"

struct tls_client;

#define TLS_PIN_SIZE 32u
/* "sha256/" and base64 with its end. */
#define TLS_PIN_TEXT (7 + 45)

struct tls_client_conf {
    struct span authorities; /* PEM, or empty */
    bool shared;             /* they are the system's: parsed once for all clients */
    const uint8_t (*pins)[TLS_PIN_SIZE];
    size_t pin_count;
    struct span sni; /* asked for; empty: the name of the certificate when it is no address */
    const char *certificate;   /* name of the pair that the console is shown; "" or NULL: none */
    struct tls_signer *signer; /* that has it; must outlive the client */
    struct span name;          /* that the certificate is for; empty: the host that is dialled */
};

/* With a certificate of ours TLS 1.3 is the least version: what a client signs in TLS 1.2 is
 * nothing that a signer could tell from other bytes. */
/* FAULT_ABSENT: the signer has no such pair. FAULT_FORMAT: no certificate in the authorities, or
 * neither authorities nor pins. FAULT_CRYPTO, -ENOMEM. */
must_check int tls_client_new(const struct tls_client_conf *conf, struct tls_client **ret);
struct tls_client *tls_client_ref(struct tls_client *c);
void tls_client_unref(struct tls_client *c);
/* Asks the signer again: it is another one, which knows the key under another handle. */
must_check int tls_client_identify(struct tls_client *c);
/* Would both accept the same peers, as the same client? */
bool tls_client_same(const struct tls_client *a, const struct tls_client *b);
/* Drops what clients share. After the last one is gone. */
void tls_client_library_fini(void);

enum tls_peer_verdict {
    TLS_PEER_UNSEEN,    /* no certificate came; or the session was resumed */
    TLS_PEER_TRUSTED,   /* it is who it must be */
    TLS_PEER_MISMATCH,  /* its key is none of the pins */
    TLS_PEER_UNTRUSTED, /* the authorities do not vouch for it, or not today or not for this name */
};

/* One connection's view of its peer. */
struct tls_peer {
    enum tls_peer_verdict verdict;
    int error;                  /* of X509_verify_cert() with TLS_PEER_UNTRUSTED */
    uint8_t spki[TLS_PIN_SIZE]; /* of the certificate that came, unless UNSEEN */
    SSL_SESSION **session;      /* where a session for the next connection is put, or NULL */
};

/* A connection to `host` (a name or an address as text) that has not begun. `peer` must outlive it.
 * A session in *peer->session is used, once. */
must_check int tls_client_open(struct tls_client *c, const char *host, struct tls_peer *peer,
                               SSL **ret);
/* "sha256/BASE64" of the key that was seen. */
void tls_peer_pin(const struct tls_peer *peer, char out[TLS_PIN_TEXT]);
/* A few words for logs and pages of administrators. Static. */
const char *tls_peer_why(const struct tls_peer *peer);

#endif
