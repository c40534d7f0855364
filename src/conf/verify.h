/* Rules that a whole snapshot must keep, wherever its parts came from. */
#ifndef CONF_VERIFY_H
#define CONF_VERIFY_H

#include "base/buf.h"
#include "conf/snapshot.h"

/* Cross references (zones, routes), host and port clashes, the portal's host not used by a route (nor
 * a port route that would answer it on the portal's own port), public listeners only when every rule
 * asks for MFA or more and no zone of a rule or of the portal is the whole internet, path patterns
 * canonical, names well-formed. One message a line in errors. 0 or FAULT_FORMAT. */
must_check int verify_snapshot(const struct snapshot *s, struct buf *errors);

#endif
