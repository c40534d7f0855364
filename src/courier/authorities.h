/* The authorities that a question comes with, or those of this system. */
#ifndef COURIER_AUTHORITIES_H
#define COURIER_AUTHORITIES_H

#include <openssl/x509.h>

#include "base/span.h"

/* pem: certificates, or empty: `system` itself. The caller owns a reference; NULL: none could be
 * read. */
X509_STORE *authorities_of(struct span pem, X509_STORE *system);

#endif
