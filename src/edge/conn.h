/* A client connection: TLS, then one exchange after another (HTTP/1.1, RFC 9112).
 *
 * With HTTP/2 the connection carries a session whose streams are connections of their own kind, see
 * h2.h: HANDSHAKE ─▶ MUX ─▶ CLOSING ─▶ LINGER ─▶ CLOSED.
 *
 *   HANDSHAKE ─▶ HEAD ─▶ EXCHANGE ─▶ IDLE ─▶ HEAD …
 *                            │  └──▶ DISCARD ─▶ IDLE     (rest of a small body nobody read)
 *                            └─▶ CLOSING ─▶ LINGER ─▶ CLOSED
 *
 * Invariants. One exchange at a time; bytes of later requests stay in `in`, bounded. Everything
 * that happens to the connection, its exchange or its upstream ends in conn_step(), which is the
 * only place where work is done and never runs twice at once. A connection is freed after its poll
 * handle has closed. Plain text to the client is encrypted at once; when the socket does not take
 * it the ciphertext waits in the wire and nothing more is produced: that is the back-pressure. */
#ifndef EDGE_CONN_H
#define EDGE_CONN_H

#include "edge/edge.h"
#include "edge/pace.h"

enum conn_state {
    CONN_HANDSHAKE,
    CONN_IDLE,
    CONN_HEAD,
    CONN_EXCHANGE,
    CONN_DISCARD,
    CONN_MUX,
    CONN_CLOSING,
    CONN_LINGER,
    CONN_CLOSED,
};

/* What the connection's one deadline waits for. */
enum conn_wait {
    WAIT_NONE,
    WAIT_HANDSHAKE,
    WAIT_HEAD,
    WAIT_IDLE,
    WAIT_BODY,     /* the client's body */
    WAIT_WRITE,    /* the client takes bytes */
    WAIT_CONNECT,  /* the upstream accepts */
    WAIT_REQUEST,  /* the upstream takes the request */
    WAIT_RESPONSE, /* the upstream's response head */
    WAIT_CONTINUE, /* the upstream's word on whether the body may come */
    WAIT_STREAM,   /* bytes of a body */
    WAIT_TUNNEL,   /* bytes of a tunnel, in either direction */
    WAIT_EVENTS,   /* something to tell who listens, or that nothing happened */
    WAIT_KEEPER,
    WAIT_LINGER,
};

struct client;
struct demands;
struct h2;
struct listener;
struct source;

/* Who a connection is from, as far as that is known before TLS. */
struct arrived {
    struct addr addr;
    char interface[INTERFACE_SIZE]; /* by which it came, or "" */
    bool proxy; /* a trusted proxy of itself: limits per source do not concern it */
};

struct conn {
    struct edge *edge;
    struct list link;  /* in edge->conns */
    struct list again; /* in edge->again, when it must step once more */
    struct list spare; /* in a ring of edge->pressure while it serves nobody */
    uint8_t ring;      /* which */
    bool known;        /* a session or token was good for something here */
    enum conn_state state;
    enum conn_wait wait;
    bool stepping, doomed;
    bool restep;    /* conn_step was called while it ran */
    bool more;      /* what is in `in` is not enough: read on */
    bool borrowed;  /* the last conn_input is in the scratch */
    bool companion; /* came to a plain listener: companion.h has its requests, */
    bool sniff;     /* … and whether it speaks TLS is not known yet */
    struct watch watch;
    struct deadline deadline;
    uint64_t waits_since; /* ms: when the present wait began, or of its last progress */
    uint64_t sent_seen;   /* wire.sent when last looked at */
    struct pace pace;     /* of bodies, in either direction */
    struct wire wire;
    struct buf in;          /* plain text that came and was not used yet */
    struct span held;       /* what conn_input lent */
    size_t unframed;        /* how much of it conn_body has taken */
    size_t scanned;         /* of a head that is not complete */
    uint64_t limit;         /* bytes that DISCARD and LINGER still swallow */
    uint64_t lingers_until; /* ms: LINGER ends then, whatever still comes */
    struct h1_body rest;    /* what DISCARD reads to its end */
    struct exchange *exchange;
    struct conn *carrier;      /* of an HTTP/2 stream; it has no wire and no watch of its own */
    struct h2 *h2;             /* the session that a carrier carries */
    struct demands *demands;   /* a reference, or NULL; see client.h */
    struct client *client;     /* NULL: nobody was asked for a certificate */
    struct listener *listener; /* a reference */
    struct source *source;
    struct addr addr;
    char interface[INTERFACE_SIZE]; /* by which addr came, or "" */
    struct zone_set zones;          /* of addr, borrowed from the generation with … */
    uint32_t zones_serial;          /* … this serial */
};

/* Takes fd. A connection that can not be made is closed; nothing is returned because nobody has a
 * use for it: it lives by its events. */
void conn_open(struct edge *e, int fd, const struct arrived *who, struct listener *l,
               struct source *source);
/* Does whatever can be done now, derives what to wait for. May free the exchange, not the conn. */
void conn_step(struct conn *c);
/* Ends it at once, without another byte. Safe at any time, also twice. */
void conn_retire(struct conn *c);
/* Its client has a session or token that was good for something. */
static inline void conn_known(struct conn *c)
{
    c->known = true;
    if (c->carrier != NULL)
        c->carrier->known = true;
}
/* Something moved: the present wait starts over. */
void conn_progress(struct conn *c);
/* There is more to do than one step should do at once: steps again before the loop waits. */
void conn_again(struct conn *c);
/* Nothing new is begun; an idle connection ends now. */
void conn_drain(struct conn *c);
/* Steps all connections in edge->again. */
void conns_again(struct edge *e);
/* Answers a request that nobody asks whose it is, and counts it as malformed. Always true. */
bool conn_refuse(struct exchange *x, unsigned status, const char *why, const char *detail);
/* Moves what exchange_collect() has begun (collect.c). True when something changed. */
bool collect_step(struct exchange *x);
/* Says 100 when the client waits for it. False when it could not be said. */
bool collect_ask(struct exchange *x);
/* May the connection serve another request after x, whose body may not have been read to its end?
 */
bool conn_may_keep(const struct exchange *x);

/* Sets its deadline and what the loop watches for it, from the state that a step has left
 * (conn_wait.c). */
void conn_derive(struct conn *c);
/* The deadline has passed: was it only the end of a window in which enough bytes came? Then another
 * has begun. Counts a client that is too slow. */
bool conn_keeps_pace(struct conn *c);

/* Begins a life as a stream of `carrier`, in EXCHANGE and without an exchange; h2_stream.c owns the
 * memory. */
void conn_init_stream(struct conn *c, struct conn *carrier);
/* The session is over: says goodbye. */
void conn_close(struct conn *c);

/* What follows does for a stream what is promised for a connection (h2_stream.c). */
must_check int h2_stream_input(struct conn *c, struct span *ret);
must_check int h2_stream_used(struct conn *c, size_t n);
must_check int h2_stream_write(struct conn *c, struct span bytes);
must_check int h2_stream_flush(const struct conn *c);
bool h2_stream_blocked(const struct conn *c);
uint64_t h2_stream_sent(const struct conn *c);
size_t h2_stream_room(const struct conn *c);
void h2_stream_finish(struct conn *c);
must_check int h2_stream_trailers(struct conn *c, struct span lines);
void h2_stream_bulk(struct conn *c, bool on);

/* Read ahead of what anybody asked for, to notice a client that has gone. */
#define CONN_PEEK_MAX (16u * 1024)
/* A request body that nobody read: worth swallowing to keep the connection. */
#define CONN_DISCARD_MAX (64u * 1024)

/* Client bytes (conn_input.c): what is buffered, or one fresh read. Returns 1 with *ret not empty,
 * 0 when there is nothing now, or a fault: FAULT_CLOSED after the last byte. Each successful call
 * is followed by one conn_used(). */
must_check int conn_input(struct conn *c, struct span *ret);
/* The first n of the bytes that conn_input gave are done with; the others are kept. A fault when
 * there is no room to keep them. */
must_check int conn_used(struct conn *c, size_t n);
/* Reads what came while nobody asks for it, so that a vanished client is noticed. A fault when it
 * is gone. */
must_check int conn_peek(struct conn *c);
/* Has nobody read ahead of what is asked for? Then reading tells whether the client is there. */
static inline bool conn_may_peek(const struct conn *c)
{
    return buf_len(&c->in) == 0;
}
/* The request body of the connection's exchange, without its framing: conn_input() and the
 * bookkeeping of x->body in one. Returns as conn_input() does, with *data perhaps empty, or
 * FAULT_FORMAT when the framing is broken. After a 1 the data are good until conn_body_used(),
 * which returns as conn_used() does. */
must_check int conn_body(struct conn *c, struct span *data);
must_check int conn_body_used(struct conn *c);
/* A large body comes: more of it per read, for more memory while it lasts. */
static inline void conn_bulk(struct conn *c, bool on)
{
    if (c->carrier != NULL)
        h2_stream_bulk(c, on);
    else
        wire_bulk(&c->wire, on);
}

/* Bytes to the client. Takes all of them or fails; nothing leaves before conn_flush() or the end of
 * the step. */
must_check static inline int conn_write(struct conn *c, struct span bytes)
{
    return c->carrier != NULL ? h2_stream_write(c, bytes) : wire_write(&c->wire, bytes);
}
/* 0: all gone. 1: some wait. A fault: nothing will reach the client any more. */
must_check static inline int conn_flush(struct conn *c)
{
    return c->carrier != NULL ? h2_stream_flush(c) : wire_flush(&c->wire);
}
/* Does the client not take what was written? Then nothing more should be produced. */
static inline bool conn_blocked(const struct conn *c)
{
    return c->carrier != NULL ? h2_stream_blocked(c) : wire_blocked(&c->wire);
}
/* How many bytes are worth producing at once. */
static inline size_t conn_room(const struct conn *c)
{
    return c->carrier != NULL ? h2_stream_room(c) : EDGE_SCRATCH;
}
/* Does the protocol say by itself where a body ends and how long the connection lasts? Then nothing
 * in a head does. */
static inline bool conn_frames(const struct conn *c)
{
    return c->carrier != NULL;
}
/* Is the client gone in both directions? After a fault of conn_input() it may only have ended its
 * half. */
static inline bool conn_broken(const struct conn *c)
{
    return c->wire.broken;
}
/* Of the client's program (ja4.same of net/ja4.h); empty without TLS. Lives as long as c. */
struct span conn_fingerprint(const struct conn *c);
/* Has the client's half ended without TLS saying so (RFC 8446 section 6.1)? What came may then be
 * less than what was sent. */
static inline bool conn_cut(const struct conn *c)
{
    return c->wire.fin;
}
/* What stands behind the body, as lines, where the protocol has a place of its own for it. */
must_check static inline int conn_trailers(struct conn *c, struct span lines)
{
    return c->carrier != NULL ? h2_stream_trailers(c, lines) : 0;
}
/* There will be no more bytes: tells the client that it has everything. */
static inline void conn_finish(struct conn *c)
{
    if (c->carrier != NULL)
        h2_stream_finish(c);
    else
        wire_close_notify(&c->wire);
}

#endif
