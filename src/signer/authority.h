/* The local certificate authority: for a portal that no public CA knows.
 *
 * It is made once, for one portal. Its certificate is constrained to the portal's name and what
 * lies below it, so that trusting it in a browser trusts it for nothing else (RFC 5280
 * section 4.2.1.10). The CA key stays in the signer's directory, which no other process can read.
 *
 * Four files in the directory: ca.crt, ca.key, server.crt, server.key. Nothing is ever overwritten
 * but by authority_renew, which replaces the two of the server, and an authority that ends. */
#ifndef SIGNER_AUTHORITY_H
#define SIGNER_AUTHORITY_H

#include "base/buf.h"

#define AUTHORITY_NAMES_MAX 64

/* The names of the leaf: `portal` and "*.portal", then `also`: DNS names and IP literals. */
struct authority_names {
    const char *portal;
    const char *const *also;
    size_t also_count;
};

/* A lower-case DNS name that may stand in a certificate, without wildcard. */
bool authority_name_ok(const char *name);

/* Makes all four files. FAULT_EXISTS when one of them is there, FAULT_MISUSE for names that cannot
 * be; note, if not NULL, says which. Files get mode 0600 (keys) and 0644 (certificates), and, when
 * root makes them, the owner of the directory. */
must_check int authority_init(const char *dir, const struct authority_names *names,
                              struct buf *note);

/* A fresh key and leaf. Without names (NULL) the present leaf's names are kept. An authority that
 * has ended, or ends within 90 days, is issued anew with the same key, name and constraints:
 * browsers have to be told to trust the new certificate. */
must_check int authority_renew(const char *dir, const struct authority_names *names,
                               struct buf *note);

/* What authority_show tells of one certificate. */
#define AUTHORITY_SANS_MAX 4096
struct authority_facts {
    char subject[256];
    char sans[AUTHORITY_SANS_MAX]; /* "DNS:a\nDNS:b\nIP:c\n" */
    int64_t not_before, not_after; /* wall seconds */
    char sha256[65];               /* of the DER form, lower-case hex */
};

/* The first certificate of dir/file. FAULT_FORMAT or -errno. */
must_check int authority_show(const char *dir, const char *file, struct authority_facts *ret);

#endif
