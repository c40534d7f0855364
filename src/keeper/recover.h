/* Ways back in for people who cannot prove themselves any more.
 *
 *   lost one factor     reset       link; the other factor proves the person
 *   lost everything     reset       link, and an approver's word
 *   nobody can help     recover     on this host only: a link that asks for nothing
 *
 * No administrator who is logged in gets to choose another person's password or to hold a factor of
 * his: what he makes is a link that is worth nothing without what the person still has, or without
 * a second administrator. */
#ifndef KEEPER_RECOVER_H
#define KEEPER_RECOVER_H

#include <jansson.h>

#include "keeper/keeper.h"

struct call;

/* A link for the user: {"code", "link", "expires"}. renews, confirm: as in store/credentials.h.
 * maker: who asks, "" for the host's owner. An older link is void. */
must_check int recover_link(struct keeper *k, const char *user, uint32_t renews, bool confirm,
                            const char *maker, uint64_t now, json_t **ret);

/* Gives access back without any factor: enables the user and all factors, makes a link, records
 * USER_RECOVERED with detail (may be empty). owner: also makes the user an owner. The old
 * credentials are good until the link is used. FAULT_ABSENT: no such user; FAULT_DENIED: not a
 * person. For the host's owner, with the service running or not; inside the caller's transaction.
 */
must_check int recover_user(struct keeper *k, const char *user, bool owner, uint64_t now,
                            struct span detail, json_t **ret);

/* Once a minute: notices of those who were recovered while there was no service to send them. */
must_check int recover_tell(struct keeper *k);

/* May this person approve at all? */
must_check int recover_may_approve(struct call *c, bool *ret);
/* End the call: with {} or with a problem. Five wrong words end the link. */
must_check int recover_approve(struct call *c, const char *user, struct span word);
must_check int recover_refuse(struct call *c, const char *user);

#endif
