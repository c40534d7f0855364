#include "connect/relay.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"

#define RELAY_MAX (64u * 1024)

struct relay {
    int local;
    SSL *tunnel;
    struct buf up, down; /* on their way; RELAY_MAX each */
    bool up_ended;       /* the local side sends no more … */
    bool up_told;        /* … and the tunnel knows */
    bool down_ended, down_told;
    bool tunnel_wants_out; /* TLS waits until its socket takes bytes */
};

/* What a call of OpenSSL that did not succeed means: 0 later, 1 the peer's half has ended, else a
 * fault. */
static int verdict(struct relay *r, int rc)
{
    switch (SSL_get_error(r->tunnel, rc)) {
    case SSL_ERROR_WANT_READ:
        return 0;
    case SSL_ERROR_WANT_WRITE:
        r->tunnel_wants_out = true;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        return 1;
    default:
        ERR_clear_error();
        return FAULT_CLOSED;
    }
}

static int read_local(struct relay *r)
{
    if (r->up_ended || buf_len(&r->up) > 0)
        return 0;
    uint8_t *room = buf_reserve(&r->up, RELAY_MAX);
    if (room == NULL)
        return -ENOMEM;
    ssize_t n = recv(r->local, room, RELAY_MAX, 0);
    if (n > 0)
        buf_commit(&r->up, (size_t)n);
    else if (n == 0)
        r->up_ended = true;
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return -errno;
    return 0;
}

static int write_tunnel(struct relay *r)
{
    while (buf_len(&r->up) > 0) {
        struct span bytes = buf_view(&r->up);
        size_t n = 0;
        int rc = SSL_write_ex(r->tunnel, bytes.at, bytes.len, &n);
        if (rc != 1) {
            rc = verdict(r, rc);
            return rc > 0 ? FAULT_CLOSED : rc;
        }
        buf_consume(&r->up, n);
    }
    if (r->up_ended && !r->up_told) {
        int rc = SSL_shutdown(r->tunnel);
        if (rc < 0)
            return verdict(r, rc);
        r->up_told = true;
    }
    return 0;
}

static int read_tunnel(struct relay *r)
{
    if (r->down_ended || buf_len(&r->down) > 0)
        return 0;
    size_t n = 0;
    uint8_t *room = buf_reserve(&r->down, RELAY_MAX);
    if (room == NULL)
        return -ENOMEM;
    int rc = SSL_read_ex(r->tunnel, room, RELAY_MAX, &n);
    if (rc == 1) {
        buf_commit(&r->down, n);
        return 0;
    }
    rc = verdict(r, rc);
    r->down_ended = rc == 1;
    return rc < 0 ? rc : 0;
}

static int write_local(struct relay *r)
{
    while (buf_len(&r->down) > 0) {
        struct span bytes = buf_view(&r->down);
        ssize_t n = send(r->local, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
        buf_consume(&r->down, (size_t)n);
    }
    if (r->down_ended && !r->down_told) {
        (void)shutdown(r->local, SHUT_WR);
        r->down_told = true;
    }
    return 0;
}

/* Sleeps until something of what the relay can go on with has happened. */
static int await(const struct relay *r)
{
    struct pollfd fds[2] = {{.fd = r->local}, {.fd = SSL_get_fd(r->tunnel)}};
    if (!r->up_ended && buf_len(&r->up) == 0)
        fds[0].events |= POLLIN;
    if (buf_len(&r->down) > 0)
        fds[0].events |= POLLOUT;
    /* A descriptor without events still reports its end, for ever, once it has one. */
    if (fds[0].events == 0)
        fds[0].fd = -1;
    if (!r->down_ended && buf_len(&r->down) == 0)
        fds[1].events |= POLLIN;
    if (r->tunnel_wants_out)
        fds[1].events |= POLLOUT;
    if (fds[1].events == 0)
        fds[1].fd = -1;
    bool buffered = SSL_has_pending(r->tunnel) == 1 && (fds[1].events & POLLIN) != 0;
    int n = poll(fds, 2, buffered ? 0 : -1);
    return n < 0 && errno != EINTR ? -errno : 0;
}

int relay_run(int local, SSL *tunnel, struct buf *early)
{
    static int (*const STEPS[])(struct relay *) = {read_local, write_tunnel, read_tunnel,
                                                   write_local};
    struct relay r = {.local = local, .tunnel = tunnel};
    int rc = 0;
    buf_init(&r.up, 2 * RELAY_MAX);
    buf_init(&r.down, 2 * RELAY_MAX);
    rc = buf_append(&r.down, buf_view(early));
    buf_clear(early);
    while (rc == 0 && !(r.up_told && r.down_told)) {
        r.tunnel_wants_out = false;
        for (size_t i = 0; rc == 0 && i < countof(STEPS); i++)
            rc = STEPS[i](&r);
        if (rc == 0 && !(r.up_told && r.down_told))
            rc = await(&r);
    }
    buf_fini(&r.up);
    buf_fini(&r.down);
    return rc;
}
