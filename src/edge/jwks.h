/* The keys that consoles verify assertions with, for whoever may see the portal.
 *
 * Anybody may ask, and the keeper is asked at most once in ten seconds for all of them: what it
 * said is kept as bytes. */
#ifndef EDGE_JWKS_H
#define EDGE_JWKS_H

#include <stdint.h>

#include "base/buf.h"

struct exchange;

#define JWKS_PATH "/.well-known/postern/jwks.json"

struct jwks {
    struct buf body;
    uint64_t asked_ms; /* when the keeper last answered; 0: never */
};

void jwks_init(struct jwks *j);
void jwks_fini(struct jwks *j);
/* The room: answers GET and HEAD of JWKS_PATH. */
void jwks_enter(struct exchange *x);

#endif
