/* A stream as a lesser connection: what conn.h promises, over a session instead of a socket. */
#include "edge/h2.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/text.h"

/* From here on bytes go into frames where they lie, instead of waiting for the loop. */
#define DIRECT_MIN 8192u
/* No more than this gathers before the client takes some. */
#define BACKLOG_MAX 16384u
/* An upstream's head has at most 256 headers; ours are few. */
#define FIELDS_MAX 320u
#define HEAD_MAX (128u * 1024)

struct h2_stream *h2_stream_new(struct h2 *h2, int32_t id, bool end)
{
    struct edge *e = h2->conn->edge;
    struct h2_request_more more = {.end = end};
    struct h2_stream *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->h2 = h2;
    s->id = id;
    s->ended = end;
    list_init(&s->ready);
    list_init(&s->written);
    list_init(&s->stuck);
    conn_init_stream(&s->conn, h2->conn);
    buf_init(&s->conn.in, H2_STREAM_WINDOW);
    buf_init(&s->head, HEAD_MAX);
    buf_init(&s->tail, H1_TRAILERS_MAX);
    buf_init(&s->out, EDGE_BUILD_MAX + EDGE_SCRATCH);
    struct exchange *x = exchange_new(&s->conn);
    if (x == NULL) {
        free(s);
        return NULL;
    }
    s->conn.exchange = x;
    list_push(&h2->streams, &s->conn.link);
    if (h2_request_make(&h2->head, &more, &x->arena, &x->request, &s->status, &s->why) < 0)
        s->malformed = h2->head.malformed != NULL;
    else
        s->status = 0;
    s->length =
        s->status == 0 && x->request.framing == BODY_LENGTH ? x->request.length : UINT64_MAX;
    e->count.h2_streams++;
    return s;
}

void h2_stream_wake(struct h2_stream *s)
{
    if (list_empty(&s->ready))
        list_push(&s->h2->ready, &s->ready);
    h2_touch(s->h2);
}

/* ---- the request body ---- */

int h2_stream_input(struct conn *c, struct span *ret)
{
    const struct h2_stream *s = h2_stream_of(c);
    if (buf_len(&c->in) == 0)
        return s->ended ? FAULT_CLOSED : 0;
    *ret = buf_view(&c->in);
    return 1;
}

int h2_stream_used(struct conn *c, size_t n)
{
    struct h2_stream *s = h2_stream_of(c);
    if (n == 0)
        return 0;
    buf_consume(&c->in, n);
    /* The window opens by what was used: an upstream that takes nothing closes it. */
    if (!s->closed && nghttp2_session_consume(s->h2->session, s->id, n) != 0)
        return -ENOMEM;
    h2_touch(s->h2);
    return 0;
}

bool h2_stream_rests(const struct conn *c)
{
    const struct h2_stream *s = h2_stream_of(c);
    return s->over && !s->ended;
}

bool h2_stream_is_last(const struct conn *c, size_t n)
{
    const struct h2_stream *s = h2_stream_of(c);
    return s->ended && buf_len(&c->in) == n;
}

/* Bytes that nobody will use make room for those of other streams. */
static void forget_input(struct h2_stream *s)
{
    size_t len = buf_len(&s->conn.in);
    buf_clear(&s->conn.in);
    if (len > 0 && (s->closed ? nghttp2_session_consume_connection(s->h2->session, len)
                              : nghttp2_session_consume(s->h2->session, s->id, len)) != 0)
        s->h2->conn->doomed = true;
}

void h2_stream_bulk(struct conn *c, bool on)
{
    struct h2_stream *s = h2_stream_of(c);
    if (s->bulk == on)
        return;
    s->bulk = on;
    s->h2->bulk += on ? 1 : -1u;
    conn_bulk(s->h2->conn, s->h2->bulk > 0);
}

/* ---- the response head ---- */

/* Lines as fields, from nv[count] on. */
static size_t lines_of(struct span lines, nghttp2_nv nv[FIELDS_MAX], size_t count)
{
    struct span line;
    while (count < FIELDS_MAX && span_cut(&lines, '\n', &line) && line.len > 1) {
        size_t colon = span_find(line, ':');
        struct span name = span_sub(line, 0, colon);
        struct span value = span_trim(span_sub(line, colon + 1, line.len - colon - 2));
        /* Cookies are kept out of the compression's memory, where their lengths could be felt. */
        bool secret = header_find_id(name) == HEADER_SET_COOKIE;
        nv[count++] =
            (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.at,
                         .namelen = name.len,
                         .value = (uint8_t *)(uintptr_t)value.at,
                         .valuelen = value.len,
                         .flags = secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
    }
    return count;
}

/* The rooms write heads as HTTP/1.1 has them, with checked names and values: what they wrote is
 * read back here, line by line. */
static size_t fields_of(struct span head, unsigned status, nghttp2_nv nv[FIELDS_MAX])
{
    static const uint8_t names[] = ":status";
    struct span line;
    size_t count = 0;
    (void)span_cut(&head, '\n', &line);
    nv[count++] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)names,
                               .namelen = sizeof(names) - 1,
                               .value = (uint8_t *)(uintptr_t)line.at + 9,
                               .valuelen = 3,
                               .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME};
    if (status == 101)
        nv[0].value = (uint8_t *)(uintptr_t) "200";
    return lines_of(head, nv, count);
}

static unsigned status_of(struct span head)
{
    uint64_t status = 0;
    return text_u64(span_sub(head, 9, 3), 999, &status) < 0 ? 0 : (unsigned)status;
}

void h2_stream_submit(struct h2_stream *s)
{
    nghttp2_nv nv[FIELDS_MAX];
    if (!s->final || s->submitted || s->closed)
        return;
    struct span head = buf_view(&s->head);
    size_t count = fields_of(head, status_of(head), nv);
    nghttp2_data_provider source = h2_source();
    bool bare = s->fin && buf_len(&s->out) + s->direct.len + buf_len(&s->tail) == 0;
    s->submitted = true;
    if (nghttp2_submit_response(s->h2->session, s->id, nv, count, bare ? NULL : &source) != 0)
        s->h2->conn->doomed = true;
    buf_fini(&s->head);
}

bool h2_stream_submit_tail(struct h2_stream *s)
{
    nghttp2_nv nv[FIELDS_MAX];
    if (buf_len(&s->tail) == 0)
        return false;
    size_t count = lines_of(buf_view(&s->tail), nv, 0);
    if (nghttp2_submit_trailer(s->h2->session, s->id, nv, count) != 0)
        s->h2->conn->doomed = true;
    buf_clear(&s->tail);
    return true;
}

int h2_stream_trailers(struct conn *c, struct span lines)
{
    return buf_append(&h2_stream_of(c)->tail, lines);
}

struct span h2_stream_request_trailers(const struct conn *c)
{
    return h2_stream_of(c)->trailers;
}

static int interim(struct h2_stream *s, struct span head)
{
    nghttp2_nv nv[FIELDS_MAX];
    size_t count = fields_of(head, 0, nv);
    return nghttp2_submit_headers(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, nv, count, NULL) <
                   0
               ? -ENOMEM
               : 0;
}

/* Takes one head from the front of *bytes. */
static int take_head(struct h2_stream *s, struct span *bytes)
{
    const uint8_t *end = memmem(bytes->at, bytes->len, "\r\n\r\n", 4);
    if (end == NULL)
        return FAULT_MISUSE;
    struct span head = span_sub(*bytes, 0, (size_t)(end - bytes->at) + 4);
    unsigned status = status_of(head);
    *bytes = span_sub(*bytes, head.len, SIZE_MAX);
    if (status < 200 && status != 101)
        return interim(s, head);
    s->final = true;
    return buf_append(&s->head, head);
}

/* ---- the response body ---- */

static void note_written(struct h2_stream *s)
{
    if (list_empty(&s->written))
        list_push(&s->h2->written, &s->written);
    h2_touch(s->h2);
}

int h2_stream_write(struct conn *c, struct span bytes)
{
    struct h2_stream *s = h2_stream_of(c);
    struct h2 *h2 = s->h2;
    int rc = 0;
    if (s->closed || h2->conn->doomed)
        return FAULT_CLOSED;
    while (rc == 0 && bytes.len > 0 && !s->final)
        rc = take_head(s, &bytes);
    note_written(s);
    if (rc < 0 || bytes.len == 0)
        return rc;
    if (bytes.len >= DIRECT_MIN && !wire_blocked(&h2->conn->wire)) {
        s->direct = bytes;
        h2_send(h2);
        bytes = s->direct;
        s->direct = SPAN_NONE;
        if (h2->conn->doomed)
            h2_touch(h2);
    }
    h2->held += bytes.len;
    rc = buf_append(&s->out, bytes);
    if (rc < 0)
        h2->held -= bytes.len;
    return rc;
}

int h2_stream_flush(const struct conn *c)
{
    return h2_stream_of(c)->closed ? FAULT_CLOSED : h2_stream_blocked(c) ? 1 : 0;
}

bool h2_stream_blocked(const struct conn *c)
{
    const struct h2_stream *s = h2_stream_of(c);
    size_t len = buf_len(&s->out);
    return len > 0 &&
           (len >= BACKLOG_MAX || (!list_empty(&s->stuck) && len >= h2_stream_window(s)));
}

uint64_t h2_stream_sent(const struct conn *c)
{
    return h2_stream_of(c)->sent;
}

size_t h2_stream_window(const struct h2_stream *s)
{
    int32_t all = nghttp2_session_get_remote_window_size(s->h2->session);
    int32_t own = nghttp2_session_get_stream_remote_window_size(s->h2->session, s->id);
    int32_t window = all < own ? all : own;
    return window > 0 ? (size_t)window : 0;
}

size_t h2_stream_room(const struct conn *c)
{
    const struct h2_stream *s = h2_stream_of(c);
    size_t window = h2_stream_window(s), waits = buf_len(&s->out);
    if (window < waits + H2_ROOM_MIN || wire_blocked(&s->h2->conn->wire))
        return H2_ROOM_MIN;
    return window - waits < EDGE_SCRATCH ? window - waits : EDGE_SCRATCH;
}

void h2_stream_finish(struct conn *c)
{
    struct h2_stream *s = h2_stream_of(c);
    s->fin = true;
    note_written(s);
}

/* ---- ends ---- */

void h2_stream_done(struct conn *c)
{
    struct h2_stream *s = h2_stream_of(c);
    h2_stream_bulk(c, false);
    s->dropped = buf_len(&c->in);
    forget_input(s);
    h2_stream_finish(c);
}

void h2_stream_end(struct conn *c)
{
    struct h2_stream *s = h2_stream_of(c);
    struct h2 *h2 = s->h2;
    h2_stream_bulk(c, false);
    forget_input(s);
    if (!s->closed) {
        (void)nghttp2_session_set_stream_user_data(h2->session, s->id, NULL);
        uint32_t code = s->malformed ? NGHTTP2_PROTOCOL_ERROR
                        : s->over    ? NGHTTP2_NO_ERROR
                                     : NGHTTP2_INTERNAL_ERROR;
        if (nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, s->id, code) != 0)
            h2->conn->doomed = true;
    }
    h2->held -= buf_len(&s->out);
    if (list_empty(&h2->streams))
        h2->idle_since = edge_now(c->edge);
    list_remove(&s->ready);
    list_remove(&s->written);
    list_remove(&s->stuck);
    buf_fini(&s->head);
    buf_fini(&s->tail);
    buf_fini(&s->out);
    buf_fini(&c->in);
    h2_touch(h2);
    h2_bury(c->edge, s);
}
