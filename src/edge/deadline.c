#include "edge/deadline.h"

static void on_timer(uv_timer_t *timer)
{
    struct deadlines *ds = timer->data;
    deadlines_turn(ds, uv_now(ds->loop));
}

int deadlines_init(struct deadlines *ds, uv_loop_t *loop)
{
    ds->loop = loop;
    ds->turned = uv_now(loop) / DEADLINE_SLOT_MS;
    ds->armed = 0;
    for (size_t i = 0; i < DEADLINE_SLOTS; i++)
        list_init(&ds->slot[i]);
    int rc = uv_timer_init(loop, &ds->timer);
    ds->timer.data = ds;
    return rc;
}

void deadlines_fini(struct deadlines *ds)
{
    (void)uv_timer_stop(&ds->timer);
    uv_close((uv_handle_t *)&ds->timer, NULL);
}

void deadline_init(struct deadline *d, void (*on_due)(struct deadline *d))
{
    list_init(&d->link);
    d->due = d->stands = 0;
    d->on_due = on_due;
}

/* Into the slot whose turn comes when it is due, or into the last one of this round: it is then put
 * further. */
static void stand(struct deadlines *ds, struct deadline *d)
{
    uint64_t slot = (d->due + DEADLINE_SLOT_MS - 1) / DEADLINE_SLOT_MS;
    uint64_t last = ds->turned + DEADLINE_SLOTS - 1;
    if (slot < ds->turned)
        slot = ds->turned;
    if (slot > last)
        slot = last;
    d->stands = slot;
    list_push(&ds->slot[slot % DEADLINE_SLOTS], &d->link);
}

void deadline_set(struct deadlines *ds, struct deadline *d, uint64_t due)
{
    d->due = due;
    if (!list_empty(&d->link)) {
        if (d->stands * DEADLINE_SLOT_MS <= due)
            return;
        list_remove(&d->link);
        stand(ds, d);
        return;
    }
    if (ds->armed++ == 0) {
        ds->turned = uv_now(ds->loop) / DEADLINE_SLOT_MS;
        (void)uv_timer_start(&ds->timer, on_timer, DEADLINE_SLOT_MS, DEADLINE_SLOT_MS);
    }
    stand(ds, d);
}

void deadline_clear(struct deadlines *ds, struct deadline *d)
{
    if (list_empty(&d->link))
        return;
    list_remove(&d->link);
    if (--ds->armed == 0)
        (void)uv_timer_stop(&ds->timer);
}

void deadlines_turn(struct deadlines *ds, uint64_t now)
{
    uint64_t upto = now / DEADLINE_SLOT_MS;
    /* After a long sleep every slot has had its turn once; going round again would find nothing. */
    if (upto >= ds->turned + DEADLINE_SLOTS)
        ds->turned = upto - DEADLINE_SLOTS + 1;
    while (ds->turned <= upto) {
        struct list *slot = &ds->slot[ds->turned % DEADLINE_SLOTS];
        ds->turned++;
        /* on_due may end any other deadline, so the slot is emptied into a ring of its own first
         * and taken one by one from there. */
        struct list ring;
        list_init(&ring);
        if (!list_empty(slot)) {
            ring = *slot;
            ring.next->prev = &ring;
            ring.prev->next = &ring;
            list_init(slot);
        }
        while (!list_empty(&ring)) {
            struct deadline *d = container_of(ring.next, struct deadline, link);
            if (d->due > now) {
                list_remove(&d->link);
                stand(ds, d);
                continue;
            }
            deadline_clear(ds, d);
            d->on_due(d);
        }
    }
}
