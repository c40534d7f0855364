/* What a console is told of who asks: a short JSON Web Token (RFC 7519) signed with ES256
 * (RFC 7518 section 3.4), and the key as a JSON Web Key (RFC 7517).
 *
 *   {"alg":"ES256","kid":THUMBPRINT,"typ":"postern-assertion+jwt"}
 *   {"iss":"https://PORTAL","aud":ROUTE,"sub":USER,…,"iat":…,"nbf":…,"exp":…,"jti":…}
 *
 * Nothing here verifies: consoles do, with the examples or a library of theirs. */
#ifndef IDENTITY_ASSERTION_H
#define IDENTITY_ASSERTION_H

#include "base/buf.h"

/* Seconds. A view of a session is used for at most 30 (edge/view.h), so that what a console gets is
 * good for another 30 at least. */
#define ASSERTION_LIFE 60u
/* No token is longer: consoles accept 8 KiB of headers, of which this may not be the most. */
#define ASSERTION_MAX 2560u
/* Bytes of the list of groups as JSON; what does not fit is counted in groups_omitted. */
#define ASSERTION_GROUPS_MAX 600u
#define ASSERTION_KID_SIZE 44u

struct evp_pkey_st;

struct assertion_key {
    struct evp_pkey_st *pkey;     /* NULL: none. A retired one has no private part. */
    char kid[ASSERTION_KID_SIZE]; /* base64url of the RFC 7638 thumbprint */
    uint64_t at;                  /* wall seconds: when it was made, or retired */
};

/* A fresh P-256 key. 0, FAULT_CRYPTO. */
must_check int assertion_key_new(struct assertion_key *k, uint64_t now);
void assertion_key_fini(struct assertion_key *k);
/* Appends the key as DER (PKCS #8, or SubjectPublicKeyInfo) in base64url. */
must_check int assertion_key_write(const struct assertion_key *k, bool private_part,
                                   struct buf *out);
/* The other way round; anything but a P-256 key is FAULT_FORMAT. */
must_check int assertion_key_read(struct assertion_key *k, bool private_part, struct span text,
                                  uint64_t at);
/* Appends {"kty":"EC",…,"kid":…}. */
must_check int assertion_key_jwk(const struct assertion_key *k, struct buf *out);

struct assertion {
    struct span issuer, audience;
    struct span subject;
    struct span name;
    struct span owner;      /* of a token, or empty */
    struct span groups;     /* one a line */
    const char *const *amr; /* RFC 8176 */
    size_t amr_count;
    const char *acr;
    uint64_t auth_time;     /* 0: does not apply */
    const uint8_t *session; /* 16 bytes; only their hash is told */
    uint64_t now;           /* wall seconds */
};

/* Appends the token. FAULT_LIMIT when it would be longer than ASSERTION_MAX, FAULT_CRYPTO. */
must_check int assertion_sign(const struct assertion_key *k, const struct assertion *a,
                              struct buf *out);

#endif
