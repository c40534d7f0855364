/* TLS for the edge: a server context whose private keys are in the signer.
 *
 * TLS 1.3, and 1.2 for connections that are allowed it: then with ECDHE and AEAD only, and without
 * resumption. ECDSA P-256/P-384, RSA and Ed25519 leaf keys. With several certificates a client gets
 * the one for the host it asks for, else the first; of one host it gets the kind that it can
 * verify, and a session resumes only where the same certificates are shown. One ticket per
 * handshake, psk_dhe_ke, ticket keys from the signer, shared by all edges. ALPN http/1.1,
 * and h2 where it is offered. Released buffers, read-ahead. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <openssl/ssl.h>

#include "ipc/channel.h"
#include "net/ja4.h"

/* The edge's end of its signer: the channel, and what came unasked while it waited. */
struct tls_signer {
    struct channel channel;
    bool broken; /* the deadline passed or the channel ended: handshakes fail until replaced */
    bool tickets_fresh; /* `tickets` holds keys that the context does not have yet */
    uint8_t tickets[160];
    uint64_t signed_count, failed_count;
};

#define TLS_SIGN_DEADLINE_MS 250
/* An identity is asked for at start and at a prepare, when the signer may be reading its files. */
#define TLS_IDENTITY_DEADLINE_MS 1000

must_check int tls_signer_init(struct tls_signer *s, int fd);
void tls_signer_fini(struct tls_signer *s);
/* Reads what the signer sent unasked (ticket rotation). 0, FAULT_CLOSED, FAULT_FORMAT. */
must_check int tls_signer_pump(struct tls_signer *s);
/* Asks for a signature and waits at most TLS_SIGN_DEADLINE_MS. Returns its length or a fault. */
must_check int tls_signer_sign(struct tls_signer *s, uint32_t key, uint16_t scheme, struct span tbs,
                               uint8_t *signature, size_t cap);

/* Asks for the certificate of this index; also renews s->tickets. *ret borrows from the channel
 * until its next use. FAULT_ABSENT: the signer has no such certificate, or no usable one at all. */
must_check int tls_signer_identity(struct tls_signer *s, uint8_t index,
                                   struct msg_identity_is *ret);

/* Asks for the pair of this name, to be shown to a console. Borrows as above. FAULT_ABSENT: there
 * is none. */
must_check int tls_signer_client(struct tls_signer *s, const char *name, struct msg_client_is *ret);

/* Loads the provider into its own OSSL_LIB_CTX, once per process, before the sandbox. */
must_check int tls_library_init(void);
void tls_library_fini(void);

/* That context, and the next certificate of a PEM text in it; NULL: none. For who makes contexts.
 */
OSSL_LIB_CTX *tls_library_context(void);
X509 *tls_next_certificate(BIO *pem);

/* Asks the signer for its identity and makes a context. generation goes into the session id
 * context: tickets from before a certificate change do not resume. `s` must outlive the context. */
must_check int tls_context_new(struct tls_signer *s, uint64_t generation, SSL_CTX **ret);
/* Offers HTTP/2 beside HTTP/1.1 on this connection, before its handshake. */
must_check int tls_offer_h2(SSL *ssl);
/* After the handshake: was HTTP/2 agreed? */
bool tls_is_h2(const SSL *ssl);
/* Of the client's hello, from the handshake on; NULL before it, or without memory. */
const struct ja4 *tls_fingerprint(const SSL *ssl);
/* Puts fresh ticket keys into the context. */
void tls_context_tickets(SSL_CTX *ctx, const uint8_t tickets[160]);

#endif
