/* A change of what is in force: a new file, or resources in the store, until every process has it.
 *
 *   MADE ──commit──▶ PUBLISHED ──COMMIT──▶ COMMITTED ──SETTLED──▶ version in force, answered
 *                        │                     │
 *                        └──ABORT, or no word──┴──▶ UNDONE (what was before is restored, recorded)
 *
 * One at a time: a second change waits until the first is settled, so that what was before each is
 * what was in force.
 *
 * A change of resources is a version (store/versions.h), written in its own transaction with all
 * that it touches. What a keeper finds MADE when it starts was answered to nobody: it is taken back
 * before anything is published (confirm.h, where also is what waits to be confirmed). */
#ifndef KEEPER_CHANGE_H
#define KEEPER_CHANGE_H

#include "base/buf.h"
#include "base/list.h"
#include "base/macros.h"
#include "base/span.h"
#include "keeper/inforce.h"

struct call;
struct candidate;
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
    uint64_t began_ms;      /* monotonic, when it was asked for */
    uint64_t since_ms;      /* the same, of publishing */
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
    /* Resources; or a lease, which has no version. */
    struct candidate *plan; /* owned; its live is the candidate above */
    uint64_t request;       /* that others have agreed to (store/requests.h); 0: none */
    uint64_t version;       /* 0: none */
    uint64_t confirm_for; /* seconds that it has to be confirmed in, 0: it needs no confirmation */
    bool is_expiry;       /* nobody confirmed a version: back to what was before it */
    char label[128];      /* for the trail: "zone office", "zone office and 3 more" */
};

/* What a version is made with. */
struct change_terms {
    const char *author;
    const char *cause;
    struct span comment; /* at most VERSION_COMMENT_SIZE - 1 bytes */
    uint64_t confirm_for;
};

struct changes {
    struct inforce inforce; /* how long each took */
    struct change *current; /* made, published or committed; not settled */
    struct list waiting;    /* parked replies with their calls */
    size_t waiting_count;
    int waiting_file; /* the newest configuration that came meanwhile, or -1 */
    uint64_t waiting_generation;
    struct {
        uint64_t version;  /* that has to be confirmed; 0: none */
        uint64_t last;     /* whose the deadline is, or was until it was confirmed */
        uint64_t until_ms; /* monotonic */
        bool loaded;       /* what an earlier keeper left waiting is known */
    } confirm;
    /* A version in force whose row could not be told so yet, and its time; 0: none. */
    uint64_t unmarked, unmarked_confirm;
};

void changes_init(struct changes *c);
void changes_fini(struct changes *c);
void change_free(struct change *c);

/* For a handler: writes what a finished candidate changes, with its version, and leaves the change
 * in the call, which waits until it is in force. Takes the candidate, also on failure; it must have
 * entries. *version may be NULL. */
must_check int change_make(struct call *call, struct candidate *plan,
                           const struct change_terms *terms, uint64_t *version);
/* The same for a lease that is in the book already. FAULT_FORMAT: the call has been ended with a
 * problem that says why. The change owns the lease when this succeeds. */
must_check int change_lease(struct call *call, struct lease *lease);
/* The same without a call, for the keeper itself, inside a step of a turn. */
must_check int change_write(struct keeper *k, struct candidate *plan,
                            const struct change_terms *terms, struct change **ret);
/* Numbers are never used again, also not by the next keeper: edges compare them. */
must_check int change_number(struct keeper *k, uint64_t *ret);
/* Ends the call with a problem: lines that verification said, for a person. Returns 0. */
int change_refuse(struct call *call, unsigned status, struct span text);
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
