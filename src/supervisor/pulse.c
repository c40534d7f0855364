#include "supervisor/pulse.h"

#include "base/fault.h"
#include "base/log.h"

#define PULSE_MS 1000u

/* In beats. The keeper has the longest work that is still work: a disk that takes its time, a lock
 * that somebody else holds. */
static const unsigned patience[ROLE_COUNT] = {
    [ROLE_SIGNER] = 5, [ROLE_KEEPER] = 15, [ROLE_COURIER] = 5, [ROLE_EDGE] = 5};

static bool hangs(const struct child *c)
{
    return child_is_up(c) && c->channel.fd >= 0 && c->silent > patience[c->kind];
}

static void on_pulse(uv_timer_t *t)
{
    struct supervisor *sv = t->data;
    if (sv->stopping)
        return;
    list_each(it, &sv->children)
    {
        struct child *c = container_of(it, struct child, link);
        c->silent = c->status_asked ? c->silent + 1 : 0;
        if (!hangs(c))
            continue;
        struct buf line;
        log_line(&line, LOG_LEVEL_ERROR, "child_hangs");
        log_text(&line, "role", ROLES[c->kind].name);
        log_num(&line, "id", c->id);
        log_num(&line, "child", c->pid);
        log_end(&line);
        child_kill(c);
    }
    supervisor_follow_interfaces(sv);
    doctor_ask_all(sv);
}

void pulse_start(struct supervisor *sv)
{
    (void)uv_timer_start(&sv->pulse_timer, on_pulse, PULSE_MS, PULSE_MS);
}

void pulse_heard(struct child *c)
{
    list_each(it, &c->supervisor->children)
    {
        struct child *other = container_of(it, struct child, link);
        if ((other->lost & (unsigned)ROLES[c->kind].ipc) == 0 || !supervisor_may_meet(c, other))
            continue;
        other->lost &= ~(unsigned)ROLES[c->kind].ipc;
        supervisor_introduce(c, other);
    }
}

int pulse_lost(struct child *c, struct message *m)
{
    struct msg_lost lost;
    if (msg_lost_decode(m->payload, &lost) < 0)
        return FAULT_FORMAT;
    if (c->kind == ROLE_KEEPER && lost.role == IPC_COURIER) {
        struct child *courier = supervisor_find(c->supervisor, ROLE_COURIER);
        log_event(LOG_LEVEL_ERROR, "courier_spoke_nonsense");
        if (courier != NULL)
            child_kill(courier);
        return 0;
    }
    if (c->kind != ROLE_EDGE || (lost.role != IPC_SIGNER && lost.role != IPC_KEEPER))
        return FAULT_FORMAT;
    /* The next beat asks the other side; its answer is what brings the new channel. */
    c->lost |= lost.role;
    return 0;
}
