/* HTTP/2 to the client (RFC 9113, nghttp2): one connection, many exchanges.
 *
 * A stream is a lesser connection: a struct conn without a socket, which has an exchange, waits and
 * a deadline of its own like any other, so that the rooms do not know what carries them. Its
 * carrier is the connection with the wire and the session. The life of a stream:
 *
 *   (head complete) ─▶ EXCHANGE ─▶ CLOSING ─▶ CLOSED
 *                         └── reset, revoked, client gone ──▶ CLOSED
 *
 * Callbacks of the session only note what came; the work is done afterwards, stream by stream, and
 * what the streams wrote leaves in one go. Outside of the carrier's step a stream that wrote marks
 * its carrier, which then sends before the loop sleeps: many answers make one system call.
 *
 * Memory of one connection. Request bodies: a stream's window is opened again only by the bytes
 * that its room has used, so at most H2_WINDOW bytes wait in all. Responses: a room reads from its
 * * upstream what the client's windows have room for, H2_ROOM_MIN at least, and nothing while more
 * than that waits. Answers from memory are bounded by their number: past H2_HELD_MAX waiting bytes
 * new requests are refused until some were taken. */
#ifndef EDGE_H2_H
#define EDGE_H2_H

#include <nghttp2/nghttp2.h>

#include "edge/conn.h"
#include "edge/h2_budget.h"
#include "http/h2_request.h"

#define H2_STREAM_WINDOW (512u * 1024)
#define H2_WINDOW (2u * 1024 * 1024)
#define H2_ROOM_MIN 4096u
#define H2_HELD_MAX (1024u * 1024)
/* The rest of a request whose answer is complete: so much is read and dropped, so that small
 * uploads end in peace; from more the stream is reset. */
#define H2_DISCARD_MAX (64u * 1024)
#define H2_ENDED 64u

/* A session. */
struct h2 {
    struct conn *conn;
    nghttp2_session *session;
    struct h2_head head; /* the field section that is arriving */
    struct list streams; /* struct conn by its link */
    struct list ready;   /* struct h2_stream: something came for it, or it may write again */
    struct list written; /* struct h2_stream: wrote since the last send */
    struct list stuck;   /* struct h2_stream: the client has no window for all of its bytes */
    struct list unsent;  /* in h2_shared->unsent: must send before the loop sleeps */
    struct h2_budget budget;
    uint64_t head_since;   /* ms: an incomplete field section began; 0: there is none */
    uint64_t hello_since;  /* ms: our SETTINGS wait for their acknowledgement; 0: they have it */
    uint64_t idle_since;   /* ms: the last stream ended */
    uint64_t last_due;     /* ms: a drained session names its last stream; 0: not drained */
    size_t held;           /* response bytes that wait in streams */
    unsigned bulk;         /* streams with large uploads */
    uint8_t frame_head[9]; /* of a frame whose head is not complete … */
    uint8_t frame_have;    /* … so much */
    uint32_t frame_left;   /* of the present frame's contents */
    bool begun;            /* there was a request */
    struct {
        int32_t id;
        bool by_client;
    } ended[H2_ENDED];   /* streams that ended lately, and who ended them */
    bool said_last;      /* … and has named it */
    bool ending;         /* a GOAWAY that ends everything is queued: nothing more is read */
    char coalesced[256]; /* the last host beside the handshake's that was found to be covered */
};

struct h2_stream {
    struct conn conn;
    struct h2 *h2;
    int32_t id;
    struct list ready, written, stuck;
    struct span trailers; /* of the request, as lines; in the exchange's arena */
    struct buf tail;      /* trailers of the response, as lines */
    struct buf head;      /* of the response, until it is given to the session */
    struct buf out;       /* response bytes that the session did not take */
    struct span direct;   /* more of them, lent while the session sends */
    uint64_t length;      /* of the request body; UINT64_MAX: not told */
    uint64_t received;    /* request body bytes */
    uint64_t dropped;     /* … that came when the answer was complete already */
    uint64_t sent;        /* response body bytes that the session took */
    unsigned status;      /* to refuse the request with, or 0 */
    const char *why;
    bool malformed; /* refuse by resetting */
    bool spoiled;   /* found out after it had begun */
    bool ended;     /* the client has sent all */
    bool final;     /* the final response head was written */
    bool submitted; /* … and given to the session */
    bool fin;       /* the response is complete */
    bool over;      /* … and with the client */
    bool asleep;    /* the session waits until there are bytes */

    bool dribbles; /* the client opens its window by the byte */
    bool closed;   /* the session knows it no more */
    bool gone;     /* … because the client reset it */
    bool bulk;
};

/* Once per edge. */
must_check int h2_init(struct edge *e);
void h2_fini(struct edge *e);

/* ---- the carrier ---- */

/* The handshake is done and HTTP/2 was agreed. 0 or a fault. */
must_check int h2_open(struct conn *c);
/* Ends all streams and the session, at once and without a word. */
void h2_close(struct conn *c);
/* Reads, lets the streams work, sends. True: there is more to do. False with c->state changed: it
 * has said its last. */
bool h2_step(struct conn *c);
/* No stream is under way. */
static inline bool h2_is_idle(const struct h2 *h2)
{
    return list_empty(&h2->streams);
}
/* Says farewell: streams that run may end, new ones are not taken. */
void h2_drain(struct conn *c);
/* When, in ms, something is overdue if nothing comes; and then. */
uint64_t h2_due(const struct conn *c);
void h2_overdue(struct conn *c);
/* Sends before the loop sleeps. */
void h2_touch(struct h2 *h2);
/* Sends now, as much as the client takes. */
void h2_send(struct h2 *h2);
/* The client has done something that costs; ends the session when it has done too much. */
void h2_charge(struct h2 *h2, uint32_t cost);

/* ---- a stream, as conn.c sees it ---- */

static inline struct h2_stream *h2_stream_of(const struct conn *c)
{
    return (struct h2_stream *)((uintptr_t)c - offsetof(struct h2_stream, conn));
}
/* A request head is complete: reads it, ready to be begun. NULL without memory. */
struct h2_stream *h2_stream_new(struct h2 *h2, int32_t id, bool end);
/* May this host be asked for on this connection? Browsers use one connection for every name that
 * its certificate covers (RFC 9113 section 9.1.1); a name beside the handshake's has to be one. */
bool h2_may_serve(struct h2 *h2, struct span host);
/* The exchange is over: what is written still goes out, then the stream ends. */
void h2_stream_done(struct conn *c);
/* The stream is over; resets it when the session still has it. Its memory lasts until the loop
 * comes round. */
void h2_stream_end(struct conn *c);
/* Frees it when the loop comes round. */
void h2_bury(struct edge *e, struct h2_stream *s);
/* Where the session gets response bodies. */
nghttp2_data_provider h2_source(void);
/* Gives the trailers to the session; false: there are none. */
bool h2_stream_submit_tail(struct h2_stream *s);
/* Gives a complete head to the session. */
void h2_stream_submit(struct h2_stream *s);
/* How many bytes the client would take of it now. */
size_t h2_stream_window(const struct h2_stream *s);
/* Something came for it: it works after the session has read. */
void h2_stream_wake(struct h2_stream *s);
/* The trailers that came behind the request body. */
struct span h2_stream_request_trailers(const struct conn *c);
/* Is the answer with the client, but not the request with us? */
bool h2_stream_rests(const struct conn *c);
/* Is everything used, with these n bytes, and nothing more to come? */
bool h2_stream_is_last(const struct conn *c, size_t n);

#endif
