/* Channels: to the supervisor on descriptor 3, to every edge and to the courier as the supervisor
 * sends them.
 *
 * A peer is retired at most once, from anywhere; its memory goes with the loop's close callback. A
 * broken packet costs the sender its channel; the supervisor's own channel is the keeper's life. */
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "keeper/courier.h"
#include "keeper/keeper.h"

/* So many packets of one channel in one pass, then the others have their turn. */
#define PACKETS_PER_PASS 32

static void on_peer_ready(uv_poll_t *poll, int status, int events);

static void watch(struct peer *p)
{
    int events = UV_READABLE | (channel_wants_write(&p->channel) ? UV_WRITABLE : 0);
    if (p->watching && uv_poll_start(&p->poll, events, on_peer_ready) < 0) {
        peer_retire(p);
    }
}

int peer_open(struct keeper *k, struct peer *p, int fd, enum ipc_role role)
{
    p->keeper = k;
    p->number = ++k->next_peer;
    list_init(&p->link);
    int r = channel_init(&p->channel, fd, IPC_KEEPER, role);
    if (r < 0) {
        return r;
    }
    r = uv_poll_init(&k->loop, &p->poll, fd);
    if (r < 0) {
        channel_fini(&p->channel);
        return r;
    }
    p->poll.data = p;
    p->watching = true;
    watch(p);
    return 0;
}

static void on_peer_closed(uv_handle_t *handle)
{
    struct peer *p = handle->data;
    channel_fini(&p->channel);
    free(p->upstreams);
    p->upstreams = NULL;
    if (p != &p->keeper->supervisor) {
        free(p);
    }
}

void peer_retire(struct peer *p)
{
    struct keeper *k = p->keeper;
    if (p->retired) {
        return;
    }
    p->retired = true;
    if (p->watching) {
        p->watching = false;
        uv_close((uv_handle_t *)&p->poll, on_peer_closed);
    }
    if (p == &k->supervisor) {
        keeper_stop(k, 1);
        return;
    }
    if (p == k->courier) {
        k->courier = NULL;
        courier_gone(k);
        return;
    }
    list_remove(&p->link);
    k->edge_count--;
    /* Whoever waited for this edge need not any more: an edge without a keeper serves nobody new
     * and asks about everybody when it comes back. Answered soon and not here: whoever retires a
     * channel may be walking a list of them. */
    turn_soon(&k->turn);
}

/* Who speaks nonsense is broken, or somebody else's by now: the supervisor replaces it. */
static void accuse(struct peer *p, bool courier)
{
    struct peer *supervisor = &p->keeper->supervisor;
    struct msg_stalled stalled = {.id = p->id, .epoch = p->keeper->revokes.epoch};
    struct msg_lost lost = {.role = IPC_COURIER};
    if (p == supervisor || supervisor->retired) {
        return;
    }
    peer_settle(supervisor, courier ? channel_send_lost(&supervisor->channel, 0, &lost, -1)
                                    : channel_send_stalled(&supervisor->channel, 0, &stalled, -1));
}

void peer_settle(struct peer *p, int fault)
{
    if (p->retired) {
        return;
    }
    if (fault < 0) {
        log_fault(LOG_LEVEL_WARN, "channel", fault, ipc_role_name(p->channel.peer));
        bool courier = p == p->keeper->courier;
        peer_retire(p);
        if (fault != FAULT_CLOSED)
            accuse(p, courier);
        return;
    }
    watch(p);
}

static int receive(struct peer *p)
{
    struct keeper *k = p->keeper;
    for (int i = 0; i < PACKETS_PER_PASS && !p->retired && !k->stopping; i++) {
        struct message m = {.fd = -1};
        int r = channel_recv(&p->channel, &m);
        if (r <= 0) {
            return r;
        }
        if (p == &k->supervisor) {
            supervisor_message(k, &m);
        } else if (p == k->courier) {
            r = courier_message(k, &m);
        } else {
            r = edge_message(p, &m);
        }
        if (m.fd >= 0) {
            (void)close(m.fd);
        }
        /* The packet may have held a password or a session key. */
        if (!p->retired) {
            secret_wipe(p->channel.packet, m.payload.len + MSG_HEADER);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void on_peer_ready(uv_poll_t *poll, int status, int events)
{
    struct peer *p = poll->data;
    int r = status < 0 ? FAULT_CLOSED : 0;
    if (r == 0 && (events & UV_WRITABLE) != 0) {
        r = channel_flush(&p->channel);
    }
    if (r == 0 && (events & UV_READABLE) != 0) {
        r = receive(p);
    }
    if (r == FAULT_CLOSED && !p->retired) {
        peer_retire(p);
        return;
    }
    peer_settle(p, r);
}

int peer_add_edge(struct keeper *k, uint32_t id, int fd)
{
    list_each_safe(at, &k->edges)
    {
        struct peer *old = container_of(at, struct peer, link);
        if (old->id == id) {
            peer_retire(old);
        }
    }
    if (k->edge_count >= KEEPER_EDGES_MAX) {
        return FAULT_LIMIT;
    }
    struct peer *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return FAULT_LIMIT;
    }
    p->id = id;
    /* It has asked nothing yet, so nothing that was revoked before can be in its memory. */
    p->acked = k->revokes.epoch;
    int r = peer_open(k, p, fd, IPC_EDGE);
    if (r < 0) {
        free(p);
        return r;
    }
    list_push(&k->edges, &p->link);
    k->edge_count++;
    return 0;
}

int peer_set_courier(struct keeper *k, int fd)
{
    if (k->courier != NULL) {
        peer_retire(k->courier);
    }
    struct peer *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return FAULT_LIMIT;
    }
    int r = peer_open(k, p, fd, IPC_COURIER);
    if (r < 0) {
        free(p);
        return r;
    }
    k->courier = p;
    courier_here(k);
    return 0;
}

struct peer *peer_find(struct keeper *k, uint64_t number)
{
    list_each(at, &k->edges)
    {
        struct peer *p = container_of(at, struct peer, link);
        if (p->number == number) {
            return p;
        }
    }
    return NULL;
}
