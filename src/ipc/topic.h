/* Topics: what a change is about, in one word.
 *
 * The keeper says after a commit which topics it has touched, an edge passes the words on to those
 * who listen (GET /api/v1/events), and a page that shows such a thing asks for it again. A topic
 * names a kind of thing, never a thing: a stream of events tells nobody what he may not read. */
#ifndef IPC_TOPIC_H
#define IPC_TOPIC_H

#include "base/buf.h"

enum topic {
#define TOPIC(NAME, number, name) TOPIC_##NAME = 1u << (number),
#include "ipc/topics.def"
#undef TOPIC
    TOPICS_ALL = 0
#define TOPIC(NAME, number, name) | 1u << (number)
#include "ipc/topics.def"
#undef TOPIC
};

/* Appends ["sessions","users"]; what is not a topic is left out. */
void topics_json(struct buf *out, uint32_t topics);

#endif
