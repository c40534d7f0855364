/* A tunnel: after a 101, two byte streams that know nothing of each other but when to wait.
 *
 * Of a WebSocket the frame boundaries are known as well, in both directions, because a tunnel that
 * may not go on is ended with a close frame where one can stand. */
#include "edge/proxy.h"

#include <sys/socket.h>

#include "base/fault.h"
#include "edge/access.h"

#define ROUNDS 4

static bool here(const struct exchange *x)
{
    return x->state == EXCHANGE_TUNNEL && !x->conn->doomed;
}

/* An upstream of raw bytes takes the end of the stream for the end of the data. What was cut is
 * told by a reset. */
static void cut_upstream(struct exchange *x)
{
    static const struct linger RESET = {.l_onoff = 1};
    struct upstream *u = x->upstream;
    if (u != NULL && !x->proxy->websocket && !x->proxy->up_finished)
        (void)setsockopt(u->fd, SOL_SOCKET, SO_LINGER, &RESET, sizeof(RESET));
}

static void lost(struct exchange *x, enum access_stream why)
{
    x->stream = why;
    cut_upstream(x);
    if (why == STREAM_UPSTREAM_LOST)
        x->outcome = ACCESS_UPSTREAM;
    conn_retire(x->conn);
}

static void down(struct exchange *x, struct span bytes)
{
    struct conn *c = x->conn;
    x->bytes_out += bytes.len;
    ws_frame_feed(&x->proxy->frames_down, bytes);
    if (conn_write(c, bytes) < 0 || conn_flush(c) < 0)
        lost(x, STREAM_CLIENT_LOST);
    conn_progress(c);
}

void tunnel_enter(struct exchange *x, struct span early)
{
    x->proxy->state = PROXY_TUNNEL;
    x->close = true;
    x->edge->tunnel_count++;
    x->edge->count.tunnels++;
    exchange_enter(x, EXCHANGE_TUNNEL);
    x->stream = STREAM_OPENED;
    access_exchange(x);
    /* Until something else turns out to be the reason. */
    x->stream = STREAM_CLIENT_LOST;
    if (early.len > 0)
        down(x, early);
}

static void pump_up(struct exchange *x)
{
    struct proxy *p = x->proxy;
    struct upstream *u = x->upstream;
    struct span in;
    for (int i = 0; i < ROUNDS && here(x) && !p->up_closed; i++) {
        if (upstream_blocked(u) && upstream_flush(u) < 0) {
            lost(x, STREAM_UPSTREAM_LOST);
            return;
        }
        if (upstream_blocked(u))
            return;
        int rc = conn_input(x->conn, &in);
        if (rc == 0)
            return;
        if (rc < 0) {
            p->up_closed = true;
            /* Frames show where they end; raw bytes end where TLS says so or not at all. */
            if (conn_broken(x->conn) || (!p->websocket && conn_cut(x->conn)))
                lost(x, STREAM_CLIENT_LOST);
            else if (!p->down_closed)
                x->stream = STREAM_CLIENT;
            return;
        }
        x->bytes_in += in.len;
        ws_frame_feed(&p->frames_up, in);
        conn_progress(x->conn);
        if (upstream_write(u, in) < 0)
            lost(x, STREAM_UPSTREAM_LOST);
        else if (conn_used(x->conn, in.len) < 0)
            conn_retire(x->conn);
    }
    if (here(x) && !p->up_closed && !upstream_blocked(u))
        conn_again(x->conn);
}

static void pump_down(struct exchange *x)
{
    struct proxy *p = x->proxy;
    struct upstream *u = x->upstream;
    struct conn *c = x->conn;
    for (int i = 0; i < ROUNDS; i++) {
        if (!here(x) || p->down_closed || conn_blocked(c))
            return;
        int n = upstream_read(u, x->edge->scratch, conn_room(c));
        if (n == 0)
            return;
        if (n == FAULT_CLOSED) {
            if (!p->up_closed)
                x->stream = STREAM_UPSTREAM;
            p->down_closed = true;
            conn_finish(c);
            if (conn_flush(c) < 0)
                lost(x, STREAM_CLIENT_LOST);
            return;
        }
        if (n < 0)
            lost(x, STREAM_UPSTREAM_LOST);
        else
            down(x, span_of(x->edge->scratch, (size_t)n));
    }
    if (here(x) && u->readable && !conn_blocked(c))
        conn_again(c);
}

bool tunnel_step(struct exchange *x)
{
    struct proxy *p = x->proxy;
    struct upstream *u = x->upstream;
    pump_up(x);
    pump_down(x);
    if (!here(x))
        return false;
    if (upstream_blocked(u) && upstream_flush(u) < 0) {
        lost(x, STREAM_UPSTREAM_LOST);
        return false;
    }
    if (p->up_closed && !p->up_finished && !upstream_blocked(u)) {
        upstream_finish(u);
        p->up_finished = true;
    }
    if (!p->up_finished || !p->down_closed || conn_blocked(x->conn))
        return false;
    upstream_retire(u);
    exchange_enter(x, EXCHANGE_DONE);
    return true;
}

/* ---- the end that neither side asked for ---- */

/* A frame that the client has a part of is finished from what has come already, never waited for:
 * the limit is one read's worth, and not a byte behind the frame is taken. False: the client takes
 * nothing. */
static bool finish_frame(struct exchange *x)
{
    struct ws_frame *f = &x->proxy->frames_down;
    size_t left = EDGE_SCRATCH;
    uint64_t rest;
    while (left > 0 && (rest = ws_frame_rest(f)) > 0 && x->upstream->readable) {
        int n = upstream_read(x->upstream, x->edge->scratch, rest < left ? (size_t)rest : left);
        if (n <= 0)
            break;
        struct span bytes = span_of(x->edge->scratch, (size_t)n);
        left -= bytes.len;
        x->bytes_out += bytes.len;
        ws_frame_feed(f, bytes);
        if (conn_write(x->conn, bytes) < 0)
            return false;
    }
    return true;
}

static bool say_down(struct exchange *x, uint16_t code, const char *reason)
{
    const struct proxy *p = x->proxy;
    uint8_t out[WS_CLOSE_MAX];
    if (p->down_closed || conn_blocked(x->conn) || !finish_frame(x) ||
        !ws_frame_between(&p->frames_down))
        return false;
    size_t len = ws_frame_close(out, code, reason, NULL);
    return conn_write(x->conn, span_of(out, len)) == 0;
}

static void say_up(struct exchange *x)
{
    uint8_t out[WS_CLOSE_MAX], mask[4];
    if (!ws_frame_between(&x->proxy->frames_up) || upstream_blocked(x->upstream))
        return;
    edge_random(x->edge, mask, sizeof(mask));
    size_t len = ws_frame_close(out, CLOSE_GOING_AWAY, "", mask);
    /* Who does not take it finds the end of the stream. */
    if (upstream_write(x->upstream, span_of(out, len)) == 0)
        upstream_finish(x->upstream);
}

void tunnel_end(struct exchange *x, enum access_stream why, uint16_t code, const char *reason)
{
    if (!here(x))
        return;
    x->stream = why;
    bool spoken = x->proxy->websocket && say_down(x, code, reason);
    if (x->proxy->websocket)
        say_up(x);
    cut_upstream(x);
    upstream_retire(x->upstream);
    if (!spoken) {
        /* Inside a frame nothing can be said; the end of the connection says it. */
        conn_retire(x->conn);
        return;
    }
    exchange_enter(x, EXCHANGE_DONE);
    conn_step(x->conn);
}
