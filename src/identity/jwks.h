/* The public keys of an OpenID provider: a JSON Web Key Set (RFC 7517).
 *
 * Whoever signs decides what stands there, so it is read as a stranger's: bounded, without repeated
 * names, and of the keys only those that can verify by one of four algorithms. Symmetric keys,
 * private parts, weak RSA keys, points that are on no curve and keys for other purposes are left
 * out as if they were not there. A set in which two usable keys of one type have one name says
 * nothing. */
#ifndef IDENTITY_JWKS_H
#define IDENTITY_JWKS_H

#include <stddef.h>

#include "base/macros.h"
#include "base/span.h"

#define JWKS_TEXT_MAX (128u * 1024)
#define JWKS_KEYS_MAX 64u
#define JWKS_KID_MAX 128u
#define JWKS_RSA_BITS_LEAST 2048
#define JWKS_RSA_BITS_MOST 8192

/* RFC 7518 section 3.1, RFC 8037. What is not here is not accepted: neither "none" nor any
 * algorithm with a shared secret. */
enum jwt_alg { JWT_RS256, JWT_PS256, JWT_ES256, JWT_EDDSA };
#define JWT_ALG_COUNT 4u
/* FAULT_DENIED: no algorithm of ours. */
must_check int jwt_alg_of(struct span name, enum jwt_alg *ret);

struct evp_pkey_st;

struct jwk {
    char kid[JWKS_KID_MAX + 1]; /* "" when it has none */
    unsigned algs;              /* bits 1 << enum jwt_alg that it is good for */
    struct evp_pkey_st *key;
};

struct jwks {
    struct jwk *key;
    size_t count;
};

/* FAULT_FORMAT, FAULT_LIMIT, -ENOMEM. A set without usable keys is one with count 0. */
must_check int jwks_read(struct span text, struct jwks *ret);
void jwks_fini(struct jwks *s);
/* The key of this name; of no name: the only one that is good for the algorithm. NULL: none. */
const struct jwk *jwks_find(const struct jwks *s, struct span kid, enum jwt_alg alg);

#endif
