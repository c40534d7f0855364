#include "edge/arrival.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/log.h"
#include "edge/listener.h"
#include "net/proxyproto.h"

/* What is looked at in one go: more than a header without many extensions has. */
#define PEEK 256u
/* A flood of wrong headers is not one of lines. */
#define LOG_AGAIN_MS 10000u

struct arrival {
    struct list link; /* in edge->arrivals */
    struct edge *edge;
    struct listener *listener; /* joined */
    struct watch watch;
    struct deadline deadline;
    struct addr peer;
    int fd;            /* -1 when it has been handed on */
    struct buf header; /* what has come of it and was taken from the socket */
};

static void say_refused(struct edge *e, const struct listener *l, const struct addr *peer,
                        const char *why)
{
    e->count.refused_proxy++;
    if (e->proxy_said_at != 0 && edge_now(e) - e->proxy_said_at < LOG_AGAIN_MS)
        return;
    e->proxy_said_at = edge_now(e);
    struct buf line;
    char text[ADDR_TEXT_SIZE];
    addr_format(peer, text);
    log_line(&line, LOG_LEVEL_WARN, "proxy_refused");
    log_field(&line, "listener", span_str(l->name));
    log_field(&line, "peer", span_str(text));
    log_field(&line, "reason", span_str(why));
    log_num(&line, "refused", (int64_t)e->count.refused_proxy);
    log_end(&line);
}

static void on_arrival_closed(uv_handle_t *handle)
{
    struct arrival *a = handle->data;
    if (a->fd >= 0)
        (void)close(a->fd);
    free(a);
}

/* The descriptor must be out of the loop before another watches it; uv_close sees to that at once
 * and only the memory waits for the callback. */
static void end(struct arrival *a)
{
    struct edge *e = a->edge;
    deadline_clear(&e->deadlines, &a->deadline);
    list_remove(&a->link);
    buf_fini(&a->header);
    uv_close((uv_handle_t *)&a->watch.poll, on_arrival_closed);
    e->conn_count--;
    listener_leave(a->listener);
}

static void refuse(struct arrival *a, const char *why)
{
    struct edge *e = a->edge;
    if (why != NULL)
        say_refused(e, a->listener, &a->peer, why);
    end(a);
    edge_drained(e);
}

/* 1: the header is complete and taken from the socket, and nothing else is. 0: more of it is to
 * come. */
static int read_header(struct arrival *a, struct proxyproto *ret)
{
    for (;;) {
        uint8_t *room = buf_reserve(&a->header, PEEK);
        if (room == NULL)
            return FAULT_LIMIT;
        ssize_t n = recv(a->fd, room, PEEK, MSG_PEEK);
        if (n == 0)
            return FAULT_CLOSED;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
        size_t have = buf_len(&a->header);
        int rc = proxyproto_parse(span_of(room - have, have + (size_t)n), ret);
        if (rc < 0)
            return rc;
        size_t take = rc > 0 ? (size_t)rc - have : (size_t)n;
        /* They were there a moment ago, and nobody else reads here. */
        if (recv(a->fd, room, take, 0) != (ssize_t)take)
            return FAULT_CLOSED;
        buf_commit(&a->header, take);
        if (rc > 0)
            return 1;
    }
}

/* The client's address, or why there is none. What the proxy calls loopback is its own machine:
 * from another machine that is not the place that the zone "local" stands for. */
static const char *client_of(const struct arrival *a, const struct proxyproto *p,
                             struct addr *client)
{
    switch (p->kind) {
    case PROXYPROTO_LOCAL:
        *client = a->peer;
        return NULL;
    case PROXYPROTO_UNKNOWN:
        return "the header does not say whose connection it is";
    case PROXYPROTO_PROXIED:
        break;
    }
    *client = p->source;
    return addr_is_loopback(client) && !addr_is_loopback(&a->peer)
               ? "the header names a loopback address of another machine"
               : NULL;
}

static void on_arrival_poll(uv_poll_t *handle, int status, int events)
{
    struct arrival *a = handle->data;
    struct proxyproto p;
    struct arrived client = {.proxy = false};
    watch_fired(&a->watch, status, events);
    int rc = read_header(a, &p);
    if (rc == 0) {
        watch_arm(&a->watch, UV_READABLE);
        return;
    }
    /* Who connects and goes without a word only wanted to see that somebody listens. */
    if (rc < 0) {
        bool silent = rc == FAULT_CLOSED && buf_len(&a->header) == 0;
        refuse(a, silent ? NULL : "the connection does not begin with a PROXY header");
        return;
    }
    const char *why = client_of(a, &p, &client.addr);
    if (why != NULL) {
        refuse(a, why);
        return;
    }
    struct edge *e = a->edge;
    struct listener *l = a->listener;
    int fd = a->fd;
    a->fd = -1;
    l->refs++;
    end(a);
    client.proxy = p.kind == PROXYPROTO_LOCAL;
    listener_admit(l, fd, &client);
    listener_unref(l);
    edge_drained(e);
}

static void on_arrival_due(struct deadline *d)
{
    struct arrival *a = container_of(d, struct arrival, deadline);
    a->edge->count.timeouts++;
    refuse(a, "the PROXY header did not come in time");
}

void arrival_open(struct listener *l, int fd, const struct addr *peer)
{
    struct edge *e = l->edge;
    const struct listener_def *def = listener_def(l);
    if (!cidrs_contain(def->proxies, def->proxy_count, peer)) {
        say_refused(e, l, peer, "the peer is no trusted proxy");
        (void)close(fd);
        return;
    }
    struct arrival *a = calloc(1, sizeof(*a));
    if (a == NULL || watch_init(&a->watch, e->loop, fd, on_arrival_poll, a) < 0) {
        free(a);
        (void)close(fd);
        return;
    }
    a->edge = e;
    a->listener = l;
    a->peer = *peer;
    a->fd = fd;
    buf_init(&a->header, PROXYPROTO_MAX + PEEK);
    deadline_init(&a->deadline, on_arrival_due);
    list_push(&e->arrivals, &a->link);
    listener_join(l);
    e->conn_count++;
    uint64_t seconds = listener_handshake_timeout(l);
    deadline_set(&e->deadlines, &a->deadline, edge_now(e) + seconds * 1000);
    watch_arm(&a->watch, UV_READABLE);
}

void arrivals_close(struct edge *e)
{
    while (!list_empty(&e->arrivals))
        end(container_of(e->arrivals.next, struct arrival, link));
}
