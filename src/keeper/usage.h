/* How tokens are used: when, from where and with which of their texts, and where they were refused.
 *
 * A program does not notice that its token was copied; whoever answers for it does, when the list
 * says that it was used from a place nobody knows, or the trail that it was refused somewhere. Both
 * are exact to a minute, so that a token in constant use costs one write a minute. */
#ifndef KEEPER_USAGE_H
#define KEEPER_USAGE_H

#include "base/addr.h"
#include "ipc/message.h"
#include "store/tokens.h"

struct keeper;

/* Is the token good from there? interface: by which it came in, or empty. With a snapshot in force
 * only. */
bool usage_place_fits(const struct keeper *k, const struct token *t, const struct addr *source,
                      struct span interface);
/* It was used from there. A failure is logged: that a time is lost is no reason to refuse anybody.
 */
void usage_note(struct keeper *k, const struct token *t, const struct addr *source, uint64_t now);
/* It was refused there, for this reason (enum reason): an audit record, unless there was one within
 * the minute. */
void usage_note_stray(struct keeper *k, const uint8_t id[STORE_ID_SIZE], const struct addr *source,
                      uint8_t reason);
/* The same for what an edge has refused, as its records tell. The edge is taken at its word that it
 * refused somebody; it gains nothing by lying. */
void usage_read_records(struct keeper *k, const struct access_record *records, size_t count);

#endif
