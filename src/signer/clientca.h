/* The authority for certificates of clients: for an administrator who has none.
 *
 * It has nothing to do with the authority of the server (authority.h): neither vouches for what the
 * other signs. Its key never leaves the signer's directory. In it: client-ca.crt, client-ca.key,
 * and client-ca.list, a line for each certificate that was ever made. What the keeper reads, the
 * authority's certificate and its list of revoked ones, is published into the directory of secrets
 * as client-ca.crt and client-ca.crl.
 *
 * The revocation list holds until the authority itself ends: it does not travel, so nobody could be
 * shown an old one, and one that ended earlier would lock everybody out. */
#ifndef SIGNER_CLIENTCA_H
#define SIGNER_CLIENTCA_H

#include "base/buf.h"

#define CLIENTCA_PASSPHRASE_SIZE 30u
#define CLIENTCA_DAYS_DEFAULT 397u
#define CLIENTCA_DAYS_MAX 1827u
#define CLIENTCA_ISSUED_MAX 50000u

struct clientca_places {
    const char *dir;     /* of the keys */
    const char *publish; /* of the secrets */
};

struct clientca_wish {
    const char *name; /* text_is_name, and none that is in use */
    const char *file; /* that is made: a PKCS#12, or a certificate with a request */
    const char *csr;  /* file of a request (PEM), of which nothing counts but its key, or NULL */
    unsigned days;
};

struct clientca_made {
    char passphrase[CLIENTCA_PASSPHRASE_SIZE]; /* of the PKCS#12; "" with a request */
    char serial[41], spki[65];                 /* hex in lower case */
    int64_t not_after;                         /* wall seconds */
};

/* Makes the authority when there is none. note, if not NULL, gets a reason for a person. The caller
 * wipes *ret. FAULT_EXISTS: the name is in use, or the file is there. */
must_check int clientca_issue(const struct clientca_places *at, const struct clientca_wish *wish,
                              struct clientca_made *ret, struct buf *note);
/* Every certificate of this name. FAULT_ABSENT: there is none that is not revoked. */
must_check int clientca_revoke(const struct clientca_places *at, const char *name,
                               struct buf *note);
/* Publishes anew. FAULT_ABSENT: there is no authority. */
must_check int clientca_publish(const struct clientca_places *at, struct buf *note);
/* [{"name":…,"serial":…,"spki":…,"not_after":…,"revoked":…},…] */
must_check int clientca_list(const struct clientca_places *at, struct buf *out);

#endif
