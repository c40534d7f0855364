#include "edge/exchange.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/secret.h"
#include "base/text.h"
#include "edge/access.h"
#include "edge/conn.h"
#include "edge/events.h"
#include "edge/gate.h"
#include "edge/listener.h"
#include "edge/proxy.h"

/* The first block serves an ordinary request and its answer's head; the maximum holds the greatest
 * head, a collected body and a page. */
#define EXCHANGE_BLOCK 8192u
#define EXCHANGE_MAX (1024u * 1024)

#define TO(state) (1u << EXCHANGE_##state)

static const unsigned successors[] = {
    [EXCHANGE_HEAD] = TO(GATE) | TO(COLLECT) | TO(ASKING) | TO(PROXY) | TO(ANSWER) | TO(DONE),
    [EXCHANGE_GATE] = TO(GATE) | TO(COLLECT) | TO(ASKING) | TO(PROXY) | TO(ANSWER) | TO(DONE),
    [EXCHANGE_COLLECT] = TO(COLLECT) | TO(ASKING) | TO(ANSWER) | TO(DONE),
    [EXCHANGE_ASKING] = TO(ASKING) | TO(COLLECT) | TO(PROXY) | TO(EVENTS) | TO(ANSWER) | TO(DONE),
    [EXCHANGE_PROXY] = TO(TUNNEL) | TO(ANSWER) | TO(DONE),
    [EXCHANGE_TUNNEL] = TO(DONE),
    [EXCHANGE_EVENTS] = TO(DONE),
    [EXCHANGE_ANSWER] = TO(DONE),
    [EXCHANGE_DONE] = 0,
};

void exchange_enter(struct exchange *x, enum exchange_state next)
{
    assert((successors[x->state] & 1u << next) != 0);
    x->state = next;
}

static struct exchange *spare_or_new(struct edge *e)
{
    if (e->spare_count > 0)
        return e->spare[--e->spare_count];
    struct exchange *x = calloc(1, sizeof(*x));
    if (x != NULL)
        arena_init(&x->arena, EXCHANGE_BLOCK, EXCHANGE_MAX);
    return x;
}

struct exchange *exchange_new(struct conn *conn)
{
    struct edge *e = conn->edge;
    struct exchange *x = spare_or_new(e);
    if (x == NULL)
        return NULL;
    struct arena arena = x->arena;
    *x = (struct exchange){
        .edge = e,
        .conn = conn,
        .generation = generation_ref(e->generation),
        .arena = arena,
        .started_us = clock_mono_us(),
        .source = conn->addr,
        .interface = conn->interface,
        .listener = conn->listener->name,
        .listener_port = conn->listener->port,
        /* Until the gate says more. */
        .outcome = ACCESS_UNAUTHENTICATED,
    };
    if (conn->zones_serial != e->generation->serial) {
        conn->zones = zones_at(policy_zones(e->generation->policy), &conn->addr, conn->interface);
        conn->zones_serial = e->generation->serial;
    }
    x->zones = conn->zones;
    list_init(&x->view_link);
    edge_random(e, x->id, sizeof(x->id));
    text_hex(x->id_text, span_of(x->id, sizeof(x->id)));
    e->exchange_count++;
    e->count.exchanges++;
    return x;
}

void exchange_retire(struct exchange *x)
{
    struct edge *e = x->edge;
    /* A request that was reset before anybody looked at it was not decided either; the style and
     * the scripts of a page say nothing that the page does not. */
    if (x->state != EXCHANGE_HEAD && !x->is_file)
        access_exchange(x);
    gate_leave(x);
    events_leave(x);
    if (x->upstream != NULL)
        upstream_retire(x->upstream);
    if (x->proxy != NULL && x->proxy->state == PROXY_TUNNEL)
        e->tunnel_count--;
    if (x->collected.at != NULL)
        secret_wipe((void *)(uintptr_t)x->collected.at, x->collect_room);
    e->count.bytes_in += x->bytes_in;
    e->count.bytes_out += x->bytes_out;
    e->exchange_count--;
    generation_unref(x->generation);
    arena_reset(&x->arena);
    if (e->spare_count < EDGE_SPARE) {
        e->spare[e->spare_count++] = x;
        return;
    }
    arena_fini(&x->arena);
    free(x);
}

static void count_revoked(struct exchange *x)
{
    struct edge *e = x->edge;
    x->outcome = ACCESS_DENIED;
    e->count.revoked++;
    if (e->revoking_us != 0)
        latency_note(&e->revocation, clock_mono_us() - e->revoking_us);
}

void exchange_revoke(struct exchange *x, unsigned status, const char *cause)
{
    switch (x->state) {
    case EXCHANGE_ANSWER:
    case EXCHANGE_DONE:
        return;
    case EXCHANGE_TUNNEL:
        count_revoked(x);
        if (status == 503)
            tunnel_end(x, STREAM_GATEWAY, CLOSE_TRY_LATER, cause);
        else
            tunnel_end(x, STREAM_REVOKED, CLOSE_REVOKED, cause);
        return;
    case EXCHANGE_EVENTS:
        count_revoked(x);
        events_end(x, status == 401 ? cause : NULL);
        return;
    case EXCHANGE_PROXY:
        count_revoked(x);
        /* The head of an answer is at the client: nothing that could still be said would be
         * understood. */
        if (x->status != 0) {
            conn_retire(x->conn);
            return;
        }
        break;
    case EXCHANGE_HEAD:
    case EXCHANGE_GATE:
    case EXCHANGE_COLLECT:
    case EXCHANGE_ASKING:
        break;
    }
    answer_error(x, status, cause, "revoked");
}

void exchange_collect(struct exchange *x, size_t cap, collect_done done)
{
    exchange_enter(x, EXCHANGE_COLLECT);
    x->collect_cap = cap;
    x->on_collected = done;
    conn_step(x->conn);
}
