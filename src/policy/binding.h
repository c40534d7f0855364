/* Is a session still where it began? What a route can ask for beside its rules: that who has proven
 * something on one network, with one program, does not go on from another without proving it again.
 * Pure. */
#ifndef POLICY_BINDING_H
#define POLICY_BINDING_H

#include "policy/zones.h"

/* Where somebody is, and with what. */
struct whereabouts {
    const struct addr *source;
    struct span
        fingerprint; /* ja4.same of net/ja4.h; empty: not known, which is equal to nothing */
};

/* True when the route asks for neither. BIND_ADDRESS: the same IPv4 address or IPv6 /64. BIND_ZONE:
 * in the same zones, as far as addresses tell. */
bool binding_holds(const struct route_def *route, const struct zones *zones,
                   const struct whereabouts *began, const struct whereabouts *now);

#endif
