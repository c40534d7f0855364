/* Running calls: in the present turn, in the pool when a password must be hashed, when the
 * courier has answered, or later. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "identity/password.h"
#include "keeper/actor.h"
#include "keeper/keeper.h"
#include "keeper/login.h"
#include "keeper/operation.h"
#include "keeper/usage.h"

struct run {
    struct call *call;
    int fault;
};

/* What turn_run sees when a call wants its writes undone without the store being at fault. */
#define RUN_UNDO FAULT_CONFLICT

static int run_step(struct keeper *k, void *context)
{
    struct run *run = context;
    struct call *c = run->call;
    (void)k;
    run->fault = operation_run(c);
    if (run->fault < 0) {
        return run->fault;
    }
    bool undo = c->need != CALL_ANSWER || (c->status >= 400 && !c->keep);
    return undo ? RUN_UNDO : 0;
}

static void fail_call(struct call *c, int fault)
{
    log_fault(LOG_LEVEL_ERROR, "call", fault, "an operation failed");
    call_reset(c);
    c->retry_after = 1;
    (void)call_problem(c, 503, NULL,
                       "the operation could not be carried out now; nothing was changed");
}

/* ---- waiting for a hash ---- */

struct hash_job {
    struct pool_job job;
    struct keeper *keeper;
    struct reply *reply;
    char hash[PASSWORD_TEXT_SIZE];
    bool matches;
    int fault;
};

static void hash_compute(struct pool_job *job)
{
    struct hash_job *h = container_of(job, struct hash_job, job);
    struct call *c = h->reply->call;
    struct span password = secret_view(&c->password);
    if (!c->comparing) {
        h->fault = password_hash(password, h->hash);
        return;
    }
    int r = c->against[0] == '\0' ? password_verify_nobody(password)
                                  : password_verify(password, c->against);
    h->matches = r == 0 && c->against[0] != '\0';
    h->fault = r == FAULT_DENIED ? 0 : r;
}

static void on_hash_done(struct pool_job *job, int fault)
{
    struct hash_job *h = container_of(job, struct hash_job, job);
    struct call *c = h->reply->call;
    fault = fault < 0 ? fault : h->fault;
    secret_fini(&c->password);
    if (fault < 0) {
        fail_call(c, fault);
        turn_reply(&h->keeper->turn, h->reply);
    } else {
        if (c->comparing) {
            c->compared = true;
            c->matches = h->matches;
        } else {
            memcpy(c->hash, h->hash, sizeof(h->hash));
            c->hashed = true;
        }
        call_begin(h->keeper, h->reply);
    }
    secret_wipe(h->hash, sizeof(h->hash));
    free(h);
}

static int submit_hash(struct keeper *k, struct reply *r)
{
    struct hash_job *h = calloc(1, sizeof(*h));
    if (h == NULL) {
        return FAULT_BUSY;
    }
    h->job.compute = hash_compute;
    h->job.done = on_hash_done;
    h->keeper = k;
    h->reply = r;
    int rc = pool_submit(&k->pool, &h->job);
    if (rc < 0) {
        free(h);
    }
    return rc;
}

/* ---- waiting for the courier ---- */

static void on_told(struct keeper *k, void *context, int fault, struct span answer)
{
    struct reply *r = context;
    struct call_errand *e = &r->call->errand[r->call->asking];
    if (fault == -ECANCELED) {
        reply_free(r);
        return;
    }
    e->told = true;
    e->fault = fault < 0 ? fault : buf_append(&e->answer, answer);
    call_begin(k, r);
}

static void send_errand(struct keeper *k, struct reply *r)
{
    struct call_errand *e = &r->call->errand[r->call->asking];
    int fault = errands_ask(k, e->type, buf_view(&e->question), e->patience_ms, on_told, r);
    buf_fini(&e->question);
    if (fault < 0) {
        on_told(k, r, fault, SPAN_NONE);
    }
}

/* The host itself counts as one caller. */
static bool same_caller(const struct call *a, const struct call *b)
{
    return a->actor.kind == b->actor.kind && strcmp(a->actor.text, b->actor.text) == 0;
}

unsigned calls_asking(struct keeper *k, enum msg_type type, const struct call *like)
{
    unsigned n = 0;
    list_each(at, &k->errands.open)
    {
        const struct errand *e = container_of(at, struct errand, link);
        if (e->done == on_told && e->type == type) {
            const struct reply *r = e->context;
            n += like == NULL || same_caller(r->call, like);
        }
    }
    return n;
}

/* ---- one run ---- */

static void finish(struct keeper *k, struct reply *r)
{
    struct call *c = r->call;
    struct changes *changes = &k->changes;
    if (c->need == CALL_HASH) {
        if (submit_hash(k, r) == 0) {
            return;
        }
        call_reset(c);
        c->retry_after = 1;
        (void)call_problem(c, 503, NULL, "too many passwords are being worked on; try again");
    } else if (c->need == CALL_ERRAND) {
        send_errand(k, r);
        return;
    } else if (c->need == CALL_LATER) {
        if (changes->waiting_count < CHANGES_WAITING_MAX) {
            changes->waiting_count++;
            list_push(&changes->waiting, &r->link);
            return;
        }
        call_reset(c);
        c->retry_after = 1;
        (void)call_problem(c, 503, NULL, "too many changes are waiting; try again");
    } else if (c->change != NULL) {
        changes->current = c->change;
        r->snapshot = c->change->number;
        c->change = NULL;
    }
    if (c->at_deadline) {
        uint64_t late = clock_mono_ms() - c->arrived_ms;
        r->not_before = c->arrived_ms + (late / LOGIN_DEADLINE_MS + 1) * LOGIN_DEADLINE_MS;
    }
    turn_reply(&k->turn, r);
}

static bool only_asks(const struct call *c)
{
    struct span params[2];
    bool other;
    const struct operation *op = operation_find(c->in.method, c->in.path, params, &other);
    return (span_is(c->in.method, "GET") || span_is(c->in.method, "HEAD")) &&
           (op == NULL || (op->flags & OPERATION_TURN) == 0);
}

void call_begin(struct keeper *k, struct reply *r)
{
    struct call *c = r->call;
    struct run run = {.call = c};
    call_reset(c);
    /* Questions need no transaction of their own; inside an open turn they see what it has done,
     * and wait for its commit with everybody else. */
    if (only_asks(c)) {
        run.fault = operation_run(c);
    } else {
        int rc = turn_run(&k->turn, run_step, &run);
        if (run.fault == 0 && rc < 0 && rc != RUN_UNDO) {
            run.fault = rc;
        }
    }
    if (run.fault < 0) {
        fail_call(c, run.fault);
    } else if (c->actor.token != NULL && actor_strays(c)) {
        usage_note_stray(k, c->actor.token->id, &c->in.source, REASON_TOKEN_ZONE);
    } else if (c->actor.token != NULL) {
        usage_note(k, c->actor.token, &c->in.source, c->now_ms / 1000);
    }
    finish(k, r);
}
