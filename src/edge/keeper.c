#include "edge/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "edge/edge.h"
#include "edge/events.h"
#include "edge/view.h"

#define ASK_TIMEOUT_MS 5000u
#define ASKS_MAX 1024u
/* How often a keeper that has fallen silent is asked whether it is back, and how long that waits.
 */
#define PROBE_MS 1000u
/* The channel counts a queue of its maximum as a dead peer; what is refused before that is merely
 * busy. */
#define QUEUE_MAX (2u * 1024 * 1024)
/* A question that finds no keeper waits so long for the next one: a keeper that is replaced is back
 * within a few hundred milliseconds. */
#define PARK_MS 2000u
#define PARKED_BYTES_MAX (4u * 1024 * 1024)
#define BATCH_MS 10000u
#define SEEN_ITEM 24u
#define SEEN_MAX (60000u / SEEN_ITEM)
#define UPSTREAMS_MAX 16384u

struct keeper_ask {
    struct list link; /* in line->asks or keeper->parked */
    struct keeper *keeper;
    struct line *line; /* NULL: parked */
    enum msg_type type;
    uint32_t serial;
    uint64_t due_ms;
    uint64_t heard; /* what the line had heard when this was asked */
    bool orphaned;  /* a keeper has gone over it */
    keeper_done done;
    void *owner;
    /* What to send; kept while it may have to be sent again. */
    size_t len;
    uint8_t payload[];
};

/* One channel, from its installation to its close callback. */
struct line {
    struct edge *edge;
    struct channel channel;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned handles; /* that have not closed yet */
    struct list asks; /* in the order of their deadlines */
    size_t ask_count;
    uint64_t heard; /* messages from the keeper, ever */
    /* A question was left unanswered for its whole time and nothing else was heard meanwhile. That
     * ends all the others, and until the keeper speaks again nobody is made to wait that long: they
     * hear at once that it does not answer, but for one in a while that finds out. */
    bool silent;
    uint64_t asked_ms; /* the last question */
    bool broken;
};

struct keeper {
    struct edge *edge;
    struct line *line;  /* NULL: no keeper */
    struct list parked; /* questions that wait for one, in the order of their deadlines */
    size_t parked_count, parked_bytes;
    uv_timer_t patience;
    unsigned handles;
    uv_timer_t batch;
    uint8_t seen[SEEN_MAX * SEEN_ITEM];
    size_t seen_len;
    struct buf upstreams; /* what the keeper should know */
    bool upstreams_told;
};

/* ---- the line ---- */

static void finish_ask(struct keeper_ask *ask, int fault, struct span payload)
{
    keeper_done done = ask->done;
    void *owner = ask->owner;
    keeper_cancel(ask);
    done(owner, fault, payload);
}

void keeper_cancel(struct keeper_ask *ask)
{
    if (ask == NULL)
        return;
    list_remove(&ask->link);
    if (ask->line != NULL) {
        ask->line->ask_count--;
    } else {
        ask->keeper->parked_count--;
        ask->keeper->parked_bytes -= ask->len;
    }
    secret_wipe(ask->payload, ask->len);
    free(ask);
}

static void on_patience(uv_timer_t *t);

static void park(struct keeper_ask *ask)
{
    struct keeper *k = ask->keeper;
    ask->line = NULL;
    ask->due_ms = clock_mono_ms() + PARK_MS;
    if (list_empty(&k->parked))
        (void)uv_timer_start(&k->patience, on_patience, PARK_MS, 0);
    list_push(&k->parked, &ask->link);
    k->parked_count++;
    k->parked_bytes += ask->len;
}

static void on_patience(uv_timer_t *t)
{
    struct keeper *k = t->data;
    uint64_t now = clock_mono_ms();
    while (!list_empty(&k->parked)) {
        struct keeper_ask *ask = container_of(k->parked.next, struct keeper_ask, link);
        if (ask->due_ms > now) {
            (void)uv_timer_start(t, on_patience, ask->due_ms - now, 0);
            return;
        }
        finish_ask(ask, FAULT_CLOSED, SPAN_NONE);
    }
}

static void send_parked(struct keeper *k);

/* Who a session belongs to may be asked twice, but not more: perhaps the question is what the
 * keeper dies of. Whether anything else was done before it went is not known, so it is not done
 * again. */
static void orphan(struct line *l, struct keeper_ask *ask)
{
    struct keeper *k = l->edge->keeper;
    if (k == NULL || ask->type != MSG_SESSION || ask->orphaned) {
        finish_ask(ask, FAULT_CLOSED, SPAN_NONE);
        return;
    }
    list_remove(&ask->link);
    l->ask_count--;
    ask->orphaned = true;
    park(ask);
}

static void on_line_close(uv_handle_t *h)
{
    struct line *l = h->data;
    if (--l->handles > 0)
        return;
    while (!list_empty(&l->asks))
        orphan(l, container_of(l->asks.next, struct keeper_ask, link));
    if (l->edge->keeper != NULL)
        send_parked(l->edge->keeper);
    channel_fini(&l->channel);
    free(l);
}

/* Ends the line. The descriptor, the packet that a callback may be reading, and the failure of what
 * is outstanding all wait for the close callback, so this is safe inside any callback. */
static void line_break(struct line *l, int fault)
{
    if (l->broken)
        return;
    l->broken = true;
    struct keeper *k = l->edge->keeper;
    if (k->line == l)
        k->line = NULL;
    if (fault < 0) {
        log_fault(LOG_LEVEL_WARN, "keeper_lost", fault, "cached views last thirty seconds");
        control_say_lost(l->edge, IPC_KEEPER);
    }
    uv_close((uv_handle_t *)&l->poll, on_line_close);
    uv_close((uv_handle_t *)&l->timer, on_line_close);
}

static void on_poll(uv_poll_t *h, int status, int events);

static void derive_interest(struct line *l)
{
    if (l->broken)
        return;
    int want = UV_READABLE | (channel_wants_write(&l->channel) ? UV_WRITABLE : 0);
    if (uv_poll_start(&l->poll, want, on_poll) < 0)
        line_break(l, FAULT_CLOSED);
}

static void on_timer(uv_timer_t *t)
{
    struct line *l = t->data;
    uint64_t now = clock_mono_ms();
    while (!l->broken && !list_empty(&l->asks)) {
        struct keeper_ask *ask = container_of(l->asks.next, struct keeper_ask, link);
        if (ask->due_ms > now && !l->silent) {
            (void)uv_timer_start(t, on_timer, ask->due_ms - now, 0);
            return;
        }
        l->silent = l->silent || ask->heard == l->heard;
        finish_ask(ask, FAULT_TIMEOUT, SPAN_NONE);
    }
}

static int on_reply(struct line *l, const struct message *m)
{
    list_each(it, &l->asks)
    {
        struct keeper_ask *ask = container_of(it, struct keeper_ask, link);
        if (ask->serial != m->serial)
            continue;
        if (msg_info(ask->type)->reply != m->type || msg_check(m->type, m->payload) < 0)
            return FAULT_FORMAT;
        finish_ask(ask, 0, m->payload);
        return 0;
    }
    /* Its asker has gone or was answered with a timeout. */
    return 0;
}

static int on_revoke(struct line *l, const struct message *m)
{
    struct msg_revoke revoke;
    if (msg_revoke_decode(m->payload, &revoke) < 0 || revoke.kind < REVOKE_SESSION ||
        revoke.kind > REVOKE_ALL)
        return FAULT_FORMAT;
    uint32_t closed = 0;
    uint64_t now_us = clock_mono_us();
    l->edge->revoking_us = revoke.said_us < now_us ? revoke.said_us : now_us;
    if (l->edge->views != NULL)
        closed = views_revoke(l->edge->views, (enum revoke_kind)revoke.kind, revoke.id);
    l->edge->revoking_us = 0;
    if (l->broken)
        return 0;
    struct msg_revoked revoked = {.epoch = revoke.epoch, .closed = closed};
    return channel_send_revoked(&l->channel, 0, &revoked, -1);
}

static int on_changed(struct line *l, const struct message *m)
{
    struct msg_changed changed;
    if (msg_changed_decode(m->payload, &changed) < 0)
        return FAULT_FORMAT;
    events_tell(l->edge, changed.topics);
    return 0;
}

static int on_message(struct line *l, const struct message *m)
{
    if (m->fd >= 0) {
        (void)close(m->fd);
        return FAULT_FORMAT;
    }
    l->heard++;
    l->silent = false;
    switch ((unsigned)m->type) {
    case MSG_REVOKE:
        return on_revoke(l, m);
    case MSG_CHANGED:
        return on_changed(l, m);
    default:
        return on_reply(l, m);
    }
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct line *l = h->data;
    int rc = status < 0 ? FAULT_CLOSED : 0;
    if (rc == 0 && (events & UV_WRITABLE) != 0)
        rc = channel_flush(&l->channel);
    while (rc == 0 && !l->broken) {
        struct message m;
        rc = channel_recv(&l->channel, &m);
        if (rc <= 0)
            break;
        rc = on_message(l, &m);
    }
    if (rc < 0)
        line_break(l, rc);
    derive_interest(l);
}

/* ---- the link ---- */

static void on_batch(uv_timer_t *t)
{
    struct keeper *k = t->data;
    keeper_flush_activity(k->edge);
}

int keeper_init(struct edge *e)
{
    struct keeper *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return -ENOMEM;
    k->edge = e;
    k->handles = 2;
    list_init(&k->parked);
    buf_init(&k->upstreams, UPSTREAMS_MAX);
    /* Neither can fail: they only set fields and link the handle into the loop. */
    (void)uv_timer_init(e->loop, &k->patience);
    int rc = uv_timer_init(e->loop, &k->batch);
    k->batch.data = k->patience.data = k;
    if (rc == 0)
        rc = uv_timer_start(&k->batch, on_batch, BATCH_MS, BATCH_MS);
    if (rc < 0) {
        free(k);
        return rc;
    }
    e->keeper = k;
    return 0;
}

static void tell_upstreams(struct keeper *k)
{
    if (k->upstreams_told || k->line == NULL)
        return;
    struct msg_upstreams m = {.text = buf_view(&k->upstreams)};
    int rc = channel_send_upstreams(&k->line->channel, 0, &m, -1);
    if (rc < 0)
        line_break(k->line, rc);
    else
        derive_interest(k->line);
    k->upstreams_told = rc == 0;
}

int keeper_link_init(struct edge *e, int fd)
{
    struct line *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        (void)close(fd);
        return -ENOMEM;
    }
    struct keeper *k = e->keeper;
    l->edge = e;
    list_init(&l->asks);
    int rc = channel_init(&l->channel, fd, IPC_EDGE, IPC_KEEPER);
    if (rc == 0)
        rc = uv_poll_init(e->loop, &l->poll, fd);
    if (rc < 0) {
        if (l->channel.fd < 0)
            (void)close(fd);
        channel_fini(&l->channel);
        free(l);
        return rc;
    }
    (void)uv_timer_init(e->loop, &l->timer);
    l->poll.data = l->timer.data = l;
    l->handles = 2;
    if (k->line != NULL)
        line_break(k->line, 0);
    k->line = l;
    derive_interest(l);
    k->upstreams_told = buf_len(&k->upstreams) == 0;
    tell_upstreams(k);
    if (e->views != NULL)
        views_ask_all(e->views);
    /* Whatever has changed while nobody said so. */
    events_tell(e, TOPICS_ALL);
    send_parked(k);
    return 0;
}

static void on_keeper_close(uv_handle_t *h)
{
    struct keeper *k = h->data;
    if (--k->handles > 0)
        return;
    buf_fini(&k->upstreams);
    free(k);
}

void keeper_link_fini(struct edge *e)
{
    struct keeper *k = e->keeper;
    if (k == NULL)
        return;
    keeper_flush_activity(e);
    if (k->line != NULL)
        line_break(k->line, 0);
    e->keeper = NULL;
    while (!list_empty(&k->parked))
        finish_ask(container_of(k->parked.next, struct keeper_ask, link), FAULT_CLOSED, SPAN_NONE);
    uv_close((uv_handle_t *)&k->batch, on_keeper_close);
    uv_close((uv_handle_t *)&k->patience, on_keeper_close);
}

bool keeper_is_up(const struct edge *e)
{
    return e->keeper != NULL && e->keeper->line != NULL;
}

/* ---- questions ---- */

static int ask_make(struct keeper *k, enum msg_type type, struct span payload, keeper_done done,
                    void *owner, struct keeper_ask **ret)
{
    struct keeper_ask *ask = calloc(1, sizeof(*ask) + payload.len);
    if (ask == NULL)
        return -ENOMEM;
    ask->keeper = k;
    ask->type = type;
    ask->done = done;
    ask->owner = owner;
    ask->len = payload.len;
    if (payload.len > 0)
        memcpy(ask->payload, payload.at, payload.len);
    list_init(&ask->link);
    *ret = ask;
    return 0;
}

/* Into the list of those whose answer the line owes. */
static void ask_due(struct line *l, struct keeper_ask *ask, uint64_t now)
{
    uint64_t patience = l->silent ? PROBE_MS : ASK_TIMEOUT_MS;
    ask->line = l;
    ask->serial = channel_serial(&l->channel);
    ask->due_ms = now + patience;
    ask->heard = l->heard;
    if (list_empty(&l->asks))
        (void)uv_timer_start(&l->timer, on_timer, patience, 0);
    list_push(&l->asks, &ask->link);
    l->ask_count++;
    l->asked_ms = now;
}

static int may_ask(const struct line *l, size_t bytes, uint64_t now)
{
    if (l->ask_count >= ASKS_MAX || l->channel.waiting + bytes > QUEUE_MAX)
        return FAULT_BUSY;
    return l->silent && now < l->asked_ms + PROBE_MS ? FAULT_BUSY : 0;
}

/* Those who do not fit wait on, with what is left of their time. */
static void send_parked(struct keeper *k)
{
    uint64_t now = clock_mono_ms();
    while (k->line != NULL && !list_empty(&k->parked)) {
        struct line *l = k->line;
        struct keeper_ask *ask = container_of(k->parked.next, struct keeper_ask, link);
        if (may_ask(l, ask->len, now) < 0)
            break;
        list_remove(&ask->link);
        k->parked_count--;
        k->parked_bytes -= ask->len;
        ask_due(l, ask, now);
        int rc = channel_send(&l->channel, ask->type, ask->serial, ask->payload, ask->len, -1);
        if (rc < 0)
            line_break(l, rc);
        derive_interest(l);
    }
}

static int ask_put(struct edge *e, enum msg_type type, struct span payload, keeper_done done,
                   void *owner, struct keeper_ask **ret)
{
    struct keeper *k = e->keeper;
    if (k == NULL)
        return FAULT_CLOSED;
    struct line *l = k->line;
    uint64_t now = clock_mono_ms();
    int rc = l != NULL ? may_ask(l, payload.len, now) : 0;
    if (l == NULL &&
        (k->parked_count >= ASKS_MAX || k->parked_bytes + payload.len > PARKED_BYTES_MAX))
        rc = FAULT_BUSY;
    struct keeper_ask *ask = NULL;
    if (rc == 0) {
        bool keeps = l == NULL || type == MSG_SESSION;
        rc = ask_make(k, type, keeps ? payload : SPAN_NONE, done, owner, &ask);
    }
    if (rc < 0)
        return rc;
    if (l == NULL) {
        park(ask);
        *ret = ask;
        return 0;
    }
    ask_due(l, ask, now);
    rc = channel_send(&l->channel, type, ask->serial, payload.at, payload.len, -1);
    /* The channel's own limit is never reached, see QUEUE_MAX. */
    if (rc < 0 && rc != FAULT_LIMIT && rc != -ENOMEM)
        line_break(l, rc);
    if (rc < 0)
        keeper_cancel(ask);
    else
        *ret = ask;
    derive_interest(l);
    /* This keeper has gone and heard nothing of it: the next one is waited for. */
    return rc == FAULT_CLOSED && k->line == NULL ? ask_put(e, type, payload, done, owner, ret) : rc;
}

static uint8_t encoded[MSG_PACKET_MAX];

#define ASK(name, NAME)                                                                            \
    int keeper_ask_##name(struct edge *e, const struct msg_##name *m, keeper_done done,            \
                          void *owner, struct keeper_ask **ret)                                    \
    {                                                                                              \
        struct writer w = writer_into(encoded, sizeof(encoded));                                   \
        msg_##name##_encode(&w, m);                                                                \
        int len = writer_finish(&w);                                                               \
        if (len < 0)                                                                               \
            return len;                                                                            \
        int rc = ask_put(e, MSG_##NAME, span_of(encoded, (size_t)len), done, owner, ret);          \
        secret_wipe(encoded, (size_t)len);                                                         \
        return rc;                                                                                 \
    }
ASK(session, SESSION)
ASK(login, LOGIN)
ASK(handover, HANDOVER)
ASK(redeem, REDEEM)
ASK(logout, LOGOUT)
ASK(enrol, ENROL)
ASK(verb, VERB)
#undef ASK

/* ---- batches ---- */

int keeper_send_access(struct edge *e, struct span records, uint64_t lost)
{
    if (!keeper_is_up(e))
        return FAULT_CLOSED;
    struct line *l = e->keeper->line;
    if (l->channel.waiting + records.len > QUEUE_MAX)
        return FAULT_BUSY;
    struct msg_access m = {.lost = lost, .records = records};
    int rc = channel_send_access(&l->channel, 0, &m, -1);
    if (rc < 0 && rc != FAULT_LIMIT && rc != -ENOMEM)
        line_break(l, rc);
    derive_interest(l);
    return rc;
}

void keeper_send_upstreams(struct edge *e, struct span text)
{
    struct keeper *k = e->keeper;
    if (k == NULL || text.len > UPSTREAMS_MAX || span_eq(text, buf_view(&k->upstreams)))
        return;
    buf_clear(&k->upstreams);
    if (buf_append(&k->upstreams, text) < 0)
        return;
    k->upstreams_told = false;
    tell_upstreams(k);
}

void keeper_note_activity(struct edge *e, const uint8_t id[16], uint64_t wall_s)
{
    struct keeper *k = e->keeper;
    if (k == NULL)
        return;
    if (k->seen_len + SEEN_ITEM > sizeof(k->seen))
        keeper_flush_activity(e);
    /* Still full: no keeper. The newest word counts, the sessions of the older ones may idle out a
     * little early. */
    if (k->seen_len + SEEN_ITEM > sizeof(k->seen))
        k->seen_len = 0;
    struct writer w = writer_into(k->seen + k->seen_len, SEEN_ITEM);
    writer_fixed(&w, id, 16);
    writer_u64(&w, wall_s);
    k->seen_len += SEEN_ITEM;
}

void keeper_flush_activity(struct edge *e)
{
    struct keeper *k = e->keeper;
    if (k == NULL || k->line == NULL || k->seen_len == 0)
        return;
    struct line *l = k->line;
    if (l->channel.waiting + k->seen_len > QUEUE_MAX)
        return;
    struct msg_activity m = {.seen = span_of(k->seen, k->seen_len)};
    int rc = channel_send_activity(&l->channel, 0, &m, -1);
    if (rc < 0)
        line_break(l, rc);
    else
        k->seen_len = 0;
    derive_interest(l);
}
