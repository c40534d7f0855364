/* Alerts: what a person should look after, before or after it breaks.
 *
 * They are derived from how things are now, and from what the trail says of the last days; nothing
 * sets or clears one by hand. Each has an id made of what it is about, so that it is the same alert
 * as long as the cause is the same, and a second break-glass sign-in is another one. The store
 * remembers since when each is known and who has seen to it (store/alerts.h). */
#ifndef KEEPER_ALERTS_H
#define KEEPER_ALERTS_H

#include <jansson.h>

#include "base/macros.h"

struct buf;
struct snapshot;
struct keeper;

#define ALERTS_MAX 200u

/* All of now: {"id", "kind", "level": "critical" | "warning", "text"}, the gravest first. NULL:
 * memory or the store failed. */
json_t *alerts_now(struct keeper *k);
/* Those of what will break by itself when nobody looks after it, as sentences: for health. */
json_t *alerts_warnings(struct keeper *k);
/* "anonymous.RULE=what is open to anybody", a line each: for `postern doctor`. */
void alerts_status(const struct snapshot *s, struct buf *out);
/* Once a minute, inside a transaction: remembers what is there, forgets what is not. */
must_check int alerts_sweep(struct keeper *k);

#endif
