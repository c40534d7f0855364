/* A client's certificate and what it was sent with, from hostile hands.
 *
 * Between processes a chain is its certificates in DER, one behind the other, the client's own
 * first. Everything is counted and measured before a parser sees it. What is read here is not
 * verified: that is pki/clienttrust.h. */
#ifndef PKI_CLIENTCERT_H
#define PKI_CLIENTCERT_H

#include <openssl/x509.h>

#include "pki/certname.h"

#define CLIENTCERT_CHAIN_MAX 4u     /* certificates, the client's own among them */
#define CLIENTCERT_BYTES_MAX 16384u /* of the whole chain */
#define CLIENTCERT_NAMES_MAX 16u    /* that are looked at; one with more has none */
#define CLIENTCERT_HASH 32u

struct clientcert_name {
    enum certname_kind kind;
    char text[CERTNAME_SIZE];
};

/* What a certificate says of its holder. */
struct clientcert_facts {
    uint8_t hash[CLIENTCERT_HASH]; /* SHA-256 of the certificate */
    uint8_t spki[CLIENTCERT_HASH]; /* SHA-256 of its SubjectPublicKeyInfo */
    uint64_t not_before, not_after;
    struct clientcert_name names[CLIENTCERT_NAMES_MAX + 2]; /* the key and the subject as well */
    size_t name_count;
};

struct clientcert {
    X509 *leaf;
    STACK_OF(X509) * rest; /* never NULL, may be empty */
};

/* The chain in der, for the caller to end. library: NULL for the process's own. FAULT_FORMAT:
 * something else, or bytes behind it; FAULT_LIMIT; -ENOMEM. */
must_check int clientcert_read(OSSL_LIB_CTX *library, struct span der, struct clientcert *ret);
void clientcert_fini(struct clientcert *c);
/* The same bytes again, of a chain that a handshake has brought. rest may be NULL. Returns the
 * length; FAULT_LIMIT: more than CLIENTCERT_CHAIN_MAX or than fits. */
must_check int clientcert_write(X509 *leaf, const STACK_OF(X509) * rest,
                                uint8_t out[CLIENTCERT_BYTES_MAX]);
/* FAULT_FORMAT: a name that could be read in two ways, such as one with a NUL in it: nothing about
 * such a certificate is believed. FAULT_LIMIT: too many names. */
must_check int clientcert_facts(X509 *leaf, struct clientcert_facts *ret);
/* SHA-256 of the SubjectPublicKeyInfo. 0 or FAULT_CRYPTO. */
must_check int clientcert_spki(X509 *leaf, uint8_t ret[CLIENTCERT_HASH]);
/* The same of the first certificate of a chain between processes, without reading the others: for
 * what is bound to a key. */
must_check int clientcert_spki_of(struct span der, uint8_t ret[CLIENTCERT_HASH]);
/* In constant time. */
bool clientcert_spki_is(const uint8_t a[CLIENTCERT_HASH], const uint8_t b[CLIENTCERT_HASH]);
/* Wall seconds; 0 for what is no time or lies before 1970. */
uint64_t clientcert_seconds(const ASN1_TIME *t);

#endif
