#include "edge/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "edge/access.h"
#include "edge/arrival.h"
#include "edge/conn.h"
#include "edge/incoming.h"
#include "edge/source.h"

/* How long a listener rests when the process has no descriptor left. */
#define ACCEPT_RETRY_MS 250u

/* ---- the early gate ---- */

static bool is_full(struct listener *l)
{
    struct edge *e = l->edge;
    uint32_t own = listener_def(l)->connections;
    return (own != 0 && l->open >= own) || !pressure_admits(e);
}

/* Will each request say whose it is? */
static bool names_clients(const struct listener_def *def, const struct addr *a)
{
    return def->forwarded != FORWARDED_OFF && cidrs_contain(def->proxies, def->proxy_count, a);
}

/* Cheapest question first; nothing is allocated before the last. */
static bool admit(struct listener *l, const struct arrived *a, struct source **ret)
{
    struct edge *e = l->edge;
    const struct generation *g = e->generation;
    *ret = NULL;
    if (is_full(l)) {
        e->count.refused_limit++;
        return false;
    }
    /* Whose requests these will be is not known yet: the gate judges each by its own source. */
    if (a->proxy && names_clients(listener_def(l), &a->addr))
        return true;
    struct zone_set zones = zones_at(policy_zones(g->policy), &a->addr, a->interface);
    if (!policy_admits_source(g->policy, zones)) {
        e->count.refused_source++;
        access_source(e, &a->addr, zones, l->name);
        return false;
    }
    /* Behind the address of a proxy are all who come through it. */
    if (a->proxy)
        return true;
    *ret = source_enter(l, &a->addr);
    return *ret != NULL;
}

void listener_admit(struct listener *l, int fd, const struct arrived *a)
{
    struct edge *e = l->edge;
    struct source *s;
    if (!listener_serves(l) || !admit(l, a, &s)) {
        (void)close(fd);
        return;
    }
    e->count.accepted++;
    conn_open(e, fd, a, l, s);
}

bool listener_serves(struct listener *l)
{
    return l->edge->tls != NULL && listener_def(l) != NULL;
}

static void arrive_by(const struct listener *l, int fd, struct arrived *who)
{
    if (l->interface[0] != 0)
        memcpy(who->interface, l->interface, sizeof(who->interface));
    else if (l->asks)
        incoming_interface(fd, &who->addr, who->interface);
}

static void take(struct listener *l, int fd, const struct sockaddr_storage *from)
{
    struct edge *e = l->edge;
    struct addr a;
    uint16_t port;
    if (addr_from_sockaddr((const struct sockaddr *)from, &a, &port) < 0 || !listener_serves(l)) {
        (void)close(fd);
        return;
    }
    if (listener_def(l)->proxy_protocol == PROXY_PROTOCOL_OFF) {
        struct arrived who = {.addr = a, .proxy = names_clients(listener_def(l), &a)};
        arrive_by(l, fd, &who);
        listener_admit(l, fd, &who);
    } else if (is_full(l)) {
        e->count.refused_limit++;
        (void)close(fd);
    } else {
        arrival_open(l, fd, &a);
    }
}

static void listener_arm(struct listener *l)
{
    bool want = !l->closed && !l->paused && l->edge->phase == EDGE_SERVING;
    watch_arm(&l->watch, want ? UV_READABLE : 0);
}

static void on_listener_retry(struct deadline *d)
{
    struct listener *l = container_of(d, struct listener, retry);
    l->paused = false;
    listener_arm(l);
}

/* Without a descriptor accept can not even take a connection to close it, and the loop would be
 * told of it for ever. One that was kept for this moment is given up for an instant; then the
 * listener rests. */
static void out_of_descriptors(struct listener *l, int error)
{
    struct edge *e = l->edge;
    if (e->count.refused_descriptors++ == 0)
        log_fault(LOG_LEVEL_ERROR, "accept_failed", -error, l->name);
    /* Its descriptor is free before the next turn. */
    if (pressure_relieve(e))
        return;
    if (e->reserve_fd >= 0) {
        (void)close(e->reserve_fd);
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            (void)close(fd);
        e->reserve_fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
    }
    l->paused = true;
    deadline_set(&e->deadlines, &l->retry, edge_now(e) + ACCEPT_RETRY_MS);
}

static void on_listener_poll(uv_poll_t *handle, int status, int events)
{
    struct listener *l = handle->data;
    watch_fired(&l->watch, status, events);
    if (l->closed || l->paused)
        return;
    /* One a turn: those that are open get theirs, and no call is spent to hear that there is no
     * other. */
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    l->refs++;
    if (fd >= 0)
        take(l, fd, &from);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        /* The other errors belong to a connection that died before it was taken. */
        out_of_descriptors(l, errno);
    listener_arm(l);
    listener_unref(l);
}

/* ---- listeners ---- */

const struct listener_def *listener_def(struct listener *l)
{
    const struct generation *g = l->edge->generation;
    if (l->def_serial != g->serial) {
        l->def = snapshot_listener(g->snapshot, l->name);
        l->def_serial = g->serial;
    }
    return l->def;
}

uint32_t listener_handshake_timeout(struct listener *l)
{
    const struct listener_def *def = listener_def(l);
    return def != NULL && def->handshake_timeout != 0
               ? def->handshake_timeout
               : l->edge->generation->snapshot->limits.handshake_timeout;
}

uint32_t listener_header_timeout(struct listener *l)
{
    const struct listener_def *def = listener_def(l);
    return def != NULL && def->header_timeout != 0
               ? def->header_timeout
               : l->edge->generation->snapshot->limits.header_timeout;
}

void listener_join(struct listener *l)
{
    l->refs++;
    l->open++;
}

void listener_leave(struct listener *l)
{
    l->open--;
    listener_unref(l);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    (void)close(l->fd);
    listener_unref(l);
}

static void listener_close(struct listener *l)
{
    list_remove(&l->link);
    l->closed = true;
    deadline_clear(&l->edge->deadlines, &l->retry);
    uv_close((uv_handle_t *)&l->watch.poll, on_listener_closed);
}

/* The socket that an interface had before it went and came back. */
static void replace(struct edge *e, struct span name)
{
    list_each_safe(it, &e->listeners)
    {
        struct listener *l = container_of(it, struct listener, link);
        if (l->interface[0] != 0 && span_is(name, l->name))
            listener_close(l);
    }
}

int listener_new(struct edge *e, int fd, struct span name)
{
    struct listener *l = calloc(1, sizeof(*l));
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    struct addr a;
    int rc = l == NULL ? -ENOMEM : 0;
    if (rc == 0 && name.len >= sizeof(l->name))
        rc = FAULT_LIMIT;
    if (rc == 0 && getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        rc = -errno;
    if (rc == 0)
        rc = addr_from_sockaddr((struct sockaddr *)&at, &a, &l->port);
    if (rc == 0)
        rc = watch_init(&l->watch, e->loop, fd, on_listener_poll, l);
    if (rc < 0) {
        free(l);
        (void)close(fd);
        return rc;
    }
    /* Connections inherit it, which saves a system call for each. */
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    len = sizeof(l->interface);
    if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, l->interface, &len) < 0)
        l->interface[0] = 0;
    replace(e, name);
    l->edge = e;
    l->fd = fd;
    l->refs = 1;
    memcpy(l->name, name.at, name.len);
    deadline_init(&l->retry, on_listener_retry);
    list_push(&e->listeners, &l->link);
    if (e->generation != NULL)
        listeners_resume(e);
    return 0;
}

void listener_unref(struct listener *l)
{
    if (--l->refs == 0)
        free(l);
}

void listeners_resume(struct edge *e)
{
    bool asks = zones_ask_interface(policy_zones(e->generation->policy));
    list_each(it, &e->listeners)
    {
        struct listener *l = container_of(it, struct listener, link);
        if (l->asks != asks && l->interface[0] == 0)
            incoming_ask(l->fd, asks);
        l->asks = asks;
        listener_arm(l);
    }
}

void listeners_close(struct edge *e)
{
    list_each_safe(it, &e->listeners) listener_close(container_of(it, struct listener, link));
}
