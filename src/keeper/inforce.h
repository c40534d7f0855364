/* How long it takes until a change is in force in every process: from the moment the question
 * arrived, with its wait for others, until the last edge decided by it. The last ones are kept. */
#ifndef KEEPER_INFORCE_H
#define KEEPER_INFORCE_H

#include <jansson.h>
#include <stdint.h>

#define INFORCE_KEPT 1000u

struct inforce {
    uint64_t count; /* ever, by this keeper */
    uint32_t most_ms;
    uint32_t last[INFORCE_KEPT]; /* a ring */
};

void inforce_add(struct inforce *f, uint64_t ms);
/* The value that `permille` of the last ones do not exceed; 0: there are none. */
uint32_t inforce_quantile(const struct inforce *f, unsigned permille);
/* {count, p50_ms, p99_ms, most_ms}; NULL without memory. */
json_t *inforce_json(const struct inforce *f);

#endif
