/* What people prove themselves with: password, TOTP, recovery codes, enrolment codes.
 *
 * The store keeps what it is given: a password's encoded hash, a TOTP secret (sealed, when the
 * store has a ring of keys), SHA-256 hashes of codes. It makes "once" true: a TOTP step is accepted
 * once, a code is used once, and an enrolment happens completely or not at all. */
#ifndef STORE_CREDENTIALS_H
#define STORE_CREDENTIALS_H

#include "store/store.h"

#define PASSWORD_HASH_SIZE 128u /* encoded, with terminator */
#define TOTP_SECRET_MAX 64u
#define RECOVERY_MAX 16u

struct password {
    char hash[PASSWORD_HASH_SIZE];
    uint64_t set_at;
    bool disabled;
};

/* FAULT_ABSENT: no user or no password. */
must_check int credentials_password(struct store *s, const char *user, struct password *ret);
/* Replaces and enables: failures in a row begin anew. FAULT_ABSENT: no such user. */
must_check int credentials_set_password(struct store *s, const char *user, const char *hash,
                                        uint64_t now);
/* Only while the stored hash is still `old`: the upgrade of parameters at login. FAULT_STALE. */
must_check int credentials_rehash(struct store *s, const char *user, const char *old,
                                  const char *hash);
/* Enables password and TOTP of the user, those that there are. */
must_check int credentials_enable(struct store *s, const char *user);
/* FAULT_ABSENT: there is none. */
must_check int credentials_remove_password(struct store *s, const char *user);
/* After too many failures. FAULT_ABSENT. */
must_check int credentials_disable_password(struct store *s, const char *user);

struct totp {
    uint8_t secret[TOTP_SECRET_MAX]; /* the caller wipes it */
    size_t secret_len;
    uint64_t last_step; /* greatest step accepted so far */
    uint64_t set_at;
    bool disabled; /* also when its key is gone: secret_len is 0 then */
};

must_check int credentials_totp(struct store *s, const char *user, struct totp *ret);
/* last_step: the step of the code that confirmed the secret, or 0. FAULT_ABSENT: no such user. */
must_check int credentials_set_totp(struct store *s, const char *user, struct span secret,
                                    uint64_t last_step, uint64_t now);
/* Makes `step` the last one accepted. FAULT_STALE: it was accepted already, or a later one was. */
must_check int credentials_accept_step(struct store *s, const char *user, uint64_t step);
must_check int credentials_disable_totp(struct store *s, const char *user);
must_check int credentials_remove_totp(struct store *s, const char *user);

/* Replaces all recovery codes of the user. count ≤ RECOVERY_MAX. */
must_check int credentials_set_recovery(struct store *s, const char *user,
                                        const uint8_t (*hashes)[STORE_HASH_SIZE], size_t count,
                                        uint64_t now);
/* Uses the code up. FAULT_ABSENT: not one of this user's unused codes. */
must_check int credentials_use_recovery(struct store *s, const char *user,
                                        const uint8_t hash[STORE_HASH_SIZE]);

/* What an enrolment sets anew; the rest of the credentials stays as it is. */
enum enrol_part { ENROL_PASSWORD = 1, ENROL_TOTP = 2, ENROL_ALL = 3 };

#define ENROL_WORD_SIZE 8u

/* A single-use invitation to set credentials: all of them, or those that were lost. The TOTP secret
 * that its page shows is made with it, so that showing the page changes nothing.
 *
 * One with `confirm` is of somebody who has nothing left to prove himself with. What he chooses is
 * kept here, out of force, until another person has said that it is he (approver). */
struct enrolment {
    uint8_t hash[STORE_HASH_SIZE]; /* SHA-256 of the code */
    char user[STORE_NAME_SIZE];
    uint8_t secret[TOTP_SECRET_MAX];
    size_t secret_len;
    uint64_t created;
    uint64_t expires;
    uint32_t renews;             /* bits of enum enrol_part */
    char maker[STORE_NAME_SIZE]; /* who made it; "": the host's owner */
    bool confirm;
    /* Of one that waits, or has been confirmed; not set by the caller of enrolments_add. */
    char password[PASSWORD_HASH_SIZE];
    uint64_t step;
    char word[ENROL_WORD_SIZE];     /* what the two people compare */
    uint32_t tries;                 /* wrong words */
    uint64_t asked;                 /* 0: does not wait */
    uint8_t source[16];             /* where it was asked from */
    char approver[STORE_NAME_SIZE]; /* "": nobody yet */
};

/* Replaces an unused code of the same user: only the newest link works. FAULT_ABSENT: no such user.
 */
must_check int enrolments_add(struct store *s, const struct enrolment *e);
/* FAULT_ABSENT: unknown or used. FAULT_STALE: expired, or its key is gone. */
must_check int enrolments_find(struct store *s, const uint8_t hash[STORE_HASH_SIZE], uint64_t now,
                               struct enrolment *ret);
must_check int enrolments_find_user(struct store *s, const char *user, uint64_t now,
                                    struct enrolment *ret);
/* Uses the code and sets what it renews (the TOTP secret is the enrolment's own) and the recovery
 * codes of its user: all of it or nothing. step: the TOTP step that confirmed. password_hash is not
 * read when the password stays. Faults as enrolments_find. */
must_check int enrolments_finish(struct store *s, const uint8_t hash[STORE_HASH_SIZE], uint64_t now,
                                 const char *password_hash, uint64_t step,
                                 const uint8_t (*recovery)[STORE_HASH_SIZE], size_t count);
/* From now on it waits for somebody else, with password, step, word, asked and source of e; an
 * earlier wait of the same is replaced. FAULT_ABSENT: none that is to be confirmed. */
must_check int enrolments_ask(struct store *s, const struct enrolment *e);
/* Those that wait, oldest first, 100 at the most; without their secrets. */
must_check int enrolments_waiting(struct store *s, uint64_t now,
                                  int (*each)(void *context, const struct enrolment *e),
                                  void *context);
/* FAULT_ABSENT: no such enrolment waits. */
must_check int enrolments_try(struct store *s, const char *user);
must_check int enrolments_approve(struct store *s, const char *user, const char *approver);
/* Forgets the user's unused code, if there is one. */
must_check int enrolments_revoke(struct store *s, const char *user);

/* What became of secrets that were not sealed with the key that seals now. */
struct reseal {
    uint64_t sealed; /* anew */
    uint64_t lost;   /* nobody can open them any more: TOTP disabled, enrolment removed */
};
/* Seals everything with the key that seals now: rows of older versions, rows under another key. */
must_check int credentials_reseal(struct store *s, struct reseal *ret);
must_check int enrolments_prune(struct store *s, uint64_t now);

#endif
