#include "supervisor/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
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
        bool named = false;
        for (size_t k = 0; k < s->listener_count; k++)
            named |= s->listeners[k].port == e->port && addr_eq(&s->listeners[k].addr, &e->addr);
        if (!named)
            endpoint_shut(l, e);
    }
}

void listeners_shut(struct listeners *l)
{
    for (size_t i = 0; i < l->count; i++)
        endpoint_shut(l, &l->items[i]);
}

static int adopt_one(struct listeners *l, int fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct addr addr;
    uint16_t port;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
        return -errno;
    int rc = addr_from_sockaddr((struct sockaddr *)&ss, &addr, &port);
    if (rc < 0)
        return rc;
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        listen(fd, BACKLOG) < 0)
        return -errno;
    struct endpoint *e = endpoint_new(l, &addr, port);
    if (e == NULL)
        return -ENOMEM;
    e->fds[0] = fd;
    e->activated = e->open = true;
    return 0;
}

int listeners_adopt(struct listeners *l)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t who = 0, count = 0;
    bool mine = pid != NULL && fds != NULL && text_u64(span_str(pid), INT32_MAX, &who) == 0 &&
                text_u64(span_str(fds), LISTENERS_MAX, &count) == 0 && who == (uint64_t)getpid();
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    int taken = 0;
    for (int i = 0; mine && i < (int)count; i++) {
        if (adopt_one(l, ACTIVATED_FIRST + i) == 0)
            taken++;
        else
            (void)close(ACTIVATED_FIRST + i);
    }
    return taken;
}
