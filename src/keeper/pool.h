/* The hash pool: the few threads that compute Argon2, and a short queue before them.
 *
 * More hashes at once than processors are slower than one after the other, and each takes 64 MiB:
 * so the threads are one less than the processors (at least one), and what does not fit into the
 * queue is refused at once. The threads start before the sandbox closes, because it forbids new
 * ones. A job touches nothing but its own memory; `done` runs on the loop. */
#ifndef KEEPER_POOL_H
#define KEEPER_POOL_H

#include <uv.h>

#include "base/list.h"
#include "base/macros.h"

#define POOL_QUEUE_MAX 16u

struct pool {
    uv_loop_t *loop;
    unsigned threads;
    unsigned busy; /* jobs submitted and not done */
    struct list jobs;
};

struct pool_job {
    uv_work_t work;
    struct pool *pool;
    struct list link;
    void (*compute)(struct pool_job *job); /* on a thread */
    /* On the loop; fault is -ECANCELED when the pool closed before the job began. The job belongs
     * to the callback again. */
    void (*done)(struct pool_job *job, int fault);
};

/* Starts the threads and waits until they exist. 0 or a fault. */
must_check int pool_open(struct pool *p, uv_loop_t *loop);
/* 0, or FAULT_BUSY when the queue is full; then `done` is not called. */
must_check int pool_submit(struct pool *p, struct pool_job *job);
/* Cancels what has not begun; running jobs end by themselves and the loop must run until they have.
 */
void pool_close(struct pool *p);

#endif
