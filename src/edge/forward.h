/* Heads as they cross the gateway. Pure: a head in, a head out.
 *
 * What the client may not say is dropped (http/hygiene.h), what the gateway knows is added, and on
 * the way back the upstream's own name does not leak. */
#ifndef EDGE_FORWARD_H
#define EDGE_FORWARD_H

#include "conf/snapshot.h"
#include "http/h1.h"
#include "ipc/message.h"

struct forward {
    const struct request *request;
    struct span target; /* for the upstream's request line */
    const struct route_def *route;
    const struct upstream_def *upstream; /* the one that is asked */
    struct addr source;
    uint16_t listener_port;
    struct span inject;         /* Authorization for the upstream, or empty */
    struct span assertion;      /* who asks, signed; empty: the route does not want it */
    const struct msg_view *who; /* the same for a route that wants plain headers; or NULL */
    bool strip_authorization;   /* the client's was ours */
    bool trailers;              /* the client's connection carries them both ways */
    bool expect;                /* pass Expect: 100-continue */
    bool hsts;                  /* browsers are told to insist on TLS */
    const char *via;            /* our pseudonym */
};

/* Did this request pass through us already? (RFC 9110 section 7.6.3) */
bool forward_loops(const struct headers *h, const char *via);
/* Appends the request head for the upstream. 0 or a fault (too large). *chunked: the body is to be
 * sent in chunks. */
must_check int forward_request(const struct forward *f, struct buf *out, bool *chunked);

struct forward_reply {
    bool head_only;     /* the request was HEAD */
    bool client_11;     /* the client speaks HTTP/1.1 */
    bool framed;        /* the client's protocol frames bodies and connections: heads do not */
    bool close;         /* announce the end of the connection; set when the framing needs it */
    bool chunked;       /* out: the body is to be sent in chunks, … */
    bool trailers;      /* out: … and the upstream's trailers may stand behind them */
    bool upgrade;       /* a 101 that was asked for */
    const char *date;   /* for an answer without one */
    struct span cookie; /* a Set-Cookie of ours, or empty */
};
/* Appends the response head for the client. */
must_check int forward_response(const struct forward *f, const struct response *r,
                                struct forward_reply *reply, struct buf *out);
/* Appends the address that a redirect leads to, as the client would get it; nothing when there is
 * none or more than one. FAULT_LIMIT. */
must_check int forward_location(const struct forward *f, const struct response *r, struct buf *out);
/* Appends an interim (1xx) response. */
must_check int forward_interim(const struct forward *f, const struct response *r, struct buf *out);

#endif
