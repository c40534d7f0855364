/* A change of what is in force: a new file, or a resource in the store, until every process has it.
 *
 *   MADE ──commit──▶ PUBLISHED ──COMMIT──▶ COMMITTED ──SETTLED──▶ answered
 *                        │                     │
 *                        └──ABORT, or no word──┴──▶ UNDONE (before-image restored, recorded)
 *
 * One at a time: a second change waits until the first is settled, so that the before-image of each
 * is what was in force. */
#ifndef KEEPER_CHANGE_H
#define KEEPER_CHANGE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/macros.h"
#include "base/span.h"

struct call;
struct keeper;
struct lease;
struct live;
struct snapshot;

/* The supervisor gives its processes 2 s; past this it is gone or broken. */
#define CHANGE_PATIENCE_MS 10000u
#define CHANGES_WAITING_MAX 64u

enum change_state { CHANGE_MADE, CHANGE_PUBLISHED, CHANGE_COMMITTED };

struct change {
    enum change_state state;
    uint64_t number;
    uint64_t since_ms;      /* monotonic, of publishing */
    struct live *candidate; /* owned until it is in force */
    struct live *previous;  /* after COMMIT: what was in force, owned */
    /* Neither: the same, with other addresses of names or fewer leases. */
    bool is_refresh;
    struct lease *lease; /* a new one, dropped unless it comes into force; or NULL */
    /* A new file. */
    bool is_file;
    struct snapshot *file; /* owned until it is in force */
    struct snapshot *previous_file;
    uint64_t generation;
    /* A resource. */
    char kind[8];
    char name[64];
    bool existed;
    struct buf before;  /* its document, when it existed */
    bool retires_route; /* streams of the route end when this is in force */
};

struct changes {
    struct change *current; /* made, published or committed; not settled */
    struct list waiting;    /* parked replies with their calls */
    size_t waiting_count;
    int waiting_file; /* the newest configuration that came meanwhile, or -1 */
    uint64_t waiting_generation;
};

void changes_init(struct changes *c);
void changes_fini(struct changes *c);
void change_free(struct change *c);

/* For a handler, after it has written the resource: makes the candidate from the store as it now is
 * and leaves the change in the call. FAULT_FORMAT: the call has been ended with a problem that says
 * why. */
must_check int change_make(struct call *call, const char *kind, struct span name, bool existed,
                           struct span before);
/* After the commit: tells the supervisor. A failure undoes the change. */
void change_publish(struct keeper *k);
/* Nothing is in flight any more: parked changes and a newer file get their turn. */
void change_go_on(struct keeper *k);

/* The addresses of names have changed: the same configuration with the new ones. Nothing may be in
 * flight. */
void change_refresh(struct keeper *k);
/* The same with what the files of certificates hold now. */
void change_reread(struct keeper *k);

/* From the supervisor. */
void change_configure(struct keeper *k, uint64_t generation, int fd);
void change_committed(struct keeper *k, uint64_t number);
void change_settled(struct keeper *k, uint64_t number);
void change_aborted(struct keeper *k, uint64_t number, struct span reason);
/* The monotonic ms when patience ends, 0: nothing is waited for; gives up when it has ended. */
uint64_t change_watch(struct keeper *k, uint64_t now_ms);

#endif
