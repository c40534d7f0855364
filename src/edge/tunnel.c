/* A tunnel: after a 101, two byte streams that know nothing of each other but when to wait. */
#include "edge/proxy.h"

#include "base/fault.h"

#define ROUNDS 4

static bool here(const struct exchange *x)
{
    return x->state == EXCHANGE_TUNNEL && !x->conn->doomed;
}

static void broken(struct exchange *x)
{
    x->outcome = ACCESS_UPSTREAM;
    conn_retire(x->conn);
}

static void down(struct exchange *x, struct span bytes)
{
    struct conn *c = x->conn;
    x->bytes_out += bytes.len;
    if (conn_write(c, bytes) < 0 || conn_flush(c) < 0)
        conn_retire(c);
    conn_progress(c);
}

void tunnel_enter(struct exchange *x, struct span early)
{
    x->proxy->state = PROXY_TUNNEL;
    x->close = true;
    x->edge->tunnel_count++;
    x->edge->count.tunnels++;
    exchange_enter(x, EXCHANGE_TUNNEL);
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
            broken(x);
            return;
        }
        if (upstream_blocked(u))
            return;
        int rc = conn_input(x->conn, &in);
        if (rc == 0)
            return;
        if (rc < 0) {
            if (conn_broken(x->conn))
                conn_retire(x->conn);
            p->up_closed = true;
            return;
        }
        x->bytes_in += in.len;
        conn_progress(x->conn);
        if (upstream_write(u, in) < 0)
            broken(x);
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
        int n = upstream_read(u, x->edge->scratch, EDGE_SCRATCH);
        if (n == 0)
            return;
        if (n == FAULT_CLOSED) {
            p->down_closed = true;
            conn_finish(c);
            if (conn_flush(c) < 0)
                conn_retire(c);
            return;
        }
        if (n < 0)
            broken(x);
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
        broken(x);
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
