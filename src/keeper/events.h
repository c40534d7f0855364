/* Events: who looks at a page is told what has changed, as topics (ipc/topic.h), after the commit.
 *
 * What is changed and worth knowing is recorded; so the trail's events say which topics a turn has
 * touched, and nobody has to remember to tell. What is not recorded, because it is no change of
 * postern's own state (an upstream's health), is pushed by whoever notices. */
#ifndef KEEPER_EVENTS_H
#define KEEPER_EVENTS_H

#include "audit/record.h"
#include "ipc/topic.h"

struct keeper;

/* What a record with this event is about, TOPIC_AUDIT included. */
uint32_t events_topics(enum audit_event event);
/* To every edge; nothing when there are none of these. */
void events_push(struct keeper *k, uint32_t topics);

#endif
