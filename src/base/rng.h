/* Random bytes from the kernel. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include "base/macros.h"

#include <stddef.h>

/* Fills len bytes. 0 or -errno; on failure the bytes are zero and must not be used. */
must_check int rng_fill(void *at, size_t len);

#endif
