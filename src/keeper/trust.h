/* What TLS upstreams and the certificates of clients are trusted by, read for the edges, which open
 * no file: the authorities of a route's upstream_ca_file, those of the system when a route has
 * nothing of its own, and what client_ca_file and client_crl_file hold. The text travels in the
 * edges' slice. What directories are trusted by is read with it, and stays here. */
#ifndef KEEPER_TRUST_H
#define KEEPER_TRUST_H

#include "base/buf.h"
#include "conf/snapshot.h"

/* Fills the derived texts of s in. Certificates that can not be read are a mistake of the
 * configuration: FAULT_FORMAT with "route NAME: …" lines in errors; -ENOMEM. */
must_check int trust_fill(struct snapshot *s, const char *secrets_dir, struct buf *errors);

#endif
