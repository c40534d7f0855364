#include "keeper/grants.h"

#include <errno.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "conf/resource.h"
#include "identity/token.h"
#include "keeper/call.h"
#include "keeper/json.h"
#include "keeper/keeper.h"

#define CLOCK_SLACK 60u
/* After a sweep that failed; and the longest sleep, so that a clock that jumps is noticed. */
#define AGAIN_MS 5000u
#define SLEEP_MAX_MS 60000u
#define AT_ONCE 64u
#define REQUESTS_KEPT (90u * (uint64_t)86400)

uint64_t grants_time(uint64_t base_s, uint64_t base_mono_ms, uint64_t wall_s, uint64_t mono_ms)
{
    uint64_t steady = base_s == 0 ? 0 : base_s + (mono_ms - base_mono_ms) / 1000;
    return wall_s > steady ? wall_s : steady;
}

uint64_t grants_now(const struct keeper *k)
{
    return grants_time(k->grants.wall_s, k->grants.mono_ms, clock_wall_ms() / 1000,
                       clock_mono_ms());
}

int grants_basis(const struct keeper *k, const char *rule, uint8_t ret[STORE_HASH_SIZE])
{
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    const struct rule_def *def = s == NULL ? NULL : snapshot_rule(s, rule);
    struct buf text;
    if (def == NULL || !rule_asks_grant(def)) {
        return FAULT_ABSENT;
    }
    buf_init(&text, RESOURCE_MAX);
    int r = resource_write(s, "rule", rule, &text);
    r = r < 0 ? r : token_digest(buf_view(&text), ret);
    buf_fini(&text);
    return r;
}

/* ---- audit ---- */

static int record(struct keeper *k, struct call *c, enum audit_event event, const struct request *r,
                  json_t *detail)
{
    struct buf text;
    if (c != NULL && c->actor.text != NULL) {
        return call_audit(c, event, span_str(r->user), detail);
    }
    buf_init(&text, 65536);
    int rc = json_write(detail, &text);
    json_decref(detail);
    rc = rc < 0 ? rc : keeper_audit(k, event, span_str(r->user), AUDIT_DONE, buf_view(&text));
    buf_fini(&text);
    return rc;
}

int grants_audit(struct keeper *k, struct call *c, enum audit_event event, const struct request *r,
                 json_t *more)
{
    json_t *detail =
        json_pack("{s:I,s:o,s:o}", "request", (json_int_t)r->seq,
                  r->kind == REQUEST_ACCESS ? "rule" : "class", json_text(span_str(r->subject)),
                  "reason", json_text(span_str(r->reason)));
    if (detail == NULL || (more != NULL && json_object_update(detail, more) < 0)) {
        json_decref(detail);
        json_decref(more);
        return -ENOMEM;
    }
    json_decref(more);
    return record(k, c, event, r, detail);
}

/* ---- what is over ---- */

struct over {
    struct keeper *keeper;
    uint64_t now;
    size_t count;
    int fault;
    struct past {
        uint64_t seq;
        const char *why;
    } at[AT_ONCE];
};

static int note(struct over *o, const struct request *r, const char *why)
{
    o->at[o->count++] = (struct past){r->seq, why};
    return o->count == AT_ONCE;
}

static int each_pending(void *context, const struct request *r)
{
    return note(context, r, "nobody decided it in time");
}

static int each_running(void *context, const struct request *r)
{
    struct over *o = context;
    uint8_t basis[STORE_HASH_SIZE];
    const char *why = NULL;
    if (r->ends <= o->now) {
        why = "its time is over";
    } else if (r->decided > o->now + CLOCK_SLACK) {
        why = "the clock went back to before it began";
    } else if (o->keeper->live != NULL) {
        int rc = grants_basis(o->keeper, r->subject, basis);
        if (rc < 0 && rc != FAULT_ABSENT) {
            o->fault = rc;
            return 1;
        }
        if (rc < 0 || memcmp(basis, r->basis, sizeof(basis)) != 0) {
            why = "the rule is not the one that was asked for any more";
        }
    }
    return why == NULL ? 0 : note(o, r, why);
}

static int close_one(struct keeper *k, const struct past *p, enum request_state from,
                     enum request_state to, enum audit_event event)
{
    struct request r;
    int rc = requests_find(k->store, p->seq, &r);
    rc = rc < 0 ? rc
                : requests_move(k->store, p->seq, from, to,
                                from == REQUEST_PENDING ? grants_now(k) : 0, 0, p->why);
    return rc < 0 ? rc : grants_audit(k, NULL, event, &r, json_pack("{s:s}", "why", p->why));
}

int grants_sweep_step(struct keeper *k, struct call *c)
{
    struct over pending = {.keeper = k, .now = grants_now(k)}, running = pending;
    int r = requests_due(k->store, pending.now, each_pending, &pending);
    r = r < 0 ? r : requests_running(k->store, each_running, &running);
    r = r < 0 ? r : running.fault;
    for (size_t i = 0; i < pending.count && r >= 0; i++) {
        r = close_one(k, &pending.at[i], REQUEST_PENDING, REQUEST_EXPIRED, AUDIT_REQUEST_EXPIRED);
    }
    for (size_t i = 0; i < running.count && r >= 0; i++) {
        r = close_one(k, &running.at[i], REQUEST_APPROVED, REQUEST_ENDED, AUDIT_GRANT_ENDED);
    }
    /* Views carry grants: all are asked for anew, and streams are judged by what they say then. */
    return r < 0 ? r : running.count == 0 ? 0 : call_revoke(c, REVOKE_ALL, SPAN_NONE);
}

static int sweep_step(struct keeper *k, void *context)
{
    int r = grants_sweep_step(k, context);
    return r < 0 ? r : requests_prune(k->store, grants_now(k) - REQUESTS_KEPT);
}

static void on_timer(uv_timer_t *t);

void grants_sweep(struct keeper *k)
{
    struct reply *r = reply_new(REPLY_DISCARD, 0, 0, MSG_NONE);
    if (r == NULL) {
        return;
    }
    r->revokes = call_new(k, &(struct call_input){0});
    if (r->revokes == NULL || turn_run(&k->turn, sweep_step, r->revokes) < 0) {
        log_event(LOG_LEVEL_WARN, "grants_sweep");
        reply_free(r);
        if (k->grants.keeper != NULL) {
            (void)uv_timer_start(&k->grants.timer, on_timer, AGAIN_MS, 0);
        }
        return;
    }
    turn_reply(&k->turn, r);
    grants_arm(k);
}

/* ---- waiting ---- */

/* Nothing runs that a clock which is set back could make longer: the wall clock is believed. */
static void rebase(struct grants *g)
{
    g->wall_s = clock_wall_ms() / 1000;
    g->mono_ms = clock_mono_ms();
}

static void on_timer(uv_timer_t *t)
{
    struct grants *g = t->data;
    uint64_t next = 0;
    if (requests_next(g->keeper->store, &next) == 0 && next == 0) {
        rebase(g);
    }
    if (next != 0 && next <= grants_now(g->keeper)) {
        grants_sweep(g->keeper);
    } else {
        grants_arm(g->keeper);
    }
}

void grants_arm(struct keeper *k)
{
    struct grants *g = &k->grants;
    uint64_t next = 0, now = grants_now(k), ms = SLEEP_MAX_MS;
    if (g->keeper == NULL) {
        return;
    }
    if (requests_next(k->store, &next) < 0) {
        ms = AGAIN_MS;
    } else if (next != 0 && next <= now) {
        ms = 1;
    } else if (next != 0 && next - now < SLEEP_MAX_MS / 1000) {
        ms = (next - now) * 1000;
    }
    (void)uv_timer_start(&g->timer, on_timer, ms, 0);
}

int grants_start(struct grants *g, struct keeper *k)
{
    int r = uv_timer_init(&k->loop, &g->timer);
    if (r < 0) {
        return r;
    }
    g->timer.data = g;
    g->keeper = k;
    rebase(g);
    r = uv_timer_start(&g->timer, on_timer, 1, 0);
    return r;
}
