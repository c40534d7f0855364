/* The session of a connection: what nghttp2 tells, what it costs, and when it is sent. */
#include "edge/h2.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/fault.h"
#include "edge/listener.h"

/* Reads of the socket in one step; then the others get their turn. */
#define ROUNDS 4
/* Plain text that leaves in one step. */
#define SEND_MAX (256u * 1024)
#define GATHER (64u * 1024)
/* Field sections this many times larger than allowed end the connection: HPACK makes kilobytes of
 * every byte, and an answer of 431 would cost us more than them. */
#define BOMB 4u
/* A drained client hears first that the end is near, then which stream was the last: requests on
 * their way in between are served. */
#define FAREWELL_MS 1000u
/* Answers to PING and SETTINGS that wait at once. */
#define ACKS_MAX 256u
#define SETTINGS_ENTRIES_MAX 16u
/* RFC 9113 section 4.1. */
#define FRAME_HEAD 9u

struct h2_shared {
    struct edge *edge;
    uv_prepare_t prepare; /* active while `unsent` or `dead` is not empty */
    struct list unsent;   /* struct h2 */
    struct list dead;     /* struct h2_stream by its ready */
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    uint8_t *gather; /* frames of one connection on their way to TLS records */
    size_t gathered;
};

/* ---- before the loop sleeps ---- */

static void free_dead(struct h2_shared *w)
{
    while (!list_empty(&w->dead)) {
        struct h2_stream *s = container_of(w->dead.next, struct h2_stream, ready);
        list_remove(&s->ready);
        free(s);
    }
}

static void on_prepare(uv_prepare_t *handle)
{
    struct h2_shared *w = handle->data;
    while (!list_empty(&w->unsent)) {
        struct h2 *h2 = container_of(w->unsent.next, struct h2, unsent);
        list_remove(&h2->unsent);
        conn_step(h2->conn);
    }
    free_dead(w);
    (void)uv_prepare_stop(handle);
}

void h2_touch(struct h2 *h2)
{
    struct h2_shared *w = h2->conn->edge->h2;
    if (h2->conn->stepping || !list_empty(&h2->unsent))
        return;
    list_push(&w->unsent, &h2->unsent);
    (void)uv_prepare_start(&w->prepare, on_prepare);
}

void h2_bury(struct edge *e, struct h2_stream *s)
{
    list_push(&e->h2->dead, &s->ready);
    (void)uv_prepare_start(&e->h2->prepare, on_prepare);
}

/* ---- what it costs ---- */

static void calm(struct h2 *h2)
{
    if (h2->ending)
        return;
    h2->ending = true;
    h2->conn->edge->count.h2_calmed++;
    if (nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM) != 0)
        h2->conn->doomed = true;
}

void h2_charge(struct h2 *h2, uint32_t cost)
{
    if (!h2_budget_spend(&h2->budget, edge_now(h2->conn->edge), cost))
        calm(h2);
}

/* ---- what comes ---- */

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

/* What a callback answers: nothing more is read once the end is decided. */
static int go_on(const struct h2 *h2)
{
    return h2->ending ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void reset(struct h2 *h2, int32_t id, uint32_t code)
{
    if (nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, id, code) != 0)
        h2->conn->doomed = true;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h2 = user;
    (void)session;
    (void)frame;
    const struct limits *l = &h2->conn->edge->generation->snapshot->limits;
    const struct h1_limits limits = {l->header_bytes, l->header_count};
    h2_head_begin(&h2->head, &limits);
    h2->head_since = edge_now(h2->conn->edge);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    struct h2 *h2 = user;
    (void)session;
    (void)frame;
    (void)flags;
    h2_head_add(&h2->head, span_of(name, name_len), span_of(value, value_len));
    if (h2->head.bytes > (uint64_t)BOMB * h2->head.limits.head_bytes)
        calm(h2);
    return go_on(h2);
}

static void request_came(struct h2 *h2, int32_t id, bool end)
{
    h2->begun = true;
    /* The client takes none of its answers: it may ask again when it has. */
    if (h2->held > H2_HELD_MAX) {
        reset(h2, id, NGHTTP2_REFUSED_STREAM);
        return;
    }
    struct h2_stream *s = h2_stream_new(h2, id, end);
    if (s == NULL || nghttp2_session_set_stream_user_data(h2->session, id, s) != 0) {
        reset(h2, id, NGHTTP2_REFUSED_STREAM);
        if (s != NULL)
            conn_retire(&s->conn);
        return;
    }
    h2_stream_wake(s);
}

/* The request turns out malformed after it has begun: nobody sees more of it. */
static void spoil(struct h2 *h2, struct h2_stream *s)
{
    s->malformed = s->spoiled = true;
    h2->conn->edge->count.malformed++;
    if (s->conn.exchange != NULL)
        s->conn.exchange->outcome = ACCESS_MALFORMED;
    h2_charge(h2, H2_COST_RESET);
    h2_stream_wake(s);
}

/* The request is complete. Too little of a body is no body (RFC 9113 section 8.1.1). */
static void request_ended(struct h2 *h2, struct h2_stream *s)
{
    if (s->length != UINT64_MAX && s->received != s->length) {
        spoil(h2, s);
        return;
    }
    s->ended = true;
    h2_stream_wake(s);
}

static int keep_trailers(struct h2 *h2, struct h2_stream *s)
{
    struct exchange *x = s->conn.exchange;
    struct buf lines;
    if (x == NULL)
        return 0;
    buf_init(&lines, H1_TRAILERS_MAX);
    int rc = h2_trailers_lines(&h2->head, &lines);
    if (rc == 0)
        s->trailers = arena_copy(&x->arena, buf_view(&lines));
    buf_fini(&lines);
    return rc;
}

static void headers_came(struct h2 *h2, const nghttp2_headers *f)
{
    bool end = (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    h2->head_since = 0;
    if (f->cat == NGHTTP2_HCAT_REQUEST) {
        request_came(h2, f->hd.stream_id, end);
        return;
    }
    struct h2_stream *s = stream_of(h2->session, f->hd.stream_id);
    if (s == NULL)
        return;
    if (!end || !h2_trailers_ok(&h2->head) || keep_trailers(h2, s) < 0)
        spoil(h2, s);
    else
        request_ended(h2, s);
}

/* There is more room: those that wait for it work before it is used, so that what they have left
 * over leaves together with what follows, not in a frame of its own. */
static void unstick(struct h2 *h2)
{
    list_each(it, &h2->stuck) h2_stream_wake(container_of(it, struct h2_stream, stuck));
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h2 = user;
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    struct h2_stream *s;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        headers_came(h2, &frame->headers);
        break;
    case NGHTTP2_DATA:
        if (frame->hd.length == frame->data.padlen && !end)
            h2_charge(h2, H2_COST_FRAME);
        s = end ? stream_of(session, frame->hd.stream_id) : NULL;
        if (s != NULL)
            request_ended(h2, s);
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
            h2->hello_since = 0;
        else
            unstick(h2);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        s = stream_of(session, frame->hd.stream_id);
        if (frame->hd.stream_id == 0)
            unstick(h2);
        else if (s != NULL && !list_empty(&s->stuck))
            h2_stream_wake(s);
        break;
    case NGHTTP2_RST_STREAM:
        h2_charge(h2, H2_COST_RESET);
        s = stream_of(session, frame->hd.stream_id);
        if (s != NULL)
            s->gone = true;
        break;
    default:
        break;
    }
    return go_on(h2);
}

/* Part of a request body. False: it is not kept. */
static bool keep_data(struct h2 *h2, struct h2_stream *s, struct span data)
{
    s->received += data.len;
    if (s->received > s->length) {
        spoil(h2, s);
        return false;
    }
    if (s->conn.exchange == NULL) {
        s->dropped += data.len;
        if (s->over && s->dropped > H2_DISCARD_MAX)
            reset(h2, s->id, NGHTTP2_NO_ERROR);
        return false;
    }
    if (s->status != 0)
        return false;
    if (buf_append(&s->conn.in, data) == 0)
        return true;
    spoil(h2, s);
    return false;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *at,
                   size_t len, void *user)
{
    struct h2 *h2 = user;
    struct h2_stream *s = stream_of(session, id);
    (void)flags;
    if (s != NULL && !s->spoiled && keep_data(h2, s, span_of(at, len))) {
        h2_stream_wake(s);
        return 0;
    }
    /* Nobody will read it, but others wait for the room that it takes. */
    return nghttp2_session_consume(session, id, len) < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct h2_stream *s = stream_of(session, id);
    struct h2 *h2 = user;
    (void)code;
    /* A request that was refused before it became a stream of ours was ended by us. */
    size_t slot = (size_t)id / 2 % H2_ENDED;
    h2->ended[slot].id = id;
    h2->ended[slot].by_client = s != NULL && (s->ended || s->gone);
    if (s == NULL)
        return 0;
    s->closed = true;
    h2_stream_wake(s);
    return 0;
}

/* ---- what goes ---- */

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h2 = user;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        uint32_t code = frame->rst_stream.error_code;
        h2->conn->edge->count.h2_resets++;
        /* Of ours, those that say who is to blame. */
        if (code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR && code != NGHTTP2_CANCEL)
            h2_charge(h2, H2_COST_RESET);
        return 0;
    }
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    h2_budget_earn(&h2->budget, H2_EARN_EXCHANGE);
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    if (s == NULL)
        return 0;
    s->over = s->conn.exchange == NULL;
    uint64_t rest = s->length == UINT64_MAX ? 0 : s->length - s->received;
    /* The answer is complete, and the rest of the request is of no use (RFC 9113 section 8.1). */
    if (s->over && !s->ended && s->dropped + rest > H2_DISCARD_MAX)
        reset(h2, s->id, NGHTTP2_NO_ERROR);
    return 0;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *into, size_t cap,
                       uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_stream *s = stream_of(session, id);
    (void)into;
    (void)source;
    (void)user;
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t have = buf_len(&s->out) + s->direct.len;
    if (have == 0 && !s->fin) {
        s->asleep = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    s->dribbles = have > cap && cap < H2_DRIBBLE;
    if (have <= cap && s->fin) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (h2_stream_submit_tail(s))
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
    return (ssize_t)(have < cap ? have : cap);
}

nghttp2_data_provider h2_source(void)
{
    return (nghttp2_data_provider){.read_callback = on_read};
}

/* Into TLS records that are full, however the frames lie. */
static void flush_gather(struct h2 *h2)
{
    struct h2_shared *w = h2->conn->edge->h2;
    if (w->gathered > 0 && wire_write(&h2->conn->wire, span_of(w->gather, w->gathered)) < 0)
        h2->conn->doomed = true;
    w->gathered = 0;
}

static void gather(struct h2 *h2, struct span bytes)
{
    struct h2_shared *w = h2->conn->edge->h2;
    while (bytes.len > 0) {
        struct span part = span_sub(bytes, 0, GATHER - w->gathered);
        memcpy(w->gather + w->gathered, part.at, part.len);
        w->gathered += part.len;
        bytes = span_sub(bytes, part.len, SIZE_MAX);
        if (w->gathered == GATHER)
            flush_gather(h2);
    }
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t len, nghttp2_data_source *source, void *user)
{
    struct h2 *h2 = user;
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    (void)source;
    if (s == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    gather(h2, span_of(head, FRAME_HEAD));
    struct span part = span_sub(buf_view(&s->out), 0, len);
    gather(h2, part);
    buf_consume(&s->out, part.len);
    h2->held -= part.len;
    gather(h2, span_sub(s->direct, 0, len - part.len));
    s->direct = span_sub(s->direct, len - part.len, SIZE_MAX);
    s->sent += len;
    if (!s->dribbles)
        h2_budget_earn(&h2->budget, H2_EARN_DATA);
    if (!list_empty(&s->stuck) && buf_len(&s->out) == 0) {
        list_remove(&s->stuck);
        h2_stream_wake(s);
    }
    return h2->conn->doomed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* What the session has to say, until it has no more or the client takes no more. */
static void drain_session(struct h2 *h2)
{
    struct conn *c = h2->conn;
    size_t sent = 0;
    while (!c->doomed && !wire_blocked(&c->wire)) {
        const uint8_t *at;
        ssize_t n = nghttp2_session_mem_send(h2->session, &at);
        if (n < 0)
            c->doomed = true;
        if (n <= 0)
            break;
        gather(h2, span_of(at, (size_t)n));
        sent += (size_t)n;
        if (sent > SEND_MAX) {
            conn_again(c);
            break;
        }
    }
    flush_gather(h2);
}

void h2_send(struct h2 *h2)
{
    list_each(it, &h2->written)
    {
        struct h2_stream *s = container_of(it, struct h2_stream, written);
        h2_stream_submit(s);
        if (s->asleep && (buf_len(&s->out) + s->direct.len > 0 || s->fin)) {
            s->asleep = false;
            if (nghttp2_session_resume_data(h2->session, s->id) != 0)
                s->asleep = true;
        }
    }
    drain_session(h2);
    while (!list_empty(&h2->written)) {
        struct h2_stream *s = container_of(h2->written.next, struct h2_stream, written);
        list_remove(&s->written);
        if (buf_len(&s->out) + s->direct.len > 0 && list_empty(&s->stuck))
            list_push(&h2->stuck, &s->stuck);
    }
}

/* ---- the carrier ---- */

static int hello(struct h2 *h2)
{
    const struct limits *l = &h2->conn->edge->generation->snapshot->limits;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->http2_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, l->header_bytes},
        /* RFC 9218: the dependency trees of old are work for us and of no use to anybody. */
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    if (nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, entries, countof(entries)) != 0 ||
        nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, H2_WINDOW) != 0)
        return -ENOMEM;
    return 0;
}

int h2_open(struct conn *c)
{
    struct h2_shared *w = c->edge->h2;
    struct h2 *h2 = calloc(1, sizeof(*h2));
    if (h2 == NULL)
        return -ENOMEM;
    h2->conn = c;
    /* The client's first bytes look like no frame (RFC 9113 section 3.4). */
    h2->frame_left = sizeof(NGHTTP2_CLIENT_MAGIC) - 1;
    h2_head_init(&h2->head);
    list_init(&h2->streams);
    list_init(&h2->ready);
    list_init(&h2->written);
    list_init(&h2->stuck);
    list_init(&h2->unsent);
    h2->hello_since = h2->idle_since = edge_now(c->edge);
    h2_budget_init(&h2->budget, h2->idle_since);
    c->h2 = h2;
    if (nghttp2_session_server_new2(&h2->session, w->callbacks, h2, w->option) != 0 ||
        hello(h2) < 0) {
        h2_close(c);
        return -ENOMEM;
    }
    c->edge->count.h2_connections++;
    return 0;
}

void h2_close(struct conn *c)
{
    struct h2 *h2 = c->h2;
    if (h2 == NULL)
        return;
    h2->ending = true;
    while (!list_empty(&h2->streams))
        conn_retire(container_of(h2->streams.next, struct conn, link));
    list_remove(&h2->unsent);
    nghttp2_session_del(h2->session);
    h2_head_fini(&h2->head);
    c->h2 = NULL;
    free(h2);
}

static void work(struct h2 *h2)
{
    while (!list_empty(&h2->ready) && !h2->conn->doomed) {
        struct h2_stream *s = container_of(h2->ready.next, struct h2_stream, ready);
        list_remove(&s->ready);
        if (s->closed || s->spoiled)
            conn_retire(&s->conn);
        else
            conn_step(&s->conn);
    }
}

/* What nghttp2 lets pass because it forgets streams that have ended (RFC 9113 section 5.1): a
 * client that goes on with what it has ended itself, or begins what it has skipped. What is on its
 * way when we end a stream is innocent. */
static uint32_t frame_fault(const struct h2 *h2, uint8_t type, int32_t id)
{
    if (type == NGHTTP2_PRIORITY && id == 0)
        return NGHTTP2_PROTOCOL_ERROR;
    if ((type != NGHTTP2_HEADERS && type != NGHTTP2_DATA) || id % 2 == 0 ||
        id > nghttp2_session_get_last_proc_stream_id(h2->session) ||
        nghttp2_session_find_stream(h2->session, id) != NULL)
        return NGHTTP2_NO_ERROR;
    size_t slot = (size_t)id / 2 % H2_ENDED;
    if (h2->ended[slot].id == id)
        return h2->ended[slot].by_client ? NGHTTP2_STREAM_CLOSED : NGHTTP2_NO_ERROR;
    return h2->ended[slot].id < id ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_NO_ERROR;
}

/* A frame begins; all before it has been read. */
static void frame_begins(struct h2 *h2, const uint8_t head[FRAME_HEAD])
{
    int32_t id = (int32_t)((uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
                           (uint32_t)head[7] << 8 | head[8]);
    h2->frame_left = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
    if (head[3] != NGHTTP2_HEADERS && head[3] != NGHTTP2_DATA)
        h2_charge(h2, H2_COST_FRAME);
    uint32_t fault = frame_fault(h2, head[3], id);
    if (fault == NGHTTP2_NO_ERROR || h2->ending)
        return;
    h2->ending = true;
    if (nghttp2_session_terminate_session(h2->session, fault) != 0)
        h2->conn->doomed = true;
}

/* How many of the bytes belong to the present frame; looks at its head when that is complete. */
static size_t frame_part(struct h2 *h2, struct span bytes)
{
    size_t len = 0;
    if (h2->frame_left == 0) {
        len = FRAME_HEAD - h2->frame_have < bytes.len ? FRAME_HEAD - h2->frame_have : bytes.len;
        memcpy(h2->frame_head + h2->frame_have, bytes.at, len);
        h2->frame_have += (uint8_t)len;
        if (h2->frame_have < FRAME_HEAD)
            return len;
        h2->frame_have = 0;
        frame_begins(h2, h2->frame_head);
    }
    size_t rest = bytes.len - len < h2->frame_left ? bytes.len - len : h2->frame_left;
    h2->frame_left -= (uint32_t)rest;
    return len + rest;
}

static void feed(struct h2 *h2, struct span bytes)
{
    while (bytes.len > 0 && !h2->ending) {
        size_t len = frame_part(h2, bytes);
        if (h2->ending)
            return;
        ssize_t n = nghttp2_session_mem_recv(h2->session, bytes.at, len);
        if (n == NGHTTP2_ERR_BAD_CLIENT_MAGIC || n == NGHTTP2_ERR_NOMEM) {
            h2->conn->doomed = true;
            return;
        }
        /* More than nghttp2 bears, or than we do. */
        if (n < 0)
            calm(h2);
        bytes = span_sub(bytes, len, SIZE_MAX);
    }
}

/* The client's bytes, as they come. */
static void receive(struct h2 *h2)
{
    struct conn *c = h2->conn;
    struct wire *w = &c->wire;
    for (int i = 0; i < ROUNDS && !c->doomed && !h2->ending; i++) {
        if (!w->readable && !wire_has_input(w)) {
            /* The end may have come with the last bytes. */
            c->doomed = c->doomed || w->eof || w->broken;
            return;
        }
        if (wire_blocked(w))
            return;
        int n = wire_read(w, c->edge->scratch, EDGE_SCRATCH);
        if (n == 0)
            return;
        if (n < 0) {
            c->doomed = true;
            return;
        }
        feed(h2, span_of(c->edge->scratch, (size_t)n));
        work(h2);
    }
    if (w->readable || wire_has_input(w))
        conn_again(c);
}

bool h2_step(struct conn *c)
{
    struct h2 *h2 = c->h2;
    uint64_t before = c->wire.sent;
    receive(h2);
    for (int i = 0; i < ROUNDS && !c->doomed; i++) {
        work(h2);
        h2_send(h2);
        if (wire_flush(&c->wire) < 0)
            c->doomed = true;
        if (list_empty(&h2->ready))
            break;
    }
    if (c->doomed)
        return false;
    if (c->wire.sent != before)
        conn_progress(c);
    if (!list_empty(&h2->ready))
        conn_again(c);
    if (!wire_blocked(&c->wire) && !nghttp2_session_want_read(h2->session) &&
        !nghttp2_session_want_write(h2->session)) {
        conn_close(c);
        return true;
    }
    return false;
}

void h2_drain(struct conn *c)
{
    struct h2 *h2 = c->h2;
    if (h2->last_due != 0 || h2->ending)
        return;
    h2->last_due = edge_now(c->edge) + FAREWELL_MS;
    if (nghttp2_submit_shutdown_notice(h2->session) != 0)
        c->doomed = true;
    conn_step(c);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t idle_due(const struct h2 *h2, const struct limits *l)
{
    return h2->idle_since + 1000 * (uint64_t)(h2->begun
                                                  ? l->idle_timeout
                                                  : listener_header_timeout(h2->conn->listener));
}

uint64_t h2_due(const struct conn *c)
{
    const struct h2 *h2 = c->h2;
    const struct limits *l = &c->edge->generation->snapshot->limits;
    uint64_t due = UINT64_MAX, head = 1000 * (uint64_t)listener_header_timeout(c->listener);
    if (wire_blocked(&c->wire))
        due = c->waits_since + 1000 * (uint64_t)l->write_timeout;
    if (h2->head_since != 0)
        due = sooner(due, h2->head_since + head);
    if (h2->hello_since != 0)
        due = sooner(due, h2->hello_since + head);
    if (h2->last_due != 0 && !h2->said_last)
        due = sooner(due, h2->last_due);
    if (list_empty(&h2->streams))
        due = sooner(due, idle_due(h2, l));
    return due == UINT64_MAX ? edge_now(c->edge) + 3600u * 1000 : due;
}

/* Ends it with a last word. */
static void finish(struct h2 *h2, uint32_t code)
{
    if (h2->ending || nghttp2_session_terminate_session(h2->session, code) != 0)
        h2->conn->doomed = true;
    h2->ending = true;
}

void h2_overdue(struct conn *c)
{
    struct h2 *h2 = c->h2;
    uint64_t now = edge_now(c->edge);
    const struct limits *l = &c->edge->generation->snapshot->limits;
    uint64_t head = 1000 * (uint64_t)listener_header_timeout(c->listener);
    if (wire_blocked(&c->wire) && c->waits_since + 1000 * (uint64_t)l->write_timeout <= now) {
        c->edge->count.timeouts++;
        c->doomed = true;
    } else if (h2->head_since != 0 && h2->head_since + head <= now) {
        c->edge->count.timeouts++;
        finish(h2, NGHTTP2_PROTOCOL_ERROR);
    } else if (h2->hello_since != 0 && h2->hello_since + head <= now) {
        c->edge->count.timeouts++;
        finish(h2, NGHTTP2_SETTINGS_TIMEOUT);
    } else if (list_empty(&h2->streams) && idle_due(h2, l) <= now) {
        finish(h2, NGHTTP2_NO_ERROR);
    } else if (h2->last_due != 0 && h2->last_due <= now && !h2->said_last) {
        h2->said_last = true;
        if (nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                                  nghttp2_session_get_last_proc_stream_id(h2->session),
                                  NGHTTP2_NO_ERROR, NULL, 0) != 0)
            c->doomed = true;
    }
    conn_step(c);
}

static bool covered(const struct wire *w, struct span host)
{
    X509 *certificate = SSL_get_certificate(w->ssl);
    return certificate != NULL &&
           X509_check_host(certificate, (const char *)host.at, host.len, 0, NULL) == 1;
}

bool h2_may_serve(struct h2 *h2, struct span host)
{
    const struct wire *w = &h2->conn->wire;
    struct span named = span_str(SSL_get_servername(w->ssl, TLSEXT_NAMETYPE_host_name));
    if (named.len == 0 || span_eq_nocase(named, host) || span_is(host, h2->coalesced))
        return true;
    if (host.len >= sizeof(h2->coalesced) || !covered(w, host))
        return false;
    memcpy(h2->coalesced, host.at, host.len);
    h2->coalesced[host.len] = 0;
    return true;
}

/* ---- the edge ---- */

static int make_callbacks(struct h2_shared *w)
{
    nghttp2_session_callbacks *cb;
    if (nghttp2_session_callbacks_new(&cb) != 0)
        return -ENOMEM;
    w->callbacks = cb;
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    nghttp2_session_callbacks_set_send_data_callback(cb, on_send_data);
    return 0;
}

static int make_option(struct h2_shared *w)
{
    if (nghttp2_option_new(&w->option) != 0)
        return -ENOMEM;
    /* Windows are opened by use, and what a head may say is judged by http/h2_request.c alone. */
    nghttp2_option_set_no_auto_window_update(w->option, 1);
    nghttp2_option_set_no_http_messaging(w->option, 1);
    nghttp2_option_set_no_closed_streams(w->option, 1);
    nghttp2_option_set_max_outbound_ack(w->option, ACKS_MAX);
    nghttp2_option_set_max_settings(w->option, SETTINGS_ENTRIES_MAX);
    return 0;
}

int h2_init(struct edge *e)
{
    struct h2_shared *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return -ENOMEM;
    e->h2 = w;
    w->edge = e;
    list_init(&w->unsent);
    list_init(&w->dead);
    w->gather = malloc(GATHER);
    int rc = w->gather == NULL ? -ENOMEM : make_callbacks(w);
    if (rc == 0)
        rc = make_option(w);
    if (rc == 0)
        rc = uv_prepare_init(e->loop, &w->prepare);
    w->prepare.data = w;
    return rc;
}

static void on_prepare_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void h2_fini(struct edge *e)
{
    struct h2_shared *w = e->h2;
    if (w == NULL)
        return;
    free_dead(w);
    nghttp2_session_callbacks_del(w->callbacks);
    nghttp2_option_del(w->option);
    free(w->gather);
    e->h2 = NULL;
    uv_close((uv_handle_t *)&w->prepare, on_prepare_closed);
}
