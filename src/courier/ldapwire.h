/* The bytes between libldap and a directory: TLS by OpenSSL, a deadline, and a budget.
 *
 *   libldap ──▶ ldapwire ──▶ TLS ──▶ socket
 *
 * libldap is left the language (RFC 4511) alone. It opens no connection and no file, follows
 * nobody, and waits for nothing: a read hands over what is there or waits until the deadline, and
 * after the deadline or past the budget every read and write fails. Before TLS is up nothing passes
 * but the request for it. Blocks; runs on a thread of the pool. */
#ifndef COURIER_LDAPWIRE_H
#define COURIER_LDAPWIRE_H

#include <lber.h>
#include <openssl/ssl.h>

#include "base/macros.h"
#include "base/span.h"

/* Bytes that a directory may send for one question, and in one message. */
#define LDAPWIRE_BUDGET (2u * 1024 * 1024)
#define LDAPWIRE_MESSAGE_MAX (512u * 1024)

struct ldapwire {
    int fd;            /* -1: none */
    SSL *ssl;          /* NULL: not yet */
    uint64_t until_ms; /* monotonic */
    size_t budget;
    /* For tests that have no socket: what a hostile directory says, or at NULL. */
    struct span script;
    char text[320]; /* what went wrong first, for a person; "" */
};

/* Goes out to host:port. 0, or a fault with a text. */
must_check int ldapwire_open(struct ldapwire *w, const char *host, uint16_t port);
/* Shakes hands and verifies: the chain by `trusted` and the name of the certificate. Whatever the
 * other side has said before that is not taken for an answer of the protected connection. */
must_check int ldapwire_protect(struct ldapwire *w, X509_STORE *trusted, const char *host);
void ldapwire_close(struct ldapwire *w);

/* What libldap reads and writes with; the argument of ber_sockbuf_add_io is the wire. */
extern Sockbuf_IO LDAPWIRE_IO;

#endif
