/* An exchange: one request and its answer, from the parsed head to the access record.
 *
 *   HEAD ──▶ GATE ──▶ COLLECT ──▶ ASKING ──▶ ANSWER ──▶ DONE
 *              │                    │           ▲
 *              │                    └──▶ EVENTS ┼──▶ DONE
 *              └────▶ PROXY ──▶ (TUNNEL) ───────┴──▶ DONE
 *
 * conn.c makes it when a head is complete, and calls gate_enter(). The gate finds out who asks
 * (perhaps after a question to the keeper), decides, and hands it to one room: proxy_enter(),
 * portal_enter(), api_enter(), or answers itself. Whoever has the exchange ends it by exactly one
 * of answer_send() (a complete answer from memory) or by the proxy's streaming. The client may
 * vanish at any time: conn.c then calls exchange_retire(), which cancels an outstanding question
 * and the upstream; nobody may touch the exchange afterwards. */
#ifndef EDGE_EXCHANGE_H
#define EDGE_EXCHANGE_H

#include "base/arena.h"
#include "base/list.h"
#include "http/h1.h"
#include "ipc/message.h"
#include "policy/decide.h"

struct conn;
struct exchange;
struct edge;
struct view;
struct upstream;
struct keeper_ask;

struct events;
struct pool;
struct proxy;

/* One committed snapshot with its policy, counted: exchanges keep the one they began with. */
struct generation {
    struct snapshot *snapshot;
    struct policy *policy;
    struct pool **pools; /* of all endpoints, in the order of routes and their upstreams */
    size_t *first;       /* per route: where its pools begin; one more than there are routes */
    unsigned refs;
    struct demands **demands; /* per listener, see client.h; NULL: nobody is asked anywhere */
    bool hsts;                /* answers say Strict-Transport-Security */
    uint32_t serial; /* of this process, never 0: tells whether something borrowed is still good */
};
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation *g);

enum exchange_state {
    EXCHANGE_HEAD,    /* the request head is being read */
    EXCHANGE_GATE,    /* the gate is working, perhaps waiting for the keeper */
    EXCHANGE_COLLECT, /* a small body is being collected for a room */
    EXCHANGE_ASKING,  /* a room waits for the keeper */
    EXCHANGE_PROXY,   /* an upstream has it */
    EXCHANGE_TUNNEL,  /* two byte streams, after a 101 */
    EXCHANGE_EVENTS,  /* a stream of events of our own, see events.h */
    EXCHANGE_ANSWER,  /* an answer from memory is being written */
    EXCHANGE_DONE,
};

typedef void (*collect_done)(struct exchange *x, struct span body, int fault);

struct exchange {
    struct edge *edge;
    struct conn *conn;
    struct generation *generation; /* a reference */
    struct arena arena;            /* everything of this request */
    struct request request;
    enum exchange_state state;

    uint8_t id[16];      /* request id, random */
    char id_text[33];    /* hex */
    uint64_t started_us; /* clock_mono_us */
    struct addr source;
    const char *interface; /* by which the source came, or "" */
    struct zone_set zones;
    const char *listener;
    uint16_t listener_port;

    /* Filled by the gate. */
    const struct route_def *route; /* NULL: the portal or nothing */
    struct span target;            /* what the upstream is asked for: the request's own target, or
                                    * without the route's prefix */
    struct view *view;             /* a reference, or NULL */
    struct list view_link;         /* in view->exchanges while view is set */
    struct decision decision;
    enum access_outcome outcome;
    bool is_file; /* a file of postern's own, the same for everybody: it makes no access record */
    /* Of a room of ours, where the keeper says who it was; with a view that says it. */
    struct {
        uint8_t kind; /* enum credential_kind */
        struct span name;
        uint8_t session[16];
    } principal;
    struct span destination;     /* canonical path of a WebDAV Destination, or empty */
    enum access_stream stream;   /* of a tunnel: why it ends, as far as is known */
    bool forwarded;              /* for somebody behind a proxy: the connection is not his */
    bool token_in_authorization; /* the Authorization header was ours: strip it */
    struct keeper_ask *ask;      /* outstanding question, or NULL */

    /* Filled by conn/proxy/answer. */
    struct proxy *proxy;              /* in the arena, while a proxy has it */
    struct events *events;            /* in the arena, of who asked for a stream of them */
    struct upstream *upstream;        /* the connection it uses, or NULL */
    struct h1_body body;              /* the framing of the request body, wherever it goes */
    struct span collected;            /* what exchange_collect has so far; wiped at the end */
    size_t collect_cap, collect_room; /* most to accept; allocated */
    collect_done on_collected;
    unsigned status; /* of the answer; 0 while there is none */
    uint64_t bytes_in, bytes_out;
    bool close;     /* close the connection afterwards */
    bool continued; /* "100 Continue" was sent, or body bytes came without waiting for it */
    bool clean;     /* the request head was well-formed and the request's fields are good */
};

/* A fresh exchange for a connection, in EXCHANGE_HEAD; NULL without memory. */
struct exchange *exchange_new(struct conn *conn);
/* The end of every exchange: writes the access record, cancels an outstanding question, drops the
 * upstream and the view, and gives the memory back. Only conn.c calls it. */
void exchange_retire(struct exchange *x);
/* The one writer of x->state; asserts that the successor is allowed. */
void exchange_enter(struct exchange *x, enum exchange_state next);

/* Ends it now because it is no longer allowed: an open stream is closed (a tunnel and a streamed
 * body by closing the connection), a waiting request gets `status` with `cause`. Used by revocation
 * and by re-authorisation after a new snapshot. */
void exchange_revoke(struct exchange *x, unsigned status, const char *cause);

/* Collects the request body, at most cap bytes, then calls done once (body lives in the arena and
 * is wiped with it; fault FAULT_LIMIT when larger: answer 413). Sends 100-continue when asked for.
 */
void exchange_collect(struct exchange *x, size_t cap, collect_done done);

/* ---- answers ---- */

struct answer_header {
    const char *name;
    struct span value;
};

struct answer {
    unsigned status;
    const char *type; /* Content-Type or NULL for no body */
    struct span body; /* copied or in the exchange's arena or static */
    struct answer_header header[12];
    size_t header_count;
    bool close; /* close the connection afterwards */
};

void answer_add(struct answer *a, const char *name, struct span value);
/* Writes the answer: date, length, security headers of own pages (HSTS, CSP given by the caller,
 * nosniff, no-store, Referrer-Policy, COOP) and keep-alive are added. A request body that was not
 * read is discarded within bounds or the connection closed. Ends the exchange and writes its access
 * record. */
void answer_send(struct exchange *x, const struct answer *a);
/* The head of an answer whose body follows bit by bit, with the same headers; a->body is not looked
 * at. *chunked: to be sent in chunks. A fault: the client is gone. */
must_check int answer_begin(struct exchange *x, const struct answer *a, bool *chunked);
/* HTML for a browser's navigation, JSON for programs (Accept, Sec-Fetch-Mode); with request id.
 * cause is one sentence for a person; detail (may be NULL) a machine-readable word, e.g. the reason
 * name. */
void answer_error(struct exchange *x, unsigned status, const char *cause, const char *detail);
/* Does this client want a page (navigation of a browser) rather than JSON? */
bool exchange_wants_page(const struct exchange *x);
/* In pages.c: fills type, body (in x->arena) and the Content-Security-Policy header of an error
 * page in the house's look. 0 or a fault; the caller then answers JSON. */
must_check int portal_error_page(struct exchange *x, unsigned status, const char *cause,
                                 const char *detail, struct answer *a);

/* ---- rooms ----
 * gate_enter may answer at once or return and answer later, from a reply of the keeper. Whoever
 * enters a room on behalf of an exchange returns straight afterwards and does not look at it again:
 * it may be gone. Before asking the keeper the room enters EXCHANGE_GATE (gate) or EXCHANGE_ASKING.
 */
void gate_enter(struct exchange *x);
void proxy_enter(struct exchange *x);
void portal_enter(struct exchange *x);
void api_enter(struct exchange *x);

#endif
