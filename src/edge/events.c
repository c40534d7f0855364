#include "edge/events.h"

#include "base/fault.h"
#include "base/text.h"
#include "edge/conn.h"
#include "edge/edge.h"
#include "edge/portal.h"

/* Proxies and browsers take a silent connection for a dead one. */
#define HEARTBEAT_MS 15000u
/* A burst of changes is one event. */
#define GAP_MS 250u
#define EVENT_MAX 1024u

/* ---- before it begins ---- */

static void refuse(struct exchange *x, enum access_outcome outcome, unsigned status,
                   const char *cause, const char *detail)
{
    x->outcome = outcome;
    answer_error(x, status, cause, detail);
}

void events_enter(struct exchange *x, const struct credential *c)
{
    struct edge *e = x->edge;
    struct view *v = NULL;
    struct events *ev = arena_alloc(&x->arena, sizeof(*ev));
    if (ev == NULL || e->stream_count >= EVENTS_MAX) {
        refuse(x, ACCESS_LIMIT, 503, "Too many are listening already.", "busy");
        return;
    }
    *ev = (struct events){.x = x};
    list_push(&e->streams, &ev->link);
    e->stream_count++;
    x->events = ev;
    int rc = views_find(e->views, c->kind, c->token, x->request.authority, &x->source, &v);
    if (rc == VIEW_WAIT) {
        view_wait(v, x);
    } else if (rc < 0) {
        events_judge(x, NULL, rc);
    } else {
        view_join(v, x);
        events_judge(x, v, 0);
    }
}

static unsigned count_streams(const struct view *v)
{
    unsigned count = 0;
    list_each(it, &v->exchanges)
    {
        if (container_of(it, struct exchange, view_link)->events != NULL)
            count++;
    }
    return count;
}

void events_judge(struct exchange *x, struct view *v, int fault)
{
    bool known = fault == 0 && v->state == VIEW_KNOWN;
    bool gone = fault == 0 && v->state == VIEW_DEAD && v->status != VIEW_FAILED;
    if (known && count_streams(v) > EVENTS_PER_SESSION) {
        refuse(x, ACCESS_LIMIT, 429, "This session is listening often enough.", "streams");
    } else if (known) {
        conn_known(x->conn);
        api_ask(x);
    } else {
        view_leave(x);
        if (gone)
            refuse(x, ACCESS_UNAUTHENTICATED, 401, "This session has ended.", "session");
        else
            refuse(x, ACCESS_UNAVAILABLE, 503,
                   "The part of this gateway that knows sessions does not answer.", "keeper");
    }
}

/* ---- while it runs ---- */

static bool say(struct exchange *x, struct span text)
{
    struct buf *out = &x->edge->build;
    buf_clear(out);
    int rc = x->events->chunked ? h1_chunk_write(out, text) : buf_append(out, text);
    x->bytes_out += text.len;
    x->events->sent_ms = edge_now(x->edge);
    if (rc == 0)
        rc = conn_write(x->conn, buf_view(out));
    buf_clear(out);
    return rc == 0;
}

static bool say_topics(struct exchange *x, const char *event, uint32_t topics)
{
    struct buf text;
    buf_init(&text, EVENT_MAX);
    (void)buf_printf(&text, "event: %s\ndata: {\"topics\":", event);
    topics_json(&text, topics);
    (void)buf_text(&text, "}\n\n");
    bool said = !text.bad && say(x, buf_view(&text));
    buf_fini(&text);
    return said;
}

void events_begin(struct exchange *x, uint32_t topics)
{
    struct events *ev = x->events;
    const struct view *v = x->view;
    struct answer a = {.status = 200, .type = "text/event-stream"};
    if (v == NULL || v->state != VIEW_KNOWN) {
        refuse(x, ACCESS_UNAUTHENTICATED, 401, "This session has ended.", "session");
        return;
    }
    ev->groups = arena_copy(&x->arena, v->facts.groups);
    ev->topics = topics & TOPICS_ALL;
    ev->pending &= ev->topics;
    if (ev->groups.at == NULL || ev->topics == 0) {
        refuse(x, ACCESS_UNAVAILABLE, 503, "There was not enough memory.", NULL);
        return;
    }
    exchange_enter(x, EXCHANGE_EVENTS);
    /* What a proxy in front collects would come late. */
    answer_add(&a, "X-Accel-Buffering", SPAN("no"));
    if (answer_begin(x, &a, &ev->chunked) < 0 || !say(x, SPAN("retry: 2000\n\n")) ||
        !say_topics(x, "ready", ev->topics))
        conn_retire(x->conn);
    else
        conn_step(x->conn);
}

const char *events_objection(const struct exchange *x, const struct view *v)
{
    const struct policy *p = x->edge->generation->policy;
    struct zone_set zones = zones_at(policy_zones(p), &x->source, x->interface);
    if (!policy_admits_portal(p, zones))
        return "The portal is not open from this place any more.";
    /* Other groups may hear of other things: who comes again is asked anew. */
    if (x->state == EXCHANGE_EVENTS && v->state == VIEW_KNOWN &&
        !span_eq(v->facts.groups, x->events->groups))
        return "The groups have changed.";
    return NULL;
}

uint64_t events_due(const struct exchange *x)
{
    const struct events *ev = x->events;
    return ev->sent_ms + (ev->pending != 0 ? GAP_MS : HEARTBEAT_MS);
}

void events_step(struct exchange *x)
{
    struct events *ev = x->events;
    struct conn *c = x->conn;
    /* Who has said his last listens no more: a browser does not end its half alone. */
    if (conn_peek(c) < 0 || c->wire.eof) {
        conn_retire(c);
        return;
    }
    if (conn_blocked(c) || edge_now(x->edge) < events_due(x))
        return;
    uint32_t topics = ev->pending;
    ev->pending = 0;
    if (!(topics != 0 ? say_topics(x, "changed", topics) : say(x, SPAN(":\n\n"))))
        conn_retire(c);
}

void events_tell(struct edge *e, uint32_t topics)
{
    list_each(it, &e->streams)
    {
        struct events *ev = container_of(it, struct events, link);
        /* Who is still being asked about hears afterwards what happened meanwhile. */
        uint32_t known = ev->topics != 0 ? ev->topics : TOPICS_ALL;
        if ((topics & known) == 0)
            continue;
        ev->pending |= topics & known;
        if (ev->x->state == EXCHANGE_EVENTS)
            conn_again(ev->x->conn);
    }
}

/* ---- the end ---- */

static bool say_last(struct exchange *x, const char *why)
{
    struct buf text;
    bool said = !conn_blocked(x->conn);
    buf_init(&text, EVENT_MAX);
    if (said && why != NULL) {
        (void)buf_text(&text, "event: ended\ndata: {\"reason\":");
        (void)text_json(&text, span_str(why));
        (void)buf_text(&text, "}\n\n");
        said = !text.bad && say(x, buf_view(&text));
    }
    /* An empty chunk is the last one. */
    if (said && x->events->chunked)
        said = say(x, SPAN_NONE);
    buf_fini(&text);
    return said;
}

void events_end(struct exchange *x, const char *why)
{
    struct conn *c = x->conn;
    if (x->state != EXCHANGE_EVENTS || c->doomed)
        return;
    if (!say_last(x, why)) {
        conn_retire(c);
        return;
    }
    exchange_enter(x, EXCHANGE_DONE);
    conn_step(c);
}

void events_end_all(struct edge *e)
{
    struct list ring;
    list_init(&ring);
    while (!list_empty(&e->streams)) {
        struct list *at = e->streams.next;
        list_remove(at);
        list_push(&ring, at);
    }
    /* One end may bring others with it; each takes itself off the ring. */
    while (!list_empty(&ring)) {
        struct events *ev = container_of(ring.next, struct events, link);
        list_remove(&ev->link);
        events_end(ev->x, NULL);
    }
}

void events_leave(struct exchange *x)
{
    if (x->events == NULL)
        return;
    list_remove(&x->events->link);
    x->edge->stream_count--;
    x->events = NULL;
}
