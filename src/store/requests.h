/* Requests: what somebody may do only when others agree, and who has agreed.
 *
 *                 ┌─ enough voices ─▶ APPROVED ─ time, or ended by somebody ─▶ ENDED   (access)
 *   PENDING ──────┤                   APPROVED: it was done; FAILED: it could not be   (change)
 *                 ├─ DENIED, WITHDRAWN, EXPIRED
 *                 └─ FAILED: what it rests on is not what it was
 *
 * An access request that is APPROVED is a grant: the rule it names admits the person until `ends`.
 * A state is left by one caller only: requests_move() names the state that it leaves, and fails
 * when another was quicker. A user's requests go with the user; the audit trail keeps them. */
#ifndef STORE_REQUESTS_H
#define STORE_REQUESTS_H

#include "store/store.h"

#define REQUEST_REASON_SIZE 1025u
#define REQUEST_NOTE_SIZE 1025u
/* Method, path, query and body of a change together. */
#define REQUEST_ACTION_MAX (80u * 1024)

/* Numbers are stored: they never change. */
enum request_kind { REQUEST_ACCESS = 1, REQUEST_CHANGE = 2 };
enum request_state {
    REQUEST_PENDING = 1,
    REQUEST_APPROVED = 2,
    REQUEST_DENIED = 3,
    REQUEST_EXPIRED = 4,
    REQUEST_WITHDRAWN = 5,
    REQUEST_ENDED = 6,
    REQUEST_FAILED = 7,
};
#define REQUEST_STATES 8u

struct request {
    uint64_t seq; /* its number; not set by the caller */
    enum request_kind kind;
    enum request_state state;
    char user[STORE_NAME_SIZE];     /* who asks */
    char token[STORE_NAME_SIZE];    /* by which it was asked, or "" */
    char subject[STORE_NAME_SIZE];  /* name of the rule, or class of the change */
    uint8_t basis[STORE_HASH_SIZE]; /* SHA-256 of what it rests on */
    char reason[REQUEST_REASON_SIZE];
    uint32_t duration; /* of a grant, seconds */
    uint64_t created;
    uint64_t expires;             /* while it is pending */
    uint64_t decided;             /* when it left PENDING; 0: not yet */
    uint64_t ends;                /* of a grant */
    char note[REQUEST_NOTE_SIZE]; /* why it was denied, has failed or ended */
    uint32_t votes;               /* not set by the caller */
};

/* What a change would do. Long texts live in the arena of whoever asks for them. */
struct request_action {
    struct span method, path, query, body;
};

/* action: of a change; NULL otherwise. FAULT_ABSENT: no such user. FAULT_LIMIT. */
must_check int requests_add(struct store *s, const struct request *r,
                            const struct request_action *action, uint64_t *seq);
/* FAULT_ABSENT. */
must_check int requests_find(struct store *s, uint64_t seq, struct request *ret);
must_check int requests_action(struct store *s, uint64_t seq, struct arena *arena,
                               struct request_action *ret);
/* The one of this person for this rule that is pending or runs. FAULT_ABSENT. */
must_check int requests_find_open(struct store *s, const char *user, const char *rule,
                                  struct request *ret);
/* How many of the person's are pending or run. */
must_check int requests_count_open(struct store *s, const char *user, uint64_t *ret);
/* FAULT_CONFLICT: it is not in state `from` any more. decided, ends: 0 leaves what is there. */
must_check int requests_move(struct store *s, uint64_t seq, enum request_state from,
                             enum request_state to, uint64_t decided, uint64_t ends,
                             const char *note);
/* Newest first; before `page->anchor`. NULL, 0: any. */
struct request_filter {
    const char *user;
    enum request_kind kind;
    enum request_state state;
};
must_check int requests_list(struct store *s, const struct request_filter *filter,
                             const struct page *page,
                             int (*each)(void *context, const struct request *r), void *context);
/* Every grant that is APPROVED, oldest first. */
must_check int requests_running(struct store *s,
                                int (*each)(void *context, const struct request *r), void *context);
/* Those that are PENDING past their time, oldest first. */
must_check int requests_due(struct store *s, uint64_t now,
                            int (*each)(void *context, const struct request *r), void *context);
/* Appends the rules for which grants of the person run at `now`, one a line. A grant that began
 * more than a minute after `now` is of a clock that went back, and does not run. FAULT_LIMIT. */
must_check int requests_grants(struct store *s, const char *user, uint64_t now, struct buf *lines);
/* The next moment at which one expires or ends; 0: none. */
must_check int requests_next(struct store *s, uint64_t *ret);
/* Forgets what was decided before this. */
must_check int requests_prune(struct store *s, uint64_t before);

struct vote {
    char user[STORE_NAME_SIZE];
    uint64_t at;
    char comment[REQUEST_NOTE_SIZE];
};
/* FAULT_EXISTS: has said so already. FAULT_ABSENT: no such request. */
must_check int votes_add(struct store *s, uint64_t seq, const struct vote *v);
must_check int votes_list(struct store *s, uint64_t seq,
                          int (*each)(void *context, const struct vote *v), void *context);
#endif
