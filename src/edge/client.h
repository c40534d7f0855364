/* What the client of a connection has proved by a certificate, where it was asked for one.
 *
 * It belongs to the connection and to the name in its handshake. A request for a host of which
 * something else is demanded is not for this connection (421, RFC 9110 section 15.5.20): neither
 * may it pass where a certificate was asked for by another host's rules, nor is anybody recognised
 * where nobody was asked. The same holds when the configuration has changed, and when the
 * certificate or a list of its authorities has come to its end while the connection was open. */
#ifndef EDGE_CLIENT_H
#define EDGE_CLIENT_H

#include "edge/exchange.h"
#include "net/demand.h"

struct client {
    char host[254];    /* of the handshake, or "" */
    uint8_t print[32]; /* of the demand */
    X509 *leaf;        /* NULL: it has shown none */
    STACK_OF(X509) * rest;
    uint64_t until;   /* wall seconds */
    uint8_t spki[32]; /* SHA-256 of its SubjectPublicKeyInfo */
    char name[44];    /* base64url of the certificate's SHA-256: tells views apart */
    struct span der;  /* the chain as pki/clientcert.h says */
};

/* After the handshake. *ret NULL: nobody was asked. A fault: the connection is of no use. */
must_check int client_new(SSL *ssl, const struct demands *d, struct client **ret);
void client_free(struct client *c);

/* May this request be answered on this connection? */
bool client_fits(const struct exchange *x);
/* The certificate of the request's client, NULL: none, or one of a proxy in front. */
const struct client *client_of(const struct exchange *x);
/* Its key's hash, for policy; NULL: none. */
const uint8_t *client_spki(const struct exchange *x);
/* Its chain, as pki/clientcert.h says; empty: none. */
struct span client_chain(const struct exchange *x);
/* The configuration has changed: connections whose certificate is not good any more end. Returns
 * how many. */
unsigned clients_recheck(struct edge *e);

/* The tables of a generation, one for each listener; NULL when nobody is asked anywhere. */
must_check int generation_demands(struct edge *e, struct generation *g);
/* Of the listener with this name. */
struct demands *generation_demands_of(const struct generation *g, const struct listener_def *l);

#endif
