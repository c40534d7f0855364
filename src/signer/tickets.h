/* The keys of the TLS session tickets: the current one and the one before it.
 *
 * The signer makes them and hands the same pair to every edge, so that any edge resumes what
 * another began. They rotate hourly, and at once when an edge ends, because a dead edge may have
 * been a taken-over one. A ticket is good while its key is current or previous. */
#ifndef SIGNER_TICKETS_H
#define SIGNER_TICKETS_H

#include "base/secret.h"

#define TICKET_KEY_LEN 80u /* 16 name, 32 HMAC, 32 AES */
#define TICKETS_LEN (2 * TICKET_KEY_LEN)
#define TICKETS_ROTATE_MS (3600u * 1000u)

struct tickets {
    struct secret keys;  /* TICKETS_LEN bytes: current, then previous */
    uint64_t rotated_at; /* clock_mono_ms of the last rotation */
    uint64_t rotations;
};

/* Both keys random. 0 or -errno. */
must_check int tickets_init(struct tickets *t, uint64_t now_ms);
void tickets_fini(struct tickets *t);
/* Current becomes previous. Without randomness everything stays as it was: -errno. */
must_check int tickets_rotate(struct tickets *t, uint64_t now_ms);
/* Milliseconds until the hourly rotation is due; 0 when it is. */
uint64_t tickets_due(const struct tickets *t, uint64_t now_ms);

#endif
