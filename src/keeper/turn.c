#include "keeper/turn.h"

#include "audit/head.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "keeper/call.h"
#include "keeper/confirm.h"
#include "keeper/events.h"
#include "keeper/keeper.h"

#define LOCKED_MS 1000u

void turn_init(struct turn *t, struct keeper *k)
{
    t->keeper = k;
    list_init(&t->replies);
    list_init(&t->held);
}

static void on_turn_check(uv_check_t *check)
{
    turn_end(check->data);
}

static void on_turn_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void on_turn_due(uv_timer_t *timer)
{
    turn_settle(timer->data);
}

static uint64_t thread_us(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) < 0
               ? 0
               : (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* From one of these to the next the loop has waited, and then worked through what had come. */
static void on_turn_prepare(uv_prepare_t *p)
{
    struct turn *t = p->data;
    uint64_t now = clock_mono_us(), cpu = thread_us();
    uint64_t idle = uv_metrics_idle_time(&t->keeper->loop) / 1000;
    if (t->pass.began_us != 0) {
        uint64_t whole = now - t->pass.began_us, waited = idle - t->pass.idle_us;
        uint64_t busy = whole > waited ? whole - waited : 0, own = cpu - t->pass.cpu_us;
        t->pass.longest_us = busy > t->pass.longest_us ? busy : t->pass.longest_us;
        t->pass.longest_cpu_us = own > t->pass.longest_cpu_us ? own : t->pass.longest_cpu_us;
    }
    t->pass.began_us = now;
    t->pass.idle_us = idle;
    t->pass.cpu_us = cpu;
}

void turn_longest_pass(const struct turn *t, uint64_t *clock_us, uint64_t *cpu_us)
{
    *clock_us = t->pass.longest_us;
    *cpu_us = t->pass.longest_cpu_us;
}

int turn_start(struct turn *t)
{
    uv_loop_t *loop = &t->keeper->loop;
    int r = uv_check_init(loop, &t->check);
    r = r < 0 ? r : uv_idle_init(loop, &t->idle);
    r = r < 0 ? r : uv_timer_init(loop, &t->due);
    r = r < 0 ? r : uv_prepare_init(loop, &t->prepare);
    r = r < 0 ? r : uv_prepare_start(&t->prepare, on_turn_prepare);
    if (r < 0) {
        return r;
    }
    t->check.data = t->idle.data = t->due.data = t->prepare.data = t;
    return uv_check_start(&t->check, on_turn_check);
}

static void drop_all(struct list *replies)
{
    list_each_safe(at, replies)
    {
        list_remove(at);
        reply_free(container_of(at, struct reply, link));
    }
}

void turn_stop(struct turn *t)
{
    turn_end(t);
    drop_all(&t->replies);
    drop_all(&t->held);
    uv_close((uv_handle_t *)&t->check, NULL);
    uv_close((uv_handle_t *)&t->idle, NULL);
    uv_close((uv_handle_t *)&t->due, NULL);
    uv_close((uv_handle_t *)&t->prepare, NULL);
}

static int open_turn(struct turn *t)
{
    if (t->open) {
        return t->broken ? FAULT_STORE : 0;
    }
    /* Somebody else has locked the store, and to find that out took a second in which nobody was
     * answered: those who want to change something meanwhile do not each wait for another. */
    uint64_t now = clock_mono_ms();
    if (now < t->locked_until) {
        return FAULT_BUSY;
    }
    int r = store_begin(t->keeper->store);
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "store_begin", r, "nothing can be changed now");
        t->locked_until = r == FAULT_BUSY ? clock_mono_ms() + LOCKED_MS : 0;
        return r;
    }
    t->open = true;
    t->broken = false;
    t->count = 0;
    if (t->keeper->looped) {
        (void)uv_idle_start(&t->idle, on_turn_idle);
    }
    return 0;
}

int turn_run(struct turn *t, turn_step step, void *context)
{
    struct keeper *k = t->keeper;
    int r = open_turn(t);
    if (r < 0) {
        return r;
    }
    r = store_mark(k->store);
    if (r < 0) {
        t->broken = true;
        return r;
    }
    bool audited = t->audited;
    uint32_t topics = t->topics;
    r = step(k, context);
    if (r < 0) {
        store_undo(k->store);
        t->audited = audited;
        t->topics = topics;
    } else {
        int kept = store_keep(k->store);
        if (kept < 0) {
            t->broken = true;
            return kept;
        }
    }
    t->count++;
    return r;
}

/* How long until this reply may go? 0: now. UINT64_MAX: somebody else will say. */
static uint64_t reply_wait(struct keeper *k, const struct reply *r, uint64_t now)
{
    unsigned acked;
    if (r->snapshot != 0 || (r->epoch != 0 && !revoke_settled(k, r->epoch, &acked))) {
        return UINT64_MAX;
    }
    return r->not_before > now ? r->not_before - now : 0;
}

void turn_settle(struct turn *t)
{
    struct keeper *k = t->keeper;
    uint64_t now = clock_mono_ms();
    uint64_t next = UINT64_MAX;
    uint64_t at[] = {revoke_watch(k, now), change_watch(k, now), confirm_watch(k, now)};
    for (size_t i = 0; i < countof(at); i++) {
        if (at[i] != 0) {
            uint64_t wait = at[i] > now ? at[i] - now : 1;
            next = wait < next ? wait : next;
        }
    }
    list_each_safe(it, &t->held)
    {
        struct reply *r = container_of(it, struct reply, link);
        uint64_t wait = reply_wait(k, r, now);
        if (wait == 0) {
            reply_send(k, r);
        } else if (wait < next) {
            next = wait;
        }
    }
    if (!k->looped) {
        return;
    }
    if (next == UINT64_MAX) {
        (void)uv_timer_stop(&t->due);
    } else {
        uv_update_time(&k->loop);
        (void)uv_timer_start(&t->due, on_turn_due, next, 0);
    }
}

void turn_soon(struct turn *t)
{
    if (t->keeper->looped && !t->keeper->stopping) {
        (void)uv_timer_start(&t->due, on_turn_due, 0, 0);
    }
}

static void release(struct turn *t, struct reply *r)
{
    list_remove(&r->link);
    if (reply_wait(t->keeper, r, clock_mono_ms()) == 0) {
        reply_send(t->keeper, r);
    } else {
        list_push(&t->held, &r->link);
    }
}

void turn_reply(struct turn *t, struct reply *r)
{
    if (t->open) {
        list_push(&t->replies, &r->link);
        if (t->count >= TURN_OPERATIONS_MAX) {
            turn_end(t);
        }
        return;
    }
    release(t, r);
    turn_settle(t);
}

/* What every operation of the turn wanted done is undone; nobody is told otherwise. */
static void fail_turn(struct turn *t)
{
    struct keeper *k = t->keeper;
    if (k->changes.current != NULL && k->changes.current->state == CHANGE_MADE) {
        if (k->changes.current->is_refresh) {
            hosts_again(&k->hosts);
        }
        if (k->changes.current->is_expiry) {
            confirm_again(k);
        }
        change_free(k->changes.current);
        k->changes.current = NULL;
    }
    confirm_not_given(k);
    list_each(it, &t->replies)
    {
        struct reply *r = container_of(it, struct reply, link);
        r->failed = true;
        r->snapshot = 0;
        r->epoch = 0;
        struct call *from = r->call != NULL ? r->call : r->revokes;
        if (from != NULL) {
            call_drop_revokes(from);
        }
    }
}

static void push_revocations(struct keeper *k, struct reply *r)
{
    struct call *from = r->call != NULL ? r->call : r->revokes;
    if (from == NULL || list_empty(&from->revokes) || r->snapshot != 0) {
        return;
    }
    r->epoch_since = clock_mono_ms();
    list_each(it, &from->revokes)
    {
        const struct call_revoke *revoke = container_of(it, struct call_revoke, link);
        r->epoch = revoke_push(k, revoke->kind, revoke->id);
    }
    call_drop_revokes(from);
}

static int alarm_step(struct keeper *k, void *context)
{
    (void)context;
    return keeper_audit(k, AUDIT_AUDIT_ALARM, SPAN_NONE, AUDIT_FAILED, SPAN_NONE);
}

/* A trail that was cut or rewritten does not stop the service: whoever could do that could also
 * stop it, and the people who would look into it need to get in. It is said loudly instead, and the
 * head file is left alone as the evidence that it is. */
void turn_head(struct turn *t, bool start)
{
    struct keeper *k = t->keeper;
    int r = start ? head_settle(k->head_file, k->store) : head_update(k->head_file, k->store);
    bool alarm = r == FAULT_CONFLICT || r == FAULT_ABSENT || r == FAULT_FORMAT;
    if (r == 0 || (alarm && k->alarmed)) {
        return;
    }
    log_fault(LOG_LEVEL_ERROR, alarm ? "audit_alarm" : "audit_head", r,
              alarm ? "the audit trail is not what its head file says: run postern audit verify"
                    : "the head file lags behind the trail");
    if (alarm) {
        k->alarmed = true;
        if (turn_run(t, alarm_step, NULL) < 0) {
            log_event(LOG_LEVEL_ERROR, "audit_alarm_record");
        }
    }
}

void turn_end(struct turn *t)
{
    struct keeper *k = t->keeper;
    if (!t->open) {
        return;
    }
    t->open = false;
    if (k->looped) {
        (void)uv_idle_stop(&t->idle);
    }
    int r = t->broken ? FAULT_STORE : 0;
    if (t->broken) {
        store_rollback(k->store);
    } else {
        r = store_commit(k->store);
    }
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "store_commit", r, "a turn was undone");
        fail_turn(t);
    } else if (t->audited && k->head_file != NULL) {
        turn_head(t, false);
    }
    if (r == 0)
        events_push(k, t->topics);
    t->topics = 0;
    t->audited = false;
    t->broken = false;
    if (r == 0 && k->changes.current != NULL && k->changes.current->state == CHANGE_MADE) {
        change_publish(k);
    }
    /* Publishing and sending may end in new operations; those are of the next turn. */
    struct list ready;
    list_init(&ready);
    while (!list_empty(&t->replies)) {
        struct list *at = t->replies.next;
        list_remove(at);
        list_push(&ready, at);
    }
    list_each_safe(it, &ready)
    {
        struct reply *reply = container_of(it, struct reply, link);
        if (r == 0) {
            push_revocations(k, reply);
        }
        release(t, reply);
    }
    if (r < 0 && k->changes.current == NULL) {
        /* A change that was undone with its turn may have had others behind it. */
        change_go_on(k);
    }
    turn_settle(t);
}
