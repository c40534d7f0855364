/* The client's bytes, as rooms take them: from the connection's buffer or one fresh read. */
#include <errno.h>

#include "base/fault.h"
#include "edge/conn.h"
#include "edge/h2.h"

int conn_input(struct conn *c, struct span *ret)
{
    struct wire *w = &c->wire;
    int n;
    if (c->carrier != NULL)
        return h2_stream_input(c, ret);
    if (buf_len(&c->in) > 0 && !c->more) {
        c->borrowed = false;
        c->held = *ret = buf_view(&c->in);
        return 1;
    }
    if (w->broken)
        return -ECONNRESET;
    if (!w->readable && !wire_has_input(w))
        return w->eof ? FAULT_CLOSED : 0;
    if (buf_len(&c->in) == 0) {
        n = wire_read(w, c->edge->scratch, EDGE_SCRATCH);
        if (n <= 0)
            return n;
        c->borrowed = true;
        c->held = *ret = span_of(c->edge->scratch, (size_t)n);
    } else {
        size_t room = c->in.max - buf_len(&c->in);
        size_t cap = room < CONN_PEEK_MAX ? room : CONN_PEEK_MAX;
        uint8_t *into = cap == 0 ? NULL : buf_reserve(&c->in, cap);
        if (into == NULL)
            return FAULT_LIMIT;
        n = wire_read(w, into, cap);
        if (n <= 0)
            return n;
        buf_commit(&c->in, (size_t)n);
        c->borrowed = false;
        c->held = *ret = buf_view(&c->in);
    }
    c->more = false;
    return 1;
}

int conn_used(struct conn *c, size_t n)
{
    if (c->carrier != NULL)
        return h2_stream_used(c, n);
    if (!c->borrowed) {
        buf_consume(&c->in, n);
        return 0;
    }
    c->borrowed = false;
    return buf_append(&c->in, span_sub(c->held, n, SIZE_MAX));
}

int conn_peek(struct conn *c)
{
    struct wire *w = &c->wire;
    /* The session tells by itself. */
    if (c->carrier != NULL)
        return 0;
    if (w->broken)
        return FAULT_CLOSED;
    if (buf_len(&c->in) > 0 || w->eof || (!w->readable && !wire_has_input(w)))
        return 0;
    int n = wire_read(w, c->edge->scratch, CONN_PEEK_MAX);
    if (n > 0)
        return buf_append(&c->in, span_of(c->edge->scratch, (size_t)n));
    /* Half-closed: it may still be waiting for its answer. */
    return n == FAULT_CLOSED && !w->broken ? 0 : n;
}

/* A body without a length ends with its stream, and its trailers are where those of chunks are. */
static void end_stream_body(struct conn *c, struct exchange *x)
{
    struct span trailers = h2_stream_request_trailers(c);
    x->body.done = true;
    x->body.kept = (uint8_t *)(uintptr_t)trailers.at;
    x->body.kept_len = (uint32_t)trailers.len;
}

int conn_body(struct conn *c, struct span *data)
{
    struct exchange *x = c->exchange;
    struct span in;
    *data = SPAN_NONE;
    int rc = conn_input(c, &in);
    c->unframed = 0;
    if (rc == FAULT_CLOSED && c->carrier != NULL && x->body.framing == BODY_UNTIL_CLOSE) {
        end_stream_body(c, x);
        return 1;
    }
    if (rc <= 0)
        return rc;
    size_t len = in.len;
    rc = h1_body_unframe(&x->body, &in, data);
    c->unframed = len - in.len;
    x->bytes_in += data->len;
    if (c->carrier != NULL && x->body.framing == BODY_UNTIL_CLOSE &&
        h2_stream_is_last(c, c->unframed))
        end_stream_body(c, x);
    return rc < 0 ? FAULT_FORMAT : 1;
}

int conn_body_used(struct conn *c)
{
    return conn_used(c, c->unframed);
}

bool conn_may_keep(const struct exchange *x)
{
    if (conn_frames(x->conn))
        return true;
    if (!x->clean || !x->request.keep_alive || x->edge->phase == EDGE_DRAINING || x->conn->wire.eof)
        return false;
    /* What a client sent behind an upgrade that was refused is not a request. */
    if (x->request.upgrade_websocket || x->request.upgrade_tunnel)
        return false;
    if (x->body.done)
        return true;
    /* A client that waits for permission may send the body or not: nobody can tell where the next
     * request begins. */
    if (x->request.expect_continue && !x->continued)
        return false;
    return x->body.left <= CONN_DISCARD_MAX;
}
