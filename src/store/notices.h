/* Notices to people on their way: the outbox.
 *
 *   WAITING ──delivered──▶ SENT (remembered for counting) ──▶ forgotten
 *      │ ▲
 *      │ └─ later: due again after a while
 *      └─ dropped: too old, or too many wait
 *
 * A notice is written in the transaction of the event that it tells of, so neither is there without
 * the other. It stays WAITING until a server has taken it; a crash in between delivers it again:
 * every notice arrives at least once, and carries an id by which a receiver knows it again. */
#ifndef STORE_NOTICES_H
#define STORE_NOTICES_H

#include "store/store.h"

#define NOTICE_EVENT_SIZE 64u
#define NOTICE_ADDRESS_SIZE 255u
#define NOTICE_DETAIL_MAX 512u
#define NOTICE_ERROR_SIZE 257u
/* That wait. */
#define NOTICES_MAX 10000u

/* Numbers are stored: they never change. */
enum notice_channel { NOTICE_MAIL = 1, NOTICE_WEBHOOK = 2 };

struct notice {
    uint64_t seq; /* not set by the caller */
    uint8_t id[STORE_ID_SIZE];
    char user[STORE_NAME_SIZE]; /* whom it is about */
    enum notice_channel channel;
    char address[NOTICE_ADDRESS_SIZE]; /* of the mail, else "" */
    char event[NOTICE_EVENT_SIZE];
    uint8_t source[16];
    char detail[NOTICE_DETAIL_MAX + 1]; /* what else there is to say, in words */
    uint64_t made;
    uint32_t folded; /* stands for so many that were not sent one by one; 0: for itself */
    uint64_t due;
    uint32_t attempts;
    char error[NOTICE_ERROR_SIZE]; /* of the last attempt */
    uint64_t sent;
};

/* The whole text of *n is cut where it is too long. FAULT_LIMIT never: the oldest that waits makes
 * room, *ret_dropped tells so. */
must_check int notices_add(struct store *s, const struct notice *n, bool *ret_dropped);
/* How many that stand for themselves were made for this user after `since`. */
must_check int notices_recent(struct store *s, const char *user, enum notice_channel channel,
                              uint64_t since, uint64_t *ret);
/* One more in the notice that stands for many; *ret false: there is none yet. */
must_check int notices_fold(struct store *s, const char *user, enum notice_channel channel,
                            bool *ret);
/* The oldest of a channel that are due; stops when each returns not 0. */
must_check int notices_due(struct store *s, enum notice_channel channel, uint64_t now,
                           uint32_t limit, int (*each)(void *context, const struct notice *n),
                           void *context);
/* When the next one of a channel is due; 0: none waits. */
must_check int notices_next(struct store *s, enum notice_channel channel, uint64_t *ret);
must_check int notices_count(struct store *s, uint64_t *ret);
/* Unknown ones are no fault. */
must_check int notices_sent(struct store *s, uint64_t seq, uint64_t now);
must_check int notices_later(struct store *s, uint64_t seq, uint64_t due, const char *error);
must_check int notices_drop(struct store *s, uint64_t seq);
/* Forgets those sent before. */
must_check int notices_forget(struct store *s, uint64_t before);
/* Those that wait. */
must_check int notices_list(struct store *s, const struct page *page,
                            int (*each)(void *context, const struct notice *n), void *context);

#endif
