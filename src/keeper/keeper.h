/* The keeper: the process that knows who everybody is.
 *
 *   edge ──┐ session login handover verb …          ┌── store (one transaction per turn)
 *   edge ──┼──────────▶ turn ──▶ operations ────────┼── audit trail and its head file
 *   cli  ──┘              │  replies, after commit  └── access records
 *                         └──▶ revocations to every edge, snapshots to the supervisor
 *
 * struct keeper has two halves. The upper half is what operations see: the store, the snapshot in
 * force, the small facts that other processes report. It needs no loop, so tests and the fuzz
 * target build it alone. The lower half is the running process. */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include <sys/types.h>
#include <uv.h>

#include "audit/record.h"
#include "base/buf.h"
#include "base/list.h"
#include "ipc/channel.h"
#include "keeper/assertions.h"
#include "keeper/change.h"
#include "keeper/clientid.h"
#include "keeper/directories.h"
#include "keeper/errands.h"
#include "keeper/grants.h"
#include "keeper/hosts.h"
#include "keeper/leases.h"
#include "keeper/live.h"
#include "keeper/notices.h"
#include "keeper/pace.h"
#include "keeper/pool.h"
#include "keeper/probes.h"
#include "keeper/providers.h"
#include "keeper/reader.h"
#include "keeper/repeat.h"
#include "keeper/retention.h"
#include "keeper/revoke.h"
#include "keeper/sealing.h"
#include "keeper/series.h"
#include "keeper/simulation.h"
#include "keeper/trustwatch.h"
#include "keeper/turn.h"
#include "keeper/verification.h"
#include "store/store.h"

struct call;
struct control;

/* More than this many edges are a mistake, not a machine. */
#define KEEPER_EDGES_MAX 256u

/* The keeper's end of a channel to the supervisor, to an edge or to the courier. */
struct peer {
    struct list link; /* in keeper.edges */
    struct keeper *keeper;
    struct channel channel;
    uv_poll_t poll;
    bool watching;
    bool retired;
    uint64_t number; /* names this channel, never used again; replies are addressed to it */
    uint32_t id;     /* of the edge */
    uint64_t acked;  /* greatest epoch acknowledged */
    bool stalled;    /* told the supervisor so; nobody waits for it any more */
    char *upstreams; /* what it says of upstreams, or NULL */
};

/* Failed logins that were not even looked at, summed up in one record a minute. */
struct throttled {
    uint64_t count;
    uint64_t since_ms; /* wall; 0: no minute is running */
};

struct keeper {
    /* What operations see. */
    struct store *store;
    struct live *live;     /* the snapshot in force, or NULL before the first */
    struct snapshot *file; /* what the configuration file says, for merging */
    const char *secrets_dir;
    const char *head_file;        /* or NULL: none is kept */
    bool alarmed;                 /* the trail is not what the head file says; recorded once */
    struct assertions assertions; /* no key: consoles that are to get one get no request */
    struct sealing sealing;       /* of secrets in the store */
    struct changes changes;
    struct hosts hosts; /* of upstreams, by name */
    struct probes probes;
    struct errands errands; /* under way */
    struct directories directories;
    struct notices notices;
    struct providers providers;
    struct leases leases;
    struct grants grants;
    struct clientids clientids;
    struct throttled throttled;
    struct pace pace;
    struct repeats repeats;
    struct series series;
    uint64_t access_lost; /* records, since it was last written down */
    char *fleet;          /* what the supervisor says of the processes, or NULL */
    uint64_t started_ms;  /* wall */
    char node[256];       /* the name of this machine */
    char sandbox[2048];

    /* The running process. */
    bool looped; /* the lower half exists */
    uv_loop_t loop;
    struct peer supervisor;
    struct list edges;
    struct peer *courier; /* NULL: there is none now */
    size_t edge_count;
    uint64_t next_peer;
    struct pool pool;
    struct turn turn;
    struct revokes revokes;
    struct control *control;
    uv_timer_t minute;
    struct trustwatch trustwatch;
    struct retention retention;
    struct reader reader;
    struct simulations simulations;
    struct verification verification;
    uv_signal_t term, interrupt;
    bool stopping;
    int exit_code;
    uint8_t *scratch; /* MSG_PACKET_MAX bytes, for encoding */
};

/* Records an event that no person asked for. Inside the caller's transaction. */
must_check int keeper_audit(struct keeper *k, enum audit_event event, struct span target,
                            enum audit_outcome outcome, struct span detail);
/* Records a draft whose time is not set yet, and remembers that the head file is behind. */
must_check int keeper_record(struct keeper *k, struct audit_draft *draft);

/* ---- loop.c ---- */

struct keeper_options {
    const char *store_file;
    const char *secrets_dir;
    const char *state_dir;
    const char *authorities; /* file of the system's authorities, or NULL: never read */
    enum sandbox_mode sandbox;
};

/* Serves on fd 3 (supervisor) and fd 4 (control socket, may be absent) until told to end. Returns
 * the exit code. Logs. */
int keeper_serve(const struct keeper_options *options);

/* ---- peers.c ---- */
must_check int peer_open(struct keeper *k, struct peer *p, int fd, enum ipc_role role);
/* After a send: watches for writable when something waits, retires the channel on a fault. */
void peer_settle(struct peer *p, int fault);
void peer_retire(struct peer *p);
must_check int peer_add_edge(struct keeper *k, uint32_t id, int fd);
must_check int peer_set_courier(struct keeper *k, int fd);
struct peer *peer_find(struct keeper *k, uint64_t number);
void keeper_stop(struct keeper *k, int exit_code);

/* ---- what arrives: one function per message, called by peers.c ---- */
void supervisor_message(struct keeper *k, const struct message *m);
/* 0, or a fault when the message breaks the channel. */
must_check int edge_message(struct peer *edge, const struct message *m);

#endif
