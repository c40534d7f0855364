/* Who a provider's person is here.
 *
 *   (issuer, subject) ──known──▶ its user
 *                     ──not──▶ a new user, when the provider may make some and nobody has the name
 *
 * A user of ours is never taken over by somebody of the same name elsewhere: an owner links the two
 * (op_identities.c). Of the groups of a user exactly those are the provider's that its table names:
 * membership in them follows the token, all others are left alone. Runs in a step of the present
 * turn. */
#ifndef KEEPER_LINKED_H
#define KEEPER_LINKED_H

#include "conf/snapshot.h"
#include "identity/oidc.h"
#include "store/identities.h"

struct keeper;
struct call;
struct signin;

/* *user is who it is (STORE_NAME_SIZE bytes). *why: not NULL when there is no such user; then
 * nothing was done. revokes: what is to be pushed to the edges. */
must_check int linked_accept(struct keeper *k, const struct provider_def *def, const struct jwt *t,
                             const struct oidc_person *p, char *user, const char **why,
                             struct call *revokes);
/* What its word is worth (conf/provider.h); without a row, or when it is stale: a password. */
enum assurance linked_level(const struct provider_def *def, const struct oidc_person *p);

/* How the provider calls the session that comes of it, as text for a flow or a sign-in; in the
 * call's arena, NULL without memory. */
const char *linked_data(struct call *c, const struct provider_def *def,
                        const struct oidc_person *p);
/* The session that the sign-in has made is remembered under that. */
must_check int linked_remember(struct keeper *k, const struct signin *s);

#endif
