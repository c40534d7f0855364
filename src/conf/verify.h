/* Rules that a whole snapshot must keep, wherever its parts came from. */
#ifndef CONF_VERIFY_H
#define CONF_VERIFY_H

#include "base/buf.h"
#include "conf/keys.h"
#include "conf/snapshot.h"

/* Cross references (zones, routes), host and port clashes, the portal's host not used by a route
 * (nor a port route that would answer it on the portal's own port), public listeners only when
 * every rule asks for MFA or more and no zone of a rule or of the portal is the whole internet,
 * path patterns canonical, names well-formed, no upstream that is a listener of ours. One message a
 * line in errors, at most VERIFY_MAX of them. 0, FAULT_FORMAT, -ENOMEM. */
must_check int verify_snapshot(const struct snapshot *s, struct buf *errors);

/* Would a connection to this place reach postern itself? */
bool verify_own_listener(const struct snapshot *s, const struct addr *a, uint16_t port);

#define VERIFY_MAX 100

/* Where a finding belongs. element SIZE_MAX: the section as a whole; key NULL: the element as a
 * whole; item SIZE_MAX: the whole value. */
struct place {
    const struct section *section;
    size_t element;
    const struct key *key;
    size_t item;
};

/* "routes.tomcat.host", "rules.admins.zones[2]" */
void place_write(const struct snapshot *s, const struct place *at, struct buf *out);

/* The same checks, each finding handed to `found` as "expected …, found …": for a reader that knows
 * the lines. The number of findings or -ENOMEM. */
typedef void (*verify_found)(void *ctx, const struct place *at, const char *text);
must_check int verify_each(const struct snapshot *s, verify_found found, void *ctx);

#endif
