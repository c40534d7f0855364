#include "keeper/confirm.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "keeper/candidate.h"
#include "keeper/keeper.h"

#define AGAIN_MS 30000u

int confirm_start(struct keeper *k)
{
    struct version v;
    int r;
    while ((r = versions_unsettled(k->store, &v)) == 0) {
        char target[64];
        (void)snprintf(target, sizeof(target), "version %llu", (unsigned long long)v.number);
        r = versions_undo(k->store, v.number, clock_wall_ms() / 1000);
        r = r < 0 ? r
                  : keeper_audit(k, AUDIT_CHANGE_UNDONE, span_str(target), AUDIT_FAILED, SPAN_NONE);
        if (r < 0) {
            return r;
        }
        log_event(LOG_LEVEL_WARN, "change_not_settled");
    }
    return r == FAULT_ABSENT ? 0 : r;
}

/* ---- in force ---- */

struct mark {
    uint64_t version, confirm_for;
};

static int mark_step(struct keeper *k, void *context)
{
    const struct mark *m = context;
    struct version waiting;
    int r = versions_pending(k->store, &waiting);
    if (r == 0 && waiting.number != m->version) {
        /* Nothing but going back can have come after it. */
        r = versions_set_confirm(k->store, waiting.number, 0, waiting.confirm_for);
    }
    r = r == FAULT_ABSENT ? 0 : r;
    r = r < 0 ? r : versions_set_state(k->store, m->version, VERSION_IN_FORCE);
    if (r == 0 && m->confirm_for > 0) {
        uint64_t by = clock_wall_ms() / 1000 + m->confirm_for;
        r = versions_set_confirm(k->store, m->version, by, m->confirm_for);
    }
    return r < 0 ? r : versions_prune(k->store, VERSIONS_KEPT);
}

static bool mark(struct keeper *k, struct mark m)
{
    struct version v;
    int r = turn_run(&k->turn, mark_step, &m);
    turn_end(&k->turn);
    r = r < 0 ? r : versions_find(k->store, m.version, &v);
    return r == 0 && v.state == VERSION_IN_FORCE;
}

/* What an earlier keeper left. */
static void load(struct keeper *k)
{
    struct version v;
    uint64_t now = clock_wall_ms() / 1000;
    int r = versions_pending(k->store, &v);
    k->changes.confirm.loaded = r == 0 || r == FAULT_ABSENT;
    if (r < 0) {
        if (r != FAULT_ABSENT) {
            log_fault(LOG_LEVEL_ERROR, "confirm_load", r, "");
        }
        return;
    }
    k->changes.confirm.version = v.number;
    if (k->changes.confirm.last == v.number) {
        return;
    }
    uint64_t left = v.confirm_by > now ? v.confirm_by - now : 0;
    left = left > v.confirm_for ? v.confirm_for : left;
    k->changes.confirm.last = v.number;
    k->changes.confirm.until_ms = clock_mono_ms() + left * 1000;
}

int confirm_given(struct keeper *k, const struct version *v)
{
    int r = versions_set_confirm(k->store, v->number, 0, v->confirm_for);
    k->changes.confirm.version = r == 0 ? 0 : k->changes.confirm.version;
    return r;
}

void confirm_not_given(struct keeper *k)
{
    if (k->changes.confirm.loaded && k->changes.confirm.version == 0) {
        load(k);
    }
}

void confirm_settled(struct keeper *k, const struct change *c)
{
    struct changes *all = &k->changes;
    if (!all->confirm.loaded) {
        load(k);
    }
    if (c->version == 0) {
        return;
    }
    all->confirm.version = c->confirm_for > 0 ? c->version : 0;
    all->confirm.last = all->confirm.version;
    all->confirm.until_ms = clock_mono_ms() + c->confirm_for * 1000;
    if (!mark(k, (struct mark){c->version, c->confirm_for})) {
        all->unmarked = c->version;
        all->unmarked_confirm = c->confirm_for;
        log_event(LOG_LEVEL_ERROR, "version_not_marked");
    }
}

void confirm_minute(struct keeper *k)
{
    struct changes *all = &k->changes;
    if (!all->confirm.loaded && k->live != NULL) {
        load(k);
    }
    if (all->unmarked != 0 && mark(k, (struct mark){all->unmarked, all->unmarked_confirm})) {
        all->unmarked = 0;
    }
}

/* ---- the deadline ---- */

uint64_t confirm_left(const struct keeper *k)
{
    uint64_t now = clock_mono_ms(), until = k->changes.confirm.until_ms;
    return k->changes.confirm.version != 0 && until > now ? (until - now + 999) / 1000 : 0;
}

struct expiry {
    struct change *change; /* NULL afterwards: there was nothing to restore */
    struct candidate_error why;
};

static int rewind_to(struct keeper *k, uint64_t number, struct candidate **ret,
                     struct candidate_error *why)
{
    struct candidate *c;
    int r = candidate_begin(k, &c);
    if (r < 0) {
        return r;
    }
    r = candidate_rewind(c, k->store, number);
    r = r < 0 ? r : candidate_finish(c, k, why);
    if (r < 0) {
        candidate_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

static int expire_step(struct keeper *k, void *context)
{
    struct expiry *x = context;
    uint64_t number = k->changes.confirm.version;
    struct candidate *plan;
    char text[64];
    (void)snprintf(text, sizeof(text), "version %llu", (unsigned long long)number);
    int r = rewind_to(k, number - 1, &plan, &x->why);
    r = r < 0 ? r : keeper_audit(k, AUDIT_POLICY_EXPIRED, span_str(text), AUDIT_DONE, SPAN_NONE);
    if (r < 0) {
        return r;
    }
    if (plan->entry_count == 0) {
        candidate_free(plan);
        return versions_set_confirm(k->store, number, 0, 0);
    }
    char comment[96];
    (void)snprintf(comment, sizeof(comment), "%s was not confirmed in time", text);
    struct change_terms terms = {
        .author = "postern", .cause = "expired", .comment = span_str(comment)};
    return change_write(k, plan, &terms, &x->change);
}

static void expire(struct keeper *k)
{
    struct expiry x = {.change = NULL};
    candidate_error_init(&x.why);
    int r = turn_run(&k->turn, expire_step, &x);
    if (r < 0) {
        struct buf line;
        change_free(x.change);
        confirm_again(k);
        log_line(&line, LOG_LEVEL_ERROR, "version_not_taken_back");
        log_field(&line, "fault", span_str(fault_text(r)));
        log_field(&line, "reason", buf_view(&x.why.text));
        log_end(&line);
    } else if (x.change == NULL) {
        k->changes.confirm.version = 0;
    } else {
        x.change->is_expiry = true;
        k->changes.current = x.change;
    }
    candidate_error_fini(&x.why);
}

void confirm_again(struct keeper *k)
{
    k->changes.confirm.until_ms = clock_mono_ms() + AGAIN_MS;
}

uint64_t confirm_watch(struct keeper *k, uint64_t now_ms)
{
    const struct changes *all = &k->changes;
    if (all->confirm.version == 0) {
        return 0;
    }
    /* Whatever is under way settles first, and this is asked again then. */
    if (all->confirm.until_ms <= now_ms && all->current == NULL && k->live != NULL) {
        expire(k);
    }
    return all->confirm.version != 0 && all->confirm.until_ms > now_ms ? all->confirm.until_ms : 0;
}
