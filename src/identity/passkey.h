/* Passkeys: Web Authentication Level 2 (W3C), sections 7.1 (registration) and 7.2 (assertion).
 *
 * Pure: what was asked and what came back go in, a verdict comes out; challenges, ownership and
 * the memory of keys are the caller's. Bytes from outside are bounded before any parser sees them
 * (cborshape.h), the CBOR is taken apart by libcbor, signatures are verified by libfido2. Anything
 * that goes wrong inside is a refusal. */
#ifndef IDENTITY_PASSKEY_H
#define IDENTITY_PASSKEY_H

#include "base/macros.h"
#include "base/span.h"
#include "identity/attestation.h"
#include "identity/clientdata.h"

#define PASSKEY_ID_MAX 1023u      /* section 4, credential id */
#define PASSKEY_KEY_MAX 259u      /* an RSA key of 2048 bits, modulus and exponent */
#define PASSKEY_OBJECT_MAX 16384u /* attestation object */
#define PASSKEY_DATA_MAX 2048u    /* authenticator data */
#define PASSKEY_SIGNATURE_MAX 512u
#define PASSKEY_HANDLE 32u /* bytes of a user handle, random: it says nothing about the person */

/* COSE numbers (RFC 9053) of what is accepted. */
enum passkey_alg { PASSKEY_ES256 = -7, PASSKEY_EDDSA = -8, PASSKEY_RS256 = -257 };

enum passkey_verdict {
    PASSKEY_GOOD = 0,
    PASSKEY_MALFORMED,    /* cut, oversize, not what it should be */
    PASSKEY_TYPE,         /* the answer to another kind of question */
    PASSKEY_CHALLENGE,    /* the answer to another question */
    PASSKEY_ORIGIN,       /* given to another site */
    PASSKEY_FRAME,        /* given inside another site's page */
    PASSKEY_SITE,         /* a key for another name (rpId) */
    PASSKEY_PRESENCE,     /* nobody touched it */
    PASSKEY_VERIFICATION, /* it did not check who touched it, and had to */
    PASSKEY_ALGORITHM,
    PASSKEY_SIGNATURE,
    PASSKEY_BACKUP,      /* device-bound or synced: not what it was, or contradicts itself */
    PASSKEY_ATTESTATION, /* its maker is not on the list, or says nothing */
    PASSKEY_COUNTER,     /* it has been used elsewhere since: perhaps a copy */
};

/* For audit and logs: "wrong origin", …; never NULL. */
const char *passkey_verdict_text(enum passkey_verdict v);

/* What was asked. */
struct passkey_question {
    struct span challenge;                 /* CLIENTDATA_CHALLENGE bytes */
    struct span origin;                    /* "https://gw.example.com:9443" */
    const char *site;                      /* the rpId: the portal's host name */
    bool verify;                           /* user verification is demanded */
    const struct attestation_roots *roots; /* demanded of a registration, or NULL */
    uint64_t now;                          /* wall seconds, for certificates */
};

/* A public key as libfido2 takes it: ES256 x and y; EdDSA the 32 bytes; RS256 modulus (256 bytes)
 * and exponent (3). */
struct passkey_key {
    enum passkey_alg alg;
    size_t len;
    uint8_t bytes[PASSKEY_KEY_MAX];
};

/* What authenticator data say. */
struct passkey_state {
    uint32_t count;
    bool verified;  /* UV: the device checked who it was */
    bool synced;    /* BE: the key may exist on several devices; false: device-bound */
    bool backed_up; /* BS: it does */
};

struct passkey_made {
    size_t id_len;
    uint8_t id[PASSKEY_ID_MAX];
    struct passkey_key key;
    struct passkey_state state;
    uint8_t model[16]; /* AAGUID; zero when the device does not say */
    bool attested;     /* by a root of the list */
};

/* What navigator.credentials.create() gave. */
struct passkey_registration {
    struct span client_data;
    struct span object;
};

/* What navigator.credentials.get() gave. */
struct passkey_assertion {
    struct span client_data;
    struct span data;
    struct span signature;
};

/* *ret is filled when the verdict is PASSKEY_GOOD. */
must_check enum passkey_verdict passkey_register(const struct passkey_question *q,
                                                 const struct passkey_registration *r,
                                                 struct passkey_made *ret);
/* before: what is remembered of this key; its count and synced are compared (section 7.2, steps 21
 * and 17 of Level 3). *ret is filled when the verdict is PASSKEY_GOOD or PASSKEY_COUNTER. */
must_check enum passkey_verdict passkey_assert(const struct passkey_question *q,
                                               const struct passkey_key *key,
                                               const struct passkey_state *before,
                                               const struct passkey_assertion *a,
                                               struct passkey_state *ret);

#endif
