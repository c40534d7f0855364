#include "keeper/reader.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"

/* Answers of the loop come first when there are not processors enough for both. */
#define READER_NICE 10

void reader_open(struct reader *r, const char *store_file)
{
    int rc = store_open(store_file, STORE_READ, &r->store, NULL);
    if (rc < 0) {
        r->store = NULL;
        log_fault(LOG_LEVEL_WARN, "reader_open", rc, "nothing can be simulated");
    }
}

/* The lock is held, and given back while a job is at work. */
static void work(struct reader *r, struct reader_job *job)
{
    int rc = 1;
    while (rc == 1) {
        bool end = r->stop || atomic_load(&job->cancelled);
        uv_mutex_unlock(&r->lock);
        rc = end ? -ECANCELED : job->step(job, r->store);
        uv_mutex_lock(&r->lock);
    }
    job->fault = rc;
    list_remove(&job->link);
    list_push(&r->finished, &job->link);
    (void)uv_async_send(&r->told);
}

static void reader_main(void *context)
{
    struct reader *r = context;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), READER_NICE);
    uv_mutex_lock(&r->lock);
    r->ready = true;
    uv_cond_broadcast(&r->wake);
    while (!r->stop || !list_empty(&r->waiting)) {
        if (list_empty(&r->waiting))
            uv_cond_wait(&r->wake, &r->lock);
        else
            work(r, container_of(r->waiting.next, struct reader_job, link));
    }
    uv_mutex_unlock(&r->lock);
}

static void hand_back(struct reader *r)
{
    for (;;) {
        uv_mutex_lock(&r->lock);
        struct list *at = list_empty(&r->finished) ? NULL : r->finished.next;
        if (at != NULL)
            list_remove(at);
        uv_mutex_unlock(&r->lock);
        if (at == NULL)
            return;
        struct reader_job *job = container_of(at, struct reader_job, link);
        r->count--;
        job->done(job, job->fault);
    }
}

static void on_told(uv_async_t *told)
{
    hand_back(told->data);
}

int reader_start(struct reader *r, uv_loop_t *loop)
{
    list_init(&r->waiting);
    list_init(&r->finished);
    if (r->store == NULL)
        return 0;
    int rc = uv_mutex_init(&r->lock);
    rc = rc < 0 ? rc : uv_cond_init(&r->wake);
    rc = rc < 0 ? rc : uv_async_init(loop, &r->told, on_told);
    if (rc < 0)
        return rc;
    r->told.data = r;
    rc = uv_thread_create(&r->thread, reader_main, r);
    if (rc < 0)
        return rc;
    r->running = true;
    uv_mutex_lock(&r->lock);
    while (!r->ready)
        uv_cond_wait(&r->wake, &r->lock);
    uv_mutex_unlock(&r->lock);
    return 0;
}

int reader_submit(struct reader *r, struct reader_job *job)
{
    if (!r->running)
        return FAULT_CLOSED;
    if (r->count >= READER_QUEUE_MAX)
        return FAULT_BUSY;
    r->count++;
    atomic_store(&job->cancelled, false);
    uv_mutex_lock(&r->lock);
    list_push(&r->waiting, &job->link);
    uv_cond_broadcast(&r->wake);
    uv_mutex_unlock(&r->lock);
    return 0;
}

void reader_cancel(struct reader_job *job)
{
    atomic_store(&job->cancelled, true);
}

void reader_stop(struct reader *r)
{
    if (r->running) {
        uv_mutex_lock(&r->lock);
        r->stop = true;
        uv_cond_broadcast(&r->wake);
        uv_mutex_unlock(&r->lock);
        (void)uv_thread_join(&r->thread);
        r->running = false;
        hand_back(r);
    }
    store_close(r->store);
    r->store = NULL;
}
