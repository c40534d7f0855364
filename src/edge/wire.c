#include "edge/wire.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fault.h"

#define WIRE_BULK (66u * 1024)

static BIO_METHOD *wire_method;

/* ---- the socket, as OpenSSL sees it ----
 *
 * The end of the stream and a reset are both told as "nothing now": OpenSSL would otherwise refuse
 * to write for ever after, and a client that half-closes without close_notify still waits for its
 * answer. The wire knows which it was. */

/* Bytes of the socket; 0: nothing now, or no more. */
static size_t receive(struct wire *w, void *into, size_t cap)
{
    while (w->readable) {
        ssize_t n = recv(w->fd, into, cap, 0);
        if (n > 0) {
            w->readable = (size_t)n == cap;
            return (size_t)n;
        }
        if (n < 0 && errno == EINTR)
            continue;
        w->readable = false;
        if (n == 0)
            w->eof = w->fin = true;
        else if (errno != EAGAIN && errno != EWOULDBLOCK)
            w->broken = true;
    }
    return 0;
}

static int bio_read(BIO *bio, char *into, int cap)
{
    BIO_clear_retry_flags(bio);
    if (cap <= 0)
        return 0;
    size_t n = receive(BIO_get_data(bio), into, (size_t)cap);
    if (n > 0)
        return (int)n;
    BIO_set_retry_read(bio);
    return -1;
}

/* All of it goes into the stage, or nothing. */
static bool stage_put(struct wire *w, const void *from, size_t len)
{
    struct wire_stage *s = w->stage;
    if (s->owner != w || s->cap - s->len < len) {
        if (s->owner != NULL)
            wire_push(s->owner);
        s->owner = w;
    }
    if (w->broken || s->cap - s->len < len)
        return false;
    memcpy(s->at + s->len, from, len);
    s->len += len;
    return true;
}

static int bio_write(BIO *bio, const char *from, int len)
{
    struct wire *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len <= 0 || w->broken)
        return len <= 0 ? 0 : -1;
    return stage_put(w, from, (size_t)len) ? len : -1;
}

static long bio_ctrl(BIO *bio, int what, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    return what == BIO_CTRL_FLUSH || what == BIO_CTRL_DUP ? 1 : 0;
}

int wire_library_init(void)
{
    if (wire_method != NULL)
        return 0;
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    if (m == NULL || BIO_meth_set_read(m, bio_read) != 1 || BIO_meth_set_write(m, bio_write) != 1 ||
        BIO_meth_set_ctrl(m, bio_ctrl) != 1) {
        BIO_meth_free(m);
        return -ENOMEM;
    }
    wire_method = m;
    return 0;
}

void wire_library_fini(void)
{
    BIO_meth_free(wire_method);
    wire_method = NULL;
}

int wire_stage_init(struct wire_stage *s)
{
    *s = (struct wire_stage){.at = malloc(WIRE_STAGE), .cap = WIRE_STAGE};
    return s->at == NULL ? -ENOMEM : 0;
}

void wire_stage_fini(struct wire_stage *s)
{
    free(s->at);
    *s = (struct wire_stage){0};
}

int wire_attach(struct wire *w, SSL *ssl, int fd, struct wire_stage *stage)
{
    *w = (struct wire){.fd = fd, .stage = stage};
    buf_init(&w->pending, WIRE_PENDING_MAX);
    BIO *bio = BIO_new(wire_method);
    if (bio == NULL || ssl == NULL) {
        BIO_free(bio);
        SSL_free(ssl);
        ERR_clear_error();
        return -ENOMEM;
    }
    w->ssl = ssl;
    BIO_set_data(bio, w);
    BIO_set_init(bio, 1);
    SSL_set_bio(w->ssl, bio, bio);
    return 0;
}

int wire_init(struct wire *w, SSL_CTX *ctx, int fd, struct wire_stage *stage)
{
    SSL *ssl = SSL_new(ctx);
    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    return wire_attach(w, ssl, fd, stage);
}

void wire_fini(struct wire *w)
{
    if (w->stage != NULL && w->stage->owner == w) {
        w->stage->owner = NULL;
        w->stage->len = 0;
    }
    SSL_free(w->ssl);
    w->ssl = NULL;
    buf_fini(&w->pending);
}

void wire_clear(struct wire *w)
{
    SSL_free(w->ssl);
    w->ssl = NULL;
    w->input = w->broken = false;
    ERR_clear_error();
}

enum wire_sniff wire_sniff(struct wire *w)
{
    uint8_t first;
    ssize_t n;
    do
        n = recv(w->fd, &first, 1, MSG_PEEK);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return WIRE_SILENT;
    if (n <= 0)
        return WIRE_GONE;
    /* A TLS record of the kind "handshake" (RFC 8446 section 5.1); no request begins so. */
    return first == 0x16 ? WIRE_TLS : WIRE_TEXT;
}

/* After a call that did not succeed: 0 when it only needs more, else a fault. */
static int verdict(struct wire *w, int rc)
{
    if (w->broken) {
        ERR_clear_error();
        return FAULT_CLOSED;
    }
    switch (SSL_get_error(w->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return w->eof ? FAULT_CLOSED : 0;
    case SSL_ERROR_ZERO_RETURN:
        w->eof = true;
        return FAULT_CLOSED;
    default:
        /* OpenSSL has written an alert that says what was wrong. */
        wire_push(w);
        w->broken = true;
        w->error = ERR_peek_last_error();
        ERR_clear_error();
        return FAULT_CRYPTO;
    }
}

int wire_handshake(struct wire *w)
{
    int rc = SSL_do_handshake(w->ssl);
    if (rc == 1) {
        /* The first request often comes with the client's last handshake bytes. */
        w->input = SSL_has_pending(w->ssl) != 0;
        return 1;
    }
    /* OpenSSL knows the words that most requests begin with, and says nothing to them itself. */
    unsigned long why = ERR_peek_last_error();
    bool text = ERR_GET_LIB(why) == ERR_LIB_SSL && ERR_GET_REASON(why) == SSL_R_HTTP_REQUEST;
    rc = verdict(w, rc);
    return text && rc == FAULT_CRYPTO ? FAULT_FORMAT : rc;
}

static int read_clear(struct wire *w, uint8_t *into, size_t cap)
{
    size_t got = receive(w, into, cap);
    if (got > 0)
        return (int)got;
    return w->broken || w->eof ? FAULT_CLOSED : 0;
}

int wire_read(struct wire *w, uint8_t *into, size_t cap)
{
    size_t got = 0;
    if (w->broken)
        return FAULT_CLOSED;
    if (w->ssl == NULL)
        return read_clear(w, into, cap);
    while (got < cap) {
        size_t n = 0;
        int rc = SSL_read_ex(w->ssl, into + got, cap - got, &n);
        if (rc != 1) {
            w->input = false;
            rc = verdict(w, rc);
            return got > 0 ? (int)got : rc;
        }
        got += n;
        w->input = SSL_has_pending(w->ssl) != 0;
        if (!w->input && !w->readable)
            break;
    }
    return (int)got;
}

void wire_bulk(struct wire *w, bool on)
{
    if (w->ssl == NULL)
        return;
    /* Taken up when OpenSSL next makes its read buffer, which it gives back whenever it is empty.
     */
    SSL_set_default_read_buffer_len(w->ssl, on ? WIRE_BULK : 0);
}

bool wire_has_input(const struct wire *w)
{
    return w->input && !w->broken;
}

static int write_clear(struct wire *w, struct span bytes)
{
    while (bytes.len > 0) {
        struct span part = span_sub(bytes, 0, w->stage->cap);
        if (w->broken || w->closing || !stage_put(w, part.at, part.len)) {
            w->broken = true;
            return FAULT_CLOSED;
        }
        bytes = span_sub(bytes, part.len, SIZE_MAX);
    }
    return 0;
}

int wire_write(struct wire *w, struct span bytes)
{
    if (w->ssl == NULL)
        return write_clear(w, bytes);
    while (bytes.len > 0) {
        size_t n = 0;
        if (w->broken || w->closing)
            return FAULT_CLOSED;
        if (SSL_write_ex(w->ssl, bytes.at, bytes.len, &n) != 1) {
            w->broken = true;
            ERR_clear_error();
            return FAULT_CLOSED;
        }
        bytes = span_sub(bytes, n, SIZE_MAX);
    }
    return 0;
}

/* How many of the bytes the socket took; marks the wire broken. */
static size_t send_some(struct wire *w, struct span bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t n = send(w->fd, bytes.at + done, bytes.len - done, MSG_NOSIGNAL);
        if (n >= 0) {
            done += (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            w->broken = true;
        break;
    }
    w->sent += done;
    return done;
}

int wire_flush(struct wire *w)
{
    struct wire_stage *s = w->stage;
    if (buf_len(&w->pending) > 0 && !w->broken)
        buf_consume(&w->pending, send_some(w, buf_view(&w->pending)));
    if (s->owner == w) {
        size_t done = 0;
        if (buf_len(&w->pending) == 0 && !w->broken)
            done = send_some(w, span_of(s->at, s->len));
        if (done < s->len && !w->broken &&
            buf_append(&w->pending, span_of(s->at + done, s->len - done)) < 0)
            w->broken = true;
        s->owner = NULL;
        s->len = 0;
    }
    if (w->broken)
        return FAULT_CLOSED;
    return wire_blocked(w) ? 1 : 0;
}

void wire_close_notify(struct wire *w)
{
    if (w->broken || w->closing)
        return;
    w->closing = true;
    if (w->ssl != NULL && SSL_is_init_finished(w->ssl) && SSL_shutdown(w->ssl) < 0)
        ERR_clear_error();
}
