/* One end of a SOCK_SEQPACKET pair between two processes of postern.
 *
 * One message per packet. Sending never blocks: what the socket does not take waits in a bounded
 * queue; past the bound the channel is broken, because a peer that does not read is a dead peer.
 * Receiving checks the header, the permit table and the size before anything else looks at the
 * packet. A packet that fails any of these breaks the channel: the receiver closes it and the
 * supervisor replaces the sender. The caller watches channel_fd() for readable, and for writable
 * while channel_wants_write(). */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include "ipc/message.h"

struct channel_packet;

struct channel {
    int fd; /* -1: closed */
    enum ipc_role self, peer;
    struct channel_packet *first, *last; /* waiting to be sent */
    size_t waiting;                      /* bytes in the queue */
    size_t max_waiting;
    uint32_t next_serial;
    uint8_t *packet; /* receive buffer, MSG_PACKET_MAX bytes */
};

struct message {
    enum msg_type type;
    uint32_t serial;
    struct span payload; /* good until the next channel_recv on this channel */
    int fd;              /* passed along, or -1; the receiver must close it or take it */
};

/* Two connected descriptors, non-blocking, close-on-exec, with room for several large packets. */
must_check int channel_pair(int fds[2]);

/* Takes fd (and closes it in channel_fini). Sets O_NONBLOCK. */
must_check int channel_init(struct channel *c, int fd, enum ipc_role self, enum ipc_role peer);
void channel_fini(struct channel *c);
static inline int channel_fd(const struct channel *c)
{
    return c->fd;
}
bool channel_wants_write(const struct channel *c);
/* A fresh serial for a question; never 0. */
uint32_t channel_serial(struct channel *c);

/* Sends a packet that channel_put_* built; see the CHANNEL_SEND macro. The descriptor, if any, is
 * duplicated into the packet: the caller keeps its own. 0, FAULT_CLOSED, FAULT_LIMIT (queue full;
 * the channel is broken), FAULT_DENIED (the table does not permit it: our bug). */
must_check int channel_send(struct channel *c, enum msg_type type, uint32_t serial,
                            const uint8_t *payload, size_t len, int fd);
/* Writes what waits. 0 or FAULT_CLOSED. */
must_check int channel_flush(struct channel *c);
/* 1: *m holds a message. 0: nothing there. FAULT_CLOSED: the peer is gone. FAULT_FORMAT: it sent
 * what the table does not permit. */
must_check int channel_recv(struct channel *c, struct message *m);
/* Waits at most timeout_ms for the reply to `serial` of type `type`, on a channel used for nothing
 * but questions. Replies to other serials are dropped. 0, FAULT_TIMEOUT, FAULT_CLOSED,
 * FAULT_FORMAT. */
must_check int channel_wait(struct channel *c, enum msg_type type, uint32_t serial, int timeout_ms,
                            struct message *m);

/* channel_send_sign(c, serial, &m, fd) and so on: encode and send. */
#define U8(f)
#define U16(f)
#define U32(f)
#define U64(f)
#define FIXED(f, n)
#define BYTES(f, cap)
#define MESSAGE(name, NAME, from, to, reply)                                                       \
    must_check int channel_send_##name(struct channel *c, uint32_t serial,                         \
                                       const struct msg_##name *m, int fd);
#define END(name)
#include "ipc/messages.def"
#undef MESSAGE
#undef END
#undef U8
#undef U16
#undef U32
#undef U64
#undef FIXED
#undef BYTES

#endif
