/* Notices: people are told what happens to their accounts.
 *
 *   keeper_record ──an event of the table──▶ outbox (same transaction) ──▶ courier ──▶ mail server
 *                                              │  ▲                          └──────▶ webhook
 *                                              │  └── not taken: again in 30 s, 60 s, … 1 h
 *                                              └── too old: dropped, and that is recorded
 *
 * Whom: the person it is about, by mail, when there is an address and a mail server; the webhook,
 * when there is one; and all owners for what concerns everybody. Beyond so many in an hour
 * (notices.per_hour) a person gets one more that says how many there were, so that whoever can make
 * events cannot make a flood. At least once: a keeper that dies between delivery and its commit
 * delivers again, with the same id. */
#ifndef KEEPER_NOTICES_H
#define KEEPER_NOTICES_H

#include <uv.h>

#include "audit/record.h"
#include "base/list.h"
#include "base/macros.h"
#include "ipc/message.h"
#include "store/notices.h"

struct keeper;

/* Of a secret file. */
#define NOTICE_SECRET_MIN 8u
#define NOTICE_SECRET_MAX 1024u
/* A mail server may want time to look at what it is given. */
#define NOTICE_PATIENCE_MS 30000u
/* By each channel, so that a dead mail server does not hold up the webhook. */
#define NOTICES_AT_ONCE 2u

struct notices {
    struct keeper *keeper; /* NULL: nobody goes (tests, offline) */
    uv_timer_t timer;
    struct list open;    /* on their way */
    uint64_t rest_until; /* monotonic ms: there is no courier, or the store cannot be written */
    struct {
        uint64_t delivered, failed, dropped;
    } seen;
};

void notices_init(struct notices *n);
/* With a loop. */
must_check int notices_start(struct notices *n, struct keeper *k);
void notices_stop(struct notices *n);

/* From keeper_record(), inside its transaction: what this record tells whom. */
must_check int notices_tell(struct keeper *k, const struct audit_draft *draft);

/* What is asked of the courier to deliver this one: a message of *type in k->scratch, of which
 * *payload is a view. FAULT_ABSENT: the configuration names no way; another fault: it can not be
 * made. Either with why (of size). */
must_check int notices_question(struct keeper *k, const struct notice *n, enum msg_type *type,
                                struct span *payload, char *why, size_t size);
/* Was it taken? fault, answer: as an errand ends. Not taken: why says what was in the way. */
bool notices_taken(enum notice_channel channel, int fault, struct span answer, char *why,
                   size_t size);

#endif
