#include "policy/binding.h"

static bool same_address(const struct addr *a, const struct addr *b)
{
    size_t len = addr_is_v4(a) || addr_is_v4(b) ? sizeof(a->byte) : 8;
    return memcmp(a->byte, b->byte, len) == 0;
}

static bool same_zones(const struct zones *z, const struct addr *a, const struct addr *b)
{
    struct zone_set x = zones_find(z, a), y = zones_find(z, b);
    return x.words == y.words &&
           (x.words == 0 || memcmp(x.word, y.word, x.words * sizeof(x.word[0])) == 0);
}

static bool network_holds(enum bind_network bind, const struct zones *z, const struct addr *a,
                          const struct addr *b)
{
    switch (bind) {
    case BIND_OFF:
        return true;
    case BIND_ADDRESS:
        return same_address(a, b);
    case BIND_ZONE:
        return same_zones(z, a, b);
    }
    return false;
}

bool binding_holds(const struct route_def *route, const struct zones *zones,
                   const struct whereabouts *began, const struct whereabouts *now)
{
    return network_holds(route->bind_network, zones, began->source, now->source) &&
           (!route->bind_fingerprint ||
            (began->fingerprint.len > 0 && span_eq(began->fingerprint, now->fingerprint)));
}
