/* The way through the gateway: TLS to it, one request for a tunnel, its answer (http/rawtunnel.h).
 *
 * Blocking, with a limit of seconds for each wait. The gateway's certificate is verified against
 * the route's host name; there is no way to leave that out. */
#ifndef CONNECT_GATEWAY_H
#define CONNECT_GATEWAY_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/secret.h"

struct gateway {
    const char *address; /* name or address to dial, without brackets */
    const char *port;    /* number as text */
    const char *host;    /* the route's host: SNI, the certificate's name, Host */
    const char *ca;      /* PEM file that is trusted alone, or NULL: what this system trusts */
    const struct secret *token;
};

#define GATEWAY_SECONDS 20

/* The context of all connections. 0, FAULT_CRYPTO or -errno; *what names the file or the step. */
must_check int gateway_context(const struct gateway *g, SSL_CTX **ret, const char **what);
/* A tunnel: 0 and *ret, non-blocking, to be ended by SSL_free and close of its descriptor. Else a
 * fault with a sentence for a person in why. Bytes that came behind the answer wait inside *early,
 * which the caller ends. */
must_check int gateway_open(const struct gateway *g, SSL_CTX *ctx, SSL **ret, struct buf *early,
                            char *why, size_t why_size);

#endif
