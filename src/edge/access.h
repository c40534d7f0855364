/* Access records on their way to the keeper: one per exchange, and one per source that was turned
 * away.
 *
 * They gather in memory, at most ACCESS_MAX bytes, and leave in batches: when a batch is full or a
 * second has passed. What does not fit is counted, and the count travels with the next batch, so
 * that a loss is never silent. */
#ifndef EDGE_ACCESS_H
#define EDGE_ACCESS_H

#include "edge/edge.h"

#define ACCESS_MAX (1024u * 1024)
#define ACCESS_BATCH (64u * 1024)
/* Of what is said in a record. */
#define ACCESS_VERSION 3

must_check int access_init(struct edge *e);
void access_fini(struct edge *e);
/* The record of a finished exchange, and of a tunnel that opens. */
void access_exchange(const struct exchange *x);
/* A source that was closed before TLS. Bounded in rate: beyond it only counters tell. */
void access_source(struct edge *e, const struct addr *source, struct zone_set zones,
                   const char *listener);
/* Sends what there is now. */
void access_flush(struct edge *e);
uint64_t access_lost(const struct edge *e);

#endif
