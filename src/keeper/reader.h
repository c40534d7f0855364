/* The reader: one thread that reads much of the store without keeping anybody waiting.
 *
 * It has a connection of its own, which can only read, and works at a lower priority than the rest
 * of the keeper. Jobs come one after the other, each in steps; between two steps a job can be
 * cancelled, and the store's journal can be moved into its file. A job touches nothing but its own
 * memory and the connection that its step is given; `done` runs on the loop. */
#ifndef KEEPER_READER_H
#define KEEPER_READER_H

#include <stdatomic.h>

#include <uv.h>

#include "base/list.h"
#include "base/macros.h"
#include "store/store.h"

#define READER_QUEUE_MAX 8u

struct reader_job {
    struct list link;
    /* On the thread: 1: go on, 0: complete, or a fault. */
    int (*step)(struct reader_job *job, struct store *s);
    /* On the loop; fault is -ECANCELED when it was cancelled. The job belongs to the callback
     * again. */
    void (*done)(struct reader_job *job, int fault);
    atomic_bool cancelled;
    int fault;
};

struct reader {
    struct store *store; /* NULL: there is none, every job is refused */
    uv_thread_t thread;
    bool running; /* the thread exists */
    uv_mutex_t lock;
    uv_cond_t wake;
    uv_async_t told;
    bool stop;
    bool ready;          /* the thread has begun */
    struct list waiting; /* under lock, the first one is at work */
    struct list finished;
    unsigned count; /* waiting, at work or finished; the loop's own */
};

/* Opens the connection. A store that cannot be opened twice leaves the reader without one. */
void reader_open(struct reader *r, const char *store_file);
/* Starts the thread and waits until it runs; before the sandbox closes. 0 or a fault. */
must_check int reader_start(struct reader *r, uv_loop_t *loop);
/* 0, FAULT_BUSY when too many wait, FAULT_CLOSED without a thread; then `done` is not called. */
must_check int reader_submit(struct reader *r, struct reader_job *job);
void reader_cancel(struct reader_job *job);
/* Cancels all jobs, calls their `done`, ends the thread. With the loop still there. */
void reader_stop(struct reader *r);

#endif
