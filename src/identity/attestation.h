/* Who made this authenticator? Packed attestation of Web Authentication (W3C, section 8.2).
 *
 * Only those who must know which hardware their people hold ask for it: the configuration names a
 * file with the roots of the makers. Everybody else takes the key for what it is. */
#ifndef IDENTITY_ATTESTATION_H
#define IDENTITY_ATTESTATION_H

#include "base/buf.h"
#include "base/macros.h"
#include "base/span.h"

#define ATTESTATION_CHAIN_MAX 5u /* certificates that an authenticator may show */
#define ATTESTATION_CERTIFICATE_MAX 4096u
#define ATTESTATION_ROOTS_MAX 512u

struct attestation_roots;

/* Roots from PEM text. NULL and a sentence for a person in note (which may be NULL) when a
 * certificate is damaged, there is none, or there are too many. */
struct attestation_roots *attestation_roots_read(struct span pem, struct buf *note);
void attestation_roots_free(struct attestation_roots *roots);

/* The chain (leaf first, DER) leads to a root, now (wall seconds), and the leaf is what section
 * 8.2.1 says: version 3, no authority, organisational unit "Authenticator Attestation", and when it
 * names a model, that of aaguid (16 bytes). */
bool attestation_trusted(const struct attestation_roots *roots, const struct span *chain,
                         size_t count, const uint8_t aaguid[16], uint64_t now);

#endif
