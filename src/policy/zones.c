/* How the table is made: every network contributes two edges, "zone z begins at this address" and
 * "zone z has ended at this address". Walking the edges in order of address, a counter per zone
 * says how many of its networks are open; whenever the address changes, the set of open zones so
 * far is the set of the interval that begins there. An interval ends where the next begins; the
 * first begins at zero, so that a search always finds one. */
#include "policy/zones.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/map.h"

/* An address as a number, so that comparing is two machine words. */
struct point {
    uint64_t high, low;
};

struct edge {
    struct point at;
    uint32_t zone;
    bool begins;
};

struct zones {
    struct point *start; /* of each interval, ascending; start[0] is zero */
    uint32_t *set;       /* of each interval: index into sets, in units of `words` */
    size_t count;
    uint64_t *sets;
    size_t words; /* of one set */
    size_t set_count;
    /* The sets stand one behind the other, set_count for "no interface" first, then as many for
     * each of these. */
    char interface[ZONE_INTERFACES_MAX][INTERFACE_SIZE];
    size_t interface_count;
};

static struct point point_of(const struct addr *a)
{
    struct point p = {0, 0};
    for (size_t i = 0; i < 8; i++) {
        p.high = p.high << 8 | a->byte[i];
        p.low = p.low << 8 | a->byte[8 + i];
    }
    return p;
}

static bool point_before(struct point a, struct point b)
{
    return a.high < b.high || (a.high == b.high && a.low < b.low);
}

static bool point_eq(struct point a, struct point b)
{
    return a.high == b.high && a.low == b.low;
}

/* The point after the network. False when it reaches the end of all addresses. */
static bool point_after(const struct cidr *c, struct point *ret)
{
    struct point p = point_of(&c->addr);
    unsigned host = 128u - c->bits;
    if (host == 128)
        return false;
    if (host >= 64) {
        uint64_t step = (uint64_t)1 << (host - 64);
        p.high += step;
        *ret = p;
        return p.high != 0;
    }
    uint64_t step = (uint64_t)1 << host;
    p.low += step;
    if (p.low < step)
        p.high++;
    *ret = p;
    return p.high != 0 || p.low != 0;
}

static int by_point(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    return point_before(x->at, y->at) ? -1 : point_before(y->at, x->at) ? 1 : 0;
}

static const char *interface_of(const struct zone_def *z)
{
    return z->interface == NULL ? "" : z->interface;
}

static size_t collect_edges(const struct snapshot *s, struct edge *edges)
{
    size_t n = 0;
    for (size_t z = 0; z < s->zone_count; z++) {
        /* An interface alone: every address. */
        if (s->zones[z].cidr_count == 0 && interface_of(&s->zones[z])[0] != 0)
            edges[n++] = (struct edge){{0, 0}, (uint32_t)z, true};
        for (size_t i = 0; i < s->zones[z].cidr_count; i++) {
            const struct cidr *c = &s->zones[z].cidrs[i];
            struct point end;
            edges[n++] = (struct edge){point_of(&c->addr), (uint32_t)z, true};
            if (point_after(c, &end))
                edges[n++] = (struct edge){end, (uint32_t)z, false};
        }
    }
    qsort(edges, n, sizeof(*edges), by_point);
    return n;
}

/* The sets that are known so far: the words of a set, which lie in zones->sets, → 1 + its index. */
struct intern {
    struct map known;
};

static int intern_set(struct zones *z, struct intern *in, const uint64_t *open, uint32_t *ret)
{
    size_t len = z->words * sizeof(*open);
    union {
        void *pointer;
        uintptr_t number;
    } found = {map_find(&in->known, span_of(open, len))};
    if (found.pointer != NULL) {
        *ret = (uint32_t)(found.number - 1);
        return 0;
    }
    if ((z->set_count & (z->set_count - 1)) == 0) {
        /* The map's keys move along with the sets. */
        size_t room = z->set_count == 0 ? 1 : z->set_count * 2;
        uint64_t *fresh = malloc(room * len);
        if (fresh == NULL)
            return -ENOMEM;
        if (z->set_count > 0)
            memcpy(fresh, z->sets, z->set_count * len);
        free(z->sets);
        z->sets = fresh;
        map_fini(&in->known);
        for (size_t i = 0; i < z->set_count; i++) {
            found.number = i + 1;
            if (map_put(&in->known, span_of(fresh + i * z->words, len), found.pointer) < 0)
                return -ENOMEM;
        }
    }
    uint64_t *place = z->sets + z->set_count * z->words;
    memcpy(place, open, len);
    *ret = (uint32_t)z->set_count++;
    found.number = z->set_count;
    return map_put(&in->known, span_of(place, len), found.pointer) < 0 ? -ENOMEM : 0;
}

/* Adds an interval, or nothing when its set is the one that is in force already. */
static int add_interval(struct zones *z, struct intern *in, struct point start,
                        const uint64_t *open)
{
    uint32_t set;
    int rc = intern_set(z, in, open, &set);
    if (rc < 0 || (z->count > 0 && z->set[z->count - 1] == set))
        return rc;
    z->start[z->count] = start;
    z->set[z->count++] = set;
    return 0;
}

static int sweep(struct zones *z, const struct edge *edges, size_t n, uint32_t *depth,
                 uint64_t *open)
{
    struct intern in;
    map_init(&in.known, SIZE_MAX);
    int rc = add_interval(z, &in, (struct point){0, 0}, open);
    for (size_t i = 0; i < n && rc == 0;) {
        struct point at = edges[i].at;
        for (; i < n && point_eq(edges[i].at, at); i++) {
            uint32_t zone = edges[i].zone;
            depth[zone] += edges[i].begins ? 1u : UINT32_MAX;
            uint64_t bit = (uint64_t)1 << zone % 64;
            if (depth[zone] > 0)
                open[zone / 64] |= bit;
            else
                open[zone / 64] &= ~bit;
        }
        if (at.high == 0 && at.low == 0)
            z->count = 0;
        rc = add_interval(z, &in, at, open);
    }
    map_fini(&in.known);
    return rc;
}

static int add_interface(struct zones *z, const char *name)
{
    for (size_t i = 0; i < z->interface_count; i++)
        if (strcmp(z->interface[i], name) == 0)
            return 0;
    size_t len = strlen(name);
    if (z->interface_count == ZONE_INTERFACES_MAX || len >= INTERFACE_SIZE)
        return FAULT_LIMIT;
    memcpy(z->interface[z->interface_count++], name, len + 1);
    return 0;
}

/* What is in force so far takes all zones by their addresses alone. Each copy of the sets keeps the
 * zones that ask for no interface or for its own. */
static int part_by_interface(struct zones *z, const struct snapshot *s)
{
    int rc = 0;
    for (size_t i = 0; i < s->zone_count && rc == 0; i++)
        if (interface_of(&s->zones[i])[0] != 0)
            rc = add_interface(z, interface_of(&s->zones[i]));
    size_t part = z->set_count * z->words;
    if (rc < 0 || z->interface_count == 0 || part == 0)
        return rc;
    uint64_t *all = calloc((z->interface_count + 1) * part, sizeof(*all));
    uint64_t *keep = calloc(z->words, sizeof(*keep));
    if (all == NULL || keep == NULL) {
        free(all);
        free(keep);
        return -ENOMEM;
    }
    for (size_t copy = 0; copy <= z->interface_count; copy++) {
        memset(keep, 0, z->words * sizeof(*keep));
        for (size_t i = 0; i < s->zone_count; i++) {
            const char *asks = interface_of(&s->zones[i]);
            if (asks[0] == 0 || (copy > 0 && strcmp(asks, z->interface[copy - 1]) == 0))
                keep[i / 64] |= (uint64_t)1 << i % 64;
        }
        for (size_t i = 0; i < part; i++)
            all[copy * part + i] = z->sets[i] & keep[i % z->words];
    }
    free(keep);
    free(z->sets);
    z->sets = all;
    return 0;
}

int zones_new(const struct snapshot *s, struct zones **ret)
{
    size_t cidrs = 0;
    for (size_t i = 0; i < s->zone_count; i++)
        cidrs += s->zones[i].cidr_count + 1;
    struct zones *z = calloc(1, sizeof(*z));
    if (z == NULL)
        return -ENOMEM;
    z->words = s->zone_count / 64 + 1;
    struct edge *edges = calloc(2 * cidrs + 1, sizeof(*edges));
    uint32_t *depth = calloc(s->zone_count + 1, sizeof(*depth));
    uint64_t *open = calloc(z->words, sizeof(*open));
    int rc = -ENOMEM;
    if (edges != NULL && depth != NULL && open != NULL) {
        size_t n = collect_edges(s, edges);
        z->start = calloc(n + 1, sizeof(*z->start));
        z->set = calloc(n + 1, sizeof(*z->set));
        if (z->start != NULL && z->set != NULL)
            rc = sweep(z, edges, n, depth, open);
        if (rc == 0)
            rc = part_by_interface(z, s);
    }
    free(edges);
    free(depth);
    free(open);
    if (rc < 0) {
        zones_free(z);
        return rc;
    }
    *ret = z;
    return 0;
}

void zones_free(struct zones *z)
{
    if (z == NULL)
        return;
    free(z->start);
    free(z->set);
    free(z->sets);
    free(z);
}

bool zones_ask_interface(const struct zones *z)
{
    return z->interface_count > 0;
}

/* The copy of the sets for this interface. */
static size_t part_of(const struct zones *z, const char *interface)
{
    for (size_t i = 0; i < z->interface_count && interface[0] != 0; i++)
        if (strcmp(z->interface[i], interface) == 0)
            return (i + 1) * z->set_count;
    return 0;
}

struct zone_set zones_at(const struct zones *z, const struct addr *a, const char *interface)
{
    struct point p = point_of(a);
    size_t low = 0, count = z->count;
    /* Halves without a branch on the answer: the last interval that does not begin after p is in
     * [low, low + count). */
    while (count > 1) {
        size_t half = count / 2;
        low = point_before(p, z->start[low + half]) ? low : low + half;
        count -= half;
    }
    size_t set = part_of(z, interface) + z->set[low];
    return (struct zone_set){z->sets + set * z->words, z->words};
}

bool zone_set_meets(struct zone_set a, struct zone_set b)
{
    size_t words = a.words < b.words ? a.words : b.words;
    for (size_t i = 0; i < words; i++)
        if ((a.word[i] & b.word[i]) != 0)
            return true;
    return false;
}
