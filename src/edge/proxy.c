/* Both directions of one exchange in one file, because every decision in one direction looks at the
 * other. */
#include "edge/proxy.h"

#include <errno.h>
#include <openssl/evp.h>

#include "base/fault.h"
#include "edge/circle.h"
#include "edge/forward.h"
#include "edge/view.h"
#include "http/rawtunnel.h"
#include "http/trailers.h"
#include "http/websocket.h"

/* Reads of an upstream in one step; then the others get their turn. */
#define DOWN_ROUNDS 4
/* From here on a run of body bytes is written by itself instead of being copied behind a head. */
#define COPY_MAX 8192u
#define BULK_MIN (256u * 1024)
#define RESPONSE_HEAD_MAX (32u * 1024)
#define RESPONSE_HEADERS_MAX 256u
#define INTERIM_MAX 8u

static const struct h1_limits response_limits = {RESPONSE_HEAD_MAX, RESPONSE_HEADERS_MAX};

/* Is x still with the proxy, after something that may have ended it? */
static bool here(const struct exchange *x)
{
    return x->state == EXCHANGE_PROXY && !x->conn->doomed;
}

/* ---- what goes into a head ---- */

static const struct msg_view *facts_of(const struct exchange *x)
{
    return x->view == NULL || x->view->status != VIEW_OK ? NULL : &x->view->facts;
}

/* What the keeper gave for this route, in "route\tvalue" lines. */
static struct span given(const struct exchange *x, struct span rest)
{
    struct span line, name;
    while (span_cut(&rest, '\n', &line)) {
        (void)span_cut(&line, '\t', &name);
        if (span_is(name, x->route->name))
            return line;
    }
    return SPAN_NONE;
}

static struct forward forward_of(const struct exchange *x)
{
    const struct msg_view *facts = facts_of(x);
    return (struct forward){
        .request = &x->request,
        .target = x->target,
        .route = x->route,
        .upstream = &x->route->upstreams[x->proxy->endpoint],
        .source = x->source,
        .listener_port = x->listener_port,
        .inject = facts == NULL ? SPAN_NONE : given(x, facts->inject),
        .assertion = facts == NULL ? SPAN_NONE : given(x, facts->assertion),
        .who = facts,
        .strip_authorization = x->token_in_authorization,
        .trailers = x->request.minor >= 1,
        .expect = x->request.expect_continue && !x->continued && !x->body.done,
        .hsts = x->generation->hsts,
        .via = x->edge->via,
    };
}

/* NTLM and Negotiate log a connection in, not a request. Such a connection must never serve another
 * person. */
static bool binds_connection(const struct exchange *x)
{
    const struct header *h = headers_find(&x->request.headers, HEADER_AUTHORIZATION);
    return h != NULL && !x->token_in_authorization &&
           (span_starts_nocase(h->value, SPAN("NTLM")) ||
            span_starts_nocase(h->value, SPAN("Negotiate")));
}

/* RFC 9110 section 9.2.2. */
static bool is_idempotent(struct span method)
{
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};
    for (size_t i = 0; i < countof(methods); i++)
        if (span_is(method, methods[i]))
            return true;
    return false;
}

/* ---- failures ---- */

void proxy_fail(struct exchange *x, unsigned status, const char *cause, const char *detail)
{
    x->outcome = ACCESS_UPSTREAM;
    /* Bytes of the client that are lent out at this moment will not be put back. */
    x->close = x->close || !x->body.done || x->conn->borrowed;
    if (x->status != 0)
        conn_retire(x->conn);
    else
        answer_error(x, status, cause, detail);
}

static void pass_on(struct exchange *x, unsigned status, const char *cause, const char *detail);

void proxy_timeout(struct exchange *x, enum conn_wait wait)
{
    if (wait == WAIT_CONNECT) {
        pool_says_down(x->upstream->pool, upstream_why(x->upstream, -ETIMEDOUT),
                       x->upstream->pool->alone);
        pass_on(x, 504, "The console did not accept a connection in time.", "connect_timeout");
    } else if (wait == WAIT_TUNNEL) {
        tunnel_end(x, STREAM_IDLE, CLOSE_GOING_AWAY, "Nothing was said for too long.");
    } else {
        if (wait == WAIT_RESPONSE && x->status == 0 && x->upstream != NULL)
            pool_says_down(x->upstream->pool, "no answer in time", false);
        proxy_fail(x, 504, "The console did not answer in time.", "response_timeout");
    }
}

static void too_large(struct exchange *x)
{
    x->outcome = ACCESS_LIMIT;
    x->close = true;
    if (x->status != 0)
        conn_retire(x->conn);
    else
        answer_error(x, 413, "The request body is larger than this route allows.", "body_bytes");
}

static bool exceeds(const struct exchange *x, uint64_t bytes)
{
    return x->route->body_bytes != 0 && bytes > x->route->body_bytes;
}

/* ---- client to upstream ---- */

/* Sends what stands in the build buffer. An upstream that takes no more may still have an answer
 * for us, for example that the upload is too large. */
static void push_up(struct exchange *x)
{
    struct buf *out = &x->edge->build;
    if (out->bad)
        proxy_fail(x, 502, "The request is too large for the console.", "request_head");
    else if (buf_len(out) > 0 && upstream_write(x->upstream, buf_view(out)) < 0)
        x->proxy->upload_off = true;
    buf_clear(out);
}

static void malformed(struct exchange *x, const char *cause, const char *detail)
{
    x->outcome = ACCESS_MALFORMED;
    x->close = true;
    if (x->status != 0)
        conn_retire(x->conn);
    else
        answer_error(x, 400, cause, detail);
}

/* One input's worth of request body. False: stop. */
static bool upload_some(struct exchange *x)
{
    struct proxy *p = x->proxy;
    struct conn *c = x->conn;
    struct buf *out = &x->edge->build;
    struct span data;
    int rc = conn_body(c, &data);
    if (rc == 0)
        return false;
    if (rc < 0 && rc != FAULT_FORMAT) {
        /* Half a body and no more to come. */
        conn_retire(c);
        return false;
    }
    if (rc < 0) {
        malformed(x, "The request body is not well-formed.", "body");
        return false;
    }
    x->continued = true;
    conn_progress(c);
    if (exceeds(x, x->bytes_in)) {
        too_large(x);
        return false;
    }
    if (data.len > 0) {
        p->sent_body = true;
        if (p->chunk_up) {
            if (h1_chunk_write(out, data) < 0)
                out->bad = true;
        } else if (data.len >= COPY_MAX) {
            push_up(x);
            if (here(x) && upstream_write(x->upstream, data) < 0)
                p->upload_off = true;
        } else {
            (void)buf_append(out, data);
        }
    }
    if (here(x) && conn_body_used(c) < 0)
        conn_retire(c);
    return here(x);
}

/* False: a trailer came that may not be one, and the request is refused before it is whole. */
static bool end_chunks(struct exchange *x)
{
    struct buf *out = &x->edge->build;
    struct buf fields;
    buf_init(&fields, H1_TRAILERS_MAX);
    int rc = trailers_write(&x->request.headers, h1_body_trailers(&x->body), true, &fields);
    if (rc == 0 && h1_last_chunk_write(out, buf_view(&fields)) < 0)
        out->bad = true;
    buf_fini(&fields);
    if (rc == 0)
        return true;
    buf_clear(out);
    malformed(x, "The request has a trailer that may not be one.", "trailer");
    return false;
}

/* The build buffer may hold the request head already: the first bytes of the body leave with it. */
static void pump_up(struct exchange *x)
{
    struct proxy *p = x->proxy;
    struct upstream *u = x->upstream;
    if (upstream_blocked(u) && upstream_flush(u) < 0)
        p->upload_off = true;
    while (here(x) && !p->request_done && !p->upload_off && !upstream_blocked(u)) {
        bool more = x->body.done || upload_some(x);
        if (!here(x))
            return;
        if (x->body.done) {
            if (p->chunk_up && !end_chunks(x))
                return;
            /* Who begins anew would not end them again. */
            p->sent_body = p->sent_body || p->chunk_up;
            p->request_done = true;
        }
        push_up(x);
        if (!more)
            break;
    }
}

static void push_down(struct exchange *x, struct span direct);

/* A raw TCP service: nothing is said to it, and the client hears that the way is open. */
static void open_raw(struct exchange *x)
{
    struct buf *out = &x->edge->build;
    buf_clear(out);
    (void)buf_printf(
        out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\nConnection: Upgrade\r\n\r\n",
        RAWTUNNEL_PROTOCOL);
    x->status = 101;
    push_down(x, SPAN_NONE);
    if (here(x))
        tunnel_enter(x, SPAN_NONE);
}

static void send_request(struct exchange *x)
{
    if (x->route->kind == ROUTE_TCP) {
        pool_says_up(x->upstream->pool);
        open_raw(x);
        return;
    }
    struct forward f = forward_of(x);
    struct buf *out = &x->edge->build;
    buf_clear(out);
    x->proxy->state = PROXY_HEAD;
    if (forward_request(&f, out, &x->proxy->chunk_up) < 0) {
        buf_clear(out);
        proxy_fail(x, 502, "The request is too large for the console.", "request_head");
        return;
    }
    if (x->proxy->request_done)
        push_up(x);
    else
        pump_up(x);
    if (here(x))
        conn_progress(x->conn);
}

/* Nobody has said yet where any of its upstreams is. */
static bool is_nowhere(const struct route_def *route)
{
    size_t unknown = 0;
    for (size_t i = 0; i < route->upstream_count; i++)
        unknown += route->upstreams[i].named && route->upstreams[i].addr_count == 0;
    return unknown == route->upstream_count;
}

/* All requests of a session, or of a token, have the same key. */
static uint64_t session_key(struct exchange *x)
{
    if (x->route->balance == BALANCE_ROUND_ROBIN)
        return x->edge->turn++;
    if (x->view != NULL && x->view->status == VIEW_OK)
        return balance_hash(x->view->facts.id, sizeof(x->view->facts.id));
    return balance_hash(x->source.byte, sizeof(x->source.byte));
}

/* A certificate that is not trusted is no endpoint that happens to be down: the request ends, and
 * whoever made it learns why. */
static void refused(struct exchange *x)
{
    struct tls_peer *peer = &x->upstream->tls->peer;
    bool mismatch = peer->verdict == TLS_PEER_MISMATCH;
    pool_says_refused(x->upstream->pool, peer);
    if (mismatch)
        proxy_fail(x, 502, "The console shows another key than the one it is known by.",
                   "pin_mismatch");
    else
        proxy_fail(x, 502, "The console's certificate can not be trusted.", "certificate");
}

static void not_connected(struct exchange *x, struct pool *pool, int rc)
{
    const struct upstream *u = x->upstream;
    bool tls = u != NULL && u->tls != NULL;
    if (tls && u->tls->peer.verdict >= TLS_PEER_MISMATCH) {
        refused(x);
        return;
    }
    pool_says_down(pool, upstream_why(u, rc), pool->alone);
    if (is_nowhere(x->route)) {
        proxy_fail(x, 502, "The console's name could not be resolved.", "name");
        return;
    }
    pass_on(x, 502,
            tls ? "The console did not complete the TLS handshake."
                : "The console can not be reached.",
            tls ? "tls" : "connect");
}

/* Of this endpoint, idle or fresh. */
static void ask(struct exchange *x, bool fresh)
{
    struct upstream *u;
    struct pool *pool = generation_pools(x->generation, x->route)[x->proxy->endpoint];
    x->proxy->state = PROXY_CONNECT;
    int rc = upstream_take(pool, x, fresh, &u);
    if (rc == FAULT_LIMIT) {
        x->outcome = ACCESS_LIMIT;
        answer_error(x, 503, "Too many requests to this console are under way.", "busy");
        return;
    }
    if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -ENOBUFS) {
        x->outcome = ACCESS_LIMIT;
        answer_error(x, 503, "The gateway has no connection left.", "descriptors");
        return;
    }
    if (rc < 0)
        not_connected(x, pool, rc);
    else if (u->state == UPSTREAM_BUSY)
        send_request(x);
}

/* Of the next endpoint. False: none is left. */
static bool ask_another(struct exchange *x, bool fresh)
{
    struct proxy *p = x->proxy;
    size_t at = pool_choose(generation_pools(x->generation, x->route), x->route->upstream_count,
                            x->route->balance, session_key(x), p->tried);
    if (at == SIZE_MAX)
        return false;
    p->endpoint = at;
    p->tried |= UINT64_C(1) << at;
    p->dialled = 0;
    ask(x, fresh);
    return true;
}

/* Nothing of the request has left: another address or endpoint may have it, whatever its method. */
static void pass_on(struct exchange *x, unsigned status, const char *cause, const char *detail)
{
    struct proxy *p = x->proxy;
    struct pool *pool = generation_pools(x->generation, x->route)[p->endpoint];
    if (x->upstream != NULL)
        upstream_retire(x->upstream);
    conn_progress(x->conn);
    if (++p->dialled < pool->addr_count) {
        ask(x, true);
        return;
    }
    if (!ask_another(x, p->private_peer))
        proxy_fail(x, status, cause, detail);
    else
        x->edge->count.upstream_retried++;
}

/* ---- upstream to client ---- */

/* May the request be sent again although it was sent once? Only when nothing can have come of it.
 */
static bool may_repeat(const struct exchange *x)
{
    const struct proxy *p = x->proxy;
    return !x->upstream->received && !p->sent_body && p->interim == 0 &&
           is_idempotent(x->request.method);
}

static void start_over(struct exchange *x)
{
    struct proxy *p = x->proxy;
    upstream_retire(x->upstream);
    p->upload_off = false;
    p->scanned = 0;
    p->request_done = x->body.done;
    x->edge->count.upstream_retried++;
}

static void complete(struct exchange *x)
{
    struct proxy *p = x->proxy;
    struct upstream *u = x->upstream;
    /* What it held was used; anything behind the response has made it not reusable. */
    buf_clear(&u->in);
    if (p->reusable && p->request_done && !p->private_peer && !p->upload_off)
        upstream_give(u);
    else
        upstream_retire(u);
    if (!x->body.done)
        x->close = true;
    exchange_enter(x, EXCHANGE_DONE);
}

/* Gives the client what the build buffer holds, then `direct`. */
static void push_down(struct exchange *x, struct span direct)
{
    struct conn *c = x->conn;
    struct buf *out = &x->edge->build;
    bool failed = out->bad || conn_write(c, buf_view(out)) < 0 || conn_write(c, direct) < 0;
    buf_clear(out);
    if (failed || conn_flush(c) < 0)
        conn_retire(c);
}

/* The last chunk of an answer, with what may stand behind it; or that alone. */
static void end_answer(struct exchange *x, struct buf *out)
{
    const struct proxy *p = x->proxy;
    struct buf fields;
    buf_init(&fields, H1_TRAILERS_MAX);
    if (trailers_write(&p->head, h1_body_trailers(&p->down), false, &fields) < 0 ||
        (p->chunk_down ? h1_last_chunk_write(out, buf_view(&fields))
                       : conn_trailers(x->conn, buf_view(&fields))) < 0)
        out->bad = true;
    buf_fini(&fields);
}

/* Body bytes from the upstream; the build buffer may hold the response head already. */
static void download(struct exchange *x, struct span in)
{
    struct proxy *p = x->proxy;
    struct buf *out = &x->edge->build;
    struct span data, direct = SPAN_NONE;
    if (h1_body_unframe(&p->down, &in, &data) < 0) {
        /* Nothing of this run is passed on, so that the client sees the cut where it is. */
        buf_clear(out);
        proxy_fail(x, 502, "The console's answer is not well-formed.", "response_body");
        return;
    }
    x->bytes_out += data.len;
    if (data.len > 0 && p->chunk_down) {
        if (h1_chunk_write(out, data) < 0)
            out->bad = true;
    } else if (data.len >= COPY_MAX) {
        direct = data;
    } else if (data.len > 0) {
        (void)buf_append(out, data);
    }
    if (p->down.done && (p->chunk_down || p->down.kept != NULL))
        end_answer(x, out);
    /* More than the response: the connection is out of step. */
    if (in.len > 0)
        p->reusable = false;
    push_down(x, direct);
    conn_progress(x->conn);
    if (p->down.done && here(x))
        complete(x);
}

static void interim(struct exchange *x, const struct response *r)
{
    struct forward f = forward_of(x);
    struct buf *out = &x->edge->build;
    buf_clear(out);
    if (++x->proxy->interim > INTERIM_MAX) {
        proxy_fail(x, 502, "The console's answer is not well-formed.", "interim");
        return;
    }
    if (r->status == 100 && x->request.expect_continue && !x->continued) {
        x->continued = true;
        (void)buf_append(out, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
    } else if (r->status == 103 && x->request.minor >= 1) {
        if (forward_interim(&f, r, out) < 0)
            out->bad = true;
    }
    push_down(x, SPAN_NONE);
}

static int sha1(struct span data, uint8_t out[20])
{
    unsigned len = 20;
    return EVP_Digest(data.at, data.len, out, &len, EVP_sha1(), NULL) == 1 ? 0 : FAULT_CRYPTO;
}

/* A redirect to the place that was asked for is counted, and the last of many not passed on. True:
 * it has been answered. */
static bool goes_round(struct exchange *x, const struct forward *f, const struct response *r,
                       struct forward_reply *reply)
{
    struct buf location;
    if (r->status < 300 || r->status > 399)
        return false;
    buf_init(&location, RESPONSE_HEAD_MAX);
    bool circle =
        forward_location(f, r, &location) == 0 && circle_is(&x->request, r, buf_view(&location));
    buf_fini(&location);
    if (!circle)
        return false;
    unsigned count = circle_count(&x->request.headers, x->listener_port);
    if (count < CIRCLE_ROUNDS) {
        reply->cookie = circle_cookie(&x->arena, count + 1, x->listener_port);
        return false;
    }
    proxy_fail(x, 508,
               "The console sends the browser to the address that it has just asked for, again and "
               "again. It may not know that TLS ends at this gateway: it must believe "
               "X-Forwarded-Proto, or be reached over https.",
               "redirect");
    return true;
}

static void respond(struct exchange *x, const struct response *r, struct span rest)
{
    struct proxy *p = x->proxy;
    struct forward f = forward_of(x);
    struct forward_reply reply = {
        .head_only = span_is(x->request.method, "HEAD"),
        .client_11 = x->request.minor >= 1,
        .framed = conn_frames(x->conn),
        .upgrade = r->status == 101,
        .date = edge_date(x->edge),
    };
    const char *why;
    if (reply.upgrade && websocket_answer(&x->request, r, sha1, &why) < 0) {
        proxy_fail(x, 502, "The console switched to a protocol nobody asked for.", "upgrade");
        return;
    }
    if (goes_round(x, &f, r, &reply))
        return;
    reply.close = !conn_may_keep(x) || !p->request_done;
    buf_clear(&x->edge->build);
    if (forward_response(&f, r, &reply, &x->edge->build) < 0) {
        buf_clear(&x->edge->build);
        proxy_fail(x, 502, "The console's answer has too large a head.", "response_head");
        return;
    }
    pool_says_up(x->upstream->pool);
    x->status = r->status;
    x->close = x->close || reply.close;
    if (reply.upgrade) {
        push_down(x, SPAN_NONE);
        p->websocket = true;
        if (here(x))
            tunnel_enter(x, rest);
        return;
    }
    p->state = PROXY_BODY;
    p->chunk_down = reply.chunked;
    p->reusable = r->keep_alive && r->framing != BODY_UNTIL_CLOSE;
    h1_body_init(&p->down, r->framing, r->length);
    if (reply.trailers) {
        p->head = r->headers;
        h1_body_keep(&p->down, arena_alloc(&x->arena, H1_TRAILERS_MAX));
    }
    download(x, rest);
}

/* Response heads, as many as *in holds: interim ones and then the one that counts. */
static void read_heads(struct exchange *x, struct span in)
{
    struct proxy *p = x->proxy;
    struct upstream *u = x->upstream;
    if (buf_len(&u->in) > 0) {
        if (buf_append(&u->in, in) < 0) {
            proxy_fail(x, 502, "The console's answer has too large a head.", "response_head");
            return;
        }
        in = buf_view(&u->in);
    }
    bool kept = buf_len(&u->in) > 0;
    while (here(x) && p->state == PROXY_HEAD) {
        struct response r = {0};
        unsigned status;
        const char *why;
        int len = h1_head_find(in, &p->scanned, &response_limits, &status);
        if (len == 0)
            break;
        p->scanned = 0;
        if (len < 0 || h1_response_parse(span_sub(in, 0, (size_t)len), x->request.method, &x->arena,
                                         &r, &why) < 0) {
            proxy_fail(x, 502, "The console's answer is not well-formed.", "response_head");
            return;
        }
        in = span_sub(in, (size_t)len, SIZE_MAX);
        if (r.status < 200 && r.status != 101) {
            interim(x, &r);
            continue;
        }
        respond(x, &r, in);
        /* The connection may be idle in its pool by now, or gone. */
        if (x->upstream == u)
            buf_clear(&u->in);
        return;
    }
    if (!here(x) || x->upstream != u)
        return;
    if (kept)
        buf_consume(&u->in, buf_len(&u->in) - in.len);
    else if (buf_append(&u->in, in) < 0)
        proxy_fail(x, 502, "The console's answer has too large a head.", "response_head");
}

/* The upstream has said its last. rc: FAULT_CLOSED for an orderly end, else a reset. */
static void upstream_ended(struct exchange *x, int rc)
{
    struct proxy *p = x->proxy;
    if (p->state == PROXY_BODY) {
        if (p->down.framing == BODY_UNTIL_CLOSE && rc == FAULT_CLOSED) {
            buf_clear(&x->edge->build);
            if (p->chunk_down && h1_chunk_write(&x->edge->build, SPAN_NONE) < 0)
                x->edge->build.bad = true;
            push_down(x, SPAN_NONE);
            if (here(x))
                complete(x);
            return;
        }
        proxy_fail(x, 502, "The console's answer ended early.", "truncated");
        return;
    }
    bool repeat = may_repeat(x);
    /* A pooled connection may have been closed by the other side while our request was on its way.
     * That is nobody's fault. */
    if (repeat && x->upstream->reused && !p->retried) {
        p->retried = true;
        start_over(x);
        ask(x, true);
        return;
    }
    if (x->upstream->received)
        x->edge->count.upstream_failed++;
    else
        pool_says_down(
            x->upstream->pool,
            rc == FAULT_CLOSED ? "closed without an answer" : upstream_why(x->upstream, rc), false);
    if (repeat) {
        start_over(x);
        if (ask_another(x, true))
            return;
    }
    proxy_fail(x, 502, "The console closed the connection without an answer.", "closed");
}

static void pump_down(struct exchange *x)
{
    struct conn *c = x->conn;
    struct proxy *p = x->proxy;
    for (int i = 0; i < DOWN_ROUNDS; i++) {
        struct upstream *u = x->upstream;
        if (!here(x) || p->state == PROXY_CONNECT || conn_blocked(c))
            return;
        int n = upstream_read(u, x->edge->scratch, conn_room(c));
        if (n == 0)
            return;
        if (n < 0) {
            upstream_ended(x, n);
            return;
        }
        struct span in = span_of(x->edge->scratch, (size_t)n);
        if (p->state == PROXY_HEAD) {
            read_heads(x, in);
        } else {
            buf_clear(&x->edge->build);
            download(x, in);
        }
    }
    if (here(x) && x->upstream != NULL && x->upstream->readable && !conn_blocked(c))
        conn_again(c);
}

/* ---- the room ---- */

void proxy_enter(struct exchange *x)
{
    if (forward_loops(&x->request.headers, x->edge->via)) {
        answer_error(x, 508, "This request has passed through this gateway before.", "loop");
        return;
    }
    if (route_tells(x->route, "jwt") &&
        (facts_of(x) == NULL || given(x, facts_of(x)->assertion).len == 0)) {
        x->outcome = ACCESS_UNAVAILABLE;
        answer_error(x, 503, "The gateway can not vouch for anybody to this console now.",
                     "identity");
        return;
    }
    if (x->request.framing == BODY_LENGTH && exceeds(x, x->request.length)) {
        too_large(x);
        return;
    }
    struct proxy *p = arena_alloc(&x->arena, sizeof(*p));
    if (p == NULL) {
        answer_error(x, 503, "Out of memory.", "memory");
        return;
    }
    p->request_done = x->body.done;
    if (x->request.framing == BODY_CHUNKED ||
        (x->request.framing == BODY_LENGTH && x->request.length > BULK_MIN))
        conn_bulk(x->conn, true);
    p->private_peer = binds_connection(x) || x->route->kind == ROUTE_TCP;
    x->proxy = p;
    /* Without room they are dropped. */
    if (x->body.framing == BODY_CHUNKED)
        h1_body_keep(&x->body, arena_alloc(&x->arena, H1_TRAILERS_MAX));
    exchange_enter(x, EXCHANGE_PROXY);
    if (!ask_another(x, p->private_peer))
        proxy_fail(x, 502, "The console can not be reached.", "connect");
    conn_step(x->conn);
}

bool proxy_step(struct exchange *x)
{
    struct proxy *p = x->proxy;
    struct conn *c = x->conn;
    if (p->state == PROXY_CONNECT) {
        struct upstream *u = x->upstream;
        int rc = upstream_connected(u);
        if (rc < 0) {
            not_connected(x, u->pool, rc);
            return true;
        }
        if (rc > 0)
            send_request(x);
    } else {
        buf_clear(&x->edge->build);
        pump_up(x);
    }
    if (here(x))
        pump_down(x);
    if (here(x) && (p->request_done || p->upload_off || p->state == PROXY_CONNECT) &&
        conn_peek(c) < 0)
        conn_retire(c);
    return x->state != EXCHANGE_PROXY;
}

bool proxy_wants_client(const struct exchange *x)
{
    const struct proxy *p = x->proxy;
    if (p->state == PROXY_TUNNEL)
        return !p->up_closed && !upstream_blocked(x->upstream);
    if (!p->request_done && !p->upload_off && p->state != PROXY_CONNECT)
        return !upstream_blocked(x->upstream);
    return conn_may_peek(x->conn);
}

bool proxy_wants_upstream(const struct exchange *x)
{
    return x->proxy != NULL && !x->proxy->down_closed && !conn_blocked(x->conn);
}

enum conn_wait proxy_waits(const struct exchange *x)
{
    const struct proxy *p = x->proxy;
    switch (p->state) {
    case PROXY_CONNECT:
        return WAIT_CONNECT;
    case PROXY_HEAD:
        if (upstream_blocked(x->upstream))
            return WAIT_REQUEST;
        if (p->request_done || p->upload_off)
            return WAIT_RESPONSE;
        return x->request.expect_continue && !x->continued ? WAIT_CONTINUE : WAIT_BODY;
    case PROXY_BODY:
        break;
    case PROXY_TUNNEL:
        /* Half a tunnel is on its way out. */
        return p->websocket && (p->up_closed || p->down_closed) ? WAIT_BODY : WAIT_TUNNEL;
    }
    return WAIT_STREAM;
}
