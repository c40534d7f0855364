#include "net/demand.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/map.h"

#define HOST_MAX 253u
#define HOSTS_MAX 20000u

struct host {
    struct demand demand;
    size_t len;
    char name[];
};

struct demands {
    unsigned refs;
    struct demand otherwise;
    struct map hosts;
};

/* Where an SSL finds its table. */
static int demands_index = -1;

int demands_library_init(void)
{
    if (demands_index < 0)
        demands_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return demands_index < 0 ? -ENOMEM : 0;
}

/* ---- the table ---- */

int demand_make(enum demand_mode mode, struct clienttrust *trust, struct demand *ret)
{
    uint8_t text[1 + CLIENTCERT_HASH];
    size_t len = 0;
    *ret = (struct demand){.mode = mode, .trust = trust};
    if (mode == DEMAND_NONE)
        return 0;
    text[0] = (uint8_t)mode;
    memcpy(text + 1, clienttrust_authorities(trust), CLIENTCERT_HASH);
    return EVP_Q_digest(NULL, "SHA256", NULL, text, sizeof(text), ret->print, &len) == 1
               ? 0
               : FAULT_CRYPTO;
}

int demands_new(struct demand otherwise, struct demands **ret)
{
    struct demands *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        clienttrust_unref(otherwise.trust);
        return -ENOMEM;
    }
    d->refs = 1;
    d->otherwise = otherwise;
    map_init(&d->hosts, HOSTS_MAX);
    *ret = d;
    return 0;
}

struct demands *demands_ref(struct demands *d)
{
    if (d != NULL)
        d->refs++;
    return d;
}

void demands_unref(struct demands *d)
{
    if (d == NULL || --d->refs > 0)
        return;
    size_t at = 0;
    for (struct host *h; (h = map_next(&d->hosts, &at)) != NULL;) {
        clienttrust_unref(h->demand.trust);
        free(h);
    }
    map_fini(&d->hosts);
    clienttrust_unref(d->otherwise.trust);
    free(d);
}

int demands_add(struct demands *d, struct span name, struct demand demand)
{
    if (map_find(&d->hosts, name) != NULL) {
        clienttrust_unref(demand.trust);
        return 0;
    }
    struct host *h = name.len <= HOST_MAX ? calloc(1, sizeof(*h) + name.len) : NULL;
    int rc = h == NULL ? -ENOMEM : 0;
    if (rc == 0) {
        h->demand = demand;
        h->len = name.len;
        memcpy(h->name, name.at, name.len);
        rc = map_put(&d->hosts, span_of(h->name, h->len), h);
    }
    if (rc < 0) {
        clienttrust_unref(demand.trust);
        free(h);
    }
    return rc;
}

const struct demand *demands_find(const struct demands *d, struct span host)
{
    char text[HOST_MAX];
    if (host.len == 0 || host.len > sizeof(text))
        return &d->otherwise;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.at[i];
        text[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    const struct host *h = map_find(&d->hosts, span_of(text, host.len));
    return h == NULL ? &d->otherwise : &h->demand;
}

/* ---- handshakes ---- */

int demands_watch(SSL *ssl, const struct demands *d)
{
    /* OpenSSL hands it back as it is. */
    return SSL_set_ex_data(ssl, demands_index, (void *)(uintptr_t)d) == 1 ? 0 : -ENOMEM;
}

static STACK_OF(X509_NAME) * copy_names(const STACK_OF(X509_NAME) * names)
{
    STACK_OF(X509_NAME) *copy = sk_X509_NAME_new_null();
    for (int i = 0; copy != NULL && i < sk_X509_NAME_num(names); i++) {
        X509_NAME *name = X509_NAME_dup(sk_X509_NAME_value(names, i));
        if (name == NULL || sk_X509_NAME_push(copy, name) <= 0) {
            X509_NAME_free(name);
            sk_X509_NAME_pop_free(copy, X509_NAME_free);
            copy = NULL;
        }
    }
    return copy;
}

int demands_apply(SSL *ssl, struct span host)
{
    const struct demands *d = SSL_get_ex_data(ssl, demands_index);
    const struct demand *demand = d == NULL ? NULL : demands_find(d, host);
    if (demand == NULL || demand->mode == DEMAND_NONE)
        return 0;
    STACK_OF(X509_NAME) *names = copy_names(clienttrust_names(demand->trust));
    if (names == NULL)
        return -ENOMEM;
    SSL_set0_CA_list(ssl, names);
    SSL_set_verify(ssl,
                   SSL_VERIFY_PEER |
                       (demand->mode == DEMAND_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                   NULL);
    /* Neither given nor taken: without the option a ticket of another host would be looked at, and
     * a resumed handshake asks for nothing. The session id context says the same once more. */
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    return SSL_set_num_tickets(ssl, 0) == 1 &&
                   SSL_set_session_id_context(ssl, demand->print, sizeof(demand->print)) == 1
               ? 0
               : FAULT_CRYPTO;
}

int demands_verify(X509_STORE_CTX *ctx, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct demands *d = ssl == NULL ? NULL : SSL_get_ex_data(ssl, demands_index);
    const char *name = ssl == NULL ? NULL : SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct demand *demand =
        d == NULL ? NULL : demands_find(d, name == NULL ? SPAN_NONE : span_str(name));
    int error = X509_V_ERR_APPLICATION_VERIFICATION;
    uint64_t until;
    (void)arg;
    /* Untrusted ones of a server's peer do not hold its own. */
    int rc = demand == NULL || demand->trust == NULL
                 ? FAULT_DENIED
                 : clienttrust_verify(demand->trust, X509_STORE_CTX_get0_cert(ctx),
                                      X509_STORE_CTX_get0_untrusted(ctx), clock_wall_ms() / 1000,
                                      &error, &until);
    X509_STORE_CTX_set_error(ctx, rc == 0 ? X509_V_OK : error);
    return rc == 0;
}
