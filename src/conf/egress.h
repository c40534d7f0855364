/* Which addresses may a console have?
 *
 * Loopback and private networks are where consoles live, so those are allowed. Refused is what no
 * console has and an attacker would like to be called: link-local addresses, where the metadata
 * services of clouds answer with credentials; the few metadata services that have another address;
 * multicast, broadcast and "any". An IPv4 address that is carried inside an IPv6 address (NAT64,
 * 6to4 and their like) is judged as the IPv4 address that it reaches.
 *
 * Asked for addresses in the configuration and for what a name resolves to: whoever answers for a
 * name could else point it wherever he likes (DNS rebinding). */
#ifndef CONF_EGRESS_H
#define CONF_EGRESS_H

#include "base/addr.h"

/* NULL: it may. Otherwise what it is, as "a link-local address". */
const char *egress_refusal(const struct addr *a);

#endif
