#include "keeper/verification.h"

#include <errno.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "keeper/keeper.h"

static int on_verification_step(struct reader_job *job, struct store *store)
{
    struct verification *v = container_of(job, struct verification, job);
    if (!v->placed) {
        int rc = verify_start(&v->verify, v->head_file);
        v->placed = rc == 0;
        if (rc < 0) {
            return rc;
        }
    }
    int rc = verify_some(&v->verify, store);
    const struct verify_report *r = &v->verify.report;
    atomic_store(&v->done, r->first == 0 ? 0 : r->count - r->first + 1);
    return rc;
}

static void on_verification_done(struct reader_job *job, int fault)
{
    struct verification *v = container_of(job, struct verification, job);
    v->at_work = false;
    v->found = fault == 0;
    v->fault = fault == -ECANCELED ? 0 : fault;
    v->finished_ms = clock_mono_ms();
    if (v->fault < 0) {
        log_fault(LOG_LEVEL_WARN, "audit_verify", fault, "the trail could not be read");
    }
}

int verification_ask(struct keeper *k, uint64_t records)
{
    struct verification *v = &k->verification;
    if (v->at_work || (v->found && clock_mono_ms() < v->finished_ms + VERIFICATION_KEPT_MS)) {
        return 0;
    }
    if (v->fault < 0) {
        int fault = v->fault;
        v->fault = 0;
        return fault;
    }
    v->job.step = on_verification_step;
    v->job.done = on_verification_done;
    v->head_file = k->head_file;
    v->found = v->placed = false;
    v->total = records;
    atomic_store(&v->done, 0);
    int r = reader_submit(&k->reader, &v->job);
    v->at_work = r == 0;
    return r;
}
