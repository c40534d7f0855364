/* What the records of a large site cost: 300 consoles, 500 administrators, 2,000 rules, millions of
 * access and audit records on a disk.
 *
 *   records_bench fill DIRECTORY ACCESS AUDIT   makes the store (30 days, the newest now)
 *   records_bench lists DIRECTORY ROUNDS        each list and search, first page and further pages
 *   records_bench replay DIRECTORY [DAYS]       a simulation over the last days, without the
 * service
 *
 * Times are of the wall, in milliseconds; memory is the process's own. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "audit/record.h"
#include "base/clock.h"
#include "base/fault.h"
#include "conf/yaml.h"
#include "keeper/live.h"
#include "keeper/replay.h"
#include "store/access.h"
#include "store/trail.h"

#define CONSOLES 300u
#define PEOPLE 500u
#define TOKENS 40u
#define TEAMS 50u
#define RULES 2000u
#define MONTH_MS (30u * 24u * 3600u * 1000ull)
#define BATCH 5000u

static uint64_t state = 20260301;

static uint32_t draw(uint32_t below)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % below);
}

static void need(int rc, const char *what)
{
    if (rc < 0) {
        (void)fprintf(stderr, "%s: %s\n", what, fault_text(rc));
        exit(1);
    }
}

static long memory_kib(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static double now_ms(void)
{
    return (double)clock_mono_us() / 1000;
}

static struct store *open_store(const char *directory, enum store_mode mode)
{
    char path[4096];
    struct store *s;
    struct buf note;
    buf_init(&note, 512);
    (void)snprintf(path, sizeof(path), "%s/postern.db", directory);
    double start = now_ms();
    int rc = store_open(path, mode, &s, &note);
    if (rc < 0)
        (void)fprintf(stderr, "%.*s\n", SPAN_FMT(buf_view(&note)));
    need(rc, "store_open");
    (void)printf("opened in %.0f ms\n", now_ms() - start);
    buf_fini(&note);
    return s;
}

/* ---- filling ---- */

struct words {
    char route[16], host[40], principal[24], groups[64], path[64], rule[24];
};

static void make_record(struct access_record *r, struct words *w, uint64_t at)
{
    static const struct span METHODS[] = {SPAN("GET"), SPAN("GET"), SPAN("GET"), SPAN("POST")};
    uint32_t route = draw(CONSOLES), person = draw(PEOPLE), dice = draw(100);
    bool token = dice < 10, denied = dice >= 97;
    *r = (struct access_record){.wall_ms = at, .version = 3, .duration_ms = draw(200)};
    (void)snprintf(w->route, sizeof(w->route), "console-%u", route);
    (void)snprintf(w->host, sizeof(w->host), "console-%u.site.example", route);
    (void)snprintf(w->principal, sizeof(w->principal), token ? "token-%u" : "person-%u",
                   token ? person % TOKENS : person);
    (void)snprintf(w->groups, sizeof(w->groups), "team-%u\nteam-%u\n", person % TEAMS,
                   (person / TEAMS + person + 1) % TEAMS);
    (void)snprintf(w->path, sizeof(w->path), "/manager/page-%u/item-%u", draw(200), draw(100000));
    (void)snprintf(w->rule, sizeof(w->rule), "rule-%u", draw(RULES));
    for (size_t i = 0; i < sizeof(r->request_id); i += 4) {
        uint32_t bits = draw(UINT32_MAX);
        memcpy(r->request_id + i, &bits, 4);
    }
    r->source[10] = r->source[11] = 0xff;
    r->source[12] = 10;
    r->source[13] = (uint8_t)(person / 200);
    r->source[14] = (uint8_t)person;
    r->source[15] = (uint8_t)draw(4);
    r->outcome = denied ? ACCESS_DENIED : ACCESS_ALLOWED;
    r->reason = denied ? REASON_WHO : REASON_ALLOWED;
    r->status = denied ? 403 : 200;
    r->listener = SPAN("main");
    r->route = span_str(w->route);
    r->host = span_str(w->host);
    r->principal_kind = token ? CREDENTIAL_TOKEN : CREDENTIAL_CHILD;
    r->principal = span_str(w->principal);
    memcpy(r->session, r->request_id, 4);
    r->groups = span_str(w->groups);
    r->zones = SPAN("office\n");
    r->method = METHODS[draw(countof(METHODS))];
    r->path = span_str(w->path);
    r->rule = span_str(w->rule);
    r->bytes_in = draw(500);
    r->bytes_out = draw(100000);
    if (token) {
        r->token_routes = SPAN("*\n");
    } else {
        r->assurance = ASSURANCE_MFA;
        r->password_at = r->mfa_at = r->proven_at = at / 1000 - draw(36000);
        memcpy(r->began, r->source, sizeof(r->began));
        r->flags = ACCESS_SAME_PROGRAM;
    }
}

static void fill_access(struct store *s, uint64_t count)
{
    static struct access_record batch[BATCH];
    static struct words words[BATCH];
    uint64_t first = clock_wall_ms() - MONTH_MS;
    double start = now_ms();
    for (uint64_t i = 0; i < count;) {
        size_t n = 0;
        for (; n < BATCH && i < count; n++, i++)
            make_record(&batch[n], &words[n], first + i * MONTH_MS / count);
        need(access_append(s, batch, n, 0, first), "access_append");
        if (i % 1000000 == 0)
            (void)fprintf(stderr, "%llu access records\n", (unsigned long long)i);
    }
    (void)printf("%llu access records in %.0f s\n", (unsigned long long)count,
                 (now_ms() - start) / 1000);
}

static void fill_audit(struct store *s, uint64_t count)
{
    static const enum audit_event EVENTS[] = {AUDIT_LOGIN, AUDIT_LOGIN, AUDIT_LOGOUT,
                                              AUDIT_SESSION_EXPIRED, AUDIT_RULE_PUT};
    uint64_t first = clock_wall_ms() - MONTH_MS;
    double start = now_ms();
    for (uint64_t i = 0; i < count;) {
        need(store_begin(s), "begin");
        for (size_t n = 0; n < BATCH && i < count; n++, i++) {
            char actor[24], target[24], detail[64];
            (void)snprintf(actor, sizeof(actor), "person-%u", draw(PEOPLE));
            (void)snprintf(target, sizeof(target), "console-%u", draw(CONSOLES));
            (void)snprintf(detail, sizeof(detail), "{\"place\":\"%u\"}", draw(1000000));
            const struct audit_draft d = {.event = EVENTS[draw(countof(EVENTS))],
                                          .wall_ms = first + i * MONTH_MS / count,
                                          .actor_kind = AUDIT_PERSON,
                                          .actor = span_str(actor),
                                          .target = span_str(target),
                                          .detail = span_str(detail)};
            need(audit_append(s, &d, NULL), "audit_append");
        }
        need(store_commit(s), "commit");
    }
    (void)printf("%llu audit records in %.0f s\n", (unsigned long long)count,
                 (now_ms() - start) / 1000);
}

/* ---- lists ---- */

/* Of this process alone: what a busy machine does to the clock is not in it. */
static double cpu_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static int count_access(void *context, const struct access_row *row)
{
    (void)row;
    ++*(uint64_t *)context;
    return 0;
}

static int count_audit(void *context, const struct record *r)
{
    (void)r;
    ++*(uint64_t *)context;
    return 0;
}

static int count_denied(void *context, const struct access_denials *d)
{
    (void)d;
    ++*(uint64_t *)context;
    return 0;
}

/* One question about the records. Names are drawn anew each time, so that little of it is cached.
 */
struct ask {
    struct store *s;
    char person[24], route[24];
    struct page page;
    uint64_t found, next;
    uint64_t total; /* access records */
};

static void ask_access(struct ask *a, struct access_filter *f)
{
    a->page.newest_first = true;
    need(access_list(a->s, f, &a->page, count_access, &a->found, &a->next), "access_list");
}

static void ask_audit(struct ask *a, struct trail_filter *f)
{
    a->page.newest_first = true;
    need(trail_search(a->s, f, &a->page, count_audit, &a->found, &a->next), "trail_search");
}

static uint64_t days_ago_ms(uint32_t days)
{
    return clock_wall_ms() - days * 24u * 3600u * 1000ull;
}

#define ACCESS_ASK(name, ...)                                                                      \
    static void name(struct ask *a)                                                                \
    {                                                                                              \
        struct access_filter f = {__VA_ARGS__};                                                    \
        ask_access(a, &f);                                                                         \
    }
#define AUDIT_ASK(name, ...)                                                                       \
    static void name(struct ask *a)                                                                \
    {                                                                                              \
        struct trail_filter f = {__VA_ARGS__};                                                     \
        ask_audit(a, &f);                                                                          \
    }
ACCESS_ASK(newest, .text = NULL)
ACCESS_ASK(denials, .denials = true)
ACCESS_ASK(of_person, .principal = a->person)
ACCESS_ASK(of_route, .route = a->route)
ACCESS_ASK(of_both, .principal = a->person, .route = a->route)
ACCESS_ASK(of_nobody, .principal = "nobody-of-this-name")
ACCESS_ASK(denials_of_person, .denials = true, .principal = a->person)
ACCESS_ASK(within_a_day, .since_ms = days_ago_ms(20), .until_ms = days_ago_ms(19))
ACCESS_ASK(person_within_a_day, .principal = a->person, .since_ms = days_ago_ms(20),
           .until_ms = days_ago_ms(19))
ACCESS_ASK(with_text, .text = "item-777")
ACCESS_ASK(with_text_nowhere, .text = "nothing has this")
AUDIT_ASK(audit_newest, .text = NULL)
AUDIT_ASK(audit_event, .event = "rule.put")
AUDIT_ASK(audit_actor, .actor = a->person)
AUDIT_ASK(audit_target, .target = a->route)
AUDIT_ASK(audit_all, .event = "rule.put", .actor = a->person, .target = a->route)
AUDIT_ASK(audit_day, .since_ms = days_ago_ms(20), .until_ms = days_ago_ms(19))
AUDIT_ASK(audit_text_nowhere, .text = "nothing has this")

static void deep(struct ask *a)
{
    a->page.anchor = 1 + draw((uint32_t)a->total);
    newest(a);
}

static void denied_sources(struct ask *a)
{
    need(access_denied_sources(a->s, days_ago_ms(1), 100, count_denied, &a->found), "denied");
}

static void numbers(struct ask *a)
{
    struct access_stats stats;
    need(access_stats(a->s, &stats), "access_stats");
    a->total = stats.rows;
}

static void lists(struct store *s, unsigned rounds)
{
    static const struct {
        const char *name;
        void (*run)(struct ask *a);
    } ASKS[] = {
        {"access: numbers for the health page", numbers},
        {"access: newest", newest},
        {"access: a page far back", deep},
        {"access: refused", denials},
        {"access: of a person", of_person},
        {"access: of a console", of_route},
        {"access: of a person on a console", of_both},
        {"access: of an unknown name", of_nobody},
        {"access: refused, of a person", denials_of_person},
        {"access: of one day", within_a_day},
        {"access: of a person on one day", person_within_a_day},
        {"access: text", with_text},
        {"access: text that nothing has", with_text_nowhere},
        {"access: refused sources of a day", denied_sources},
        {"audit: newest", audit_newest},
        {"audit: one event", audit_event},
        {"audit: by a person", audit_actor},
        {"audit: about a console", audit_target},
        {"audit: event, person and console", audit_all},
        {"audit: of one day", audit_day},
        {"audit: text that nothing has", audit_text_nowhere},
    };
    double *took = calloc(rounds, sizeof(*took)), *cpu = calloc(rounds, sizeof(*cpu));
    struct ask a = {.s = s};
    if (took == NULL || cpu == NULL)
        exit(1);
    numbers(&a);
    (void)printf("%-40s %9s %9s %9s %9s  rows\n", "", "p50", "p99", "cpu p50", "cpu p99");
    for (size_t i = 0; i < countof(ASKS); i++) {
        a.found = 0;
        for (unsigned n = 0; n < rounds; n++) {
            (void)snprintf(a.person, sizeof(a.person), "person-%u", draw(PEOPLE));
            (void)snprintf(a.route, sizeof(a.route), "console-%u", draw(CONSOLES));
            a.page = (struct page){.limit = 100};
            double start = now_ms(), busy = cpu_ms();
            ASKS[i].run(&a);
            cpu[n] = cpu_ms() - busy;
            took[n] = now_ms() - start;
        }
        qsort(took, rounds, sizeof(*took), by_size);
        qsort(cpu, rounds, sizeof(*cpu), by_size);
        (void)printf("%-40s %9.2f %9.2f %9.2f %9.2f  %llu\n", ASKS[i].name, took[rounds / 2],
                     took[rounds * 99 / 100], cpu[rounds / 2], cpu[rounds * 99 / 100],
                     (unsigned long long)(a.found / rounds));
    }
    free(took);
    free(cpu);
    (void)printf("memory %ld KiB\n", memory_kib());
}

/* ---- replaying ---- */

/* skip: one rule in so many is left out. */
static struct live *make_live(unsigned skip)
{
    struct buf yaml, errors;
    struct snapshot *file = NULL;
    struct live *live = NULL;
    buf_init(&yaml, 8u << 20);
    buf_init(&errors, 65536);
    (void)buf_text(&yaml, "portal: {host: postern.site.example}\nlisteners:\n"
                          "  - {name: main, address: \"127.0.0.1:9443\"}\n"
                          "zones: {office: [10.0.0.0/8]}\nroutes:\n");
    for (unsigned i = 0; i < CONSOLES; i++)
        (void)buf_printf(&yaml,
                         "  console-%u: {host: console-%u.site.example, "
                         "upstream: \"http://127.0.0.1:8080\"}\n",
                         i, i);
    (void)buf_text(&yaml, "rules:\n");
    for (unsigned i = 0; i < RULES; i++)
        if (skip == 0 || i % skip != 0)
            (void)buf_printf(&yaml,
                             "  - {name: rule-%u, groups: [team-%u, team-%u], tokens: [token-%u], "
                             "zones: [office], routes: [console-%u], paths: [\"/manager/**\"]}\n",
                             i, i % TEAMS, (i * 7 + 3) % TEAMS, i % TOKENS, i % CONSOLES);
    int rc = yaml_parse("bench", buf_view(&yaml), &file, &errors);
    rc = rc < 0 ? rc : live_new(file, NULL, NULL, NULL, 1, &live, &errors);
    if (rc < 0)
        (void)fprintf(stderr, "%.*s\n", SPAN_FMT(buf_view(&errors)));
    need(rc, "policy");
    buf_fini(&yaml);
    buf_fini(&errors);
    return live;
}

static void each_row(void *context, const struct access_row *row)
{
    struct {
        struct replay *replay;
        uint64_t at;
    } *walk = context;
    replay_add(walk->replay, &row->record);
    walk->at = row->seq;
}

static void replay_days(struct store *s, uint32_t days)
{
    struct live *before = make_live(0), *after = make_live(10);
    struct replay *replay = malloc(sizeof(*replay));
    struct {
        struct replay *replay;
        uint64_t at;
    } walk = {replay, 0};
    uint64_t high;
    int rows;
    if (replay == NULL)
        exit(1);
    replay_init(replay, before, after);
    double start = now_ms(), cpu = (double)clock();
    need(access_range(s, days_ago_ms(days), &walk.at, &high), "access_range");
    do {
        rows = access_walk(s, walk.at, high, 2000, each_row, &walk);
        need(rows, "access_walk");
    } while (rows > 0);
    (void)printf("%llu requests asked twice in %.1f s (%.1f s of processor): %llu the same, %llu "
                 "denied, %llu allowed, %llu to prove; %zu people, %zu consoles; memory %ld KiB\n",
                 (unsigned long long)replay->requests, (now_ms() - start) / 1000,
                 ((double)clock() - cpu) / CLOCKS_PER_SEC, (unsigned long long)replay->same,
                 (unsigned long long)replay->count.denied,
                 (unsigned long long)replay->count.allowed, (unsigned long long)replay->count.prove,
                 replay->person_count, replay->route_count, memory_kib());
    replay_fini(replay);
    free(replay);
}

/* ---- retention ---- */

/* As the keeper does it; at most so many rows, so that the store can be used again. */
static void prune(struct store *s, uint64_t rows)
{
    struct access_stats stats;
    struct store_room main_room, before, after;
    need(access_stats(s, &stats), "access_stats");
    need(store_room(s, &main_room, &before), "store_room");
    const struct access_limit limit = {.rows = stats.rows > rows ? stats.rows - rows : 1};
    size_t count = rows / 500 + 2, steps = 0;
    double *took = calloc(count, sizeof(*took)), longest = 0;
    int gone = 1, more = 1;
    double cpu = (double)clock();
    if (took == NULL)
        exit(1);
    for (; gone > 0 && steps < count; steps++) {
        double start = now_ms();
        gone = access_prune(s, &limit, 500);
        need(gone, "access_prune");
        took[steps] = now_ms() - start;
    }
    qsort(took, steps, sizeof(*took), by_size);
    (void)printf("%zu steps of 500 records: p50 %.1f ms, p99 %.1f ms, most %.1f ms; %.1f ms of "
                 "processor each\n",
                 steps, took[steps / 2], took[steps * 99 / 100], took[steps - 1],
                 ((double)clock() - cpu) * 1000 / CLOCKS_PER_SEC / (double)steps);
    free(took);
    unsigned vacuums = 0;
    for (; more > 0; vacuums++) {
        double start = now_ms();
        more = store_vacuum(s);
        need(more, "store_vacuum");
        longest = now_ms() - start > longest ? now_ms() - start : longest;
    }
    need(store_room(s, &main_room, &after), "store_room");
    (void)printf("%u steps gave %llu MiB of %llu back, the longest took %.1f ms\n", vacuums,
                 (unsigned long long)(before.bytes - after.bytes) >> 20,
                 (unsigned long long)before.bytes >> 20, longest);
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    unsigned long long first = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    if (strcmp(what, "fill") == 0 && argc == 5) {
        struct store *s = open_store(argv[2], STORE_CREATE);
        fill_access(s, first);
        fill_audit(s, strtoull(argv[4], NULL, 10));
        store_close(s);
    } else if (strcmp(what, "lists") == 0) {
        struct store *s = open_store(argv[2], STORE_OPEN);
        lists(s, first == 0 ? 50 : (unsigned)first);
        store_close(s);
    } else if (strcmp(what, "replay") == 0) {
        struct store *s = open_store(argv[2], STORE_READ);
        replay_days(s, first == 0 ? 30 : (uint32_t)first);
        store_close(s);
    } else if (strcmp(what, "prune") == 0 && first > 0) {
        struct store *s = open_store(argv[2], STORE_OPEN);
        prune(s, first);
        store_close(s);
    } else {
        (void)fprintf(stderr, "usage: records_bench fill|lists|replay|prune DIRECTORY …\n");
        return 2;
    }
    return 0;
}
