#include "conf/internet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct cidr V4 = {{{[10] = 0xff, [11] = 0xff}}, 96};
static const struct cidr V6 = {{{0x20}}, 3};

static double part_of(const struct cidr *net, const struct cidr *space)
{
    if (net->bits > 128)
        return 0;
    if (net->bits <= space->bits)
        return cidr_contains(net, &space->addr) ? 1 : 0;
    double part = cidr_contains(space, &net->addr) ? 1 : 0;
    for (unsigned bits = space->bits; bits < net->bits && part > 0; bits++)
        part /= 2;
    return part;
}

struct internet_share internet_share(const struct cidr *networks, size_t count)
{
    struct internet_share s = {0, 0};
    for (size_t i = 0; i < count; i++) {
        s.v4 += part_of(&networks[i], &V4);
        s.v6 += part_of(&networks[i], &V6);
    }
    return s;
}

/* ---- exactly ---- */

static int by_start(const void *a, const void *b)
{
    const struct cidr *x = a, *y = b;
    int order = memcmp(x->addr.byte, y->addr.byte, 16);
    return order != 0 ? order : (int)x->bits - (int)y->bits;
}

/* The address after the last one of c. False: there is none. */
static bool cidr_next(const struct cidr *c, struct addr *ret)
{
    *ret = c->addr;
    for (unsigned bit = c->bits; bit-- > 0;) {
        uint8_t mask = (uint8_t)(0x80u >> bit % 8);
        ret->byte[bit / 8] ^= mask;
        if (ret->byte[bit / 8] & mask)
            return true;
    }
    return false;
}

/* Do the networks, sorted, cover all of `space` between them? */
static bool covers(const struct cidr *sorted, size_t count, const struct cidr *space)
{
    struct addr need = space->addr;
    for (size_t i = 0; i < count; i++) {
        if (memcmp(sorted[i].addr.byte, need.byte, 16) > 0)
            return false;
        struct addr next;
        if (!cidr_next(&sorted[i], &next))
            return true;
        if (memcmp(next.byte, need.byte, 16) > 0)
            need = next;
        if (!cidr_contains(space, &need))
            return true;
    }
    return false;
}

int internet_is_whole(const struct internet_part *parts, size_t count)
{
    size_t total = 0, used = 0;
    for (size_t i = 0; i < count; i++)
        total += parts[i].count;
    struct cidr *sorted = calloc(total + 1, sizeof(*sorted));
    if (sorted == NULL)
        return -ENOMEM;
    /* No arithmetic may start from a length that is none. */
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < parts[i].count; k++)
            if (parts[i].networks[k].bits <= 128)
                sorted[used++] = parts[i].networks[k];
    qsort(sorted, used, sizeof(*sorted), by_start);
    int whole = covers(sorted, used, &V4) || covers(sorted, used, &V6);
    free(sorted);
    return whole;
}
