/* People and the groups they are in.
 *
 * A user's name is the key; it never changes. Removing a user removes credentials, sessions, tokens
 * and memberships with it; the audit trail keeps the name. The four built-in groups exist always:
 * who is in them has a role (keeper/roles.h). */
#ifndef STORE_USERS_H
#define STORE_USERS_H

#include "store/store.h"

#define GROUP_OWNERS "owners"
#define GROUP_ADMINISTRATORS "administrators"
#define GROUP_AUDITORS "auditors"
#define GROUP_OPERATORS "operators"

#define USER_MAIL_SIZE 255u

/* Numbers are stored: they never change. */
enum user_kind {
    USER_PERSON = 0,
    USER_SERVICE = 1,     /* a program: owns tokens and certificates, never signs in */
    USER_BREAK_GLASS = 2, /* for emergencies: signs in with a sealed code or several keys */
};

struct user {
    char name[STORE_NAME_SIZE];
    enum user_kind kind;
    bool disabled;
    uint64_t created;
    /* What the person can log in with, for lists; the credentials themselves are in credentials.h.
     */
    uint64_t password_set;  /* when; 0: has none */
    bool password_disabled; /* too many consecutive failures */
    bool totp;
    bool totp_disabled;
    char mail[USER_MAIL_SIZE]; /* where the person is told of what happens; "": nowhere */
    uint32_t recovery_left;
    uint32_t passkeys;    /* disabled ones too */
    uint64_t enrol_until; /* an unused enrolment code is good until then; 0: none */
};

/* A person. FAULT_EXISTS; FAULT_FORMAT: not a name. */
must_check int users_add(struct store *s, const char *name, uint64_t now);
/* The same of any kind. A break-glass account can have no password, TOTP or recovery codes (see
 * breakglass.h); a service account can not be given anything to sign in with, nor a session:
 * whoever tries gets FAULT_FORMAT from the store itself. */
must_check int users_add_kind(struct store *s, const char *name, enum user_kind kind, uint64_t now);
must_check int users_find(struct store *s, const char *name, struct user *ret);
/* FAULT_ABSENT. */
must_check int users_set_disabled(struct store *s, const char *name, bool disabled);
/* mail: as spelling_mailbox() of conf/spelling.h says, or "". FAULT_ABSENT, FAULT_LIMIT. */
must_check int users_set_mail(struct store *s, const char *name, const char *mail);
must_check int users_remove(struct store *s, const char *name);
/* By name, those after `after` ("" or NULL: from the first). */
must_check int users_list(struct store *s, const char *after, uint32_t limit,
                          int (*each)(void *context, const struct user *user), void *context);
must_check int users_count(struct store *s, uint64_t *ret);

struct group {
    char name[STORE_NAME_SIZE];
    uint32_t members; /* disabled ones too */
};

must_check int groups_add(struct store *s, const char *name, uint64_t now);
bool groups_is_built_in(const char *name);
/* FAULT_ABSENT; FAULT_DENIED for a built-in one. */
must_check int groups_remove(struct store *s, const char *name);
must_check int groups_find(struct store *s, const char *name, struct group *ret);
must_check int groups_list(struct store *s, const char *after, uint32_t limit,
                           int (*each)(void *context, const struct group *group), void *context);
/* Members that are not disabled and can sign in, which programs can not: so that the last owner is
 * not locked out. */
must_check int groups_count_enabled(struct store *s, const char *name, uint64_t *ret);

/* FAULT_ABSENT when user or group does not exist; being a member already is no fault. */
must_check int groups_join(struct store *s, const char *group, const char *user);
/* FAULT_ABSENT when not a member. */
must_check int groups_leave(struct store *s, const char *group, const char *user);
/* The user is in these groups afterwards and in no others. FAULT_ABSENT: unknown user or group. */
must_check int groups_set(struct store *s, const char *user, const char *const *groups,
                          size_t count);
/* Appends the user's groups in order, one a line: the form that views use. FAULT_LIMIT. */
must_check int groups_of(struct store *s, const char *user, struct buf *lines);
must_check int groups_has(struct store *s, const char *group, const char *user, bool *ret);
/* Names of members after `after`. */
must_check int groups_members(struct store *s, const char *group, const char *after, uint32_t limit,
                              int (*each)(void *context, const char *user), void *context);

#endif
