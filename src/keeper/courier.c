#include "keeper/courier.h"

#include "base/clock.h"
#include "base/fault.h"
#include "keeper/keeper.h"

static uint32_t serial_for(struct keeper *k)
{
    return k->courier == NULL ? 0 : channel_serial(&k->courier->channel);
}

/* A send that fails retires the courier, and with it every open question. */
static uint32_t asked(struct keeper *k, uint32_t serial, int fault)
{
    peer_settle(k->courier, fault);
    return k->courier == NULL ? 0 : serial;
}

uint32_t courier_resolve(struct keeper *k, struct span name)
{
    uint32_t serial = serial_for(k);
    struct msg_resolve m = {.host = name};
    return serial == 0
               ? 0
               : asked(k, serial, channel_send_resolve(&k->courier->channel, serial, &m, -1));
}

void courier_here(struct keeper *k)
{
    hosts_step(&k->hosts);
}

void courier_gone(struct keeper *k)
{
    hosts_unanswered(&k->hosts);
    errands_unanswered(k);
}

static int on_resolved(struct keeper *k, const struct message *m)
{
    struct msg_resolved r;
    int rc = msg_resolved_decode(m->payload, &r);
    rc = rc < 0 ? rc : hosts_answer(&k->hosts, m->serial, &r, clock_mono_ms());
    if (rc == 0) {
        hosts_step(&k->hosts);
    }
    return rc;
}

int courier_message(struct keeper *k, const struct message *m)
{
    if (m->type == MSG_RESOLVED) {
        return on_resolved(k, m);
    }
    int rc = m->type == MSG_PROBED ? probes_check(m->payload) : 0;
    return rc < 0 ? rc : errands_answer(k, m);
}
