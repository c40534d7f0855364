/* A look at an upstream: connect, shake hands, say what was shown, hang up.
 *
 * Nothing is decided here. Every certificate is accepted for looking at, old and weak ones too;
 * what the authorities of this system think of it is one of the facts. Blocks; runs on a thread. */
#ifndef COURIER_PROBE_H
#define COURIER_PROBE_H

#include <openssl/ssl.h>

#include "base/addr.h"
#include "courier/facts.h"

struct prober {
    SSL_CTX *context;
    X509_STORE *trusted; /* the authorities of this system */
};

struct probe {
    /* What is asked. */
    char host[254]; /* a name or an address */
    uint16_t port;
    char sni[254], name[254];
    uint64_t until_ms; /* monotonic */
    /* What was found. */
    bool ok;
    char text[512];
    struct addr address;
    char protocol[16];
    struct facts facts;
};

/* authorities: PEM file; one that cannot be read trusts nobody. */
must_check int prober_init(struct prober *p, const char *authorities);
void prober_fini(struct prober *p);
/* 0, or a fault; then text (of size) says why, for a person. */
must_check int probe_shake_hands(SSL *ssl, uint64_t until_ms, char *text, size_t size);
void probe_run(const struct prober *p, struct probe *q);

#endif
