/* A certificate in words: what a person compares, and what the authorities of this system say. */
#ifndef COURIER_FACTS_H
#define COURIER_FACTS_H

#include <openssl/x509.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

#define FACTS_NAMES_SIZE 4096u

struct facts {
    char subject[1025], issuer[1025];  /* RFC 4514, ASCII */
    char names[FACTS_NAMES_SIZE + 1];  /* one a line, "DNS:…" or "IP:…" */
    uint64_t not_before, not_after;    /* wall seconds; 0 before 1970 */
    uint8_t spki[32], certificate[32]; /* SHA-256 */
    bool trusted;
    char trust[257]; /* why not */
    bool matches;    /* `name`, when there is one */
};

/* chain: what came with it, or NULL. name: host name or address, or "". 0, FAULT_CRYPTO, -ENOMEM.
 */
must_check int facts_read(X509 *certificate, STACK_OF(X509) * chain, X509_STORE *trusted,
                          const char *name, struct facts *ret);

#endif
