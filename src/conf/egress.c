#include "conf/egress.h"

/* IPv4 as it is kept: mapped. */
#define V4(...)                                                                                    \
    {                                                                                              \
        {                                                                                          \
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, __VA_ARGS__                                  \
        }                                                                                          \
    }
#define V6(...)                                                                                    \
    {                                                                                              \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const struct {
    struct cidr net;
    const char *what;
} REFUSED[] = {
    {{V4(0), 104}, "an address of no host"},
    {{V4(169, 254), 112}, "a link-local address"},
    {{V4(224), 100}, "a multicast address"},
    {{V4(240), 100}, "a reserved address"},
    {{V4(100, 100, 100, 200), 128}, "a cloud's metadata service"},
    {{V4(168, 63, 129, 16), 128}, "a cloud's metadata service"},
    {{V4(192, 0, 0, 192), 128}, "a cloud's metadata service"},
    {{V6(0), 128}, "an address of no host"},
    {{V6(0xfe, 0x80), 10}, "a link-local address"},
    {{V6(0xff), 8}, "a multicast address"},
    {{V6(0xfd, 0x00, 0x0e, 0xc2), 32}, "a cloud's metadata service"},
    {{V6(0xfd, 0x00, 0x00, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe), 128},
     "a cloud's metadata service"},
    {{V6(0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54), 128}, "a cloud's metadata service"},
};

/* IPv6 networks that carry an IPv4 address, and at which byte: RFC 6052, RFC 7915 (its old form),
 * RFC 3056, RFC 4291 section 2.5.5.1. */
static const struct {
    struct cidr net;
    unsigned at;
} CARRIERS[] = {
    {{V6(0x00, 0x64, 0xff, 0x9b), 96}, 12},
    {{V6([8] = 0xff, 0xff), 96}, 12},
    {{V6(0x20, 0x02), 16}, 2},
    {{V6(0), 96}, 12},
};

static const char *refusal(const struct addr *a)
{
    for (size_t i = 0; i < countof(REFUSED); i++)
        if (cidr_contains(&REFUSED[i].net, a))
            return REFUSED[i].what;
    return NULL;
}

const char *egress_refusal(const struct addr *a)
{
    static const struct addr LOOPBACK = V6([15] = 1);
    const char *what = refusal(a);
    if (what != NULL || addr_eq(a, &LOOPBACK))
        return what;
    for (size_t i = 0; i < countof(CARRIERS); i++) {
        struct addr inner = V4(0);
        if (!cidr_contains(&CARRIERS[i].net, a))
            continue;
        for (unsigned b = 0; b < 4; b++)
            inner.byte[12 + b] = a->byte[CARRIERS[i].at + b];
        what = refusal(&inner);
        if (what != NULL)
            return what;
    }
    return NULL;
}
