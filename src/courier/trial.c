#include "courier/trial.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "courier/reach.h"

#define REQUEST_MAX 4096u

int trial_read(struct trial *t, struct span payload)
{
    struct msg_trial m;
    buf_init(&t->request, REQUEST_MAX);
    buf_init(&t->head, TRIAL_HEAD_MAX);
    if (msg_trial_decode(payload, &m) < 0 || m.tls > 1 || m.pinned > 1 || m.port == 0)
        return FAULT_FORMAT;
    t->until_ms = clock_mono_ms() + m.patience_ms;
    t->tls = m.tls != 0;
    t->pinned = m.pinned != 0;
    t->port = m.port;
    memcpy(t->pin, m.pin, sizeof(t->pin));
    (void)snprintf(t->host, sizeof(t->host), "%.*s", SPAN_FMT(m.host));
    (void)snprintf(t->sni, sizeof(t->sni), "%.*s", SPAN_FMT(m.sni));
    return buf_append(&t->request, m.request);
}

void trial_fini(struct trial *t)
{
    buf_fini(&t->request);
    buf_fini(&t->head);
}

static void fail(struct trial *t, enum tried_result result, const char *why)
{
    t->result = result;
    (void)snprintf(t->text, sizeof(t->text), "%s", why);
}

/* ---- bytes, with TLS and without ---- */

struct way {
    int fd;
    SSL *ssl; /* or NULL */
    uint64_t until_ms;
};

/* Waits when there is nothing to do yet: 1 to try again, else a fault. */
static int again(struct way *w, int n, short events)
{
    if (w->ssl != NULL) {
        int why = SSL_get_error(w->ssl, n);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return FAULT_CLOSED;
        events = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        return FAULT_CLOSED;
    }
    int rc = reach_wait(w->fd, events, w->until_ms);
    return rc < 0 ? rc : 1;
}

static int put(struct way *w, struct span bytes)
{
    while (bytes.len > 0) {
        ERR_clear_error();
        int n = w->ssl != NULL ? SSL_write(w->ssl, bytes.at, (int)bytes.len)
                               : (int)send(w->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        int rc = n > 0 ? 1 : again(w, n, POLLOUT);
        if (rc < 0)
            return rc;
        if (n > 0)
            bytes = span_sub(bytes, (size_t)n, SIZE_MAX);
    }
    return 0;
}

/* Until the empty line behind the head, and not a byte more than fits. */
static int get_head(struct way *w, struct buf *head)
{
    uint8_t some[2048];
    for (;;) {
        struct span have = buf_view(head);
        if (have.len > 0 && memmem(have.at, have.len, "\r\n\r\n", 4) != NULL)
            return 0;
        size_t room = TRIAL_HEAD_MAX - have.len;
        if (room == 0)
            return FAULT_LIMIT;
        size_t len = room < sizeof(some) ? room : sizeof(some);
        ERR_clear_error();
        int n = w->ssl != NULL ? SSL_read(w->ssl, some, (int)len) : (int)recv(w->fd, some, len, 0);
        int rc = n > 0 ? buf_append(head, span_of(some, (size_t)n)) : again(w, n, POLLIN);
        if (rc < 0)
            return rc;
    }
}

/* ---- the trial ---- */

static bool is_pinned(const struct prober *p, const struct trial *t, SSL *ssl)
{
    struct facts facts;
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    bool good =
        certificate != NULL &&
        facts_read(certificate, SSL_get_peer_cert_chain(ssl), p->trusted, "", &facts) == 0 &&
        CRYPTO_memcmp(facts.spki, t->pin, sizeof(t->pin)) == 0;
    X509_free(certificate);
    return good;
}

static void ask(struct trial *t, struct way *w)
{
    uint64_t begun = clock_mono_ms();
    int rc = put(w, buf_view(&t->request));
    rc = rc < 0 ? rc : get_head(w, &t->head);
    t->answer_ms = (uint32_t)(clock_mono_ms() - begun);
    if (rc == 0)
        t->result = TRIED_OK;
    else if (rc == FAULT_TIMEOUT)
        fail(t, TRIED_LATE, "it does not answer in time");
    else if (rc == FAULT_LIMIT)
        fail(t, TRIED_NONSENSE, "the head of its answer is too large");
    else
        fail(t, TRIED_NONSENSE, "it closes the connection without an answer");
}

static void ask_over_tls(const struct prober *p, struct trial *t, struct way *w)
{
    w->ssl = SSL_new(p->context);
    if (w->ssl == NULL || SSL_set_fd(w->ssl, w->fd) != 1 ||
        (t->sni[0] != 0 && SSL_set_tlsext_host_name(w->ssl, t->sni) != 1)) {
        fail(t, TRIED_UNREACHED, fault_text(-ENOMEM));
    } else if (probe_shake_hands(w->ssl, w->until_ms, t->text, sizeof(t->text)) < 0) {
        t->result = TRIED_TLS;
    } else if (t->pinned && !is_pinned(p, t, w->ssl)) {
        fail(t, TRIED_TLS, "it has another key than the pin says; nothing was sent");
    } else {
        ask(t, w);
        (void)SSL_shutdown(w->ssl);
    }
    SSL_free(w->ssl);
    ERR_clear_error();
}

/* From where it was reached: the address that a firewall has to let in. */
static void read_local(int fd, struct addr *ret)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    uint16_t port;
    if (getsockname(fd, (struct sockaddr *)&name, &len) < 0 ||
        addr_from_sockaddr((struct sockaddr *)&name, ret, &port) < 0)
        *ret = (struct addr){{0}};
}

void trial_run(const struct prober *p, struct trial *t)
{
    struct reach way = {.host = t->host, .port = t->port, .until_ms = t->until_ms};
    uint64_t begun = clock_mono_ms();
    int fd = reach_open(&way);
    struct way w = {.fd = fd, .until_ms = t->until_ms};
    t->address = way.address;
    t->connect_ms = (uint32_t)(clock_mono_ms() - begun);
    if (fd < 0) {
        fail(t,
             fd == FAULT_TIMEOUT  ? TRIED_LATE
             : fd == FAULT_DENIED ? TRIED_DENIED
                                  : TRIED_UNREACHED,
             way.text);
        return;
    }
    read_local(fd, &t->local);
    if (buf_len(&t->request) == 0)
        t->result = TRIED_OK;
    else if (t->tls)
        ask_over_tls(p, t, &w);
    else
        ask(t, &w);
    (void)close(fd);
}
