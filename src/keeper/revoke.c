#include "keeper/revoke.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "keeper/keeper.h"

struct revocation {
    struct list link;
    uint64_t epoch;
    uint64_t sent_ms;
};

void revokes_init(struct revokes *r)
{
    *r = (struct revokes){.epoch = 0};
    list_init(&r->sent);
}

void revokes_fini(struct revokes *r)
{
    list_each_safe(at, &r->sent)
    {
        list_remove(at);
        free(container_of(at, struct revocation, link));
    }
}

uint64_t revoke_push(struct keeper *k, enum revoke_kind kind, struct span id)
{
    uint64_t epoch = ++k->revokes.epoch;
    struct revocation *v = calloc(1, sizeof(*v));
    struct msg_revoke m = {
        .epoch = epoch, .said_us = clock_mono_us(), .kind = (uint8_t)kind, .id = id};
    list_each_safe(at, &k->edges)
    {
        struct peer *edge = container_of(at, struct peer, link);
        peer_settle(edge, channel_send_revoke(&edge->channel, 0, &m, -1));
    }
    if (v == NULL) {
        /* The messages are out, only their time is not watched: the channel's own bound is what
         * then catches an edge that does not read. */
        log_event(LOG_LEVEL_ERROR, "revocation_unwatched");
        return epoch;
    }
    v->epoch = epoch;
    v->sent_ms = clock_mono_ms();
    list_push(&k->revokes.sent, &v->link);
    return epoch;
}

bool revoke_settled(const struct keeper *k, uint64_t epoch, unsigned *acked)
{
    bool all = true;
    *acked = 0;
    list_each(at, &k->edges)
    {
        const struct peer *edge = container_of(at, struct peer, link);
        if (edge->acked >= epoch) {
            (*acked)++;
        } else if (!edge->stalled) {
            all = false;
        }
    }
    return all;
}

static void note_settled(struct revokes *r, const struct revocation *v)
{
    r->seen.count++;
    r->seen.last_ms = clock_mono_ms() - v->sent_ms;
    if (r->seen.last_ms > r->seen.most_ms) {
        r->seen.most_ms = r->seen.last_ms;
    }
}

static void forget_settled(struct keeper *k)
{
    unsigned acked;
    while (!list_empty(&k->revokes.sent)) {
        struct revocation *v = container_of(k->revokes.sent.next, struct revocation, link);
        if (!revoke_settled(k, v->epoch, &acked)) {
            return;
        }
        note_settled(&k->revokes, v);
        list_remove(&v->link);
        free(v);
    }
}

int revoke_acked(struct keeper *k, struct peer *edge, uint64_t epoch, uint32_t closed)
{
    if (epoch == 0 || epoch > k->revokes.epoch) {
        return FAULT_FORMAT;
    }
    k->revokes.seen.streams += closed;
    if (epoch > edge->acked) {
        edge->acked = epoch;
    }
    forget_settled(k);
    return 0;
}

static int stalled_step(struct keeper *k, void *context)
{
    const struct peer *edge = context;
    char target[32];
    (void)snprintf(target, sizeof(target), "edge %u", edge->id);
    return keeper_audit(k, AUDIT_EDGE_STALLED, span_str(target), AUDIT_FAILED, SPAN_NONE);
}

static void report_stalled(struct keeper *k, struct peer *edge, uint64_t epoch)
{
    edge->stalled = true;
    struct buf line;
    log_line(&line, LOG_LEVEL_ERROR, "edge_stalled");
    log_num(&line, "edge", edge->id);
    log_num(&line, "epoch", (int64_t)epoch);
    log_end(&line);
    struct msg_stalled m = {.id = edge->id, .epoch = epoch};
    peer_settle(&k->supervisor, channel_send_stalled(&k->supervisor.channel, 0, &m, -1));
    if (turn_run(&k->turn, stalled_step, edge) < 0) {
        log_event(LOG_LEVEL_ERROR, "audit_edge_stalled");
    }
}

uint64_t revoke_watch(struct keeper *k, uint64_t now_ms)
{
    forget_settled(k);
    list_each(at, &k->revokes.sent)
    {
        const struct revocation *v = container_of(at, struct revocation, link);
        if (v->sent_ms + REVOKE_PATIENCE_MS > now_ms) {
            return v->sent_ms + REVOKE_PATIENCE_MS;
        }
        list_each(it, &k->edges)
        {
            struct peer *edge = container_of(it, struct peer, link);
            if (edge->acked < v->epoch && !edge->stalled) {
                report_stalled(k, edge, v->epoch);
            }
        }
    }
    /* All of them are overdue and reported, so all of them are settled. */
    forget_settled(k);
    return 0;
}
