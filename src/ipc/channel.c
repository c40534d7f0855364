#include "ipc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"

struct channel_packet {
    struct channel_packet *next;
    int fd;
    size_t len;
    uint8_t bytes[];
};

/* Enough for bursts of access batches and pages; more means that the peer has stopped reading. */
#define CHANNEL_WAITING_MAX (4u * 1024 * 1024)

int channel_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -errno;
    /* One packet must fit; the kernel doubles and caps the number, failure is found when sending.
     */
    int size = (int)MSG_PACKET_MAX * 2;
    for (int i = 0; i < 2; i++)
        (void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return 0;
}

int channel_init(struct channel *c, int fd, enum ipc_role self, enum ipc_role peer)
{
    *c = (struct channel){.fd = -1, .self = self, .peer = peer, .max_waiting = CHANNEL_WAITING_MAX};
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    c->packet = malloc(MSG_PACKET_MAX);
    if (c->packet == NULL)
        return -ENOMEM;
    c->fd = fd;
    return 0;
}

static void packet_free(struct channel_packet *p)
{
    if (p->fd >= 0)
        (void)close(p->fd);
    secret_wipe(p->bytes, p->len);
    free(p);
}

void channel_fini(struct channel *c)
{
    while (c->first != NULL) {
        struct channel_packet *next = c->first->next;
        packet_free(c->first);
        c->first = next;
    }
    c->last = NULL;
    c->waiting = 0;
    if (c->packet != NULL)
        secret_wipe(c->packet, MSG_PACKET_MAX);
    free(c->packet);
    c->packet = NULL;
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
}

bool channel_wants_write(const struct channel *c)
{
    return c->first != NULL;
}

uint32_t channel_serial(struct channel *c)
{
    if (++c->next_serial == 0)
        c->next_serial = 1;
    return c->next_serial;
}

/* 1 sent, 0 would block, negative broken. */
static int send_packet(int sock, const struct iovec *iov, size_t count, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr h = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = count};
    if (fd >= 0) {
        memset(&control, 0, sizeof(control));
        h.msg_control = control.bytes;
        h.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *m = CMSG_FIRSTHDR(&h);
        m->cmsg_level = SOL_SOCKET;
        m->cmsg_type = SCM_RIGHTS;
        m->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(m), &fd, sizeof(int));
    }
    for (;;) {
        if (sendmsg(sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return 1;
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
            return 0;
        return FAULT_CLOSED;
    }
}

int channel_send(struct channel *c, enum msg_type type, uint32_t serial, const uint8_t *payload,
                 size_t len, int fd)
{
    if (c->fd < 0)
        return FAULT_CLOSED;
    if (!msg_may(type, c->self, c->peer) || len > MSG_PACKET_MAX - MSG_HEADER)
        return FAULT_DENIED;
    uint8_t head[MSG_HEADER];
    struct writer w = writer_into(head, sizeof(head));
    writer_u16(&w, (uint16_t)type);
    writer_u32(&w, serial);
    if (c->first == NULL) {
        struct iovec iov[2] = {{head, sizeof(head)}, {(void *)(uintptr_t)payload, len}};
        int rc = send_packet(c->fd, iov, len > 0 ? 2 : 1, fd);
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
    size_t total = sizeof(head) + len;
    if (c->waiting + total > c->max_waiting)
        return FAULT_LIMIT;
    struct channel_packet *p = malloc(sizeof(*p) + total);
    if (p == NULL)
        return -ENOMEM;
    *p = (struct channel_packet){.fd = -1, .len = total};
    if (fd >= 0 && (p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0) {
        int rc = -errno;
        free(p);
        return rc;
    }
    memcpy(p->bytes, head, sizeof(head));
    if (len > 0)
        memcpy(p->bytes + sizeof(head), payload, len);
    if (c->last != NULL)
        c->last->next = p;
    else
        c->first = p;
    c->last = p;
    c->waiting += total;
    return 0;
}

int channel_flush(struct channel *c)
{
    while (c->first != NULL) {
        struct channel_packet *p = c->first;
        struct iovec iov = {p->bytes, p->len};
        int rc = send_packet(c->fd, &iov, 1, p->fd);
        if (rc <= 0)
            return rc;
        c->first = p->next;
        if (c->first == NULL)
            c->last = NULL;
        c->waiting -= p->len;
        packet_free(p);
    }
    return 0;
}

int channel_recv(struct channel *c, struct message *m)
{
    *m = (struct message){.fd = -1};
    if (c->fd < 0)
        return FAULT_CLOSED;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * 4)];
    } control;
    struct iovec iov = {c->packet, MSG_PACKET_MAX};
    struct msghdr h = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    ssize_t n;
    do
        n = recvmsg(c->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : FAULT_CLOSED;
    int extra = 0;
    for (struct cmsghdr *k = CMSG_FIRSTHDR(&h); k != NULL; k = CMSG_NXTHDR(&h, k)) {
        if (k->cmsg_level != SOL_SOCKET || k->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (k->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(k) + i * sizeof(int), sizeof(int));
            if (m->fd < 0) {
                m->fd = fd;
            } else {
                (void)close(fd);
                extra++;
            }
        }
    }
    if (n == 0) {
        if (m->fd >= 0)
            (void)close(m->fd);
        m->fd = -1;
        return FAULT_CLOSED;
    }
    struct cursor head = cursor_over(span_of(c->packet, (size_t)n));
    uint16_t type = cursor_u16(&head);
    uint32_t serial = cursor_u32(&head);
    const struct msg_info *info = msg_info(type);
    if (head.bad || extra > 0 || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        !msg_may(type, c->peer, c->self) || head.rest.len > info->max) {
        if (m->fd >= 0)
            (void)close(m->fd);
        m->fd = -1;
        return FAULT_FORMAT;
    }
    m->type = (enum msg_type)type;
    m->serial = serial;
    m->payload = head.rest;
    return 1;
}

int channel_wait(struct channel *c, enum msg_type type, uint32_t serial, int timeout_ms,
                 struct message *m)
{
    uint64_t deadline = clock_mono_ms() + (uint64_t)timeout_ms;
    for (;;) {
        int rc = channel_flush(c);
        if (rc < 0)
            return rc;
        rc = channel_recv(c, m);
        if (rc < 0)
            return rc;
        if (rc == 1) {
            if (m->type == type && m->serial == serial)
                return 0;
            if (m->fd >= 0)
                (void)close(m->fd);
            continue;
        }
        uint64_t now = clock_mono_ms();
        if (now >= deadline)
            return FAULT_TIMEOUT;
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (channel_wants_write(c))
            p.events |= POLLOUT;
        if (poll(&p, 1, (int)(deadline - now)) < 0 && errno != EINTR)
            return -errno;
    }
}

/* One scratch packet per process: processes are single-threaded where they speak. */
static uint8_t *scratch_packet(void)
{
    static uint8_t packet[MSG_PACKET_MAX];
    return packet;
}

#define U8(f)
#define U16(f)
#define U32(f)
#define U64(f)
#define FIXED(f, n)
#define BYTES(f, cap)
#define MESSAGE(name, NAME, from, to, reply)                                                       \
    int channel_send_##name(struct channel *c, uint32_t serial, const struct msg_##name *m,        \
                            int fd)                                                                \
    {                                                                                              \
        uint8_t *scratch = scratch_packet();                                                       \
        struct writer w = writer_into(scratch, MSG_PACKET_MAX);                                    \
        msg_##name##_encode(&w, m);                                                                \
        int len = writer_finish(&w);                                                               \
        if (len < 0)                                                                               \
            return len;                                                                            \
        int rc = channel_send(c, MSG_##NAME, serial, scratch, (size_t)len, fd);                    \
        secret_wipe(scratch, (size_t)len);                                                         \
        return rc;                                                                                 \
    }
#define END(name)
#include "ipc/messages.def"
