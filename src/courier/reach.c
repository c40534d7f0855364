#include "courier/reach.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "conf/egress.h"
#include "courier/lookup.h"

/* So many addresses of a name are tried. */
#define ADDRESSES_MAX 4u

int reach_wait(int fd, short events, uint64_t until_ms)
{
    for (;;) {
        uint64_t now = clock_mono_ms();
        struct pollfd p = {.fd = fd, .events = events};
        if (now >= until_ms)
            return FAULT_TIMEOUT;
        int n = poll(&p, 1, (int)(until_ms - now));
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
    }
}

static int connect_to(const struct addr *a, uint16_t port, uint64_t until)
{
    struct sockaddr_storage to;
    socklen_t len = addr_to_sockaddr(a, port, &to);
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int rc = connect(fd, (const struct sockaddr *)&to, len) < 0 ? -errno : 0;
    if (rc == -EINPROGRESS) {
        int error = 0;
        socklen_t size = sizeof(error);
        rc = reach_wait(fd, POLLOUT, until);
        if (rc == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
            rc = -errno;
        rc = rc == 0 ? -error : rc;
    }
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    return fd;
}

/* The addresses to try; false with a text. */
static bool find_addresses(struct reach *r, struct lookup *l)
{
    struct addr a;
    if (addr_parse(span_str(r->host), &a) < 0) {
        lookup_name(r->host, l);
        (void)snprintf(r->text, sizeof(r->text), "%s", l->text);
        return l->result == RESOLVE_OK;
    }
    const char *what = egress_refusal(&a);
    *l = (struct lookup){.addrs = {a}, .count = 1};
    if (what != NULL)
        (void)snprintf(r->text, sizeof(r->text), "this is %s, which no console may have", what);
    return what == NULL;
}

int reach_open(struct reach *r)
{
    struct lookup l;
    if (!find_addresses(r, &l))
        return FAULT_DENIED;
    size_t count = l.count < ADDRESSES_MAX ? l.count : ADDRESSES_MAX;
    int fd = FAULT_ABSENT;
    for (size_t i = 0; i < count && fd < 0; i++) {
        /* The others of the name have their share of the time. */
        uint64_t now = clock_mono_ms();
        uint64_t left = r->until_ms > now ? r->until_ms - now : 0;
        r->address = l.addrs[i];
        fd = connect_to(&l.addrs[i], r->port, now + left / (count - i));
    }
    if (fd < 0)
        (void)snprintf(r->text, sizeof(r->text), "no connection: %s", fault_text(fd));
    return fd;
}
