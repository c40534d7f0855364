/* Is that the whole internet? All of IPv4, or all of the IPv6 that is routed (2000::/3), whether in
 * one network, in halves or in a thousand pieces. */
#ifndef CONF_INTERNET_H
#define CONF_INTERNET_H

#include "base/addr.h"
#include "base/macros.h"

/* How much of the two spaces some networks hold at most, as parts of 1: overlaps count twice. Sums
 * that are clearly less than 1 need no closer look; the margin is for what adding rounds away. */
struct internet_share {
    double v4, v6;
};
struct internet_share internet_share(const struct cidr *networks, size_t count);
static inline bool internet_may_be_whole(struct internet_share s)
{
    return s.v4 > 0.999 || s.v6 > 0.999;
}

struct internet_part {
    const struct cidr *networks;
    size_t count;
};
/* Exactly, all parts together. 1, 0, or -ENOMEM. A length of more than 128 is held for none. */
must_check int internet_is_whole(const struct internet_part *parts, size_t count);

#endif
