/* The edge's questions to its signer. See net/tls.h. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "net/tls.h"

/* An edge has at most one signature under way. */
#define WAITING_MAX 65536u

int tls_signer_init(struct tls_signer *s, int fd)
{
    *s = (struct tls_signer){.broken = true};
    int rc = channel_init(&s->channel, fd, IPC_EDGE, IPC_SIGNER);
    if (rc < 0)
        return rc;
    s->channel.max_waiting = WAITING_MAX;
    s->broken = false;
    return 0;
}

void tls_signer_fini(struct tls_signer *s)
{
    channel_fini(&s->channel);
    secret_wipe(s->tickets, sizeof(s->tickets));
    s->broken = true;
}

static int on_tickets(struct tls_signer *s, const struct message *m)
{
    struct msg_tickets t;
    int rc = msg_tickets_decode(m->payload, &t);
    if (rc == 0) {
        memcpy(s->tickets, t.tickets, sizeof(s->tickets));
        s->tickets_fresh = true;
    }
    secret_wipe(&t, sizeof(t));
    return rc;
}

/* What is no answer to the question in hand: new ticket keys. Late answers have nobody left to take
 * them, because the first timeout ends the channel, so anything else is nonsense. */
static int on_other(struct tls_signer *s, struct message *m)
{
    if (m->fd >= 0) {
        (void)close(m->fd);
        m->fd = -1;
        return FAULT_FORMAT;
    }
    return m->type == MSG_TICKETS ? on_tickets(s, m) : FAULT_FORMAT;
}

int tls_signer_pump(struct tls_signer *s)
{
    struct message m;
    if (s->broken)
        return FAULT_CLOSED;
    for (;;) {
        int rc = channel_recv(&s->channel, &m);
        if (rc == 1)
            rc = on_other(s, &m);
        else if (rc == 0)
            return 0;
        if (rc < 0) {
            s->broken = true;
            return rc;
        }
    }
}

static int wait_readable(struct tls_signer *s, uint64_t deadline)
{
    for (;;) {
        uint64_t now = clock_mono_ms();
        if (now >= deadline)
            return FAULT_TIMEOUT;
        struct pollfd p = {.fd = channel_fd(&s->channel), .events = POLLIN};
        if (channel_wants_write(&s->channel))
            p.events |= POLLOUT;
        int n = poll(&p, 1, (int)(deadline - now));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && (p.revents & POLLOUT) != 0) {
            int rc = channel_flush(&s->channel);
            if (rc < 0)
                return rc;
        }
        if (n > 0 && (p.revents & ~POLLOUT) != 0)
            return 0;
    }
}

/* channel_wait would drop the ticket keys that arrive meanwhile. Waits first: the answer is never
 * there already, so reading first would be a system call for nothing. */
static int await(struct tls_signer *s, enum msg_type type, uint32_t serial, int timeout_ms,
                 struct message *m)
{
    uint64_t deadline = clock_mono_ms() + (uint64_t)timeout_ms;
    *m = (struct message){.fd = -1};
    for (;;) {
        int rc = wait_readable(s, deadline);
        if (rc == 0)
            rc = channel_recv(&s->channel, m);
        if (rc == 1 && m->type == type && m->serial == serial && m->fd < 0)
            return 0;
        if (rc == 1)
            rc = on_other(s, m);
        if (rc < 0)
            return rc;
    }
}

int tls_signer_sign(struct tls_signer *s, uint32_t key, uint16_t scheme, struct span tbs,
                    uint8_t *signature, size_t cap)
{
    if (s->broken) {
        s->failed_count++;
        return FAULT_CLOSED;
    }
    struct msg_sign ask = {.key = key, .scheme = scheme, .tbs = tbs};
    struct msg_signed reply = {0};
    struct message m = {.fd = -1};
    uint32_t serial = channel_serial(&s->channel);
    int rc = channel_send_sign(&s->channel, serial, &ask, -1);
    /* More than a SIGN can carry is our own mistake; the channel is still good. */
    bool sent = rc == 0;
    if (sent)
        rc = await(s, MSG_SIGNED, serial, TLS_SIGN_DEADLINE_MS, &m);
    if (rc == 0)
        rc = msg_signed_decode(m.payload, &reply);
    if (rc < 0)
        s->broken = s->broken || sent || rc == FAULT_CLOSED;
    else if (!reply.ok)
        rc = FAULT_DENIED;
    else if (reply.signature.len == 0 || reply.signature.len > cap)
        rc = FAULT_FORMAT;
    if (rc < 0) {
        s->failed_count++;
        return rc;
    }
    memcpy(signature, reply.signature.at, reply.signature.len);
    s->signed_count++;
    return (int)reply.signature.len;
}

int tls_signer_identity(struct tls_signer *s, uint8_t index, struct msg_identity_is *ret)
{
    if (s->broken)
        return FAULT_CLOSED;
    struct msg_identity ask = {.index = index};
    struct message m;
    uint32_t serial = channel_serial(&s->channel);
    int rc = channel_send_identity(&s->channel, serial, &ask, -1);
    if (rc == 0)
        rc = await(s, MSG_IDENTITY_IS, serial, TLS_IDENTITY_DEADLINE_MS, &m);
    if (rc == 0)
        rc = msg_identity_is_decode(m.payload, ret);
    if (rc < 0) {
        s->broken = true;
        return rc;
    }
    if (!ret->ok)
        return FAULT_ABSENT;
    memcpy(s->tickets, ret->tickets, sizeof(s->tickets));
    s->tickets_fresh = false;
    return 0;
}

int tls_signer_client(struct tls_signer *s, const char *name, struct msg_client_is *ret)
{
    if (s->broken)
        return FAULT_CLOSED;
    struct msg_client ask = {.pair = span_str(name)};
    struct message m;
    uint32_t serial = channel_serial(&s->channel);
    int rc = channel_send_client(&s->channel, serial, &ask, -1);
    if (rc == 0)
        rc = await(s, MSG_CLIENT_IS, serial, TLS_IDENTITY_DEADLINE_MS, &m);
    if (rc == 0)
        rc = msg_client_is_decode(m.payload, ret);
    if (rc < 0) {
        s->broken = true;
        return rc;
    }
    return ret->ok ? 0 : FAULT_ABSENT;
}
