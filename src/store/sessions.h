/* Sessions, and the codes that hand one over from the portal to a console's host.
 *
 * A login makes a parent session; each console visited gets a child that is bound to host:port and
 * ends with its parent. What the browser holds are keys: a parent has two (the sso and the console
 * cookie), a child one. The store knows the SHA-256 of a key only. */
#ifndef STORE_SESSIONS_H
#define STORE_SESSIONS_H

#include "base/assurance.h"
#include "store/store.h"

#define SESSION_HOST_SIZE 301u
#define SESSION_AGENT_SIZE 257u
#define SESSION_FINGERPRINT_SIZE 33u

struct session {
    uint64_t seq; /* order of making; for paging. Not set by the caller. */
    uint8_t id[STORE_ID_SIZE];
    bool child;
    uint8_t parent[STORE_ID_SIZE]; /* of a child */
    char user[STORE_NAME_SIZE];
    char host[SESSION_HOST_SIZE]; /* authority "host:port" that its keys are good for */
    struct proven proven;
    uint32_t
        factors; /* bits of enum factor (identity/assurance.h): all that were ever proven in it */
    uint64_t created;
    uint64_t last_seen;
    uint32_t idle;    /* seconds without activity */
    uint64_t ends_at; /* absolute; a child's is its parent's */
    uint8_t source[16];
    char agent[SESSION_AGENT_SIZE];
    char fingerprint[SESSION_FINGERPRINT_SIZE]; /* of the program's TLS, or "" */
    uint64_t ended;     /* 0: not ended by anybody; see identity/session.h for live */
    bool user_disabled; /* of the user now; not set by the caller */
    bool emergency;     /* of a break-glass account; not set by the caller */
};

struct session_key {
    uint8_t kind; /* enum credential_kind: CONSOLE, SSO or CHILD */
    uint8_t hash[STORE_HASH_SIZE];
};

/* FAULT_ABSENT: no such user, or the parent does not exist or has ended. */
must_check int sessions_add(struct store *s, const struct session *session,
                            const struct session_key *keys, size_t count);
/* What was proven anew: times never move back, factors are added. The keys that it had are dead
 * afterwards, these are alive. Children keep what they have until they are handed over again.
 * FAULT_ABSENT: unknown or ended. */
must_check int sessions_raise(struct store *s, const uint8_t id[STORE_ID_SIZE],
                              const struct proven *proven, uint32_t factors,
                              const struct session_key *keys, size_t count);
/* It has been proven anew there. Unknown ids are no fault. */
must_check int sessions_move(struct store *s, const uint8_t id[STORE_ID_SIZE],
                             const uint8_t source[16], const char *fingerprint);
/* By a key; ended sessions are found too. FAULT_ABSENT: no such key of this kind. */
must_check int sessions_find_key(struct store *s, uint8_t kind, const uint8_t hash[STORE_HASH_SIZE],
                                 struct session *ret);
must_check int sessions_find(struct store *s, const uint8_t id[STORE_ID_SIZE], struct session *ret);
/* Seen at `at`: the session and its parent. Never moves back. Unknown ids are no fault. */
must_check int sessions_touch(struct store *s, const uint8_t id[STORE_ID_SIZE], uint64_t at);

/* Each of these ends live sessions and tells the id of each that ended just now: what has to be
 * revoked at the edges. ended may be NULL. Nothing to end is no fault. */
must_check int sessions_end(struct store *s, const uint8_t id[STORE_ID_SIZE], uint64_t now,
                            int (*ended)(void *context, const uint8_t id[STORE_ID_SIZE]),
                            void *context); /* and its children */
must_check int sessions_end_user(struct store *s, const char *user, uint64_t now,
                                 int (*ended)(void *context, const uint8_t id[STORE_ID_SIZE]),
                                 void *context);
/* Those past their idle or absolute limit, so many at a time: each is told, and recorded, in the
 * one turn that the caller is in. The rest comes the next time; by their limits they are dead
 * anyway. */
#define SESSIONS_EXPIRED_AT_ONCE 500u
must_check int sessions_expire(struct store *s, uint64_t now,
                               int (*ended)(void *context, const uint8_t id[STORE_ID_SIZE]),
                               void *context);
/* Forgets sessions that ended before `before`. */
must_check int sessions_prune(struct store *s, uint64_t before);

/* Not ended ones of one user, or of everybody with NULL; by seq. */
must_check int sessions_list(struct store *s, const char *user, const struct page *page,
                             int (*each)(void *context, const struct session *session),
                             void *context);
/* Parents of this user that have not ended: for the limit of sessions at a time. */
/* Of everybody. */
must_check int sessions_count_all(struct store *s, uint64_t *ret);
must_check int sessions_count(struct store *s, const char *user, uint64_t *ret);

/* ---- hand-over ---- */

/* More unused codes than this for one parent at a time are refused. */
#define HANDOVERS_PER_PARENT 32u

struct handover {
    uint8_t hash[STORE_HASH_SIZE]; /* SHA-256 of the code */
    uint8_t flow_hash[STORE_HASH_SIZE];
    uint8_t parent[STORE_ID_SIZE];
    char host[SESSION_HOST_SIZE];
    struct span back; /* begins with "/"; at most 4096 bytes */
    uint64_t expires;
};

/* FAULT_LIMIT; FAULT_ABSENT: no such parent. */
must_check int handovers_add(struct store *s, const struct handover *h);
/* Uses the code up, whatever comes of it. FAULT_ABSENT: unknown or used; FAULT_STALE: expired. */
must_check int handovers_take(struct store *s, const uint8_t hash[STORE_HASH_SIZE], uint64_t now,
                              struct arena *arena, struct handover *ret);
must_check int handovers_prune(struct store *s, uint64_t now);

#endif
