/* Streams of events: GET /api/v1/events (text/event-stream, HTML Living Standard section 9.2).
 *
 *   enter ──▶ judged ──▶ asked ──▶ begun ──▶ ended
 *     view of     few        keeper:    EXCHANGE_EVENTS
 *     the session enough     may it?
 *
 * Who asks has to have a view first, like whoever opens a console: so the stream ends with the
 * session, by the revocation that ends everything else. Then the keeper says whether the caller may
 * listen, and to which topics. A stream tells nothing but topics (ipc/topic.h), so what waits for a
 * slow reader is one word of bits, never a queue; who takes nothing for the write timeout is
 * dropped like any other client. All memory is the exchange's. */
#ifndef EDGE_EVENTS_H
#define EDGE_EVENTS_H

#include "edge/credential.h"
#include "edge/exchange.h"
#include "edge/view.h"
#include "ipc/topic.h"

#define EVENTS_PATH "/api/v1/events"
/* Of one session, and in all, at one edge. A browser speaking HTTP/1.1 has six connections. */
#define EVENTS_PER_SESSION 8u
#define EVENTS_MAX 1024u

struct edge;

struct events {
    struct list link; /* in edge->streams */
    struct exchange *x;
    uint32_t topics;  /* that it may hear of; 0: not begun */
    uint32_t pending; /* … and has not */
    uint64_t sent_ms;
    struct span groups; /* of whom it was begun for */
    bool chunked;
};

/* A request for a stream by this credential, in EXCHANGE_GATE. */
void events_enter(struct exchange *x, const struct credential *c);
/* The view that it waited for is there; x stands in its list. */
void events_judge(struct exchange *x, struct view *v, int fault);
/* The keeper has said yes. */
void events_begin(struct exchange *x, uint32_t topics);
/* Why it may not go on now that its view or the rules have changed, or NULL. */
const char *events_objection(const struct exchange *x, const struct view *v);
/* Says what is pending, and something at all when nothing was said for long. */
void events_step(struct exchange *x);
/* When there is something to say, ms of edge_now. */
uint64_t events_due(const struct exchange *x);
/* Everybody who may hear of these topics will. */
void events_tell(struct edge *e, uint32_t topics);
/* The last words: why the session has ended; NULL: only the stream has, come again. */
void events_end(struct exchange *x, const char *why);
void events_end_all(struct edge *e);
/* x is going away. Nothing when it is no stream; safe twice. */
void events_leave(struct exchange *x);

#endif
