/* Which certificate is demanded of whom, by the name that a client asks for in its handshake.
 *
 * A listener has one table: what holds for all names, and what hosts of their own have. Where a
 * certificate is asked for, no session tickets are given and none are taken: what was proven on one
 * connection is proven on no other, and what a host asks for cannot be passed by with a session of
 * another. A connection keeps its table, so that it can be told later what it was asked for. */
#ifndef NET_DEMAND_H
#define NET_DEMAND_H

#include <openssl/ssl.h>

#include "pki/clienttrust.h"

enum demand_mode {
    DEMAND_NONE = 0,
    DEMAND_OPTIONAL = 1, /* none at all, or a good one */
    DEMAND_REQUIRED = 2,
};

struct demand {
    enum demand_mode mode;
    struct clienttrust *trust; /* a reference; NULL with DEMAND_NONE */
    uint8_t print[32]; /* the same for two that ask the same of the same authorities; 0 for none */
};

struct demands;

/* otherwise: for names without an own demand; its reference is taken, also on failure. */
must_check int demands_new(struct demand otherwise, struct demands **ret);
struct demands *demands_ref(struct demands *d);
void demands_unref(struct demands *d);
/* For this host, in lower case; the first word on a host holds. Takes the reference. FAULT_LIMIT,
 * -ENOMEM. */
must_check int demands_add(struct demands *d, struct span host, struct demand demand);
/* With the right print. Takes the reference that trust is. */
must_check int demand_make(enum demand_mode mode, struct clienttrust *trust, struct demand *ret);
/* What holds for this name, whatever its letters' case; never NULL. */
const struct demand *demands_find(const struct demands *d, struct span host);

/* The connection is asked by this table, from its hello on; borrowed until SSL_free. */
must_check int demands_watch(SSL *ssl, const struct demands *d);
/* Of the TLS contexts: applies the demand to the hello that is being read. host: as asked for, or
 * empty. 0 or a fault. */
must_check int demands_apply(SSL *ssl, struct span host);
/* The same: whether a certificate is good enough (SSL_CTX_set_cert_verify_callback). */
int demands_verify(X509_STORE_CTX *ctx, void *arg);
/* Once per process. */
must_check int demands_library_init(void);

#endif
