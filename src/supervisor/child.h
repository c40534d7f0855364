/* One child process: its life, its channel, its timer.
 *
 *   DOWN ── start ──▶ STARTING ── ready ──▶ READY ── prepare/commit ──▶ SERVING ── drain ──▶
 * DRAINING ▲ │ └──────────────── died: backoff; a retired child is freed instead
 * ───────────────────────┘
 *
 * The signer and the keeper go from STARTING to SERVING at once: they need no snapshot to be
 * useful. A child knows nothing of its siblings; the supervisor (supervisor.h) decides what its
 * events mean. */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <sys/types.h>
#include <uv.h>

#include "base/list.h"
#include "ipc/channel.h"
#include "supervisor/backoff.h"
#include "supervisor/role.h"

struct supervisor;

enum child_state { CHILD_DOWN, CHILD_STARTING, CHILD_READY, CHILD_SERVING, CHILD_DRAINING };

struct child {
    struct list link; /* in supervisor->children */
    struct supervisor *supervisor;
    enum role_kind kind;
    uint64_t key;  /* never used twice in the life of the supervisor */
    uint32_t id;   /* of an edge; 0 for the others */
    unsigned slot; /* which socket of each listener */
    enum child_state state;
    pid_t pid; /* 0 when down */
    uint64_t started_ms;
    unsigned restarts;
    struct backoff backoff;
    struct channel channel;
    uv_poll_t *poll; /* freed by its close callback, because a new channel needs a new one */
    uv_timer_t timer;
    uint64_t number;   /* the snapshot it has committed; 0: none */
    uint64_t prepared; /* the snapshot it said yes to last */
    bool successor;    /* of a new generation that is not committed yet */
    bool retired;      /* not started again */
    bool configured;   /* of a keeper: it has committed a snapshot */
    bool adopted;      /* started by the program before this one (upgrade.h) */
    int foreign_fd;    /* the channel of one that speaks another language; -1: none */
    char version[32];  /* of the supervisor that started it, and so its own */
    bool ports_bound;  /* Landlock holds it to the ports it started with */
    bool killed;       /* by us, on purpose */
    char *sandbox;     /* what `ready` said, or NULL */
    char *status;      /* the latest `status_is`, or NULL */
    bool status_asked; /* and not answered yet */
    unsigned silent;   /* beats since (pulse.h) */
    unsigned lost;     /* mask of enum ipc_role: peers it has said it lost (pulse.h) */
};

const char *child_state_name(enum child_state state);
/* In the list, DOWN. NULL without memory. */
struct child *child_new(struct supervisor *sv, enum role_kind kind, uint32_t id, unsigned slot);
/* Starts the program. A failure counts as a death: it is tried again after the backoff. */
void child_start(struct child *c);
/* It runs already, started by the program before this one: takes fd, its channel, which stays open
 * and unused when the child is foreign: it would end without. The other fields
 * are the caller's to fill in. */
must_check int child_adopt(struct child *c, pid_t pid, int fd, bool foreign);
/* Its channel is of no use any more, or it must go: SIGKILL. The rest follows when it is reaped. */
void child_kill(struct child *c);
/* After the process was reaped: closes what belonged to it. */
void child_buried(struct child *c);
/* Starts again after `wait_ms`. */
void child_start_later(struct child *c, uint64_t wait_ms);
/* Kills it unless the timer is stopped in time; `why` goes to the log. */
void child_expect_within(struct child *c, uint64_t ms);
void child_stop_timer(struct child *c);
/* Removes it from the list; freed by the loop, later. Only when it has no process. Twice is once.
 */
void child_free(struct child *c);
/* Sends happen through the channel directly; this takes the result. A broken channel kills. */
void child_sent(struct child *c, int rc);
static inline bool child_is_up(const struct child *c)
{
    return c->state == CHILD_READY || c->state == CHILD_SERVING || c->state == CHILD_DRAINING;
}

#endif
