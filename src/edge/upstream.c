#include "edge/upstream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "edge/conn.h"
#include "edge/health.h"
#include "edge/pool.h"

/* ---- life ---- */

/* Bytes that came since the last answer belong to no question of ours, and would be taken for the
 * answer to the next one, somebody else's. The loop may not have looked since they came. This also
 * finds most of those that the other side has just closed, before a request that may not be
 * repeated is lost on them. What TLS says of itself (tickets, new keys) is for TLS alone. */
static bool is_quiet(struct upstream *u)
{
    uint8_t byte;
    for (int i = 0; i < 2; i++) {
        ssize_t n = recv(u->fd, &byte, 1, MSG_PEEK);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (n <= 0 || u->tls == NULL)
            return false;
        u->tls->wire.readable = true;
        if (wire_read(&u->tls->wire, &byte, 1) != 0)
            return false;
        wire_push(&u->tls->wire);
    }
    return false;
}

static void tell_user(struct upstream *u)
{
    if (u->exchange != NULL)
        conn_step(u->exchange->conn);
    else if (u->probe != NULL)
        probe_step(u->probe);
}

static void on_upstream_poll(uv_poll_t *handle, int status, int events)
{
    struct upstream *u = handle->data;
    watch_fired(&u->watch, status, events);
    if (status < 0 || (events & UV_READABLE) != 0) {
        u->readable = true;
        if (u->tls != NULL)
            u->tls->wire.readable = true;
    }
    if (status < 0 || (events & UV_WRITABLE) != 0)
        u->writable = true;
    if (u->state != UPSTREAM_IDLE)
        tell_user(u);
    else if (!is_quiet(u))
        /* Nothing was asked, so whatever this is, it is not an answer. */
        upstream_retire(u);
    else
        upstream_arm(u, true);
}

static void on_upstream_due(struct deadline *d)
{
    upstream_retire(container_of(d, struct upstream, deadline));
}

static void end_tls(struct upstream *u)
{
    if (u->tls == NULL)
        return;
    /* A session whose connection was not shut down would not be good for another. */
    if (u->tls->wire.ssl != NULL && !u->tls->wire.broken)
        SSL_set_shutdown(u->tls->wire.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    wire_fini(&u->tls->wire);
    free(u->tls);
}

static void upstream_free(struct upstream *u)
{
    end_tls(u);
    if (u->fd >= 0)
        (void)close(u->fd);
    buf_fini(&u->in);
    buf_fini(&u->out);
    pool_unref(u->pool);
    free(u);
}

static void on_upstream_closed(uv_handle_t *handle)
{
    upstream_free(handle->data);
}

void upstream_retire(struct upstream *u)
{
    if (u->state == UPSTREAM_CLOSED)
        return;
    if (u->state == UPSTREAM_IDLE && u->tls != NULL) {
        wire_close_notify(&u->tls->wire);
        wire_push(&u->tls->wire);
    }
    u->state = UPSTREAM_CLOSED;
    u->pool->open--;
    /* One that the supervisor still works at is freed when the answer comes. */
    if (u->fd >= 0)
        list_remove(&u->link);
    deadline_clear(&u->pool->edge->deadlines, &u->deadline);
    if (u->exchange != NULL)
        u->exchange->upstream = NULL;
    u->exchange = NULL;
    u->probe = NULL;
    if (u->fd >= 0)
        uv_close((uv_handle_t *)&u->watch.poll, on_upstream_closed);
}

/* A connection in its first state: a descriptor that is connecting. */
static int dial(const struct pool *p, int *ret)
{
    struct sockaddr_storage to;
    if (p->addr_count == 0)
        return -EADDRNOTAVAIL;
    socklen_t len = addr_to_sockaddr(&p->addrs[p->addr_at], p->port, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS && errno != EINTR) {
        int rc = -errno;
        (void)close(fd);
        return rc;
    }
    *ret = fd;
    return 0;
}

static int upstream_new(struct pool *p, struct upstream **ret)
{
    struct upstream *u = calloc(1, sizeof(*u));
    if (u == NULL)
        return -ENOMEM;
    u->pool = p;
    p->refs++;
    p->open++;
    p->opened++;
    p->edge->count.upstream_opened++;
    u->fd = -1;
    u->addr_serial = p->addr_serial;
    u->state = UPSTREAM_CONNECTING;
    list_init(&u->link);
    deadline_init(&u->deadline, on_upstream_due);
    buf_init(&u->in, EDGE_SCRATCH);
    buf_init(&u->out, UPSTREAM_OUT_MAX);
    *ret = u;
    return 0;
}

/* Of one whose descriptor was never watched. */
static void upstream_undo(struct upstream *u)
{
    u->pool->open--;
    list_remove(&u->link);
    upstream_free(u);
}

static int open_socket(struct pool *p, struct upstream *u)
{
    int rc = control_dial(p->edge, span_str(p->path), &u->serial);
    if (rc == 0)
        list_push(&p->edge->dials, &u->link);
    return rc;
}

static int open_place(struct pool *p, struct upstream *u)
{
    int rc = dial(p, &u->fd);
    return rc < 0 ? rc : watch_init(&u->watch, p->edge->loop, u->fd, on_upstream_poll, u);
}

int upstream_open(struct pool *p, struct upstream **ret)
{
    struct upstream *u;
    int rc = upstream_new(p, &u);
    if (rc < 0)
        return rc;
    rc = p->scheme == UPSTREAM_UNIX ? open_socket(p, u) : open_place(p, u);
    if (rc < 0) {
        upstream_undo(u);
        return rc;
    }
    *ret = u;
    return 0;
}

void upstream_dialled(struct edge *e, uint32_t serial, int fd, int error)
{
    struct upstream *u = NULL;
    list_each(it, &e->dials)
    {
        u = container_of(it, struct upstream, link);
        if (u->serial == serial)
            break;
        u = NULL;
    }
    if (u == NULL || u->state == UPSTREAM_CLOSED) {
        if (fd >= 0)
            (void)close(fd);
        if (u != NULL) {
            list_remove(&u->link);
            upstream_free(u);
        }
        return;
    }
    list_remove(&u->link);
    list_init(&u->link);
    int rc = fd < 0 ? -error : watch_init(&u->watch, e->loop, fd, on_upstream_poll, u);
    if (fd >= 0 && rc < 0)
        (void)close(fd);
    if (rc == 0) {
        u->fd = fd;
        u->connected = u->writable = true;
    } else {
        /* It stays among those that wait, so that its end needs no handle to close. */
        u->error = rc;
        list_push(&e->dials, &u->link);
    }
    tell_user(u);
    if (rc < 0) {
        upstream_retire(u);
        list_remove(&u->link);
        upstream_free(u);
    }
}

void upstreams_forget(struct edge *e)
{
    while (!list_empty(&e->dials)) {
        struct upstream *u = container_of(e->dials.next, struct upstream, link);
        upstream_retire(u);
        list_remove(&u->link);
        upstream_free(u);
    }
}

static void take_over(struct upstream *u, struct exchange *x)
{
    u->exchange = x;
    u->received = false;
    x->upstream = u;
}

/* The one used last is the least likely to be closed by the other side just now. */
static struct upstream *last_idle(struct pool *p)
{
    while (!list_empty(&p->idle)) {
        struct upstream *u = container_of(p->idle.prev, struct upstream, link);
        if (is_quiet(u))
            return u;
        upstream_retire(u);
    }
    return NULL;
}

int upstream_take(struct pool *p, struct exchange *x, bool fresh, struct upstream **ret)
{
    struct upstream *u = fresh ? NULL : last_idle(p);
    if (u != NULL) {
        list_remove(&u->link);
        deadline_clear(&p->edge->deadlines, &u->deadline);
        u->state = UPSTREAM_BUSY;
        u->reused = true;
        p->reused++;
        p->edge->count.upstream_reused++;
        take_over(u, x);
        *ret = u;
        return 0;
    }
    if (p->open >= p->max) {
        if (list_empty(&p->idle))
            return FAULT_LIMIT;
        upstream_retire(container_of(p->idle.next, struct upstream, link));
    }
    int rc = upstream_open(p, &u);
    if (rc < 0)
        return rc;
    take_over(u, x);
    *ret = u;
    return 0;
}

void upstream_give(struct upstream *u)
{
    struct edge *e = u->pool->edge;
    if (u->exchange != NULL)
        u->exchange->upstream = NULL;
    u->exchange = NULL;
    bool wanted = pool_is_wanted(u->pool) && e->phase != EDGE_DRAINING &&
                  u->addr_serial == u->pool->addr_serial;
    bool extra = buf_len(&u->in) > 0 || (u->tls != NULL && wire_has_input(&u->tls->wire));
    if (!wanted || u->eof || u->broken || upstream_blocked(u) || extra) {
        upstream_retire(u);
        return;
    }
    u->state = UPSTREAM_IDLE;
    buf_release_idle(&u->in);
    buf_release_idle(&u->out);
    list_push(&u->pool->idle, &u->link);
    deadline_set(&e->deadlines, &u->deadline, edge_now(e) + u->pool->idle_ms);
    upstream_arm(u, true);
}

/* ---- connecting ---- */

static int begin_tls(struct upstream *u)
{
    struct pool *p = u->pool;
    SSL *ssl = NULL;
    u->tls = calloc(1, sizeof(*u->tls));
    if (u->tls == NULL)
        return -ENOMEM;
    u->tls->peer.session = &p->session;
    int rc = tls_client_open(p->tls, p->host, &u->tls->peer, &ssl);
    if (rc == 0)
        rc = wire_attach(&u->tls->wire, ssl, u->fd, &p->edge->stage);
    if (rc == 0)
        wire_bulk(&u->tls->wire, true);
    return rc;
}

static int socket_connected(struct upstream *u)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (!u->writable)
        return 0;
    if (getsockopt(u->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    if (error != 0)
        return -error;
    u->connected = true;
    u->readable = false;
    return 1;
}

int upstream_connected(struct upstream *u)
{
    if (u->fd < 0)
        return u->error;
    int rc = u->connected ? 1 : socket_connected(u);
    if (rc <= 0)
        return rc;
    if (u->pool->tls != NULL) {
        if (u->tls == NULL && (rc = begin_tls(u)) < 0)
            return rc;
        struct wire *w = &u->tls->wire;
        rc = wire_handshake(w);
        /* Its last words wait for the request that follows, and leave with it. */
        if (rc != 1)
            wire_push(w);
        if (rc <= 0)
            return rc < 0 ? rc : w->broken ? FAULT_CLOSED : 0;
        u->readable = w->readable || wire_has_input(w);
    }
    u->state = UPSTREAM_BUSY;
    return 1;
}

const char *upstream_why(const struct upstream *u, int rc)
{
    const char *why = "";
    if (u != NULL && u->tls != NULL) {
        why = tls_peer_why(&u->tls->peer);
        if (why[0] == 0 && rc == FAULT_CRYPTO && u->tls->wire.error != 0)
            why = ERR_reason_error_string(u->tls->wire.error);
        if (why == NULL || (why[0] == 0 && rc == FAULT_CLOSED))
            why = "closed during the handshake";
    }
    return why[0] != 0 ? why : fault_text(rc);
}

/* ---- bytes ---- */

int upstream_flush(struct upstream *u)
{
    if (u->tls != NULL) {
        int rc = wire_flush(&u->tls->wire);
        u->broken = u->broken || rc < 0;
        return rc < 0 ? rc : 0;
    }
    while (buf_len(&u->out) > 0) {
        struct span rest = buf_view(&u->out);
        ssize_t n = send(u->fd, rest.at, rest.len, MSG_NOSIGNAL);
        if (n >= 0) {
            buf_consume(&u->out, (size_t)n);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            u->writable = false;
            return 0;
        }
        u->broken = true;
        return -errno;
    }
    return 0;
}

static int write_tls(struct upstream *u, struct span bytes)
{
    struct wire *w = &u->tls->wire;
    int rc = wire_write(w, bytes);
    if (rc == 0)
        rc = wire_flush(w);
    u->broken = rc < 0;
    return rc < 0 ? rc : 0;
}

int upstream_write(struct upstream *u, struct span bytes)
{
    if (u->broken)
        return FAULT_CLOSED;
    if (u->tls != NULL)
        return write_tls(u, bytes);
    while (bytes.len > 0 && !upstream_blocked(u)) {
        ssize_t n = send(u->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (n >= 0) {
            bytes = span_sub(bytes, (size_t)n, SIZE_MAX);
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            u->writable = false;
            break;
        }
        u->broken = true;
        return -errno;
    }
    if (buf_append(&u->out, bytes) < 0) {
        u->broken = true;
        return FAULT_LIMIT;
    }
    return 0;
}

static int read_tls(struct upstream *u, uint8_t *into, size_t cap)
{
    struct wire *w = &u->tls->wire;
    int n = wire_read(w, into, cap);
    /* New keys are answered by OpenSSL itself. */
    if (w->stage->owner == w)
        wire_push(w);
    u->readable = w->readable || wire_has_input(w);
    if (n >= 0) {
        u->received = u->received || n > 0;
        return n;
    }
    bool said = !w->broken && (SSL_get_shutdown(w->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
    u->eof = true;
    u->readable = false;
    u->broken = u->broken || !said;
    return said ? FAULT_CLOSED : n == FAULT_CLOSED ? -ECONNRESET : n;
}

int upstream_read(struct upstream *u, uint8_t *into, size_t cap)
{
    if (u->eof)
        return FAULT_CLOSED;
    if (u->tls != NULL)
        return read_tls(u, into, cap);
    while (u->readable) {
        ssize_t n = recv(u->fd, into, cap, 0);
        if (n > 0) {
            u->received = true;
            u->readable = (size_t)n == cap;
            return (int)n;
        }
        if (n < 0 && errno == EINTR)
            continue;
        u->readable = false;
        if (n == 0) {
            u->eof = true;
            return FAULT_CLOSED;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            u->eof = u->broken = true;
            return -errno;
        }
    }
    return 0;
}

void upstream_finish(struct upstream *u)
{
    if (u->tls == NULL) {
        (void)shutdown(u->fd, SHUT_WR);
        return;
    }
    wire_close_notify(&u->tls->wire);
    wire_push(&u->tls->wire);
}

void upstream_arm(struct upstream *u, bool read)
{
    int want = 0;
    if (u->state == UPSTREAM_CLOSED || u->fd < 0)
        return;
    bool connecting = u->state == UPSTREAM_CONNECTING;
    if ((connecting ? u->connected : read) && !u->eof)
        want |= UV_READABLE;
    if ((connecting && !u->connected) || (upstream_blocked(u) && !u->broken))
        want |= UV_WRITABLE;
    watch_arm(&u->watch, want);
}
