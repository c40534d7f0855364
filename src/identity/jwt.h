/* A signed JSON Web Token (RFC 7519, RFC 7515 compact form) of an OpenID provider.
 *
 * Reading says nothing about truth: only jwt_verify() does, with a key that the caller found in the
 * provider's own set. What the header says of keys (jku, jwk, x5u, x5c) is never looked at; a
 * header that demands what we do not know (crit) is refused (RFC 8725 section 3). */
#ifndef IDENTITY_JWT_H
#define IDENTITY_JWT_H

#include <jansson.h>

#include "identity/jwks.h"

#define JWT_TEXT_MAX (32u * 1024)
#define JWT_TYP_MAX 64u

struct jwt {
    enum jwt_alg alg;
    char kid[JWKS_KID_MAX + 1];
    char typ[JWT_TYP_MAX + 1]; /* lower case, without "application/"; "" when there is none */
    json_t *claims;            /* an object */
    struct span signed_part;   /* borrowed from the text */
    uint8_t signature[JWKS_RSA_BITS_MOST / 8];
    size_t signature_len;
};

/* FAULT_FORMAT: no token; FAULT_LIMIT: too long; FAULT_DENIED: an algorithm or a header that is not
 * accepted. The text has to stay while the token is used. */
must_check int jwt_read(struct span text, struct jwt *ret);
void jwt_fini(struct jwt *t);
/* 0, or FAULT_DENIED: the key has not signed this. */
must_check int jwt_verify(const struct jwt *t, const struct jwk *key);

#endif
