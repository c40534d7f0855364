/* A reply on its way: what is to be said, to whom, and what it waits for.
 *
 * It is addressed by number, not by pointer: whoever asked may be gone when the answer is ready,
 * and then the answer is dropped. A reply belongs to exactly one list, and whoever takes it from
 * there sends it or frees it. */
#ifndef KEEPER_REPLY_H
#define KEEPER_REPLY_H

#include "base/buf.h"
#include "base/list.h"
#include "ipc/message.h"

struct keeper;
struct call;

enum reply_target { REPLY_EDGE, REPLY_CONTROL, REPLY_DISCARD };

struct reply {
    struct list link;
    enum reply_target target;
    uint64_t to; /* number of the channel or connection */
    uint32_t serial;
    enum msg_type type;   /* to an edge */
    struct buf packet;    /* the encoded payload; empty with a call */
    struct call *call;    /* owned: rendered when it is sent */
    struct call *revokes; /* owned: only carries what is to be revoked after the commit, or NULL */
    bool failed;          /* say that the keeper cannot say */

    /* What it waits for. */
    uint64_t not_before;  /* monotonic ms; 0: no wait */
    uint64_t epoch;       /* every edge has acknowledged this; 0: no wait */
    uint64_t epoch_since; /* monotonic ms when the revocations went out */
    uint64_t snapshot;    /* this snapshot is settled; 0: no wait */
};

struct reply *reply_new(enum reply_target target, uint64_t to, uint32_t serial, enum msg_type type);
void reply_free(struct reply *r);
/* Sends and frees. */
void reply_send(struct keeper *k, struct reply *r);

/* reply_login_is(k, r, &m) and so on: encodes the message into the reply. A failure marks the reply
 * failed. */
void reply_encode(struct keeper *k, struct reply *r, enum msg_type type, const void *message);

#endif
