#include "edge/pressure.h"

#include <malloc.h>

#include "edge/conn.h"
#include "edge/h2.h"

/* Looking costs a walk over what malloc keeps free. */
#define LOOK_EVERY_MS 100u
/* Above the ceiling every newcomer costs this many of those who serve nobody. */
#define RELIEVED_AT_ONCE 4

void pressure_init(struct edge *e)
{
    for (size_t i = 0; i < RING_COUNT; i++)
        list_init(&e->pressure.ring[i]);
}

void pressure_leave(struct conn *c)
{
    list_remove(&c->spare);
}

static bool serves_nobody(const struct conn *c)
{
    if (c->carrier != NULL)
        return false;
    return c->state == CONN_HANDSHAKE || c->state == CONN_HEAD || c->state == CONN_IDLE ||
           (c->state == CONN_MUX && h2_is_idle(c->h2));
}

void pressure_note(struct conn *c)
{
    enum pressure_ring ring = RING_FRESH;
    if (c->known)
        ring = RING_KNOWN;
    else if (c->state == CONN_IDLE)
        ring = RING_IDLE;
    bool waits = serves_nobody(c), stands = !list_empty(&c->spare);
    /* A byte now and then is no reason to count as young again. */
    if (waits && stands && c->ring == ring)
        return;
    list_remove(&c->spare);
    c->ring = (uint8_t)ring;
    if (waits)
        list_push(&c->edge->pressure.ring[ring], &c->spare);
}

bool pressure_relieve(struct edge *e)
{
    for (size_t i = 0; i < RING_COUNT; i++) {
        if (list_empty(&e->pressure.ring[i]))
            continue;
        struct conn *c = container_of(e->pressure.ring[i].next, struct conn, spare);
        list_remove(&c->spare);
        e->count.shed++;
        conn_retire(c);
        return true;
    }
    return false;
}

static bool is_above_ceiling(struct edge *e)
{
    struct pressure *p = &e->pressure;
    uint64_t ceiling = e->generation->snapshot->limits.memory, now = edge_now(e);
    if (ceiling == 0)
        return false;
    if (now >= p->looked_ms + LOOK_EVERY_MS) {
        struct mallinfo2 m = mallinfo2();
        p->memory = m.uordblks + m.hblkhd;
        p->looked_ms = now;
    }
    return p->memory > ceiling;
}

bool pressure_admits(struct edge *e)
{
    const struct limits *limits = &e->generation->snapshot->limits;
    if (e->conn_count >= limits->connections && !pressure_relieve(e))
        return false;
    if (!is_above_ceiling(e))
        return true;
    bool relieved = false;
    for (int i = 0; i < RELIEVED_AT_ONCE && pressure_relieve(e); i++)
        relieved = true;
    return relieved;
}
