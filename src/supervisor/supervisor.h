/* The supervisor: holds the listening sockets, the newest snapshot and the children, and replaces
 * what dies. It speaks no TLS and no HTTP, opens no database and sees no key.
 *
 *   main.c        arguments, privileges, sandbox, the loop
 *   supervisor.c  what the events of children mean: peers, restarts, the end
 *   deliver.c     snapshots from the keeper to everybody (rollout.h)
 *   reload.c      a new file
 *   control.c     supervisor.sock
 *   upgrade.c     a new version of all of it
 *   doctor.c      what is running, as JSON
 *   pulse.c       who hangs, and who has lost whom
 *
 * One object, one thread. */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include <uv.h>

#include "base/buf.h"
#include "supervisor/child.h"
#include "supervisor/control.h"
#include "supervisor/listeners.h"
#include "supervisor/notify.h"
#include "supervisor/privilege.h"
#include "supervisor/programs.h"
#include "supervisor/rollout.h"
#include "supervisor/upgrade.h"

struct ports {
    uint16_t *at; /* sorted, no port twice */
    size_t count;
    char *clients; /* names of the pairs that consoles are shown, one a line; NULL: none */
    char *sockets; /* paths of sockets that edges are connected to, one a line; NULL: none */
};

/* A snapshot on its way: what the keeper sent. */
struct delivery {
    int fd; /* sealed memory file, or -1 */
    uint64_t number, generation;
    struct ports ports;
    bool new_edges; /* the present edges can not follow: see needs_new_edges() */
};

struct supervisor {
    uv_loop_t loop;
    const char *config, *libexec;
    struct account account;
    struct listeners listeners;
    struct notify notify;
    struct control control;
    int control_fd, keeper_socket, lock_fd;
    struct programs programs;
    struct buf fixed; /* what only a restart can change, as it was at the start */
    struct upgrade upgrade;
    uint64_t started_ms;
    struct buf sandbox; /* the supervisor's own report */

    /* The file: in force, and the one that a reload brings. */
    struct snapshot *file, *candidate;
    uint64_t generation; /* the number given out last */
    uv_timer_t reload_timer;
    struct control_call *reload_call; /* who waits for the reload, or NULL */

    /* Children. */
    struct list children;
    uint64_t next_key;
    uint32_t next_edge_id;
    unsigned slots;
    uv_signal_t on_chld, on_hup, on_term, on_int, on_usr2;

    /* Snapshots. */
    struct delivery newest;  /* in force; fd -1 before the first */
    struct delivery running; /* the one in the rollout */
    struct delivery waiting; /* the one behind it */
    struct ports ports;      /* that edges are started with */
    struct rollout rollout;
    uv_timer_t rollout_timer;

    uv_timer_t pulse_timer, fleet_timer;
    struct control_call *doctor_call;
    uv_timer_t doctor_timer;

    bool serving; /* has been up once */
    bool stopping;
    uv_timer_t stop_timer;
    int exit_status;
};

/* ---- supervisor.c ---- */

/* Everything that needs root or open doors has been done before. */
must_check int supervisor_init(struct supervisor *sv);
void supervisor_run(struct supervisor *sv);
void supervisor_fini(struct supervisor *sv);
/* From child.c. A negative result kills the sender. */
must_check int supervisor_on_message(struct child *c, struct message *m);
void supervisor_on_death(struct child *c, int status);
/* Drains the edges and ends everybody; a second call does not wait. */
void supervisor_stop(struct supervisor *sv);
/* New edges, one per slot. */
must_check int supervisor_add_edges(struct supervisor *sv, bool successor);
/* New edges when all that there are have been asked to end. */
void supervisor_renew_edges(struct supervisor *sv);
/* The first edges, once the signer is there and a snapshot is in force. */
void supervisor_start_edges(struct supervisor *sv);
/* Gives the newest snapshot to every edge that waits for one. */
void supervisor_join_edges(struct supervisor *sv);
/* The first child of this kind that is up, or NULL. */
struct child *supervisor_find(struct supervisor *sv, enum role_kind kind);
/* Sends the listeners of `file` that `but` has not (NULL: all of them). */
void supervisor_send_sockets(struct child *edge, const struct snapshot *file,
                             const struct snapshot *but);
/* Opens and closes the listeners of interfaces that came and went, and gives the edges the sockets.
 */
void supervisor_follow_interfaces(struct supervisor *sv);
/* Is a listener of `old` gone or renamed in `new`? Edges can not give a socket back: they are
 * replaced. */
bool supervisor_drops_listener(const struct snapshot *old, const struct snapshot *new);
/* Tells whoever waits that everybody serves, the first time. */
void supervisor_look_whether_serving(struct supervisor *sv);
void supervisor_fail(struct supervisor *sv, const char *event);
/* Are these two to have a channel? */
bool supervisor_may_meet(const struct child *a, const struct child *b);
/* Gives c a new channel to every edge that it may meet. */
void supervisor_introduce_edges(struct child *c);
/* The same for those that the program before has started. */
void supervisor_introduce_old_edges(struct child *signer);
/* Gives two children a new channel to each other. */
void supervisor_introduce(struct child *a, struct child *b);

/* ---- deliver.c ---- */

/* The keeper has sent a snapshot; takes m->fd. */
must_check int deliver_snapshot(struct child *keeper, struct message *m);
/* Begins with the snapshot that waits, if nothing stands in its way any more. */
void deliver_waiting(struct supervisor *sv);
void deliver_prepared(struct child *c, const struct msg_prepared *m);
void deliver_committed(struct child *c, const struct msg_committed *m);
/* A child has died: it may have been awaited. */
void deliver_gone(struct child *c);
/* An edge is ready: give it the newest snapshot, or the one in the rollout if it belongs there. */
void deliver_join(struct child *edge);
void deliver_fini(struct supervisor *sv);
/* The newest snapshot has come from the program before this one. */
must_check int deliver_adopt(struct supervisor *sv);

/* ---- reload.c ---- */

/* "key=value" lines of what only a restart can change. */
void reload_write_fixed(const struct snapshot *s, struct buf *out);
/* Reads the file again and hands it to the keeper. The answer goes to `call` (may be NULL), later.
 */
void reload_start(struct supervisor *sv, struct control_call *call);
/* The keeper starts or starts again: give it the file in force. */
must_check int reload_configure(struct supervisor *sv, struct child *keeper);
/* new_edges: those that serve now have been started for it and have its sockets. */
void reload_settled(struct supervisor *sv, uint64_t generation, uint64_t number, bool new_edges);
/* Reasons, one a line. Only when `generation` is the one that waits. */
void reload_refused(struct supervisor *sv, uint64_t generation, struct span reasons);

/* ---- doctor.c ---- */

/* Asks every child how it is, then answers. */
void doctor_start(struct supervisor *sv, struct control_call *call);
void doctor_look_whether_complete(struct supervisor *sv);
/* Asks every child that does not owe an answer already. */
void doctor_ask_all(struct supervisor *sv);
/* Appends the JSON text. */
must_check int doctor_write(struct supervisor *sv, struct buf *out);
/* Sends `fleet` to the keeper. */
void doctor_send_fleet(struct supervisor *sv);

#endif
