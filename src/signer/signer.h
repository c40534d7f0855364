/* The signer: the process that holds the TLS keys.
 *
 * It reads them from one directory, answers "who are we" and "sign this handshake", and makes the
 * ticket keys. It interprets no TLS, no HTTP, and opens no socket: the supervisor hands it one
 * channel per edge. A malformed packet costs its sender the channel; the others go on.
 *
 *   current ──prepare n──▶ current + next ──commit n──▶ next becomes current, current previous
 *                                        └─abort n───▶ current
 *
 * Each of the three is a keyring. An identity question gets `next` while there is one, so that an
 * edge which prepares sees what it will commit. It is answered in a turn in which the supervisor
 * had nothing to say: a `prepare` that was sent before the edge's own has then been heard. The
 * previous keyring still signs, for handshakes of edges that have not committed yet, but TLS 1.2
 * only while the current one does.
 */
#ifndef SIGNER_SIGNER_H
#define SIGNER_SIGNER_H

#include "ipc/channel.h"
#include "signer/keyring.h"
#include "signer/tickets.h"

#define SIGNER_EDGES_MAX 128

struct signer_edge {
    struct channel channel; /* fd -1: this place is free */
    uint32_t id;
    uint32_t asked;      /* serial of an identity question that waits for its answer; 0: none */
    uint8_t asked_index; /* of the pair that it is about, or … */
    char asked_client[KEYRING_NAME_MAX + 1]; /* … the name of a client's; "": the former */
};

struct signer {
    struct channel control;
    struct signer_edge edges[SIGNER_EDGES_MAX];
    struct keyring_places places;
    struct keyring *current, *next, *previous;
    uint64_t next_number; /* the snapshot that `next` belongs to */
    uint32_t last_handle;
    struct tickets tickets;
    uint64_t signed_count, refused_count, malformed_count;
    uint64_t refusal_minute, refusals_logged; /* at most a few lines a minute */
    uint64_t drain_until;                     /* clock_mono_ms; 0: not draining */
    const char *sandbox;                      /* "key=value\n…" for status; borrowed */
    bool memory_locked;
};

/* Takes control_fd. Reads the certificates; a wrong one is logged and told at `prepare`, so that a
 * person sees the reason where the start was asked for. */
must_check int signer_init(struct signer *s, int control_fd, const struct keyring_places *places,
                           const struct keyring_wish *wish);
void signer_fini(struct signer *s);
/* Serves until the supervisor is gone or draining is over: 0, or a fault. `ready` must have been
 * sent. */
must_check int signer_run(struct signer *s);
/* One turn of the loop, waiting at most timeout_ms (-1: until something happens). 1: go on. 0: the
 * end. For signer_run and tests. */
must_check int signer_turn(struct signer *s, int timeout_ms);

#endif
