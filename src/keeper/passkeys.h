/* What the operations with passkeys share: the question that a browser's authenticator is asked,
 * and what comes back of it.
 *
 *   options ──▶ challenge, kept in a flow of this browser ──▶ the script asks the authenticator
 *   answer  ──▶ the flow is taken: a challenge is good once ──▶ identity/passkey.h
 *
 * The rpId is the portal's host name, whatever console the person is on the way to: a key made here
 * is good here, and nowhere else. */
#ifndef KEEPER_PASSKEYS_H
#define KEEPER_PASSKEYS_H

#include "identity/passkey.h"
#include "keeper/call.h"
#include "store/credentials.h"
#include "store/flows.h"
#include "store/passkeys.h"

/* 16 hex digits by which people and programs name a key; see passkeys_find_short. */
#define PASSKEYS_SHORT_SIZE 17u
must_check int passkeys_short(struct span id, char out[PASSKEYS_SHORT_SIZE]);
/* The user's key with this short id. FAULT_ABSENT. */
must_check int passkeys_find_short(struct store *s, const char *user, struct span short_id,
                                   struct passkey *ret);
json_t *passkeys_json(const struct passkey *p);

/* A new challenge into f->data, beside what is there and the text member `key`: `value` unless key
 * is NULL; f is put into the store. The flow is a new one of this browser unless f->hash is set
 * already. */
must_check int passkeys_challenge(struct call *c, struct flow *f, const char *key,
                                  const char *value);
/* The same flow without its challenge. */
must_check int passkeys_spend(struct call *c, struct flow *f);
/* The member `key` of the flow's data. FAULT_ABSENT. The text is in the arena. */
must_check int passkeys_kept(struct call *c, const struct flow *f, const char *key,
                             const char **ret);
/* What f's challenge was asked with; everything in the arena. FAULT_ABSENT: none was, or the
 * question came under a name or port that is not the portal's. */
must_check int passkeys_question(struct call *c, const struct flow *f, bool verify,
                                 struct passkey_question *ret);

/* PublicKeyCredentialRequestOptions for the keys of user, as JSON; user "": any key, which the
 * authenticator lists itself. `typed`: what a stranger gave as a name; when nobody has it, or no
 * key, the answer has keys that do not exist, the same each time. */
must_check int passkeys_request(struct call *c, const struct flow *f, struct span typed,
                                bool verify, json_t **ret);
/* PublicKeyCredentialCreationOptions for a new key of f->user. */
must_check int passkeys_creation(struct call *c, const struct flow *f, bool verify, json_t **ret);

/* A member of the body from base64url, in the arena; empty when absent. false: the call has ended
 * with a problem. */
bool passkeys_bytes(struct call *c, const char *member, size_t max, struct span *ret);
/* The key that the body's answer makes, stored under the body's name for f->user and recorded.
 * *done false: the call has ended with a problem. */
must_check int passkeys_register(struct call *c, const struct flow *f, bool verify, bool *done);

/* A name for a key: any text that can be read and is seen as it is. false: the call has
 * ended with a problem. */
bool passkeys_name(struct call *c, struct span name, char out[STORE_NAME_SIZE]);

/* Can a passkey be set by this link? Only by one that sets everything and waits for nobody. */
static inline bool passkeys_enrol(const struct enrolment *e)
{
    return e->renews == ENROL_ALL && !e->confirm;
}
/* An account is changed only by a person in a browser who has proven two factors lately. */
#define PASSKEYS_RECENT_S 600u
bool passkeys_recent(const struct call *c);
/* Keys are added and removed only by one who has lately proven as much as the strongest key that
 * the person has: a phished password and code shall not make a key beside it (SP 800-63B: a new
 * authenticator is bound at the same or a higher level). *may false: the call has ended with a
 * problem or with the way to the proof. */
must_check int passkeys_may_change(struct call *c, bool *may);

#endif
