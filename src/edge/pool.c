#include "edge/pool.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "edge/conn.h"

/* ---- pools ---- */

/* Of a name that nobody has resolved yet. No console has this address. */
static const struct addr NOWHERE = {{0}};

static const struct addr *address_of(const struct route_def *route)
{
    return route->upstreams[0].addr_count > 0 ? &route->upstreams[0].addrs[0] : &NOWHERE;
}

struct pool *pool_find(struct edge *e, const struct route_def *route, const struct limits *limits)
{
    struct pool *p = NULL;
    list_each(it, &e->pools)
    {
        struct pool *q = container_of(it, struct pool, link);
        if (q->port == route->upstreams[0].port && addr_eq(&q->addr, address_of(route)) &&
            strcmp(q->route, route->name) == 0) {
            p = q;
            break;
        }
    }
    if (p == NULL) {
        p = calloc(1, sizeof(*p));
        if (p == NULL)
            return NULL;
        p->route = strdup(route->name);
        if (p->route == NULL) {
            free(p);
            return NULL;
        }
        p->edge = e;
        p->addr = *address_of(route);
        p->port = route->upstreams[0].port;
        list_init(&p->idle);
        list_push(&e->pools, &p->link);
    }
    p->refs++;
    p->idle_ms = (uint64_t)limits->upstream_idle * 1000;
    p->max = limits->upstream_connections;
    return p;
}

void pool_unref(struct pool *p)
{
    if (p == NULL || --p->refs > 0)
        return;
    list_remove(&p->link);
    free(p->route);
    free(p);
}

void pool_flush(struct pool *p)
{
    p->refs++;
    while (!list_empty(&p->idle))
        upstream_retire(container_of(p->idle.next, struct upstream, link));
    pool_unref(p);
}

static void tell(struct pool *p, enum log_level level, const char *event)
{
    char where[ADDR_TEXT_SIZE + 8];
    struct buf line;
    addr_format_port(&p->addr, p->port, where);
    log_line(&line, level, event);
    log_text(&line, "route", p->route);
    log_text(&line, "upstream", where);
    if (p->down)
        log_text(&line, "why", p->down_why);
    log_end(&line);
    status_upstreams(p->edge);
}

void pool_says_up(struct pool *p)
{
    bool was_down = p->down;
    if (p->known && !was_down)
        return;
    p->known = true;
    p->down = false;
    /* The first success is for the pages that show health; only a return is worth a line. */
    if (was_down)
        tell(p, LOG_LEVEL_NOTICE, "upstream_up");
    else
        status_upstreams(p->edge);
}

void pool_says_down(struct pool *p, int fault)
{
    p->failed++;
    p->edge->count.upstream_failed++;
    if (p->down)
        return;
    p->down = p->known = true;
    (void)snprintf(p->down_why, sizeof(p->down_why), "%s", fault_text(fault));
    tell(p, LOG_LEVEL_WARN, "upstream_down");
}

/* ---- connections ---- */

static void on_upstream_poll(uv_poll_t *handle, int status, int events)
{
    struct upstream *u = handle->data;
    watch_fired(&u->watch, status, events);
    if (status < 0 || (events & UV_READABLE) != 0)
        u->readable = true;
    if (status < 0 || (events & UV_WRITABLE) != 0)
        u->writable = true;
    if (u->exchange != NULL)
        conn_step(u->exchange->conn);
    else if (u->state == UPSTREAM_IDLE)
        /* Nothing was asked, so whatever this is, it is not an answer. */
        upstream_retire(u);
}

static void on_upstream_due(struct deadline *d)
{
    upstream_retire(container_of(d, struct upstream, deadline));
}

static void on_upstream_closed(uv_handle_t *handle)
{
    struct upstream *u = handle->data;
    if (u->fd >= 0)
        (void)close(u->fd);
    buf_fini(&u->in);
    buf_fini(&u->out);
    pool_unref(u->pool);
    free(u);
}

void upstream_retire(struct upstream *u)
{
    if (u->state == UPSTREAM_CLOSED)
        return;
    u->state = UPSTREAM_CLOSED;
    u->pool->open--;
    list_remove(&u->link);
    deadline_clear(&u->pool->edge->deadlines, &u->deadline);
    if (u->exchange != NULL)
        u->exchange->upstream = NULL;
    u->exchange = NULL;
    uv_close((uv_handle_t *)&u->watch.poll, on_upstream_closed);
}

/* A connection in its first state: a descriptor that is connecting. */
static int dial(struct pool *p, int *ret)
{
    struct sockaddr_storage to;
    if (addr_eq(&p->addr, &NOWHERE))
        return -EADDRNOTAVAIL;
    socklen_t len = addr_to_sockaddr(&p->addr, p->port, &to);
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
    int fd = -1;
    int rc = dial(p, &fd);
    if (rc < 0)
        return rc;
    struct upstream *u = calloc(1, sizeof(*u));
    if (u == NULL) {
        (void)close(fd);
        return -ENOMEM;
    }
    rc = watch_init(&u->watch, p->edge->loop, fd, on_upstream_poll, u);
    if (rc < 0) {
        (void)close(fd);
        free(u);
        return rc;
    }
    u->pool = p;
    p->refs++;
    p->open++;
    p->opened++;
    p->edge->count.upstream_opened++;
    u->fd = fd;
    u->state = UPSTREAM_CONNECTING;
    list_init(&u->link);
    deadline_init(&u->deadline, on_upstream_due);
    buf_init(&u->in, EDGE_SCRATCH);
    buf_init(&u->out, UPSTREAM_OUT_MAX);
    *ret = u;
    return 0;
}

static void take_over(struct upstream *u, struct exchange *x)
{
    u->exchange = x;
    u->received = false;
    x->upstream = u;
}

/* Bytes that came since the last answer belong to no question of ours, and would be taken for the
 * answer to the next one, somebody else's. The loop may not have looked since they came. This also
 * finds most of those that the other side has just closed, before a request that may not be
 * repeated is lost on them. */
static bool is_quiet(const struct upstream *u)
{
    uint8_t byte;
    return recv(u->fd, &byte, 1, MSG_PEEK) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
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
    int rc = upstream_new(p, &u);
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
    /* A pool that no generation uses any more would keep the connection for nobody. */
    bool wanted = u->pool->refs > u->pool->open && e->phase != EDGE_DRAINING;
    if (!wanted || u->eof || u->broken || upstream_blocked(u) || buf_len(&u->in) > 0) {
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

int upstream_connected(struct upstream *u)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (!u->writable)
        return 0;
    if (getsockopt(u->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    if (error != 0)
        return -error;
    u->state = UPSTREAM_BUSY;
    u->readable = false;
    return 1;
}

int upstream_flush(struct upstream *u)
{
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

int upstream_write(struct upstream *u, struct span bytes)
{
    if (u->broken)
        return FAULT_CLOSED;
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

int upstream_read(struct upstream *u, uint8_t *into, size_t cap)
{
    if (u->eof)
        return FAULT_CLOSED;
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
    (void)shutdown(u->fd, SHUT_WR);
}

void upstream_arm(struct upstream *u, bool read)
{
    int want = 0;
    if (u->state == UPSTREAM_CLOSED)
        return;
    if (read && !u->eof && u->state != UPSTREAM_CONNECTING)
        want |= UV_READABLE;
    if (u->state == UPSTREAM_CONNECTING || (upstream_blocked(u) && !u->broken))
        want |= UV_WRITABLE;
    watch_arm(&u->watch, want);
}
