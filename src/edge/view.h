/* Views: what the keeper last said about a session or token, kept for seconds.
 *
 *            ┌────── answer: ok ───────┐
 *   ASKING ──┤                         ▼
 *            └─ unknown ─▶ DEAD ◀──  KNOWN ◀─┐
 *                           unknown,   │     │ asked again in the background
 *                           revoked,   └─────┘
 *                           30 s old
 *
 * Invariants. A view in the table is found by (kind, token, host). A DEAD view that the keeper
 * refused stays in the table for at most a second, so that a client that repeats a dead cookie does
 * not reach the keeper each time; any other DEAD view is out of the table and kept only by the
 * references of its exchanges. Everybody who comes while the first question is out waits for the
 * same answer.
 *
 * For ten seconds a view is taken as it is; for thirty it may still be used while the keeper is
 * asked in the background; older it is never used, and what is open under it ends. Nothing here
 * reads a clock: the world that the cache lives in is a parameter. */
#ifndef EDGE_VIEW_H
#define EDGE_VIEW_H

#include "base/list.h"
#include "ipc/message.h"
#include "policy/decide.h"

struct exchange;
struct keeper_ask;
struct views;

enum view_state { VIEW_ASKING, VIEW_KNOWN, VIEW_DEAD };

struct view {
    unsigned refs;
    enum view_state state;
    enum view_status status; /* VIEW_OK while there are facts, also of a DEAD view; else why not;
                                VIEW_FAILED while the keeper never spoke */
    uint8_t kind;            /* enum credential_kind */
    struct span certificate; /* the chain, with CREDENTIAL_CERTIFICATE; the view's own memory */
    struct span token, host; /* the view's own memory; wiped with it */
    struct msg_view facts;   /* with VIEW_OK; the spans are the view's own */
    struct list exchanges;   /* exchange.view_link of those admitted */

    /* Private to view.c. */
    struct views *cache;
    struct list waiting;   /* exchange.view_link of those at the gate */
    struct list age_link;  /* in asking, known or refused, oldest first */
    struct list todo_link; /* to be asked again; or in a walk of its own */
    struct span key;
    uint8_t *payload; /* what facts points into */
    size_t payload_len;
    struct addr source; /* who came first, for fairness among first questions; later the last that
                           was admitted, by … */
    char interface[16]; /* … this interface, or "" */
    struct keeper_ask *ask;
    uint64_t answered_ms;  /* when the keeper last spoke */
    uint64_t retry_ms;     /* not asked in the background before this */
    uint64_t active_s;     /* wall seconds of the last request, and … */
    uint64_t told_s;       /* … of the last one that the keeper was told of */
    uint64_t stream_bytes; /* from the clients of the open streams, when last looked at */
    bool in_table;
    bool refreshing; /* ask is one of the background */
    bool stale;      /* not for new requests before it has been asked again */
    bool ask_again; /* something was revoked while the question was out: its answer is worth nothing
                     */
};

struct view_now {
    uint64_t mono_ms;
    uint64_t wall_s;
};

/* What the cache needs of its world, and what it tells it. Views know nothing of HTTP: the gate
 * decides what becomes of an exchange. */
struct view_world {
    void *self;
    struct view_now (*now)(void *self);
    /* As keeper_ask_session and keeper_cancel. */
    int (*ask)(void *self, const struct msg_session *m,
               void (*done)(void *owner, int fault, struct span payload), void *owner,
               struct keeper_ask **ret);
    void (*cancel)(struct keeper_ask *ask);
    /* This session was used at wall_s: to be told in a batch, or … */
    void (*activity)(void *self, const uint8_t id[16], uint64_t wall_s);
    /* … now: the keeper is about to be asked about one that may soon be idle for too long. */
    void (*flush)(void *self);
    /* The answer that x waited for is there; x stands in v->exchanges. fault: no answer. */
    void (*resume)(struct exchange *x, struct view *v, int fault);
    /* x is open and may not go on: v is DEAD (status: the keeper's word, VIEW_FAILED for "too
     * old"), or x's route was revoked (VIEW_OK). */
    void (*expire)(struct exchange *x, struct view *v, enum view_status status);
    /* The keeper has spoken again: decide the open exchange x again. */
    void (*refreshed)(struct exchange *x, struct view *v);
};

#define VIEW_FRESH_MS 10000u
#define VIEW_USABLE_MS 30000u
#define VIEW_REFUSED_MS 1000u
#define VIEW_RETRY_MS 1000u
#define VIEWS_MAX 20000u
#define VIEWS_REFUSED_MAX 2000u
#define VIEWS_BYTES_MAX (64u * 1024 * 1024)
#define VIEWS_COLD_MAX 512u       /* first questions outstanding */
#define VIEWS_COLD_PER_SOURCE 64u /* … of one IPv4 address or IPv6 /64 */
#define VIEWS_REFRESH_MAX 256u    /* background questions outstanding */

must_check int views_new(const struct view_world *world, struct views **ret);
/* Cancels what is asked. All exchanges must be gone. */
void views_free(struct views *c);

enum view_answer {
    VIEW_READY, /* *ret is KNOWN, or refused: read its status */
    VIEW_WAIT,  /* the keeper is being asked: view_wait, and resume will be called */
};

/* The view for a credential, asking the keeper when there is none that may be used. *ret is
 * borrowed until view_join or view_wait. VIEW_READY, VIEW_WAIT; or FAULT_BUSY (too many first
 * questions), FAULT_LIMIT (no credential of ours is that long), FAULT_CLOSED (no keeper), -ENOMEM:
 * answer 503. */
must_check int views_find(struct views *c, enum credential_kind kind, struct span token,
                          struct span host, const struct addr *source, struct view **ret);
/* The same for a program that comes with nothing but its certificate: name tells it from others,
 * chain is as pki/clientcert.h says. */
must_check int views_find_certificate(struct views *c, struct span name, struct span chain,
                                      struct span host, const struct addr *source,
                                      struct view **ret);
/* x stands in the view's list from now on, with a reference in x->view. */
void view_join(struct view *v, struct exchange *x);
void view_wait(struct view *v, struct exchange *x);
/* Undoes either; nothing when x has no view. */
void view_leave(struct exchange *x);
void view_unref(struct view *v);

/* It is a program's, a token's or a certificate's, and no person's session. */
static inline bool view_is_program(const struct view *v)
{
    return v->kind == CREDENTIAL_TOKEN || v->kind == CREDENTIAL_CERTIFICATE;
}
/* A request is being made with this view. */
void view_touch(struct view *v);
/* It has been admitted: the keeper is told of its place with the next question. */
void view_came_from(struct view *v, const struct exchange *x);
/* To be called about once a second. */
void views_tick(struct views *c);
/* Everything that the keeper has said is to be asked again: a new keeper, or REVOKE_ALL. */
void views_ask_all(struct views *c);
/* Revocation as the keeper pushes it; id as messages.def says. How many exchanges were ended. */
uint32_t views_revoke(struct views *c, enum revoke_kind kind, struct span id);
/* Calls each for every admitted exchange; each may end it. */
void views_each_exchange(struct views *c, void (*each)(struct exchange *x, struct view *v));
/* The subject of a decision, borrowed from a KNOWN view. */
struct subject view_subject(const struct view *v);
/* When each level was last proven. */
struct proven view_proven(const struct msg_view *f);
size_t views_count(const struct views *c);

#endif
