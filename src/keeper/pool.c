#include "keeper/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"

static void on_pool_compute(uv_work_t *work)
{
    struct pool_job *job = container_of(work, struct pool_job, work);
    job->compute(job);
}

static void on_pool_done(uv_work_t *work, int status)
{
    struct pool_job *job = container_of(work, struct pool_job, work);
    job->pool->busy--;
    list_remove(&job->link);
    job->done(job, status == 0 ? 0 : -ECANCELED);
}

static void warm_compute(struct pool_job *job)
{
    (void)job;
}

static void warm_done(struct pool_job *job, int fault)
{
    (void)fault;
    free(job);
}

int pool_open(struct pool *p, uv_loop_t *loop)
{
    unsigned cores = uv_available_parallelism();
    p->loop = loop;
    p->threads = cores > 1 ? cores - 1 : 1;
    if (p->threads > 64) {
        p->threads = 64;
    }
    p->busy = 0;
    list_init(&p->jobs);
    char count[16];
    (void)snprintf(count, sizeof(count), "%u", p->threads);
    if (setenv("UV_THREADPOOL_SIZE", count, 1) != 0) {
        return -errno;
    }
    /* The first job makes the library start all its threads. */
    struct pool_job *warm = calloc(1, sizeof(*warm));
    if (warm == NULL) {
        return -ENOMEM;
    }
    warm->compute = warm_compute;
    warm->done = warm_done;
    int r = pool_submit(p, warm);
    if (r < 0) {
        free(warm);
        return r;
    }
    while (p->busy > 0) {
        (void)uv_run(loop, UV_RUN_ONCE);
    }
    return 0;
}

int pool_submit(struct pool *p, struct pool_job *job)
{
    if (p->busy >= p->threads + POOL_QUEUE_MAX) {
        return FAULT_BUSY;
    }
    job->pool = p;
    int r = uv_queue_work(p->loop, &job->work, on_pool_compute, on_pool_done);
    if (r < 0) {
        return r;
    }
    p->busy++;
    list_push(&p->jobs, &job->link);
    return 0;
}

void pool_close(struct pool *p)
{
    list_each_safe(at, &p->jobs)
    {
        struct pool_job *job = container_of(at, struct pool_job, link);
        (void)uv_cancel((uv_req_t *)&job->work);
    }
}
