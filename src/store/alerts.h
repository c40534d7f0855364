/* What is remembered of alerts: since when each is known, and who has seen to it.
 *
 * Alerts themselves are derived from how things are (keeper/alerts.h); a row lasts as long as its
 * alert, so that what comes back is new again. */
#ifndef STORE_ALERTS_H
#define STORE_ALERTS_H

#include "store/store.h"

#define ALERT_ID_SIZE 33u /* hex */
#define ALERT_BY_SIZE 192u

struct alert_mark {
    uint64_t first;
    uint64_t acknowledged; /* 0: not */
    char by[ALERT_BY_SIZE];
};

/* FAULT_ABSENT. */
must_check int alerts_find(struct store *s, const char *id, struct alert_mark *ret);
/* It is there now. */
must_check int alerts_seen(struct store *s, const char *id, uint64_t now);
/* Somebody sees to it; who said so first stays. FAULT_LIMIT: `by` is too long. */
must_check int alerts_acknowledge(struct store *s, const char *id, const char *by, uint64_t now);
/* Forgets what was last seen before this. How many. */
must_check int alerts_prune(struct store *s, uint64_t before);

#endif
