/* The kinds of certificate that the local authorities make (RFC 5280): their own, those of servers,
 * and those of clients. ECDSA with SHA-256, version 3, random serial numbers of 20 bytes, key
 * identifiers. */
#ifndef SIGNER_ISSUE_H
#define SIGNER_ISSUE_H

#include <stdint.h>

#include <openssl/x509.h>

#include "base/macros.h"

#define ISSUE_CA_DAYS 3653
/* No browser accepts more of a certificate for a server. */
#define ISSUE_LEAF_DAYS 397
#define ISSUE_CLIENT_CA_DAYS 3653
#define ISSUE_COMMON_NAME_MAX 64u /* ub-common-name */

struct issuer {
    X509 *certificate;
    EVP_PKEY *key;
};

/* The names of a server: `san` in the notation of OpenSSL's configuration, or, when it is NULL, a
 * subjectAltName of another certificate. All borrowed. */
struct leaf {
    const char *common_name;
    const char *san;
    X509_EXTENSION *san_copied;
};

/* Self-signed, for no further authority below it. constraints: nameConstraints in the notation of
 * OpenSSL's configuration. The caller frees *ret. */
must_check int issue_ca(const char *portal, const char *constraints, EVP_PKEY *key, X509 **ret);
/* Never outlives its issuer. The caller frees *ret. */
must_check int issue_leaf(const struct issuer *by, const struct leaf *leaf, EVP_PKEY *key,
                          X509 **ret);
/* The same for certificates of clients, which it alone vouches for. */
must_check int issue_client_ca(EVP_PKEY *key, X509 **ret);
/* A client's. key: its public half suffices. Never outlives its issuer. The caller frees *ret. */
must_check int issue_client(const struct issuer *by, const char *common_name, unsigned days,
                            EVP_PKEY *key, X509 **ret);
/* Wall seconds; 0 for what is no time. */
int64_t issue_seconds(const ASN1_TIME *t);

#endif
