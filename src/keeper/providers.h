/* What the keeper knows of OpenID providers: their documents and keys, fetched by the courier.
 *
 *   document ──▶ known for PROVIDERS_FRESH_MS, then fetched again when somebody needs it; a new one
 *                that cannot be had leaves the old one in use for PROVIDERS_STALE_MS
 *   keys     ──▶ the same; a token that names a key that is not there has them fetched again, at
 *                most once in PROVIDERS_AGAIN_MS
 *
 * A provider that did not answer is not asked again for PROVIDERS_REST_MS: whoever knocks at the
 * login page must not make this machine knock at theirs. Nothing of it survives the keeper. */
#ifndef KEEPER_PROVIDERS_H
#define KEEPER_PROVIDERS_H

#include "base/list.h"
#include "conf/snapshot.h"
#include "identity/oidc.h"

struct keeper;
struct call;

#define PROVIDERS_FRESH_MS 3600000u
#define PROVIDERS_STALE_MS 86400000u
#define PROVIDERS_AGAIN_MS 30000u
#define PROVIDERS_REST_MS 5000u

struct provider {
    struct list link;
    char name[64];
    char issuer[1025];
    struct oidc_discovery document;
    struct jwks keys;
    uint64_t document_ms, keys_ms; /* monotonic: when it came; 0: not there */
    uint64_t rest_ms;              /* monotonic: not asked before */
};

struct providers {
    struct list known;
};

void providers_init(struct providers *p);
void providers_fini(struct providers *p);

/* Of the snapshot in force. NULL: none. */
const struct provider_def *providers_def(struct keeper *k, struct span name);
/* What is known of it: never NULL but without memory. Forgets what was known of another issuer. */
struct provider *providers_get(struct keeper *k, const struct provider_def *def);

/* Steps of a call: each uses the place `slot` of its errands. 1: it is there; 0: the call has been
 * parked and runs again; a fault: it cannot be had (c->detail says why). */
must_check int providers_document(struct call *c, const struct provider_def *def,
                                  struct provider *p, unsigned slot);
must_check int providers_keys(struct call *c, const struct provider_def *def, struct provider *p,
                              unsigned slot);
/* The token names a key that is not known. As above; 1 also when it is too early to ask again. */
must_check int providers_new_keys(struct call *c, const struct provider_def *def,
                                  struct provider *p, unsigned slot);
/* Sends the form to the token endpoint; *body is the answer when it is 1. A status that is not 200
 * is FAULT_DENIED. */
must_check int providers_token(struct call *c, const struct provider_def *def,
                               const struct provider *p, struct span form, unsigned slot,
                               struct span *body);

#endif
