/* Who is behind a token text? Asked anew for every question: the keeper takes no word of an edge,
 * so authorising and acting are one trip. */
#ifndef KEEPER_ACTOR_H
#define KEEPER_ACTOR_H

#include "keeper/call.h"
#include "store/sessions.h"
#include "store/tokens.h"

/* The live session of this key. status VIEW_OK: *ret is filled; a child's parent lives too. A
 * child's key is good for its own host only, a portal key on the portal's host only:
 * VIEW_WRONG_HOST. A fault means that the store cannot say. */
must_check int session_resolve(struct keeper *k, enum credential_kind kind, struct span token,
                               struct span host, uint64_t now, struct session *ret,
                               enum view_status *status);
/* The same for an API token. Expired, revoked, unknown, or its owner disabled: VIEW_UNKNOWN. */
must_check int token_resolve(struct keeper *k, struct span text, uint64_t now, struct arena *arena,
                             struct token *ret, enum view_status *status);

/* Fills c->actor. *known is false when nobody valid is behind the call's credential. */
must_check int actor_find(struct call *c, bool *known);
/* Fills c->actor with the person of this session, as by its cookie for handing over: good for
 * showing what is his, not for administering. */
must_check int actor_be(struct call *c, const struct session *s);
/* The same with a person who is not here, as the operation that he asked for is carried out; token:
 * by which he asked, or "". FAULT_DENIED: the token is not good any more. FAULT_ABSENT. */
must_check int actor_stand_for(struct call *c, const char *user, const char *token);
/* A token that is not good where this call came from. */
bool actor_strays(const struct call *c);
/* A token acts on the API of postern only when its scope names the route "portal", and only with
 * the methods and paths it has. True for everybody else. */
bool actor_covers(const struct actor *a, struct span method, struct span path);

#endif
