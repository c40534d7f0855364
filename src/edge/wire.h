/* One TLS connection over a non-blocking socket.
 *
 * OpenSSL writes a record at a time. Here the records of one step gather in a stage that all
 * connections share and leave in one system call; what the socket does not take waits in the wire's
 * own bounded buffer. A read that gave less than asked has emptied the socket, so no further read
 * is made to find that out: `readable` says whether another is worth a system call. */
#ifndef EDGE_WIRE_H
#define EDGE_WIRE_H

#include <openssl/ssl.h>

#include "base/buf.h"

struct wire;

struct wire_stage {
    uint8_t *at;
    size_t len, cap;
    struct wire *owner; /* whose bytes are in it */
};

struct wire {
    SSL *ssl; /* NULL: nothing is encrypted */
    int fd;
    struct wire_stage *stage;
    struct buf pending;  /* ciphertext that the socket did not take */
    bool readable;       /* the socket may have bytes */
    bool input;          /* a read left something inside: another needs no event */
    bool eof;            /* the peer sent all it will send, … */
    bool fin;            /* … and said so by TCP alone */
    bool broken;         /* reset, or not TLS: nothing more can be sent or read */
    bool closing;        /* close_notify was written */
    unsigned long error; /* OpenSSL's word on why it is broken, or 0 */
    uint64_t sent;       /* ciphertext bytes that the socket took: grows with progress */
};

/* Ciphertext of one wire that may wait; an answer from memory with its records fits. */
#define WIRE_PENDING_MAX (512u * 1024)
#define WIRE_STAGE (160u * 1024)

/* Once per process, before the sandbox. */
must_check int wire_library_init(void);
void wire_library_fini(void);
must_check int wire_stage_init(struct wire_stage *s);
void wire_stage_fini(struct wire_stage *s);

/* Does not take fd. */
must_check int wire_init(struct wire *w, SSL_CTX *ctx, int fd, struct wire_stage *stage);
/* The same over a connection that knows its side and its peer. Takes ssl, also on failure. */
must_check int wire_attach(struct wire *w, SSL *ssl, int fd, struct wire_stage *stage);
void wire_fini(struct wire *w);
/* 1: done. 0: needs more bytes. A negative fault: no handshake will come of this; FAULT_FORMAT: the
 * client speaks HTTP without TLS, and can be answered after wire_clear. */
must_check int wire_handshake(struct wire *w);
/* Goes on without TLS: what is read and written from now on crosses the network as it is. */
void wire_clear(struct wire *w);
/* What the client has begun to say, without taking it. */
enum wire_sniff { WIRE_SILENT, WIRE_TLS, WIRE_TEXT, WIRE_GONE };
enum wire_sniff wire_sniff(struct wire *w);
/* Plain text, up to cap bytes. 0: nothing now. FAULT_CLOSED: the peer finished (sets eof). Another
 * fault: broken. */
must_check int wire_read(struct wire *w, uint8_t *into, size_t cap);
/* A large upload comes: more of it per system call, for more memory while it lasts. */
void wire_bulk(struct wire *w, bool on);
/* Is decrypted or buffered input waiting inside, for which no event will come? */
bool wire_has_input(const struct wire *w);
/* Takes all of it or fails. Nothing leaves before wire_flush. */
must_check int wire_write(struct wire *w, struct span bytes);
/* Sends. 0: all gone. 1: the rest waits. A fault: broken. */
must_check int wire_flush(struct wire *w);
/* The same for those who look at `broken` and wire_blocked later. */
static inline void wire_push(struct wire *w)
{
    if (wire_flush(w) < 0)
        return;
}
static inline bool wire_blocked(const struct wire *w)
{
    return buf_len(&w->pending) > 0;
}
/* Queues close_notify: the peer may trust that it has everything. */
void wire_close_notify(struct wire *w);

#endif
