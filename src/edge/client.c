#include "edge/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/conn.h"
#include "edge/edge.h"
#include "edge/listener.h"

/* ---- of a connection ---- */

static int keep_chain(struct client *c, SSL *ssl, const struct demand *demand)
{
    uint8_t hash[CLIENTCERT_HASH], *der = malloc(CLIENTCERT_BYTES_MAX);
    unsigned len = 0;
    int error = 0, rc = der == NULL ? -ENOMEM : 0;
    STACK_OF(X509) *rest = SSL_get_peer_cert_chain(ssl);
    c->rest = rest == NULL ? sk_X509_new_null() : X509_chain_up_ref(rest);
    if (c->rest == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        rc = clienttrust_verify(demand->trust, c->leaf, c->rest, edge_wall_ms() / 1000, &error,
                                &c->until);
    if (rc == 0)
        rc = clientcert_write(c->leaf, c->rest, der);
    if (rc > 0) {
        c->der = span_of(realloc(der, (size_t)rc), (size_t)rc);
        der = c->der.at == NULL ? der : NULL;
        rc = c->der.at == NULL ? -ENOMEM : 0;
    }
    free(der);
    if (rc == 0 && (X509_digest(c->leaf, EVP_sha256(), hash, &len) != 1 || len != sizeof(hash)))
        rc = FAULT_CRYPTO;
    if (rc == 0)
        rc = clientcert_spki(c->leaf, c->spki);
    if (rc == 0)
        text_b64url(c->name, span_of(hash, sizeof(hash)));
    return rc;
}

int client_new(SSL *ssl, const struct demands *d, struct client **ret)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct demand *demand =
        d == NULL ? NULL : demands_find(d, name == NULL ? SPAN_NONE : span_str(name));
    *ret = NULL;
    if (demand == NULL || demand->mode == DEMAND_NONE)
        return 0;
    struct client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return -ENOMEM;
    (void)snprintf(c->host, sizeof(c->host), "%s", name == NULL ? "" : name);
    memcpy(c->print, demand->print, sizeof(c->print));
    c->leaf = SSL_get1_peer_certificate(ssl);
    int rc = c->leaf != NULL                   ? keep_chain(c, ssl, demand)
             : demand->mode == DEMAND_REQUIRED ? FAULT_DENIED
                                               : 0;
    if (rc < 0) {
        client_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

void client_free(struct client *c)
{
    if (c == NULL)
        return;
    X509_free(c->leaf);
    sk_X509_pop_free(c->rest, X509_free);
    free((void *)(uintptr_t)c->der.at);
    free(c);
}

static const struct client *client_of_conn(const struct conn *c)
{
    return c->carrier != NULL ? c->carrier->client : c->client;
}

bool client_fits(const struct exchange *x)
{
    const struct client *c = client_of_conn(x->conn);
    const struct generation *g = x->generation;
    if (c == NULL && g->demands == NULL)
        return true;
    const struct listener_def *def = listener_def(x->conn->listener);
    const struct demands *d = def == NULL ? NULL : generation_demands_of(g, def);
    const struct demand *want = d == NULL ? NULL : demands_find(d, x->request.host);
    bool asks = want != NULL && want->mode != DEMAND_NONE;
    if (c == NULL || !asks)
        return c == NULL && !asks;
    return memcmp(c->print, want->print, sizeof(c->print)) == 0 &&
           (c->leaf == NULL || edge_wall_ms() / 1000 < c->until);
}

const struct client *client_of(const struct exchange *x)
{
    const struct client *c = client_of_conn(x->conn);
    return c == NULL || c->leaf == NULL || x->forwarded ? NULL : c;
}

const uint8_t *client_spki(const struct exchange *x)
{
    const struct client *c = client_of(x);
    return c == NULL ? NULL : c->spki;
}

struct span client_chain(const struct exchange *x)
{
    const struct client *c = client_of(x);
    return c == NULL ? SPAN_NONE : c->der;
}

static bool is_good(struct conn *conn)
{
    const struct client *c = conn->client;
    const struct listener_def *def = listener_def(conn->listener);
    const struct demands *d =
        def == NULL ? NULL : generation_demands_of(conn->edge->generation, def);
    const struct demand *demand = d == NULL ? NULL : demands_find(d, span_str(c->host));
    int error;
    uint64_t until;
    if (demand == NULL || demand->mode == DEMAND_NONE)
        return false;
    if (clienttrust_verify(demand->trust, c->leaf, c->rest, edge_wall_ms() / 1000, &error, &until) <
        0)
        return false;
    conn->client->until = until;
    return true;
}

unsigned clients_recheck(struct edge *e)
{
    unsigned ended = 0;
    list_each_safe(it, &e->conns)
    {
        struct conn *conn = container_of(it, struct conn, link);
        if (conn->client != NULL && conn->client->leaf != NULL && !is_good(conn)) {
            conn_retire(conn);
            ended++;
        }
    }
    if (ended > 0)
        log_event(LOG_LEVEL_INFO, "client_certificates_ended");
    return ended;
}

/* ---- of a generation ---- */

static int demand_of(struct edge *e, const struct client_def *def, struct demand *ret)
{
    struct clienttrust *trust = NULL;
    enum demand_mode mode = def->mode == CLIENT_OPTIONAL   ? DEMAND_OPTIONAL
                            : def->mode == CLIENT_REQUIRED ? DEMAND_REQUIRED
                                                           : DEMAND_NONE;
    int rc = mode == DEMAND_NONE ? 0
                                 : clienttrust_get(&e->trusts, span_str(def->authorities),
                                                   span_str(def->lists), &trust);
    return rc < 0 ? rc : demand_make(mode, trust, ret);
}

static int add_host(struct edge *e, struct demands *d, const char *host,
                    const struct client_def *def)
{
    struct demand demand;
    if (def->mode == CLIENT_INHERIT || host[0] == 0)
        return 0;
    int rc = demand_of(e, def, &demand);
    return rc < 0 ? rc : demands_add(d, span_str(host), demand);
}

static int make_table(struct edge *e, const struct snapshot *s, const struct listener_def *l,
                      struct demands **ret)
{
    struct demand otherwise;
    int rc = demand_of(e, &l->client, &otherwise);
    rc = rc < 0 ? rc : demands_new(otherwise, ret);
    rc = rc < 0 ? rc : add_host(e, *ret, s->portal_host, &s->portal_client);
    for (size_t i = 0; rc == 0 && i < s->route_count; i++)
        rc = add_host(e, *ret, s->routes[i].host, &s->routes[i].client);
    return rc;
}

int generation_demands(struct edge *e, struct generation *g)
{
    const struct snapshot *s = g->snapshot;
    int rc = 0;
    if (!snapshot_asks_clients(s))
        return 0;
    g->demands = calloc(s->listener_count + 1, sizeof(*g->demands));
    if (g->demands == NULL)
        return -ENOMEM;
    for (size_t i = 0; rc == 0 && i < s->listener_count; i++)
        rc = make_table(e, s, &s->listeners[i], &g->demands[i]);
    return rc;
}

struct demands *generation_demands_of(const struct generation *g, const struct listener_def *l)
{
    return g->demands == NULL ? NULL : g->demands[l - g->snapshot->listeners];
}
