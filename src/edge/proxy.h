/* The proxy room: one exchange carried to its route's upstream and back.
 *
 *   CONNECT ─▶ HEAD ─▶ BODY ─▶ (exchange DONE)
 *                │       ▲
 *                └─▶ TUNNEL
 *
 * Both bodies flow at the same time and are never collected. An answer that comes before the
 * request body is complete is passed on at once. A response that the upstream cut short is never
 * made to look complete: the client's connection ends without the last chunk and without
 * close_notify. */
#ifndef EDGE_PROXY_H
#define EDGE_PROXY_H

#include "edge/conn.h"
#include "edge/pool.h"
#include "http/ws_frame.h"

/* Close codes of our own (RFC 6455 section 7.4.2 leaves 4000 and up to applications): a page that
 * sees this one has lost its session or its right, and goes to log in instead of trying again. */
#define CLOSE_REVOKED 4401
#define CLOSE_GOING_AWAY 1001 /* section 7.4.1 */
#define CLOSE_TRY_LATER 1013  /* IANA WebSocket Close Code Number Registry */

enum proxy_state {
    PROXY_CONNECT, /* waiting for the connection */
    PROXY_HEAD,    /* request head sent; waiting for the response head */
    PROXY_BODY,    /* the response head is at the client */
    PROXY_TUNNEL,
};

struct proxy {
    enum proxy_state state;
    struct h1_body down; /* the response body */
    struct headers head; /* of the response, when its trailers may pass */
    size_t scanned;      /* of a response head that is not complete */
    unsigned interim;    /* 1xx responses so far */
    bool chunk_up;       /* the request body goes up as chunks */
    bool chunk_down;     /* the response body goes down as chunks */
    bool sent_body;      /* some of the request body left: no second attempt */
    bool request_done;   /* all of the request was given to the upstream's socket or buffer */
    bool upload_off;     /* the upstream takes no more of the request; its answer still counts */
    bool retried;
    size_t endpoint;   /* which of the route's upstreams has it */
    uint64_t tried;    /* a bit for each that had its chance */
    size_t dialled;    /* addresses of the present one that did not answer */
    bool reusable;     /* the response allows another exchange on this connection */
    bool private_peer; /* connection-bound authentication: never pooled */
    bool up_closed;    /* tunnel: the client has ended its half, … */
    bool up_finished;  /* … and the upstream has been told */
    bool down_closed;  /* tunnel: the upstream has ended its half */
    bool websocket;    /* tunnel: of WebSocket frames, which … */
    struct ws_frame frames_up, frames_down; /* … begin and end here */
};

/* Moves what can be moved. True when something changed that may allow more. */
bool proxy_step(struct exchange *x);
bool tunnel_step(struct exchange *x);
/* The tunnel begins: the upstream's 101 is at the client. */
void tunnel_enter(struct exchange *x, struct span early);
/* It may not go on. Both ends of a WebSocket are told by a close frame, the client with this code
 * and reason (RFC 6455 section 7.4), where one can stand: what the client has not taken yet, or
 * half a frame of which the rest has not come, leaves only the end of the connection. */
void tunnel_end(struct exchange *x, enum access_stream why, uint16_t code, const char *reason);
/* What the exchange waits for, for conn.c's deadline and interests. */
enum conn_wait proxy_waits(const struct exchange *x);
bool proxy_wants_client(const struct exchange *x);
bool proxy_wants_upstream(const struct exchange *x);
/* The wait is over: 504 or an end. */
void proxy_timeout(struct exchange *x, enum conn_wait wait);
/* The upstream failed: 502 or 504 before the response head, else the connection ends. */
void proxy_fail(struct exchange *x, unsigned status, const char *cause, const char *detail);

#endif
