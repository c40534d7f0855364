/* Where a console listens, as text: one endpoint of a route.
 *
 *   http://ADDRESS:PORT    https://ADDRESS:PORT    unix:/absolute/path (plain HTTP)
 *   tcp://ADDRESS:PORT (no HTTP: what a tunnel carries)
 *
 * ADDRESS is an IPv4 address, an IPv6 address in brackets or a host name. There is no path, no user
 * and no port left out: what is dialled is what is written. */
#ifndef CONF_UPSTREAM_H
#define CONF_UPSTREAM_H

#include "base/arena.h"
#include "base/buf.h"
#include "conf/complaint.h"
#include "conf/snapshot.h"

/* The greatest path that a socket's address holds with its end (unix(7)). */
#define UPSTREAM_PATH_MAX 107u

/* Fills *ret, strings in a. 0; FAULT_FORMAT with *c filled in; -ENOMEM. */
must_check int upstream_def_parse(struct span text, struct arena *a, struct upstream_def *ret,
                                  struct complaint *c);
/* Does such a text stand for an endpoint? */
bool upstream_def_is_text(struct span text);
/* Appends the one text that parses into it. 0 or FAULT_LIMIT. */
must_check int upstream_def_write(const struct upstream_def *u, struct buf *out);
/* May a console have it (conf/egress.h)? */
bool upstream_def_addr_ok(const struct addr *a);
/* Does it hold together, wherever it came from? */
bool upstream_def_ok(const struct upstream_def *u);
/* The same place, however many addresses are known of it. */
bool upstream_def_same(const struct upstream_def *a, const struct upstream_def *b);

#endif
