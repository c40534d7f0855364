/* The connection is long because it is one thing: the order in which a client's bytes become
 * exchanges. Its invariants are in the header. */
#include "edge/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "edge/access.h"
#include "edge/client.h"
#include "edge/events.h"
#include "edge/h2.h"
#include "edge/listener.h"
#include "edge/proxy.h"
#include "edge/source.h"
#include "http/hygiene.h"

/* What a client that still sends may send while it is told that this is the end: closing at once
 * would reset the connection and destroy the answer on its way. */
#define LINGER_MAX (64u * 1024 * 1024)
#define LINGER_MS 30000u /* in all */
#define LINGER_ROUNDS 8

/* ---- states ---- */

#define TO(state) (1u << CONN_##state)

static const unsigned successors[] = {
    [CONN_HANDSHAKE] = TO(HEAD) | TO(MUX) | TO(CLOSING) | TO(CLOSED),
    [CONN_IDLE] = TO(HEAD) | TO(CLOSING) | TO(CLOSED),
    [CONN_HEAD] = TO(EXCHANGE) | TO(CLOSING) | TO(CLOSED),
    [CONN_EXCHANGE] = TO(IDLE) | TO(DISCARD) | TO(CLOSING) | TO(CLOSED),
    [CONN_DISCARD] = TO(IDLE) | TO(CLOSING) | TO(CLOSED),
    [CONN_MUX] = TO(CLOSING) | TO(CLOSED),
    [CONN_CLOSING] = TO(LINGER) | TO(CLOSED),
    [CONN_LINGER] = TO(CLOSED),
    [CONN_CLOSED] = 0,
};

static void enter(struct conn *c, enum conn_state next)
{
    assert((successors[c->state] & 1u << next) != 0);
    c->state = next;
    c->waits_since = edge_now(c->edge);
}

struct span conn_fingerprint(const struct conn *c)
{
    const SSL *ssl = c->carrier != NULL ? c->carrier->wire.ssl : c->wire.ssl;
    const struct ja4 *ja4 = ssl == NULL ? NULL : tls_fingerprint(ssl);
    return ja4 == NULL ? SPAN_NONE : span_str(ja4->same);
}

void conn_progress(struct conn *c)
{
    c->waits_since = edge_now(c->edge);
}

static void on_busy(uv_idle_t *handle)
{
    struct edge *e = handle->data;
    conns_again(e);
    if (list_empty(&e->again))
        (void)uv_idle_stop(handle);
}

void conn_again(struct conn *c)
{
    if (!list_empty(&c->again))
        return;
    list_push(&c->edge->again, &c->again);
    (void)uv_idle_start(&c->edge->busy, on_busy);
}

/* ---- ends ---- */

static void on_conn_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    struct edge *e = c->edge;
    (void)close(c->wire.fd);
    listener_leave(c->listener);
    client_free(c->client);
    demands_unref(c->demands);
    buf_fini(&c->in);
    free(c);
    e->conn_count--;
    edge_drained(e);
}

static void end(struct conn *c)
{
    struct edge *e = c->edge;
    if (c->state == CONN_CLOSED)
        return;
    if (c->state == CONN_EXCHANGE && c->exchange != NULL && c->exchange->state != EXCHANGE_DONE)
        e->count.client_gone++;
    enter(c, CONN_CLOSED);
    if (c->exchange != NULL)
        exchange_retire(c->exchange);
    c->exchange = NULL;
    deadline_clear(&e->deadlines, &c->deadline);
    list_remove(&c->link);
    list_remove(&c->again);
    pressure_leave(c);
    if (c->carrier != NULL) {
        h2_stream_end(c);
        return;
    }
    h2_close(c);
    source_leave(e, c->source);
    wire_fini(&c->wire);
    uv_close((uv_handle_t *)&c->watch.poll, on_conn_closed);
}

void conn_retire(struct conn *c)
{
    c->doomed = true;
    if (!c->stepping)
        end(c);
}

void conn_drain(struct conn *c)
{
    if (c->state == CONN_MUX)
        h2_drain(c);
    else if (c->state == CONN_IDLE || (c->state == CONN_HEAD && buf_len(&c->in) == 0))
        conn_step(c);
}

/* ---- steps: each returns whether it changed something that allows another ---- */

/* Somebody typed http:// before a port of TLS. One line helps him; nothing is read of what he
 * asked, and he is not led elsewhere, because nobody knows the name that he used. */
static bool step_not_tls(struct conn *c)
{
    static const char SAYS[] = "HTTP/1.1 400 Bad Request\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: 39\r\n"
                               "Connection: close\r\n\r\n"
                               "This port speaks HTTPS: use https://.\r\n";
    c->edge->count.handshakes_failed++;
    wire_clear(&c->wire);
    if (wire_write(&c->wire, span_str(SAYS)) < 0) {
        conn_retire(c);
        return false;
    }
    enter(c, CONN_CLOSING);
    return true;
}

/* On a plain listener: TLS or not? False: the connection waits, or has ended. */
static bool sniffed(struct conn *c)
{
    switch (wire_sniff(&c->wire)) {
    case WIRE_SILENT:
        c->wire.readable = false;
        return false;
    case WIRE_GONE:
        conn_retire(c);
        return false;
    case WIRE_TEXT:
        wire_clear(&c->wire);
        break;
    case WIRE_TLS:
        break;
    }
    c->sniff = false;
    return true;
}

static bool step_handshake(struct conn *c)
{
    struct edge *e = c->edge;
    if (c->sniff && !sniffed(c))
        return false;
    if (c->wire.ssl == NULL) {
        enter(c, CONN_HEAD);
        return true;
    }
    int rc = wire_handshake(&c->wire);
    if (rc == 0)
        return false;
    if (rc == FAULT_FORMAT)
        return step_not_tls(c);
    if (rc < 0) {
        e->count.handshakes_failed++;
        if (e->signer.broken)
            control_signer_lost(e);
        conn_retire(c);
        return false;
    }
    if (client_new(c->wire.ssl, c->demands, &c->client) < 0) {
        e->count.handshakes_failed++;
        conn_retire(c);
        return false;
    }
    e->count.handshakes++;
    if (!tls_is_h2(c->wire.ssl)) {
        enter(c, CONN_HEAD);
        return true;
    }
    if (h2_open(c) < 0) {
        conn_retire(c);
        return false;
    }
    enter(c, CONN_MUX);
    if (e->phase == EDGE_DRAINING)
        h2_drain(c);
    return true;
}

/* Refused before anybody asks who it is. */
bool conn_refuse(struct exchange *x, unsigned status, const char *why, const char *detail)
{
    x->outcome = ACCESS_MALFORMED;
    x->close = true;
    x->edge->count.malformed++;
    answer_error(x, status, why, detail);
    return true;
}

/* The head has been read: fault, status and why say how that went. Always true. */
static bool judge(struct exchange *x, int fault, unsigned status, const char *why)
{
    if (fault < 0)
        return conn_refuse(x, status >= 400 ? status : 400, why, "malformed");
    x->clean = hygiene_connection_ok(&x->request.headers);
    if (!x->clean)
        return conn_refuse(x, 400, "The Connection header names headers that it may not name.",
                           "connection");
    if (span_is(x->request.method, "CONNECT") || span_is(x->request.method, "TRACE"))
        return conn_refuse(x, 405, "This method is not served.", "method");
    exchange_enter(x, EXCHANGE_GATE);
    gate_enter(x);
    return true;
}

static bool begin(struct conn *c, struct span head, int fault, unsigned status)
{
    const struct limits *limits = &c->edge->generation->snapshot->limits;
    const struct h1_limits h1 = {limits->header_bytes, limits->header_count};
    const char *why = "The request is not well-formed HTTP/1.1.";
    struct exchange *x = exchange_new(c);
    if (x == NULL) {
        conn_retire(c);
        return false;
    }
    size_t used = head.len;
    if (fault == 0)
        fault = h1_request_parse(head, &h1, &x->arena, &x->request, &status, &why);
    else
        used = c->held.len;
    c->scanned = 0;
    c->exchange = x;
    enter(c, CONN_EXCHANGE);
    if (conn_used(c, used) < 0) {
        conn_retire(c);
        return false;
    }
    if (fault < 0)
        x->request = (struct request){0};
    else
        h1_body_init(&x->body, x->request.framing, x->request.length);
    return judge(x, fault, status, why);
}

/* A stream's request, which the session has read already. */
static bool begin_stream(struct conn *c)
{
    struct exchange *x = c->exchange;
    struct h2_stream *s = h2_stream_of(c);
    struct request *r = &x->request;
    if (s->malformed) {
        x->outcome = ACCESS_MALFORMED;
        x->status = s->status;
        c->edge->count.malformed++;
        exchange_enter(x, EXCHANGE_ANSWER);
        conn_retire(c);
        return false;
    }
    if (s->status != 0) {
        /* The method still says whether the answer may have a body. */
        *r = (struct request){.method = span_is(r->method, "HEAD") ? r->method : SPAN_NONE,
                              .h2 = true};
        return judge(x, FAULT_FORMAT, s->status, s->why);
    }
    /* The frames are off: what arrives are the body's bytes. */
    h1_body_init(&x->body, r->framing == BODY_CHUNKED ? BODY_UNTIL_CLOSE : r->framing, r->length);
    if (!h2_may_serve(s->h2, r->host)) {
        x->clean = true;
        x->outcome = ACCESS_DENIED;
        answer_error(x, 421, "This connection was made for another name.", "host");
        return true;
    }
    return judge(x, 0, 0, "");
}

static bool step_head(struct conn *c)
{
    struct span in;
    unsigned status = 400;
    if (wire_blocked(&c->wire))
        return false;
    if (c->edge->phase == EDGE_DRAINING && edge_now(c->edge) >= c->edge->idle_until &&
        buf_len(&c->in) == 0) {
        enter(c, CONN_CLOSING);
        return true;
    }
    int rc = conn_input(c, &in);
    if (rc == 0)
        return false;
    /* Who closed the whole connection hears no farewell. */
    if (rc == FAULT_CLOSED && c->state == CONN_IDLE && !c->wire.broken && !c->wire.fin) {
        enter(c, CONN_CLOSING);
        return true;
    }
    if (rc < 0) {
        conn_retire(c);
        return false;
    }
    if (c->state == CONN_IDLE)
        enter(c, CONN_HEAD);
    const struct limits *limits = &c->edge->generation->snapshot->limits;
    const struct h1_limits h1 = {limits->header_bytes, limits->header_count};
    int len = h1_head_find(in, &c->scanned, &h1, &status);
    if (len != 0)
        return begin(c, span_sub(in, 0, len > 0 ? (size_t)len : in.len), len < 0 ? len : 0, status);
    c->more = true;
    if (conn_used(c, 0) < 0) {
        conn_retire(c);
        return false;
    }
    return true;
}

/* ---- the exchange ---- */

static bool finish(struct conn *c)
{
    struct exchange *x = c->exchange;
    bool close = x->close;
    if (c->carrier != NULL) {
        c->exchange = NULL;
        exchange_retire(x);
        enter(c, CONN_CLOSING);
        h2_stream_done(c);
        return true;
    }
    if (x->request.framing != BODY_NONE)
        conn_bulk(c, false);
    c->rest = x->body;
    /* Its room ends with the exchange. */
    h1_body_keep(&c->rest, NULL);
    c->exchange = NULL;
    exchange_retire(x);
    if (close)
        enter(c, CONN_CLOSING);
    else if (!c->rest.done)
        enter(c, CONN_DISCARD);
    else
        enter(c, CONN_IDLE);
    c->limit = close ? LINGER_MAX : CONN_DISCARD_MAX;
    if (c->state == CONN_IDLE)
        buf_release_idle(&c->in);
    return true;
}

static bool step_exchange(struct conn *c)
{
    struct exchange *x = c->exchange;
    switch (x->state) {
    case EXCHANGE_HEAD:
        if (c->carrier != NULL)
            return begin_stream(c);
        break;
    case EXCHANGE_GATE:
    case EXCHANGE_ASKING:
    case EXCHANGE_ANSWER:
        break;
    case EXCHANGE_COLLECT:
        return collect_step(x);
    case EXCHANGE_PROXY:
        return proxy_step(x);
    case EXCHANGE_TUNNEL:
        return tunnel_step(x);
    case EXCHANGE_EVENTS:
        events_step(x);
        return false;
    case EXCHANGE_DONE:
        return finish(c);
    }
    if (conn_peek(c) < 0)
        conn_retire(c);
    return false;
}

static bool step_discard(struct conn *c)
{
    struct span in, data;
    int rc = conn_input(c, &in);
    if (rc == 0)
        return false;
    if (rc < 0) {
        conn_retire(c);
        return false;
    }
    conn_progress(c);
    struct span rest = in;
    while (rc >= 0 && !c->rest.done && rest.len > 0)
        rc = h1_body_feed(&c->rest, &rest, &data);
    size_t used = in.len - rest.len;
    if (conn_used(c, used) < 0) {
        conn_retire(c);
        return false;
    }
    if (rc < 0 || used > c->limit) {
        c->limit = LINGER_MAX;
        enter(c, CONN_CLOSING);
        return true;
    }
    c->limit -= used;
    if (c->rest.done) {
        enter(c, CONN_IDLE);
        buf_release_idle(&c->in);
    }
    return true;
}

/* What is still unsent goes out, then "that was all", then the client has its time to hear it. */
static bool step_closing(struct conn *c)
{
    /* A stream ends when its session has sent all. */
    if (c->carrier != NULL)
        return false;
    wire_close_notify(&c->wire);
    if (wire_flush(&c->wire) != 0) {
        if (c->wire.broken)
            conn_retire(c);
        return false;
    }
    if (!c->wire.fin)
        (void)shutdown(c->wire.fd, SHUT_WR);
    if (c->wire.eof) {
        conn_retire(c);
        return false;
    }
    if (c->limit == 0)
        c->limit = LINGER_MAX;
    c->lingers_until = edge_now(c->edge) + LINGER_MS;
    enter(c, CONN_LINGER);
    return true;
}

/* The bytes are not even decrypted. */
static bool step_linger(struct conn *c)
{
    /* A few reads; what is left makes another event. */
    for (int i = 0; i < LINGER_ROUNDS && c->wire.readable; i++) {
        ssize_t n = recv(c->wire.fd, c->edge->scratch, EDGE_SCRATCH, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            c->wire.readable = false;
            break;
        }
        if (n <= 0 || (uint64_t)n >= c->limit || edge_now(c->edge) > c->lingers_until) {
            conn_retire(c);
            break;
        }
        c->limit -= (uint64_t)n;
        conn_progress(c);
        c->wire.readable = (size_t)n == EDGE_SCRATCH;
    }
    return false;
}

static bool step_closed(struct conn *c)
{
    (void)c;
    return false;
}

static bool (*const steps[])(struct conn *c) = {
    [CONN_HANDSHAKE] = step_handshake, [CONN_IDLE] = step_head,       [CONN_HEAD] = step_head,
    [CONN_EXCHANGE] = step_exchange,   [CONN_DISCARD] = step_discard, [CONN_CLOSING] = step_closing,
    [CONN_LINGER] = step_linger,       [CONN_CLOSED] = step_closed,   [CONN_MUX] = h2_step,
};

void conn_step(struct conn *c)
{
    if (c->stepping) {
        c->restep = true;
        return;
    }
    if (c->state == CONN_CLOSED)
        return;
    c->stepping = true;
    if (wire_blocked(&c->wire))
        wire_push(&c->wire);
    do
        c->restep = false;
    while (!c->doomed && (steps[c->state](c) || c->restep));
    if (conn_flush(c) < 0)
        c->doomed = true;
    c->stepping = false;
    if (c->doomed)
        end(c);
    else
        conn_derive(c);
}

void conns_again(struct edge *e)
{
    /* One round: who asks again while it runs comes in the next, after the loop has looked around.
     */
    struct list ring;
    list_init(&ring);
    while (!list_empty(&e->again)) {
        struct list *node = e->again.next;
        list_remove(node);
        list_push(&ring, node);
    }
    while (!list_empty(&ring)) {
        struct conn *c = container_of(ring.next, struct conn, again);
        list_remove(&c->again);
        conn_step(c);
    }
}

/* ---- events ---- */

static void on_conn_poll(uv_poll_t *handle, int status, int events)
{
    struct conn *c = handle->data;
    watch_fired(&c->watch, status, events);
    if (status < 0 || (events & UV_READABLE) != 0)
        c->wire.readable = true;
    conn_step(c);
}

static void on_conn_due(struct deadline *d)
{
    struct conn *c = container_of(d, struct conn, deadline);
    struct exchange *x = c->exchange;
    if (c->state == CONN_MUX) {
        h2_overdue(c);
        return;
    }
    if (conn_keeps_pace(c))
        return;
    c->edge->count.timeouts++;
    if (c->carrier != NULL && c->wait == WAIT_WRITE)
        h2_charge(c->carrier->h2, H2_COST_STALL);
    switch (c->wait) {
    case WAIT_IDLE:
        c->edge->count.timeouts--;
        enter(c, CONN_CLOSING);
        conn_step(c);
        return;
    case WAIT_BODY:
        if (c->state != CONN_EXCHANGE || x->state == EXCHANGE_TUNNEL || x->status != 0)
            break;
        x->outcome = ACCESS_LIMIT;
        x->close = true;
        answer_error(x, 408, "The request body did not arrive in time.", "body_timeout");
        return;
    case WAIT_CONTINUE:
        /* Many servers never say 100: they read on (RFC 9110 section 10.1.1), and so may the
         * client. */
        c->edge->count.timeouts--;
        (void)collect_ask(x);
        conn_step(c);
        return;
    case WAIT_CONNECT:
    case WAIT_REQUEST:
    case WAIT_RESPONSE:
    case WAIT_STREAM:
    case WAIT_TUNNEL:
        proxy_timeout(x, c->wait);
        return;
    case WAIT_EVENTS:
        c->edge->count.timeouts--;
        conn_step(c);
        return;
    case WAIT_KEEPER:
        x->outcome = ACCESS_UNAVAILABLE;
        answer_error(x, 503, "The service did not decide in time.", "keeper");
        return;
    case WAIT_NONE:
    case WAIT_HANDSHAKE:
    case WAIT_HEAD:
    case WAIT_WRITE:
    case WAIT_LINGER:
        break;
    }
    conn_retire(c);
}

void conn_close(struct conn *c)
{
    h2_close(c);
    c->limit = LINGER_MAX;
    enter(c, CONN_CLOSING);
}

void conn_init_stream(struct conn *c, struct conn *carrier)
{
    c->edge = carrier->edge;
    c->carrier = carrier;
    c->listener = carrier->listener;
    c->addr = carrier->addr;
    memcpy(c->interface, carrier->interface, sizeof(c->interface));
    c->zones = carrier->zones;
    c->zones_serial = carrier->zones_serial;
    c->state = CONN_EXCHANGE;
    c->waits_since = edge_now(c->edge);
    deadline_init(&c->deadline, on_conn_due);
    list_init(&c->again);
    list_init(&c->spare);
    list_init(&c->link);
}

void conn_open(struct edge *e, int fd, const struct arrived *who, struct listener *l,
               struct source *source)
{
    struct conn *c = calloc(1, sizeof(*c));
    const struct listener_def *def = listener_def(l);
    if (c == NULL || wire_init(&c->wire, e->tls, fd, &e->stage) < 0) {
        free(c);
        goto refused;
    }
    bool companion = def != NULL && def->kind == LISTENER_PLAIN;
    struct demands *demands = def == NULL ? NULL : generation_demands_of(e->generation, def);
    if ((def != NULL && def->http2 && !companion && tls_offer_h2(c->wire.ssl) < 0) ||
        demands_watch(c->wire.ssl, demands) < 0 ||
        watch_init(&c->watch, e->loop, fd, on_conn_poll, c) < 0) {
        wire_fini(&c->wire);
        free(c);
        goto refused;
    }
    c->edge = e;
    /* The contexts begin at TLS 1.3; what is older is let in connection by connection. */
    if (listener_def(l)->min_tls == TLS_FLOOR_12)
        (void)SSL_set_min_proto_version(c->wire.ssl, TLS1_2_VERSION);
    c->companion = c->sniff = companion;
    c->demands = demands_ref(demands);
    c->listener = l;
    listener_join(l);
    c->source = source;
    c->addr = who->addr;
    memcpy(c->interface, who->interface, sizeof(c->interface));
    c->state = CONN_HANDSHAKE;
    c->waits_since = edge_now(e);
    buf_init(&c->in, e->generation->snapshot->limits.header_bytes + EDGE_SCRATCH + CONN_PEEK_MAX);
    deadline_init(&c->deadline, on_conn_due);
    list_init(&c->again);
    list_init(&c->spare);
    list_push(&e->conns, &c->link);
    e->conn_count++;
    conn_derive(c);
    return;
refused:
    source_leave(e, source);
    (void)close(fd);
}
