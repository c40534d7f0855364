#include "supervisor/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/text.h"

#define BACKLOG 1024
#define ACTIVATED_FIRST 3

void listeners_init(struct listeners *l, unsigned slots)
{
    *l = (struct listeners){.slots = slots};
}

static void endpoint_close(const struct listeners *l, struct endpoint *e)
{
    for (unsigned i = 0; e->fds != NULL && i < l->slots; i++) {
        if (e->fds[i] >= 0)
            (void)close(e->fds[i]);
    }
    free(e->fds);
    e->fds = NULL;
}

void listeners_fini(struct listeners *l)
{
    for (size_t i = 0; i < l->count; i++)
        endpoint_close(l, &l->items[i]);
    l->count = 0;
}

static struct endpoint *endpoint_new(struct listeners *l, const struct addr *addr, uint16_t port)
{
    if (l->count >= LISTENERS_MAX)
        return NULL;
    struct endpoint *e = &l->items[l->count];
    *e = (struct endpoint){.addr = *addr, .port = port};
    e->fds = calloc(l->slots, sizeof(*e->fds));
    if (e->fds == NULL)
        return NULL;
    for (unsigned i = 0; i < l->slots; i++)
        e->fds[i] = -1;
    l->count++;
    return e;
}

static struct endpoint *endpoint_find(struct listeners *l, const struct addr *addr, uint16_t port)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->items[i].port == port && addr_eq(&l->items[i].addr, addr))
            return &l->items[i];
    }
    return NULL;
}

int listeners_fd(const struct listeners *l, size_t i, unsigned slot)
{
    const struct endpoint *e = &l->items[i];
    return e->fds[e->activated ? 0 : slot];
}

static int socket_bound(const struct addr *addr, uint16_t port)
{
    struct sockaddr_storage ss;
    socklen_t len = addr_to_sockaddr(addr, port, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    /* IPv6 listeners take IPv6 only: IPv4 has a listener of its own, so no address is served twice
     * or under the other family's rules. */
    if ((ss.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, BACKLOG) < 0) {
        int rc = -errno;
        (void)close(fd);
        return rc;
    }
    return fd;
}

static int endpoint_bind(struct listeners *l, const struct listener_def *def, struct endpoint **ret)
{
    struct endpoint *e = endpoint_new(l, &def->addr, def->port);
    if (e == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < l->slots; i++) {
        e->fds[i] = socket_bound(&def->addr, def->port);
        if (e->fds[i] < 0) {
            int rc = e->fds[i];
            endpoint_close(l, e);
            l->count--;
            return rc;
        }
    }
    e->open = true;
    *ret = e;
    return 0;
}

static int endpoint_reopen(const struct listeners *l, struct endpoint *e)
{
    unsigned count = e->activated ? 1 : l->slots;
    for (unsigned i = 0; i < count; i++) {
        if (listen(e->fds[i], BACKLOG) < 0)
            return -errno;
    }
    e->open = true;
    return 0;
}

static const char *advice(int rc)
{
    switch (rc) {
    case -EACCES:
        return " (a port below 1024 needs a start as root or socket activation)";
    case -EADDRINUSE:
        return " (another program listens there)";
    case -EADDRNOTAVAIL:
        return " (this machine has no such address)";
    default:
        return "";
    }
}

static bool is_named(const struct snapshot *s, const struct endpoint *e)
{
    bool named = false;
    for (size_t i = 0; i < s->listener_count; i++)
        named |= s->listeners[i].port == e->port && addr_eq(&s->listeners[i].addr, &e->addr);
    return named;
}

int listeners_open(struct listeners *l, const struct snapshot *s, struct buf *errors)
{
    int first = 0;
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener_def *def = &s->listeners[i];
        struct endpoint *e = endpoint_find(l, &def->addr, def->port);
        int rc = 0;
        if (e == NULL)
            rc = endpoint_bind(l, def, &e);
        else if (!e->open)
            rc = endpoint_reopen(l, e);
        if (rc == 0) {
            size_t len = strnlen(def->name, sizeof(e->name) - 1);
            memcpy(e->name, def->name, len);
            e->name[len] = '\0';
            continue;
        }
        char where[ADDR_TEXT_SIZE + 8];
        addr_format_port(&def->addr, def->port, where);
        (void)buf_printf(errors, "listener %s: cannot listen on %s: %s%s\n", def->name, where,
                         fault_text(rc), advice(rc));
        first = first == 0 ? rc : first;
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct endpoint *e = &l->items[i];
        char where[ADDR_TEXT_SIZE + 8];
        if (!e->activated || is_named(s, e))
            continue;
        /* Somebody connects there and nobody would ever answer. */
        addr_format_port(&e->addr, e->port, where);
        (void)buf_printf(errors,
                         "socket %s of the service manager: expected a listener on %s, found "
                         "none\n",
                         e->name[0] != '\0' ? e->name : "without a name", where);
        first = first == 0 ? FAULT_CONFLICT : first;
    }
    return first;
}

static void endpoint_shut(const struct listeners *l, struct endpoint *e)
{
    unsigned count = e->activated ? 1 : l->slots;
    /* Ends listening for everybody who shares the socket, and leaves it bound. */
    for (unsigned i = 0; e->open && i < count; i++)
        (void)shutdown(e->fds[i], SHUT_RDWR);
    e->open = false;
}

void listeners_settle(struct listeners *l, const struct snapshot *s)
{
    for (size_t i = 0; i < l->count; i++) {
        struct endpoint *e = &l->items[i];
        if (!is_named(s, e))
            endpoint_shut(l, e);
    }
}

void listeners_shut(struct listeners *l)
{
    /* A socket of the service manager goes on listening: who connects now is served by the next
     * start. To shut it would shut the manager's own copy. */
    for (size_t i = 0; i < l->count; i++)
        if (!l->items[i].activated)
            endpoint_shut(l, &l->items[i]);
}

/* A stream socket of IP that listens, or why it is none. */
static const char *adopt_one(struct listeners *l, int fd, struct span name)
{
    struct sockaddr_storage ss = {0};
    socklen_t len = sizeof(ss), size = sizeof(int);
    struct addr addr;
    uint16_t port;
    int type = 0, listens = 0, flags = fcntl(fd, F_GETFL);
    if (flags < 0 || getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
        return "is no socket";
    if (type != SOCK_STREAM || listens == 0 ||
        addr_from_sockaddr((struct sockaddr *)&ss, &addr, &port) < 0)
        return "does not listen for TCP connections";
    if (endpoint_find(l, &addr, port) != NULL)
        return "has the address of another one";
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        listen(fd, BACKLOG) < 0)
        return strerror(errno);
    struct endpoint *e = endpoint_new(l, &addr, port);
    if (e == NULL)
        return "is one too many";
    e->fds[0] = fd;
    e->activated = e->open = true;
    name = span_sub(name, 0, sizeof(e->name) - 1);
    if (name.len > 0)
        memcpy(e->name, name.at, name.len);
    return NULL;
}

int listeners_adopt(struct listeners *l, struct buf *errors)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    const char *given = getenv("LISTEN_FDNAMES");
    char names[LISTENERS_MAX * 64] = "";
    uint64_t who = 0, count = 0;
    bool mine = pid != NULL && fds != NULL && text_u64(span_str(pid), INT32_MAX, &who) == 0 &&
                who == (uint64_t)getpid();
    int rc = mine && text_u64(span_str(fds), LISTENERS_MAX, &count) < 0 ? FAULT_FORMAT : 0;
    (void)snprintf(names, sizeof(names), "%s", given == NULL ? "" : given);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    if (rc < 0)
        (void)buf_printf(errors, "LISTEN_FDS: expected at most %u, found something else\n",
                         LISTENERS_MAX);
    struct span rest = span_str(names);
    for (int i = 0; rc >= 0 && mine && i < (int)count; i++) {
        struct span name = SPAN_NONE;
        (void)span_cut(&rest, ':', &name);
        const char *why = adopt_one(l, ACTIVATED_FIRST + i, name);
        if (why == NULL)
            continue;
        (void)buf_printf(errors, "socket %d of the service manager %s\n", i + 1, why);
        rc = FAULT_FORMAT;
    }
    return rc < 0 ? rc : (int)(mine ? count : 0);
}
