/* Errands: questions to the courier that somebody waits for.
 *
 *   ask ──▶ OPEN ──answer of its serial──────▶ done(0, answer)
 *            ├─── patience is over ──────────▶ done(FAULT_TIMEOUT)
 *            ├─── the courier has gone ──────▶ done(FAULT_CLOSED)
 *            └─── the keeper ends ───────────▶ done(-ECANCELED): releases what it holds, no more
 *
 * Each is done exactly once, and never before errands_ask() has returned. What answers is less than
 * who asks: an answer counts for the open errand of its serial alone, has the type that
 * messages.def names, and is well formed; anything else breaks the channel, or is late and ignored.
 * A call that waits for an errand uses call_ask() (call.h). */
#ifndef KEEPER_ERRANDS_H
#define KEEPER_ERRANDS_H

#include <uv.h>

#include "base/list.h"
#include "ipc/channel.h"

struct keeper;

/* Open at once, and of one type of message: those whom strangers can cause must leave room. */
#define ERRANDS_MAX 32u
#define ERRANDS_OF_A_TYPE 16u

/* answer: the payload, borrowed; empty with a fault. */
typedef void (*errand_done)(struct keeper *k, void *context, int fault, struct span answer);

struct errand {
    struct list link;
    enum msg_type type; /* of the question */
    uint32_t serial;
    uint64_t until_ms; /* monotonic */
    errand_done done;
    void *context;
};

struct errands {
    struct keeper *keeper; /* NULL: nobody goes (tests, offline) */
    struct list open;
    unsigned count;
    uv_timer_t timer;
};

void errands_init(struct errands *e);
/* With a loop. */
must_check int errands_start(struct errands *e, struct keeper *k);
void errands_stop(struct errands *e);

/* payload: as msg_…_encode() made it; copied. 0, or nobody will be called: FAULT_BUSY, FAULT_ABSENT
 * (there is no courier now), -ENOMEM. */
must_check int errands_ask(struct keeper *k, enum msg_type type, struct span payload,
                           uint32_t patience_ms, errand_done done, void *context);

/* From courier.c. FAULT_FORMAT: no courier may say this. */
must_check int errands_answer(struct keeper *k, const struct message *m);
/* Whatever is open will not be answered. */
void errands_unanswered(struct keeper *k);

#endif
