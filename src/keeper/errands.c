#include "keeper/errands.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "keeper/keeper.h"

#define TICK_MS 250u

void errands_init(struct errands *e)
{
    *e = (struct errands){.count = 0};
    list_init(&e->open);
}

static void finish(struct errands *e, struct errand *o, int fault, struct span answer)
{
    struct errand done = *o;
    list_remove(&o->link);
    e->count--;
    free(o);
    done.done(e->keeper, done.context, fault, answer);
}

/* Each end may begin another errand: always the first that is late. */
static void give_up(struct errands *e, uint64_t until, int fault)
{
    for (bool found = true; found;) {
        found = false;
        list_each(at, &e->open)
        {
            struct errand *o = container_of(at, struct errand, link);
            if (o->until_ms <= until) {
                finish(e, o, fault, SPAN_NONE);
                found = true;
                break;
            }
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct errands *e = timer->data;
    give_up(e, clock_mono_ms(), FAULT_TIMEOUT);
    if (list_empty(&e->open)) {
        (void)uv_timer_stop(timer);
    }
}

int errands_start(struct errands *e, struct keeper *k)
{
    int r = uv_timer_init(&k->loop, &e->timer);
    if (r == 0) {
        e->timer.data = e;
        e->keeper = k;
    }
    return r;
}

void errands_stop(struct errands *e)
{
    if (e->keeper == NULL) {
        return;
    }
    give_up(e, UINT64_MAX, -ECANCELED);
    uv_close((uv_handle_t *)&e->timer, NULL);
    e->keeper = NULL;
}

static unsigned open_of(const struct errands *e, enum msg_type type)
{
    unsigned n = 0;
    list_each(at, &e->open)
    {
        n += container_of(at, struct errand, link)->type == type;
    }
    return n;
}

int errands_ask(struct keeper *k, enum msg_type type, struct span payload, uint32_t patience_ms,
                errand_done done, void *context)
{
    struct errands *e = &k->errands;
    if (e->keeper == NULL || k->courier == NULL || k->stopping) {
        return FAULT_ABSENT;
    }
    if (e->count >= ERRANDS_MAX || open_of(e, type) >= ERRANDS_OF_A_TYPE) {
        return FAULT_BUSY;
    }
    struct errand *o = calloc(1, sizeof(*o));
    if (o == NULL) {
        return -ENOMEM;
    }
    struct channel *channel = &k->courier->channel;
    *o = (struct errand){.type = type,
                         .serial = channel_serial(channel),
                         .until_ms = clock_mono_ms() + patience_ms,
                         .done = done,
                         .context = context};
    int r = channel_send(channel, type, o->serial, payload.at, payload.len, -1);
    /* A send that fails retires the courier, and with it whatever is open; this one is not yet. */
    peer_settle(k->courier, r);
    if (k->courier == NULL) {
        free(o);
        return FAULT_ABSENT;
    }
    list_push(&e->open, &o->link);
    e->count++;
    if (!uv_is_active((uv_handle_t *)&e->timer)) {
        (void)uv_timer_start(&e->timer, on_timer, TICK_MS, TICK_MS);
    }
    return 0;
}

int errands_answer(struct keeper *k, const struct message *m)
{
    struct errands *e = &k->errands;
    if (msg_check((unsigned)m->type, m->payload) < 0) {
        return FAULT_FORMAT;
    }
    list_each(at, &e->open)
    {
        struct errand *o = container_of(at, struct errand, link);
        if (o->serial != m->serial) {
            continue;
        }
        if (msg_info((unsigned)o->type)->reply != m->type) {
            return FAULT_FORMAT;
        }
        finish(e, o, 0, m->payload);
        return 0;
    }
    return 0;
}

void errands_unanswered(struct keeper *k)
{
    if (k->errands.keeper != NULL && !k->stopping) {
        give_up(&k->errands, UINT64_MAX, FAULT_CLOSED);
    }
}
