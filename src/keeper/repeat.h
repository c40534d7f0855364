/* Repeated questions (the header Idempotency-Key): whoever is not sure whether something was made
 * asks again with the same key, and it is not made twice.
 *
 * That a key was used is written down in the transaction that makes the thing (store/repeats.h),
 * and kept for a day. The answer itself may hold secrets that are shown once: it stays in memory
 * only, for a while, and is wiped; after that, or after a restart, the same question is told that
 * it was done. A key that comes with another question is refused. */
#ifndef KEEPER_REPEAT_H
#define KEEPER_REPEAT_H

#include "keeper/call.h"

#define REPEAT_KEPT_S 86400u
#define REPEAT_ANSWERS 64u
#define REPEAT_ANSWER_MS (10u * 60 * 1000)

/* Answers, the newest over the oldest. All zero is empty. */
struct repeats {
    struct repeat_answer {
        uint8_t id[32]; /* of caller and key */
        uint64_t until_ms;
        unsigned status;
        char *text; /* JSON */
        size_t len;
    } answer[REPEAT_ANSWERS];
    size_t next;
};

void repeats_fini(struct repeats *r);
/* Wipes what is too old. */
void repeats_minute(struct keeper *k);

/* Before something is made. 1: go on. 0: the call has ended, with the answer of the first time or
 * with a problem. A fault. */
must_check int repeat_check(struct call *c);
/* After it was made: writes the key down, keeps the answer. */
must_check int repeat_done(struct call *c);

#endif
