/* How sure is it who somebody is? Pure: what was proven in, a level out.
 *
 * The levels are those of base/assurance.h. They follow NIST SP 800-63B section 4: something known
 * is a password; two things of different kind are mfa; what a look-alike site cannot use is
 * phishing-resistant; and when the key cannot leave its device as well, hardware. */
#ifndef IDENTITY_ASSURANCE_H
#define IDENTITY_ASSURANCE_H

#include <stdbool.h>

#include "base/assurance.h"
#include "base/macros.h"

/* Bits 1 << factor are stored with sessions: the order never changes. */
enum factor {
    FACTOR_PASSWORD = 0,
    FACTOR_TOTP = 1,
    FACTOR_RECOVERY = 2,    /* a recovery code */
    FACTOR_PASSKEY = 3,     /* a WebAuthn key that verified its user: two factors in one */
    FACTOR_KEY = 4,         /* one that only knows that somebody was there */
    FACTOR_CERTIFICATE = 5, /* a TLS client certificate */
    FACTOR_PROVIDER = 6,  /* an OpenID provider's word; how much it is worth stands in `asserted` */
    FACTOR_DIRECTORY = 7, /* a password that a directory has checked */
    FACTOR_SEALED = 8,    /* a sealed code of a break-glass account */
};
#define FACTOR_COUNT 9u
static inline uint32_t factor_bit(enum factor f)
{
    return UINT32_C(1) << f;
}

/* What was proven in one sign-in. */
struct proofs {
    uint32_t factors;        /* bits of enum factor */
    bool device_bound;       /* of FACTOR_PASSKEY or FACTOR_KEY: it cannot be copied */
    enum assurance asserted; /* by the provider; ASSURANCE_NONE counts as a password */
};

/* The level that these reach together. A certificate alone is one factor: whoever has the file has
 * it. */
enum assurance assurance_of(const struct proofs *p);

/* "password", "totp", …; for records and JSON. */
const char *factor_name(enum factor f);
/* "password+totp", in the order of the enum. out has room for FACTOR_NAMES_SIZE bytes. */
#define FACTOR_NAMES_SIZE 128u
void factor_names(uint32_t factors, char out[FACTOR_NAMES_SIZE]);

#endif
