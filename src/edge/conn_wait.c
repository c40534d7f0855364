/* What a connection waits for, and until when: derived from its state after each step, never kept.
 */
#include "edge/conn.h"
#include "edge/events.h"
#include "edge/h2.h"
#include "edge/listener.h"
#include "edge/proxy.h"

#define LINGER_SECONDS 5u /* between two reads */
#define CONTINUE_SECONDS 1u
#define KEEPER_SECONDS 30u

static enum conn_wait waits(const struct conn *c)
{
    const struct exchange *x = c->exchange;
    bool blocked = conn_blocked(c);
    switch (c->state) {
    case CONN_HANDSHAKE:
        return WAIT_HANDSHAKE;
    case CONN_IDLE:
        return blocked ? WAIT_WRITE : WAIT_IDLE;
    case CONN_HEAD:
        return blocked ? WAIT_WRITE : WAIT_HEAD;
    case CONN_DISCARD:
        return WAIT_BODY;
    case CONN_CLOSING:
        return c->carrier != NULL && h2_stream_rests(c) ? WAIT_BODY : WAIT_WRITE;
    case CONN_LINGER:
        return WAIT_LINGER;
    case CONN_EXCHANGE:
        break;
    case CONN_MUX:
    case CONN_CLOSED:
        return WAIT_NONE;
    }
    if (blocked)
        return WAIT_WRITE;
    if (x->state == EXCHANGE_COLLECT && x->on_collected != NULL)
        return WAIT_BODY;
    if (x->state == EXCHANGE_PROXY || x->state == EXCHANGE_TUNNEL)
        return proxy_waits(x);
    if (x->state == EXCHANGE_EVENTS)
        return WAIT_EVENTS;
    return WAIT_KEEPER;
}

static uint64_t seconds(const struct conn *c, enum conn_wait wait)
{
    const struct exchange *x = c->exchange;
    const struct limits *l = &(x != NULL ? x->generation : c->edge->generation)->snapshot->limits;
    switch (wait) {
    case WAIT_HANDSHAKE:
        return listener_handshake_timeout(c->listener);
    case WAIT_HEAD:
        return listener_header_timeout(c->listener);
    case WAIT_IDLE:
        return l->idle_timeout;
    case WAIT_BODY:
        return l->body_timeout;
    case WAIT_WRITE:
        return l->write_timeout;
    case WAIT_CONNECT:
        return x->route->connect_timeout > 0 ? x->route->connect_timeout : l->connect_timeout;
    case WAIT_REQUEST:
    case WAIT_RESPONSE:
        return x->route->response_timeout;
    case WAIT_STREAM:
        return x->route->stream_idle;
    case WAIT_TUNNEL:
        return x->route->websocket_idle != 0 ? x->route->websocket_idle : x->route->stream_idle;
    case WAIT_CONTINUE:
        return CONTINUE_SECONDS;
    case WAIT_LINGER:
        return LINGER_SECONDS;
    case WAIT_EVENTS:
    case WAIT_KEEPER:
    case WAIT_NONE:
        break;
    }
    return KEEPER_SECONDS;
}

static bool wants_client(const struct conn *c)
{
    if (c->wire.eof || c->wire.broken)
        return false;
    switch (c->state) {
    case CONN_HANDSHAKE:
    case CONN_DISCARD:
    case CONN_LINGER:
        return true;
    case CONN_IDLE:
    case CONN_HEAD:
    case CONN_MUX:
        return !wire_blocked(&c->wire);
    case CONN_EXCHANGE:
        break;
    case CONN_CLOSING:
    case CONN_CLOSED:
        return false;
    }
    const struct exchange *x = c->exchange;
    if (x->state == EXCHANGE_COLLECT && x->on_collected != NULL)
        return true;
    if (x->state == EXCHANGE_PROXY || x->state == EXCHANGE_TUNNEL)
        return proxy_wants_client(x);
    return conn_may_peek(c);
}

static struct pace_rule pace_rule(const struct conn *c, enum conn_wait wait)
{
    const struct exchange *x = c->exchange;
    return (struct pace_rule){seconds(c, wait) * 1000,
                              x != NULL ? x->generation->snapshot->limits.body_rate : 0};
}

static uint64_t bytes_sent(const struct conn *c)
{
    return c->carrier != NULL ? h2_stream_sent(c) : c->wire.sent;
}

static uint64_t bytes_passed(const struct conn *c)
{
    return bytes_sent(c) + (c->exchange != NULL ? c->exchange->bytes_in : 0);
}

void conn_derive(struct conn *c)
{
    enum conn_wait wait = waits(c);
    if (wait != c->wait)
        conn_progress(c);
    c->wait = wait;
    uint64_t sent = bytes_sent(c);
    if (sent != c->sent_seen) {
        c->sent_seen = sent;
        if (wait == WAIT_WRITE)
            conn_progress(c);
    }
    uint64_t due = c->state == CONN_MUX  ? h2_due(c)
                   : wait == WAIT_EVENTS ? events_due(c->exchange)
                                         : c->waits_since + seconds(c, wait) * 1000;
    bool paced = c->exchange != NULL && (wait == WAIT_BODY || wait == WAIT_WRITE);
    uint64_t slow =
        pace_note(&c->pace, pace_rule(c, wait), bytes_passed(c), paced, edge_now(c->edge));
    due = slow < due ? slow : due;
    if (wait == WAIT_IDLE && c->edge->phase == EDGE_DRAINING && due > c->edge->idle_until)
        due = c->edge->idle_until;
    deadline_set(&c->edge->deadlines, &c->deadline, due);
    pressure_note(c);
    if (c->carrier == NULL)
        watch_arm(&c->watch,
                  (wants_client(c) ? UV_READABLE : 0) | (wire_blocked(&c->wire) ? UV_WRITABLE : 0));
    if (c->exchange != NULL && c->exchange->upstream != NULL)
        upstream_arm(c->exchange->upstream, proxy_wants_upstream(c->exchange));
}

bool conn_keeps_pace(struct conn *c)
{
    uint64_t now = edge_now(c->edge);
    if (!c->pace.waits || now >= c->waits_since + seconds(c, c->wait) * 1000)
        return false;
    if (pace_is_lost(&c->pace, pace_rule(c, c->wait), bytes_passed(c), now)) {
        c->edge->count.slow++;
        return false;
    }
    conn_derive(c);
    return true;
}
