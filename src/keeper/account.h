/* What a person changes of his own account: pages (pages_account.c) and API (op_me.c) alike.
 *
 * Each change asks first whether the person has proven lately who he is (account_may): whoever
 * finds a browser open changes nothing with it. What would leave him without a way to sign in is
 * refused. Each function ends the call with a problem when it says *done false. */
#ifndef KEEPER_ACCOUNT_H
#define KEEPER_ACCOUNT_H

#include <jansson.h>

#include "keeper/call.h"
#include "store/passkeys.h"
#include "store/trail.h"

/* A person in a browser, who has proven two factors within the last ten minutes. */
must_check int account_may(struct call *c, bool *may);

/* Could the user still sign in, without this key (or NULL), without TOTP? It takes a key that
 * checks its user, or a password (of a directory, too) and something beside it; recovery codes are
 * for accidents and do not count. */
must_check int account_opens(struct store *s, const char *user, const struct passkey *without,
                             bool without_totp, bool *ret);

/* A new password; the present one must be right. others: all other sessions end. Waits for the
 * pool, twice. */
must_check int account_password(struct call *c, struct span current, struct span fresh, bool others,
                                bool *done);
/* A link to the page on which a new TOTP secret is confirmed; the present one is good until then.
 */
must_check int account_totp(struct call *c, const char **link, bool *done);
must_check int account_remove_totp(struct call *c, bool *done);
/* Ten new recovery codes, an array. */
must_check int account_recovery(struct call *c, json_t **codes, bool *done);
/* Ends one of the person's sessions by its id in hex, or with NULL all but this one. */
must_check int account_end(struct call *c, const struct span *id, bool *done);
/* Revokes one of the person's own tokens. */
must_check int account_revoke(struct call *c, struct span name, bool *done);

/* A passkey of the person's own, by its short id (passkeys.h). */
must_check int account_rename(struct call *c, struct span id, struct span name, bool *done);
must_check int account_remove(struct call *c, struct span id, bool *done);

/* What the trail knows of the person: what he did and what was done to his account, newest first,
 * each record once. */
must_check int account_activity(struct call *c, uint32_t limit,
                                int (*each)(void *context, const struct record *r), void *context);

#endif
