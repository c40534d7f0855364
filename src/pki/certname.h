/* Names in certificates that say who somebody is: an address of mail, a host, a URI, a subject, a
 * key (RFC 5280 sections 4.1.2.6 and 4.2.1.6).
 *
 * Two spellings of one name are made the same before they are compared; what could be read in two
 * ways is no name at all. Pure. */
#ifndef PKI_CERTNAME_H
#define PKI_CERTNAME_H

#include "base/macros.h"
#include "base/span.h"

/* Numbers are stored: they never change. */
enum certname_kind {
    CERTNAME_SPKI = 1,    /* SHA-256 of the SubjectPublicKeyInfo, hex in lower case */
    CERTNAME_EMAIL = 2,   /* rfc822Name: the part behind the @ in lower case */
    CERTNAME_DNS = 3,     /* dNSName in lower case, never a wildcard */
    CERTNAME_URI = 4,     /* uniformResourceIdentifier as it is */
    CERTNAME_SUBJECT = 5, /* RFC 2253, as `openssl x509 -subject -nameopt RFC2253` shows it */
};

#define CERTNAME_MAX 512u
#define CERTNAME_SIZE (CERTNAME_MAX + 1)

/* "email", …; NULL for a number that is none. */
const char *certname_kind_name(enum certname_kind kind);
/* FAULT_FORMAT: no kind has this name. */
must_check int certname_kind_parse(struct span name, enum certname_kind *ret);
/* The one spelling of the text, terminated. FAULT_FORMAT: it is no such name, or an ambiguous one:
 * a NUL, a control or space byte, a byte beyond ASCII, a wildcard. FAULT_LIMIT. */
must_check int certname_read(enum certname_kind kind, struct span text, char out[CERTNAME_SIZE]);

#endif
