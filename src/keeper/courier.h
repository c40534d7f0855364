/* Questions for addresses of hosts, and whatever the courier says; every other question is an
 * errand (errands.h).
 *
 * The keeper is the stronger of the two: it chose every question, so an answer counts only for the
 * question that is open under its serial, and everything in it is checked as if a stranger had sent
 * it. A courier that is gone is nobody's end: what was asked is asked again when the next one
 * comes. */
#ifndef KEEPER_COURIER_H
#define KEEPER_COURIER_H

#include "ipc/channel.h"

struct keeper;

/* The serial of the question, or 0: there is no courier now. */
uint32_t courier_resolve(struct keeper *k, struct span name);

/* From peers.c: a new one is there; the old one has gone; it says something (0, or a fault when
 * that breaks the channel). */
void courier_here(struct keeper *k);
void courier_gone(struct keeper *k);
must_check int courier_message(struct keeper *k, const struct message *m);

#endif
