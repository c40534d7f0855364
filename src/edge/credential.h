/* Credentials as requests carry them, and the cookies that postern sets.
 *
 * Cookies ignore ports (RFC 6265 section 8.5), so their names carry the listener's port. All begin
 * with "__Host-" (RFC 6265bis section 4.1.3.2): Secure, Path=/, no Domain, so that no sibling host
 * can set one. Pure: nothing here knows whether a credential is good. */
#ifndef EDGE_CREDENTIAL_H
#define EDGE_CREDENTIAL_H

#include "base/arena.h"
#include "http/header.h"
#include "ipc/message.h"

/* base64url of 32 random bytes */
#define CREDENTIAL_LEN 43u
#define CREDENTIAL_TOKEN_PREFIX "pst_"

struct credential {
    enum credential_kind kind; /* CREDENTIAL_NONE: the request carries none */
    struct span token;         /* borrowed from the headers */
    bool shaped;               /* it could be one of ours; else asking the keeper is a waste */
    bool in_authorization;     /* the Authorization header is ours, never the console's */
};

/* The one credential of a request: the cookie of kind `cookie` for this listener, "Postern-Token",
 * or "Authorization: Bearer pst_…". Another Authorization header is the console's business.
 * FAULT_CONFLICT when there is more than one (which of them is meant, nobody can say): 400. */
must_check int credential_find(const struct headers *h, enum credential_kind cookie, uint16_t port,
                               struct credential *ret);
/* Exactly CREDENTIAL_LEN characters that are the base64url of 32 bytes. */
bool credential_is_opaque(struct span text);

enum cookie_name {
    COOKIE_SSO,     /* portal, Lax: only to hand a session over */
    COOKIE_CONSOLE, /* portal, Strict: the console of postern itself */
    COOKIE_CHILD,   /* a console's host, Lax */
    COOKIE_FLOW,    /* a console's host, Lax, 10 min: see edge/flow.h */
    COOKIE_SIGNIN,  /* portal, Lax, 10 min: a sign-in under way (store/flows.h) */
    COOKIE_CIRCLE,  /* a console's host, Lax, 10 s: see edge/circle.h */
};
#define COOKIE_NAME_SIZE 40u
void cookie_name(enum cookie_name which, uint16_t port, char out[COOKIE_NAME_SIZE]);
/* The value of one of our cookies. FAULT_ABSENT (also when it is empty), FAULT_FORMAT when twice.
 */
must_check int cookie_own(const struct headers *h, enum cookie_name which, uint16_t port,
                          struct span *ret);
/* A Set-Cookie value in the arena; an empty value expires the cookie. SPAN_NONE without memory. */
struct span cookie_set(struct arena *a, enum cookie_name which, uint16_t port, struct span value);

#endif
