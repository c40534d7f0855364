/* The keys that seal what the store must be able to read again (store/seal.h).
 *
 * They lie in one file of the keeper's directory, sealing.keys, that nobody else may read and that
 * no copy of the database holds:
 *
 *   postern-sealing-keys 1
 *   current ID KEY
 *   previous ID KEY            only during a rotation
 *
 * A rotation writes the file with both keys, seals everything anew, and within a minute of the
 * commit the old key is gone from the file: whenever the power fails in between, the file opens
 * what the database holds.
 *
 * No file: a first key is made, and what an older key has sealed is lost: that factor is disabled,
 * the person is not. A file that cannot be read is left alone: then nothing can be sealed or
 * opened, nothing is marked as lost, and it is said in the log. */
#ifndef KEEPER_SEALING_H
#define KEEPER_SEALING_H

#include "store/seal.h"

struct keeper;
struct store;

struct sealing {
    struct seal_ring ring;
    char path[4096];
};

/* Reads or makes the file in this directory and gives the ring to the store. A fault: the ring is
 * empty, which the store has too. Must outlive the store. */
must_check int sealing_open(struct sealing *s, const char *directory, struct store *store);
void sealing_fini(struct sealing *s);
/* Seals what is not sealed with the current key, and records it; at the start. Logs. */
void sealing_settle(struct keeper *k);
/* A new key seals from now on. Inside the caller's step. FAULT_BUSY: the last rotation is not over
 * yet. *ret: how many secrets were sealed anew. */
must_check int sealing_rotate(struct keeper *k, uint64_t *ret);
/* Once a minute: ends a rotation. */
void sealing_minute(struct keeper *k);

#endif
