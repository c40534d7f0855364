#include "supervisor/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
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

static void close_all(int *fds, unsigned count)
{
    for (unsigned i = 0; fds != NULL && i < count; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
        fds[i] = -1;
    }
}

static void endpoint_close(const struct listeners *l, struct endpoint *e)
{
    close_all(e->fds, l->slots);
    close_all(&e->holder, 1);
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
    *e = (struct endpoint){.addr = *addr, .port = port, .holder = -1};
    e->fds = calloc(l->slots, sizeof(*e->fds));
    if (e->fds == NULL)
        return NULL;
    for (unsigned i = 0; i < l->slots; i++)
        e->fds[i] = -1;
    l->count++;
    return e;
}

static const char *interface_of(const struct listener_def *def)
{
    return def->interface == NULL ? "" : def->interface;
}

static bool is_same(const struct endpoint *e, const struct listener_def *def)
{
    return e->port == def->port && addr_eq(&e->addr, &def->addr) &&
           strcmp(e->interface, interface_of(def)) == 0;
}

static struct endpoint *endpoint_find(struct listeners *l, const struct listener_def *def)
{
    for (size_t i = 0; i < l->count; i++) {
        if (is_same(&l->items[i], def))
            return &l->items[i];
    }
    return NULL;
}

int listeners_fd(const struct listeners *l, size_t i, unsigned slot)
{
    const struct endpoint *e = &l->items[i];
    return e->fds[e->activated ? 0 : slot];
}

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int socket_new(const struct listeners *l, const struct addr *addr)
{
    bool v6 = !addr_is_v4(addr);
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* IPv6 listeners take IPv6 only: IPv4 has a listener of its own, so no address is served twice
     * or under the other family's rules. */
    int rc = v6 ? set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) : 0;
    if (rc == 0)
        rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0)
        rc = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && geteuid() == 0 && fchown(fd, l->owner, (gid_t)-1) < 0)
        rc = -errno;
    if (rc < 0)
        (void)close(fd);
    return rc < 0 ? rc : fd;
}

/* Takes fd, and gives it back unless it fails. */
static int socket_listen(int fd, const struct addr *addr, uint16_t port)
{
    struct sockaddr_storage ss;
    socklen_t len = addr_to_sockaddr(addr, port, &ss);
    if (bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, BACKLOG) < 0) {
        int rc = -errno;
        (void)close(fd);
        return rc;
    }
    return fd;
}

static int socket_bound(const struct listeners *l, const struct addr *addr, uint16_t port)
{
    int fd = socket_new(l, addr);
    return fd < 0 ? fd : socket_listen(fd, addr, port);
}

/* ---- interfaces ---- */

/* The address may come and go with the interface, and so need not be there yet. */
static int device_socket_new(const struct listeners *l, const struct endpoint *e)
{
    int fd = socket_new(l, &e->addr);
    if (fd < 0)
        return fd;
    int rc = addr_is_v4(&e->addr) ? set(fd, IPPROTO_IP, IP_FREEBIND, 1)
                                  : set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
    if (rc < 0)
        (void)close(fd);
    return rc < 0 ? rc : fd;
}

/* The index of the device that the socket is bound to. */
static int device_of(int fd)
{
    int device = 0;
    socklen_t len = sizeof(device);
    return getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &device, &len) < 0 ? -errno : device;
}

static int device_take(int fd, const char *interface)
{
    socklen_t len = (socklen_t)strlen(interface) + 1;
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, len) < 0 ? -errno : device_of(fd);
}

/* The index of the interface, 0 when there is none. Asked of a socket, for which the sandbox needs
 * no further system call. */
static int device_find(const char *interface)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int device = device_take(fd, interface);
    (void)close(fd);
    return device == -ENODEV ? 0 : device;
}

/* It listens, because a port on which nobody does could be bound by others who allow sharing, and
 * it sees nothing, because a filter drops every packet. Packets that come in by the interface are
 * for the sockets that are bound to it: the kernel prefers them. */
static int holder_new(const struct listeners *l, const struct endpoint *e)
{
    struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {1, &drop};
    int fd = device_socket_new(l, e);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0) {
        int rc = -errno;
        (void)close(fd);
        return rc;
    }
    return fd < 0 ? fd : socket_listen(fd, &e->addr, e->port);
}

static int device_socket(const struct listeners *l, const struct endpoint *e, int device)
{
    int fd = device_socket_new(l, e);
    if (fd < 0)
        return fd;
    int got = device_take(fd, e->interface);
    if (got != device) {
        /* It went, or another came, while these sockets were made. */
        (void)close(fd);
        return got < 0 ? got : FAULT_STALE;
    }
    return socket_listen(fd, &e->addr, e->port);
}

static int device_sockets(const struct listeners *l, struct endpoint *e, int device)
{
    int *fresh = malloc(l->slots * sizeof(*fresh));
    int rc = fresh == NULL ? -ENOMEM : 0;
    unsigned made = 0;
    while (rc == 0 && made < l->slots) {
        int fd = device_socket(l, e, device);
        if (fd < 0)
            rc = fd;
        else
            fresh[made++] = fd;
    }
    if (rc < 0) {
        close_all(fresh, made);
        free(fresh);
        return rc;
    }
    close_all(e->fds, l->slots);
    free(e->fds);
    e->fds = fresh;
    e->device = device;
    return 0;
}

int listeners_follow(struct listeners *l, size_t i)
{
    struct endpoint *e = &l->items[i];
    if (e->interface[0] == 0 || e->activated || !e->wanted)
        return 0;
    int device = device_find(e->interface);
    if (device < 0 || device == e->device)
        return device < 0 ? device : 0;
    if (device == 0) {
        close_all(e->fds, l->slots);
        e->device = 0;
        e->open = false;
        return 1;
    }
    int rc = device_sockets(l, e, device);
    e->open |= rc == 0;
    return rc < 0 ? rc : 1;
}

static int endpoint_fill(struct listeners *l, struct endpoint *e)
{
    if (e->interface[0] != 0) {
        e->holder = holder_new(l, e);
        return e->holder < 0 ? e->holder : 0;
    }
    for (unsigned i = 0; i < l->slots; i++) {
        e->fds[i] = socket_bound(l, &e->addr, e->port);
        if (e->fds[i] < 0)
            return e->fds[i];
    }
    e->open = true;
    return 0;
}

static int endpoint_bind(struct listeners *l, const struct listener_def *def, struct endpoint **ret)
{
    struct endpoint *e = endpoint_new(l, &def->addr, def->port);
    if (e == NULL)
        return -ENOMEM;
    size_t len = strnlen(interface_of(def), sizeof(e->interface) - 1);
    memcpy(e->interface, interface_of(def), len);
    int rc = endpoint_fill(l, e);
    if (rc < 0) {
        endpoint_close(l, e);
        l->count--;
        return rc;
    }
    *ret = e;
    return 0;
}

static int listen_again(int fd)
{
    int rc = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    return rc == 0 && listen(fd, BACKLOG) < 0 ? -errno : rc;
}

static int endpoint_reopen(const struct listeners *l, struct endpoint *e)
{
    unsigned count = e->activated ? 1 : l->slots;
    int rc = e->holder >= 0 && !e->wanted ? listen_again(e->holder) : 0;
    if (e->interface[0] != 0 && e->device == 0)
        return rc;
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = listen_again(e->fds[i]);
    e->open |= rc == 0;
    return rc;
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
        named |= is_same(e, &s->listeners[i]);
    return named;
}

int listeners_open(struct listeners *l, const struct snapshot *s, struct buf *errors)
{
    int first = 0;
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener_def *def = &s->listeners[i];
        struct endpoint *e = endpoint_find(l, def);
        int rc = 0;
        if (e == NULL)
            rc = endpoint_bind(l, def, &e);
        else if (!e->open)
            rc = endpoint_reopen(l, e);
        if (rc == 0)
            e->wanted = true;
        /* One whose interface is absent or fails waits for it; the others go on. */
        if (rc == 0 && listeners_follow(l, (size_t)(e - l->items)) < 0)
            e->open = false;
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

/* Ends listening for everybody who shares the socket, and leaves it bound. A socket that does not
 * listen and shares its address could be joined by anybody who shares it too, and listens then. */
static void shut(int fd)
{
    (void)shutdown(fd, SHUT_RDWR);
    (void)set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
}

static void endpoint_shut(const struct listeners *l, struct endpoint *e)
{
    unsigned count = e->activated ? 1 : l->slots;
    for (unsigned i = 0; e->open && i < count; i++)
        shut(e->fds[i]);
    /* It would take packets from a listener of the same port that is not an interface's. */
    if (e->holder >= 0 && e->wanted)
        shut(e->holder);
    e->open = e->wanted = false;
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
    char interface[INTERFACE_SIZE] = "";
    len = sizeof(interface);
    if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, &len) < 0)
        return strerror(errno);
    const struct listener_def def = {.addr = addr, .port = port, .interface = interface};
    if (endpoint_find(l, &def) != NULL)
        return "has the address of another one";
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        listen(fd, BACKLOG) < 0)
        return strerror(errno);
    struct endpoint *e = endpoint_new(l, &addr, port);
    if (e == NULL)
        return "is one too many";
    memcpy(e->interface, interface, sizeof(e->interface));
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
