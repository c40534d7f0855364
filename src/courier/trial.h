/* A test request: connect, perhaps TLS, perhaps one request, and the head of the answer.
 *
 * For somebody who is about to put a console behind postern and wants to see that it answers, or
 * that it can not be reached where it should not be. No redirect is followed, no body is read, and
 * addresses that nobody may be sent to (conf/egress.h) are not connected to. With a pin the request
 * is sent only to who has that key; without one, to anybody, so nothing secret may be in it.
 * Blocks; runs on a thread of the pool. */
#ifndef COURIER_TRIAL_H
#define COURIER_TRIAL_H

#include "base/buf.h"
#include "courier/probe.h"
#include "ipc/message.h"

#define TRIAL_HEAD_MAX 16384u

struct trial {
    uint64_t until_ms; /* monotonic */
    bool tls, pinned;
    char host[254], sni[254];
    uint16_t port;
    uint8_t pin[32];
    struct buf request;
    /* What came. */
    enum tried_result result;
    char text[513]; /* why not, for a person */
    struct addr address, local;
    uint32_t connect_ms, answer_ms;
    struct buf head;
};

/* FAULT_FORMAT: no keeper asks this. */
must_check int trial_read(struct trial *t, struct span payload);
void trial_fini(struct trial *t);
void trial_run(const struct prober *p, struct trial *t);

#endif
