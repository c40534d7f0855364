/* OpenID Connect, the part that needs no network: what a provider says of itself (Discovery 1.0),
 * of a person (Core 1.0 section 3.1.3.7) and of an end (Back-Channel Logout 1.0 section 2.6).
 *
 * Times are wall seconds. Everything that comes out is borrowed from what went in. `why` gets a few
 * words for the audit trail when something is refused. */
#ifndef IDENTITY_OIDC_H
#define IDENTITY_OIDC_H

#include "identity/jwt.h"

/* How far the provider's clock may be from ours. */
#define OIDC_SKEW 60u
/* An identity token is for the sign-in that it was asked for; a logout token for now. */
#define OIDC_TOKEN_AGE 600u
#define OIDC_SUBJECT_MAX 255u
#define OIDC_SID_MAX 255u
#define OIDC_DISCOVERY_MAX (64u * 1024)

struct oidc_discovery {
    json_t *text; /* owns what the others borrow */
    struct span authorization, token, keys;
    bool says_issuer; /* authorization_response_iss_parameter_supported (RFC 9207) */
    bool basic;       /* client_secret_basic is taken; else client_secret_post */
};

/* The document must be this issuer's, to the letter. FAULT_FORMAT, FAULT_LIMIT, FAULT_DENIED: of
 * another issuer. */
must_check int oidc_discovery_read(struct span text, struct span issuer,
                                   struct oidc_discovery *ret);
void oidc_discovery_fini(struct oidc_discovery *d);

struct oidc_expected {
    struct span issuer, client;
    struct span nonce;   /* of an identity token */
    uint64_t now, begun; /* when the browser was sent there */
    uint32_t max_age;    /* 0: whenever it was that the person proved something */
};

struct oidc_person {
    struct span subject, sid; /* sid may be empty */
    struct span name;         /* preferred_username, or empty */
    struct span acr;
    const json_t *amr;  /* an array or NULL */
    uint64_t auth_time; /* 0: not said */
    bool stale;         /* max_age was asked for, and the proof is older or of unknown age */
};

/* FAULT_DENIED: this is not the token that was asked for. */
must_check int oidc_person_read(const struct jwt *t, const struct oidc_expected *x,
                                struct oidc_person *ret, const char **why);

struct oidc_end {
    struct span subject, sid; /* at least one of them */
    struct span jti;
    uint64_t forget; /* until then the jti has to be remembered */
};

must_check int oidc_end_read(const struct jwt *t, const struct oidc_expected *x,
                             struct oidc_end *ret, const char **why);

/* A claim that lists groups: an array of strings or one string, or NULL. A name with dots leads
 * into objects ("realm_access.roles") unless there is a claim of the whole name. */
const json_t *oidc_groups(const struct jwt *t, struct span claim);

/* Does the token say this acr, or this among its amr? */
bool oidc_has(const struct oidc_person *p, bool acr, struct span value);

#endif
