/* What TLS upstreams are trusted by, read for the edges, which open no file: the authorities of a
 * route's upstream_ca_file, and those of the system when a route has nothing of its own. The text
 * travels in the edges' slice. */
#ifndef KEEPER_TRUST_H
#define KEEPER_TRUST_H

#include "base/buf.h"
#include "conf/snapshot.h"

/* Fills the derived texts of s in. Certificates that can not be read are a mistake of the
 * configuration: FAULT_FORMAT with "route …: …" lines in errors; -ENOMEM. */
must_check int trust_fill(struct snapshot *s, const char *secrets_dir, struct buf *errors);

#endif
