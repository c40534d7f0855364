/* Which texts are well-formed values of the configuration. No text of any kind is empty. */
#ifndef CONF_SPELLING_H
#define CONF_SPELLING_H

#include "base/span.h"

/* A DNS name of letters in lower case, digits and hyphens (RFC 1123 section 2.1), or an IPv4
 * address; no port, no final dot. */
bool spelling_host(struct span text);
/* The same with a port or without. */
bool spelling_host_port(struct span text);
/* A name, or "*". */
bool spelling_selector(struct span text);
/* How a console is told who asks: "jwt" or "headers". */
bool spelling_identity(struct span text);
bool spelling_guarded(struct span text);
/* A header name in lower case (a token, RFC 9110 section 5.6.2), at most 64 bytes. */
bool spelling_header(struct span text);
/* One line of UTF-8 without control characters. */
bool spelling_printable(struct span text);
/* An absolute path of this machine. */
bool spelling_path(struct span text);
/* A name inside a directory that is known: no "/", no dot at the start. */
bool spelling_file(struct span text);
/* Path and query of a link on a console. */
bool spelling_link(struct span text);
/* A canonical path without "/" at its end, of characters that have one spelling only; not below
 * /.postern, which is ours on every host. */
bool spelling_prefix(struct span text);
/* An HTTP method in upper case, at most 16 letters. */
bool spelling_method(struct span text);

/* Text that may hold certificates in PEM (RFC 7468): whether it does is for whoever can read them.
 */
bool spelling_pem(struct span text);
bool spelling_crl(struct span text); /* the same with revocation lists */
/* "sha256/" and the base64 of 32 bytes. */
#define SPELLING_PIN "sha256/"
bool spelling_pin(struct span text);

#endif
