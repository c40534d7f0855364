/* What a decision costs: the zones of an address among 10,000 networks, and a verdict among 1,000
 * rules, where they are spread over the routes and where all of them stand on one. Prints
 * nanoseconds of CPU time per operation, the best of several rounds; build it in a release build
 * and run it on a quiet machine. */
#include <malloc.h>
#include <stdio.h>
#include <time.h>

#include "conf/keys.h"
#include "policy/decide.h"

#define ROUNDS 7
#define REPEAT 100000
#define CIDRS 10000
#define ZONES 50
#define RULES 1000
#define ROUTES 100
#define SOURCES 4096
#define NOW 1000000u

static uint64_t state = 20260301;

static uint64_t draw(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static struct names one(struct snapshot *s, const char *name)
{
    struct names n = {.name = arena_array(&s->arena, 8, sizeof(char *)), .count = 1};
    if (n.name != NULL)
        n.name[0] = name;
    return n;
}

/* 10,000 networks: IPv4 /24 and IPv6 /48, spread over 50 zones and all of the space. */
static int add_zones(struct snapshot *s)
{
    for (size_t i = 0; i < ZONES; i++) {
        struct zone_def z = {.name = arena_printf(&s->arena, "zone%zu", i), .interface = ""};
        for (size_t k = 0; k < CIDRS / ZONES; k++) {
            struct cidr *c = array_grow(&s->arena, (void **)&z.cidrs, k, sizeof(*c));
            if (c == NULL)
                return -1;
            uint64_t r = draw();
            bool v4 = k % 4 != 0;
            *c = (struct cidr){.bits = v4 ? 120 : 48};
            memcpy(c->addr.byte + (v4 ? 12 : 0), &r, v4 ? 3 : 6);
            if (v4)
                memset(c->addr.byte + 10, 0xff, 2);
            z.cidr_count++;
        }
        if (section_append(section_of(SECTION_ZONES), s, &z) < 0)
            return -1;
    }
    return 0;
}

/* Each rule names one user, one group and two places; the person asked for is named by the last. */
static struct snapshot *make(bool crowded)
{
    struct snapshot *s = snapshot_new();
    if (s == NULL || add_zones(s) < 0)
        return NULL;
    for (size_t i = 0; i < ROUTES; i++) {
        struct route_def r = {.name = arena_printf(&s->arena, "route%zu", i),
                              .host = arena_printf(&s->arena, "route%zu.test", i),
                              .path = ""};
        if (section_append(section_of(SECTION_ROUTES), s, &r) < 0)
            return NULL;
    }
    for (size_t i = 0; i < RULES; i++) {
        size_t route = crowded ? 0 : i / (RULES / ROUTES);
        struct rule_def r = {
            .name = arena_printf(&s->arena, "rule%zu", i),
            .users = one(s, arena_printf(&s->arena, "user%zu", i)),
            .groups = one(s, arena_printf(&s->arena, "group%zu", i)),
            .zones = one(s, "local"),
            .routes = one(s, s->routes[route].name),
            .methods = one(s, "GET"),
            .paths = one(s, "/manager/**"),
            .assurance = ASSURANCE_MFA,
        };
        if (section_append(section_of(SECTION_RULES), s, &r) < 0)
            return NULL;
    }
    return s;
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static volatile size_t sink;

static void bench_zones(const struct policy *p)
{
    static struct addr source[SOURCES];
    for (size_t i = 0; i < SOURCES; i++) {
        uint64_t r = draw();
        memset(source[i].byte + 10, 0xff, 2);
        memcpy(source[i].byte + 12, &r, 4);
    }
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (size_t i = 0; i < REPEAT; i++)
            sink += zones_find(policy_zones(p), &source[i % SOURCES]).words;
        double took = (now() - start) / REPEAT;
        best = round == 0 || took < best ? took : best;
    }
    printf("%-64s %8.1f ns\n", "zones of an address among 10,000 networks", best);
}

static void bench_decide(const char *what, const struct policy *p, const struct question *q)
{
    double best = 0;
    struct decision d = policy_decide(p, q);
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (size_t i = 0; i < REPEAT / 10; i++)
            sink += (size_t)policy_decide(p, q).verdict;
        double took = (now() - start) / (REPEAT / 10);
        best = round == 0 || took < best ? took : best;
    }
    printf("%-64s %8.1f ns  %s, %s\n", what, best, verdict_name(d.verdict), reason_name(d.reason));
}

static int run(bool crowded)
{
    struct snapshot *s = make(crowded);
    struct policy *p;
    double start = now();
    if (s == NULL || policy_new(s, &p) < 0)
        return 1;
    printf("%s: compiled in %.1f ms\n",
           crowded ? "1,000 rules on one route" : "10 rules on each of 100 routes",
           (now() - start) / 1e6);
    struct addr local = {{[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    struct subject who = {.kind = SUBJECT_PERSON,
                          .user = SPAN("somebody"),
                          .groups = SPAN("a\nb\nc\nd\ne\nf\ng\ngroup999"),
                          .proven = proven_as(ASSURANCE_MFA, NOW)};
    struct question q = {
        &who,        zones_find(policy_zones(p), &local), &s->routes[crowded ? 0 : ROUTES - 1],
        SPAN("GET"), SPAN("/manager/html/list"),          NOW};
    struct mallinfo2 before = mallinfo2();
    if (!crowded)
        bench_zones(p);
    bench_decide("decision, admitted by the last rule, 8 groups", p, &q);
    who.groups = SPAN("a\nb\nc\nd\ne\nf\ng\nh");
    bench_decide("decision, no rule names the person", p, &q);
    who.kind = SUBJECT_NOBODY;
    bench_decide("decision, nobody is logged in", p, &q);
    struct mallinfo2 after = mallinfo2();
    printf("allocated meanwhile: %zu bytes\n", after.uordblks - before.uordblks);
    policy_free(p);
    snapshot_free(s);
    return 0;
}

int main(void)
{
    return run(false) | run(true);
}
