/* Whom clients' certificates are believed from: authorities and their lists of revoked certificates
 * (RFC 5280 section 6).
 *
 * A certificate is good when a chain of at most CLIENTCERT_CHAIN_MAX leads to one of the
 * authorities, every signature in it is of a strong kind, all dates hold, it is itself no authority
 * and says that it is for clients (extendedKeyUsage clientAuth), and, where there are lists, every
 * authority below the trusted one has a list that is in force and does not name it. A list that is
 * missing or has expired lets nobody in. */
#ifndef PKI_CLIENTTRUST_H
#define PKI_CLIENTTRUST_H

#include "base/list.h"
#include "pki/clientcert.h"

#define CLIENTTRUST_AUTHORITIES_MAX 64
#define CLIENTTRUST_LISTS_MAX 64

struct clienttrust;

/* What a process has made already: snapshots come one after the other and mostly say the same. */
struct clienttrusts {
    OSSL_LIB_CTX *library; /* NULL: the process's own */
    struct list all;
};
void clienttrusts_init(struct clienttrusts *t, OSSL_LIB_CTX *library);

/* A reference to the one for these texts (PEM; lists may be empty). FAULT_FORMAT: no authority, or
 * something else between the lines; FAULT_LIMIT; -ENOMEM. */
must_check int clienttrust_get(struct clienttrusts *t, struct span authorities, struct span lists,
                               struct clienttrust **ret);
void clienttrust_unref(struct clienttrust *t);

/* SHA-256 of the authorities' text. */
const uint8_t *clienttrust_authorities(const struct clienttrust *t);
/* Subjects of the authorities, for those who are asked. Borrowed. */
const STACK_OF(X509_NAME) * clienttrust_names(const struct clienttrust *t);

/* now: wall seconds. 0, and *until says when the first of chain and lists ends. FAULT_DENIED:
 * *error is an X509_V_ERR_…. */
must_check int clienttrust_verify(const struct clienttrust *t, X509 *leaf, STACK_OF(X509) * rest,
                                  uint64_t now, int *error, uint64_t *until);

/* The earliest end of the authorities and the lists of two texts, 0: none is there; for warnings.
 * FAULT_FORMAT as above. */
must_check int clienttrust_ends(struct span authorities, struct span lists, uint64_t *authority,
                                uint64_t *list);

#endif
