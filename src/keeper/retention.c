#include "keeper/retention.h"

#include "audit/head.h"
#include "audit/retention.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "store/access.h"

#define DAY_MS (24u * (uint64_t)3600 * 1000)
#define SOON_MS 20u
#define LATER_MS 1000u
/* A step is some milliseconds of the loop. */
#define ACCESS_STEP 500u
#define AUDIT_STEP 250u
/* Each announcement is a record itself. */
#define ANNOUNCE_EVERY_MS 600000u

static uint64_t days_ago(uint64_t now_ms, uint32_t days)
{
    uint64_t span = days * DAY_MS;
    return days == 0 || now_ms <= span ? 0 : now_ms - span;
}

static int announce_step(struct keeper *k, void *context)
{
    const struct retention_conf *c = context;
    uint64_t now_ms = clock_wall_ms(), upto;
    const struct retention_limit limit = {.before_ms = days_ago(now_ms, c->audit_days),
                                          .rows = c->audit_rows};
    int r = retention_due(k->store, &limit, &upto);
    if (r < 0 || upto == 0) {
        return r;
    }
    r = retention_announce(k->store, upto, now_ms);
    k->turn.audited = true;
    return r;
}

static int remove_step(struct keeper *k, void *context)
{
    const struct head *head = context;
    return retention_remove(k->store, head->count, AUDIT_STEP);
}

/* What the head file does not confirm is evidence, and stays. */
static int prune_audit(struct retention *r, struct retention_conf *c)
{
    struct keeper *k = r->keeper;
    uint64_t now = clock_mono_ms();
    /* A walk over the trail must not miss what it has not seen yet. */
    if ((c->audit_days == 0 && c->audit_rows == 0) || k->alarmed || k->verification.at_work) {
        return 0;
    }
    if (now >= r->announce_ms) {
        r->announce_ms = now + ANNOUNCE_EVERY_MS;
        int said = turn_run(&k->turn, announce_step, c);
        turn_end(&k->turn);
        return said < 0 ? said : 1;
    }
    struct head head = {.count = UINT64_MAX};
    int known = k->head_file == NULL ? 0 : head_read(k->head_file, &head);
    return known < 0 ? known : turn_run(&k->turn, remove_step, &head);
}

bool retention_step(struct retention *r)
{
    struct keeper *k = r->keeper;
    if (k->live == NULL) {
        return false;
    }
    struct retention_conf c = live_snapshot(k->live)->retention;
    const struct access_limit limit = {.rows = c.access_rows,
                                       .bytes = c.access_bytes,
                                       .before_ms = days_ago(clock_wall_ms(), c.access_days)};
    int access = access_prune(k->store, &limit, ACCESS_STEP);
    int audit = access < 0 ? 0 : prune_audit(r, &c);
    turn_end(&k->turn);
    int vacuum = access < 0 || audit < 0 ? 0 : store_vacuum(k->store);
    int fault = access < 0 ? access : audit < 0 ? audit : vacuum;
    if (fault < 0 && !r->failed) {
        log_fault(LOG_LEVEL_WARN, "retention", fault, "old records stay for now");
    }
    r->failed = fault < 0;
    return fault >= 0 && (access > 0 || audit > 0 || vacuum > 0);
}

static void on_retention(uv_timer_t *timer)
{
    struct retention *r = timer->data;
    bool more = retention_step(r);
    (void)uv_timer_start(timer, on_retention, more ? SOON_MS : LATER_MS, 0);
}

int retention_start(struct retention *r, struct keeper *k)
{
    r->keeper = k;
    int rc = uv_timer_init(&k->loop, &r->timer);
    if (rc < 0) {
        return rc;
    }
    r->timer.data = r;
    return uv_timer_start(&r->timer, on_retention, LATER_MS, 0);
}
