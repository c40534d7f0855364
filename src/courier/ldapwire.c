#include "courier/ldapwire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fault.h"
#include "courier/reach.h"

static void say(struct ldapwire *w, const char *what, const char *why)
{
    if (w->text[0] == 0)
        (void)snprintf(w->text, sizeof(w->text), "%s%s%s", what, why[0] != 0 ? ": " : "", why);
}

int ldapwire_open(struct ldapwire *w, const char *host, uint16_t port)
{
    struct reach way = {.host = host, .port = port, .until_ms = w->until_ms};
    const int at_once = 1;
    w->fd = reach_open(&way);
    if (w->fd >= 0) {
        /* A question is one small write, and the next one waits for its answer. */
        (void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
        return 0;
    }
    int rc = w->fd;
    w->fd = -1;
    say(w, way.text, "");
    return rc;
}

void ldapwire_close(struct ldapwire *w)
{
    if (w->ssl != NULL)
        (void)SSL_shutdown(w->ssl);
    SSL_free(w->ssl);
    ERR_clear_error();
    w->ssl = NULL;
    if (w->fd >= 0)
        (void)close(w->fd);
    w->fd = -1;
}

/* ---- TLS ---- */

/* Waits for what the library wants; 0, or a fault. */
static int wait_for_tls(struct ldapwire *w, int n)
{
    int why = SSL_get_error(w->ssl, n);
    if (why == SSL_ERROR_ZERO_RETURN)
        return FAULT_CLOSED;
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        return FAULT_CRYPTO;
    return reach_wait(w->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, w->until_ms);
}

static void explain(struct ldapwire *w, int rc)
{
    long verdict = SSL_get_verify_result(w->ssl);
    unsigned long e = ERR_peek_error();
    const char *why = e == 0 ? NULL : ERR_reason_error_string(e);
    if (rc == FAULT_TIMEOUT)
        say(w, "no TLS handshake", "no answer in time");
    else if (verdict != X509_V_OK)
        say(w, "its certificate is not trusted", X509_verify_cert_error_string(verdict));
    else
        say(w, "no TLS handshake", why != NULL ? why : "the other side closed the connection");
}

static SSL_CTX *context_new(X509_STORE *trusted)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set1_cert_store(context, trusted);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    return context;
}

/* The name in the certificate, and the server name that is asked for; an address is no server name
 * (RFC 6066 section 3). */
static bool expect_name(SSL *ssl, const char *host)
{
    struct addr a;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (addr_parse(span_str(host), &a) == 0)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, (uintptr_t)host) == 1;
}

static int shake_hands(struct ldapwire *w)
{
    for (;;) {
        ERR_clear_error();
        int n = SSL_connect(w->ssl);
        if (n == 1)
            return 0;
        int rc = wait_for_tls(w, n);
        if (rc < 0) {
            explain(w, rc);
            return rc;
        }
    }
}

int ldapwire_protect(struct ldapwire *w, X509_STORE *trusted, const char *host)
{
    SSL_CTX *context = context_new(trusted);
    w->ssl = context == NULL ? NULL : SSL_new(context);
    SSL_CTX_free(context);
    if (w->ssl == NULL || SSL_set_fd(w->ssl, w->fd) != 1 || !expect_name(w->ssl, host)) {
        say(w, "no TLS handshake", fault_text(-ENOMEM));
        return FAULT_CRYPTO;
    }
    return shake_hands(w);
}

/* ---- for libldap ---- */

/* Bytes that were read, or a fault. */
static ssize_t read_plain(struct ldapwire *w, void *into, size_t len)
{
    if (w->script.at != NULL) {
        size_t n = w->script.len < len ? w->script.len : len;
        memcpy(into, w->script.at, n);
        w->script = span_sub(w->script, n, w->script.len);
        return n > 0 ? (ssize_t)n : FAULT_CLOSED;
    }
    for (;;) {
        ssize_t n = recv(w->fd, into, len, 0);
        if (n > 0)
            return n;
        if (n == 0)
            return FAULT_CLOSED;
        int rc =
            errno == EAGAIN || errno == EINTR ? reach_wait(w->fd, POLLIN, w->until_ms) : -errno;
        if (rc < 0)
            return rc;
    }
}

static ssize_t read_tls(struct ldapwire *w, void *into, size_t len)
{
    for (;;) {
        size_t got = 0;
        ERR_clear_error();
        int n = SSL_read_ex(w->ssl, into, len, &got);
        if (n == 1)
            return (ssize_t)got;
        int rc = wait_for_tls(w, n);
        if (rc < 0)
            return rc;
    }
}

static ssize_t write_plain(struct ldapwire *w, const void *from, size_t len)
{
    if (w->script.at != NULL)
        return (ssize_t)len;
    for (;;) {
        ssize_t n = send(w->fd, from, len, MSG_NOSIGNAL);
        if (n > 0)
            return n;
        int rc =
            errno == EAGAIN || errno == EINTR ? reach_wait(w->fd, POLLOUT, w->until_ms) : -errno;
        if (rc < 0)
            return rc;
    }
}

static ssize_t write_tls(struct ldapwire *w, const void *from, size_t len)
{
    for (;;) {
        size_t gone = 0;
        ERR_clear_error();
        int n = SSL_write_ex(w->ssl, from, len, &gone);
        if (n == 1)
            return (ssize_t)gone;
        int rc = wait_for_tls(w, n);
        if (rc < 0)
            return rc;
    }
}

/* libldap looks at errno and takes EAGAIN for "later": there is no later here. */
static ber_slen_t failed(struct ldapwire *w, ssize_t rc)
{
    say(w, "the connection broke", fault_text((int)rc));
    errno = rc == FAULT_TIMEOUT ? ETIMEDOUT : ECONNRESET;
    return -1;
}

static ber_slen_t on_read(Sockbuf_IO_Desc *d, void *into, ber_len_t len)
{
    struct ldapwire *w = d->sbiod_pvt;
    if (w->budget == 0)
        return failed(w, FAULT_LIMIT);
    size_t most = len < w->budget ? len : w->budget;
    ssize_t n = w->ssl != NULL ? read_tls(w, into, most) : read_plain(w, into, most);
    if (n < 0)
        return failed(w, n);
    w->budget -= (size_t)n;
    return n;
}

static ber_slen_t on_write(Sockbuf_IO_Desc *d, void *from, ber_len_t len)
{
    struct ldapwire *w = d->sbiod_pvt;
    ssize_t n = w->ssl != NULL ? write_tls(w, from, len) : write_plain(w, from, len);
    return n < 0 ? failed(w, n) : n;
}

static int on_setup(Sockbuf_IO_Desc *d, void *arg)
{
    d->sbiod_pvt = arg;
    return 0;
}

/* Always ready: the wait is in the read, where the deadline is. */
static int on_ctrl(Sockbuf_IO_Desc *d, int opt, void *arg)
{
    (void)d;
    (void)arg;
    return opt == LBER_SB_OPT_DATA_READY;
}

/* The descriptor is closed by whoever opened it. */
static int on_close(Sockbuf_IO_Desc *d)
{
    (void)d;
    return 0;
}

Sockbuf_IO LDAPWIRE_IO = {on_setup, on_close, on_ctrl, on_read, on_write, on_close};
