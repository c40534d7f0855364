#include "courier/probe.h"

#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "courier/reach.h"

int prober_init(struct prober *p, const char *authorities)
{
    p->context = SSL_CTX_new(TLS_client_method());
    p->trusted = X509_STORE_new();
    if (p->context == NULL || p->trusted == NULL ||
        SSL_CTX_set_min_proto_version(p->context, TLS1_2_VERSION) != 1)
        return FAULT_CRYPTO;
    /* A console with an old key is to be seen, and then to be judged by a person. */
    SSL_CTX_set_security_level(p->context, 0);
    SSL_CTX_set_verify(p->context, SSL_VERIFY_NONE, NULL);
    (void)SSL_CTX_set_options(p->context, SSL_OP_LEGACY_SERVER_CONNECT |
                                              SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_session_cache_mode(p->context, SSL_SESS_CACHE_OFF);
    /* A system without authorities trusts nobody, which is an answer too. */
    (void)X509_STORE_load_file(p->trusted, authorities);
    ERR_clear_error();
    return 0;
}

void prober_fini(struct prober *p)
{
    SSL_CTX_free(p->context);
    X509_STORE_free(p->trusted);
    *p = (struct prober){.context = NULL};
}

/* What the library's complaint means to a person. */
static void explain(int rc, char *out, size_t size)
{
    unsigned long e = ERR_peek_error();
    int reason = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0;
    const char *text = "the other side closed the connection";
    if (rc == FAULT_TIMEOUT)
        text = "no answer to the TLS hello in time";
    else if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
             reason == SSL_R_PACKET_LENGTH_TOO_LONG)
        text = "this port does not speak TLS";
    else if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
        text = "it speaks neither TLS 1.2 nor TLS 1.3";
    else if (e != 0 && ERR_reason_error_string(e) != NULL)
        text = ERR_reason_error_string(e);
    (void)snprintf(out, size, "no TLS handshake: %s", text);
}

static int shake_hands(SSL *ssl, uint64_t until)
{
    for (;;) {
        ERR_clear_error();
        int n = SSL_connect(ssl);
        if (n == 1)
            return 0;
        int why = SSL_get_error(ssl, n);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return FAULT_CRYPTO;
        int rc = reach_wait(SSL_get_fd(ssl), why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until);
        if (rc < 0)
            return rc;
    }
}

int probe_shake_hands(SSL *ssl, uint64_t until_ms, char *text, size_t size)
{
    int rc = shake_hands(ssl, until_ms);
    if (rc < 0)
        explain(rc, text, size);
    return rc;
}

static void look(const struct prober *p, struct probe *q, SSL *ssl)
{
    int rc = probe_shake_hands(ssl, q->until_ms, q->text, sizeof(q->text));
    /* A server that wants a certificate of us may end the handshake after it has shown its own. */
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    if (certificate == NULL) {
        if (rc == 0)
            (void)snprintf(q->text, sizeof(q->text), "it showed no certificate");
        return;
    }
    (void)snprintf(q->protocol, sizeof(q->protocol), "%s", SSL_get_version(ssl));
    rc = facts_read(certificate, SSL_get_peer_cert_chain(ssl), p->trusted, q->name, &q->facts);
    q->ok = rc == 0;
    if (rc < 0)
        (void)snprintf(q->text, sizeof(q->text), "the certificate can not be read");
    X509_free(certificate);
}

void probe_run(const struct prober *p, struct probe *q)
{
    struct reach way = {.host = q->host, .port = q->port, .until_ms = q->until_ms};
    int fd = reach_open(&way);
    q->address = way.address;
    if (fd < 0) {
        (void)snprintf(q->text, sizeof(q->text), "%s", way.text);
        return;
    }
    SSL *ssl = SSL_new(p->context);
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 &&
        (q->sni[0] == 0 || SSL_set_tlsext_host_name(ssl, q->sni) == 1)) {
        look(p, q, ssl);
        (void)SSL_shutdown(ssl);
    } else {
        (void)snprintf(q->text, sizeof(q->text), "%s", fault_text(-ENOMEM));
    }
    SSL_free(ssl);
    ERR_clear_error();
    (void)close(fd);
}
