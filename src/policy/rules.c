#include "policy/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "conf/pattern.h"
#include "conf/schedule.h"
#include "conf/timezone.h"

/* Far above what a snapshot of the greatest size needs. */
#define ARENA_MAX ((size_t)2 * 1024 * 1024 * 1024)
#define ARENA_BLOCK (16u * 1024)

/* A login that seems to come from the future is an unsteady clock up to here, and not to be trusted
 * beyond. */
#define CLOCK_SLACK 60

/* Most rules of a route do not name the one who asks. Each rule has a mask with one bit for every
 * number in `who`, so that a rule which shares no bit with the asker's mask is passed over unread.
 * Several numbers share a bit: a hit is only a reason to look. */
#define MASK_EVERY ((uint64_t)1 << 62) /* in every rule, in no asker */
#define MASK_ANYBODY RULES_EVERYBODY   /* in rules with users: "*", and in every person */
#define MASK_NUMBER(number) ((uint64_t)1 << (number) % 62)

struct rule {
    uint64_t mask;
    bool anybody; /* users: "*" */
    bool everybody;
    bool timed, read_only;
    uint32_t *who; /* numbers of users, groups, …, ascending */
    size_t who_count;
    uint32_t *zones;
    size_t zone_count;
    struct span *methods;
    size_t method_count;
    struct span *paths;
    size_t path_count;
    struct window *times;
    size_t time_count;
    struct tzrules zone; /* of times */
    const struct rule_def *def;
};

struct rule_list {
    uint32_t *rule; /* ascending */
    uint64_t *mask; /* of each */
    size_t count;
};

/* The routes of one host: by path, and one for every other path. */
struct site {
    const struct route_def **routes;
    size_t count;
    const struct route_def *whole; /* NULL: none */
    struct map paths;              /* prefix → route */
    size_t depth;                  /* segments of the longest prefix */
};
/* More than KEY_PREFIX can have. */
#define SITE_DEPTH_MAX 128

enum who { WHO_USER, WHO_GROUP, WHO_TOKEN, WHO_CERTIFICATE, WHO_COUNT };

struct policy {
    const struct snapshot *snapshot;
    struct arena arena;
    struct zones *zones;
    struct map who[WHO_COUNT]; /* name → 1 + number; one space of numbers for all */
    uint32_t who_numbers;
    struct rule *rules;
    struct rule_lists {
        struct rule_list *by_route; /* of each route of the snapshot: the rules that name it */
        struct rule_list every;     /* the rules for every route */
    } lists[RULE_CLASS_COUNT];
    struct map hosts; /* host → site, for routes without a port */
    struct site *sites;
    size_t site_count;
    const struct route_def **port_routes;
    size_t port_route_count;
    uint16_t portal_port;
    uint64_t *portal_zones, *any_zones; /* as words of a zone_set */
    size_t zone_words;
};

/* ---- numbers in a map ------------------------------------------------------------------------ */

union boxed {
    void *pointer;
    const void *constant;
    uintptr_t number;
};

static bool find_number(const struct map *m, struct span name, uint32_t *ret)
{
    union boxed box = {map_find(m, name)};
    *ret = (uint32_t)(box.number - 1);
    return box.pointer != NULL;
}

static int put_number(struct map *m, const char *name, size_t number)
{
    union boxed box = {.number = number + 1};
    return map_put(m, span_str(name), box.pointer);
}

/* ---- compiling ------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static int add_who(struct policy *p, struct rule *r, enum who kind, const struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->name[i];
        uint32_t number;
        if (kind == WHO_USER && strcmp(name, "*") == 0) {
            r->anybody = true;
            r->mask |= MASK_ANYBODY;
            continue;
        }
        if (!find_number(&p->who[kind], span_str(name), &number)) {
            number = p->who_numbers++;
            if (put_number(&p->who[kind], name, number) < 0)
                return -ENOMEM;
        }
        r->who[r->who_count++] = number;
        r->mask |= MASK_NUMBER(number);
    }
    return 0;
}

static struct span *spans_of(struct policy *p, const struct names *names)
{
    struct span *at = arena_array(&p->arena, names->count, sizeof(*at));
    for (size_t i = 0; at != NULL && i < names->count; i++)
        at[i] = span_str(names->name[i]);
    return at;
}

/* A rule whose zone is not known is never in its time: nothing is admitted by a guess. */
static int compile_times(struct policy *p, struct rule *r)
{
    const struct rule_def *def = r->def;
    r->times = arena_array(&p->arena, def->times.count, sizeof(*r->times));
    if (r->times == NULL)
        return -ENOMEM;
    r->timed = def->times.count > 0;
    if (rule_lacks_zone(def) || (r->timed && def->time_rules[0] != 0 &&
                                 timezone_parse(span_str(def->time_rules), &r->zone) < 0))
        return 0;
    for (size_t i = 0; i < def->times.count; i++)
        if (window_parse(span_str(def->times.name[i]), &r->times[r->time_count]) == 0)
            r->time_count++;
    return 0;
}

static enum rule_class rule_class_of(const struct rule_def *def)
{
    return def->deny        ? RULE_DENIES
           : def->anonymous ? RULE_OPENS
           : def->demand    ? RULE_DEMANDS
                            : RULE_ADMITS;
}

static int compile_rule(struct policy *p, struct rule *r, const struct rule_def *def,
                        const struct map *zones)
{
    size_t who = def->users.count + def->groups.count + def->tokens.count + def->certificates.count;
    *r = (struct rule){
        .mask = MASK_EVERY,
        .who = arena_array(&p->arena, who, sizeof(*r->who)),
        .zones = arena_array(&p->arena, def->zones.count, sizeof(*r->zones)),
        .methods = spans_of(p, &def->methods),
        .method_count = def->methods.count,
        .paths = spans_of(p, &def->paths),
        .path_count = def->paths.count,
        .read_only = def->read_only,
        .def = def,
    };
    if (r->who == NULL || r->zones == NULL || r->methods == NULL || r->paths == NULL)
        return -ENOMEM;
    if (add_who(p, r, WHO_USER, &def->users) < 0 || add_who(p, r, WHO_GROUP, &def->groups) < 0 ||
        add_who(p, r, WHO_TOKEN, &def->tokens) < 0 ||
        add_who(p, r, WHO_CERTIFICATE, &def->certificates) < 0)
        return -ENOMEM;
    if (compile_times(p, r) < 0)
        return -ENOMEM;
    /* A refusal that names nobody is for everybody. */
    r->everybody = def->deny && who == 0;
    r->mask |= r->everybody ? MASK_ANYBODY : 0;
    qsort(r->who, r->who_count, sizeof(*r->who), by_number);
    for (size_t i = 0; i < def->zones.count; i++) {
        uint32_t zone;
        if (find_number(zones, span_str(def->zones.name[i]), &zone)) {
            r->zones[r->zone_count++] = zone;
            if (!def->demand && !def->deny)
                p->any_zones[zone / 64] |= (uint64_t)1 << zone % 64;
        }
    }
    return 0;
}

static int compile_zones(struct policy *p, struct map *names)
{
    const struct snapshot *s = p->snapshot;
    p->zone_words = s->zone_count / 64 + 1;
    p->any_zones = arena_array(&p->arena, p->zone_words, sizeof(uint64_t));
    p->portal_zones = arena_array(&p->arena, p->zone_words, sizeof(uint64_t));
    if (p->any_zones == NULL || p->portal_zones == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < s->zone_count; i++)
        if (put_number(names, s->zones[i].name, i) < 0)
            return -ENOMEM;
    for (size_t i = 0; i < s->portal_zones.count; i++) {
        uint32_t zone;
        if (find_number(names, span_str(s->portal_zones.name[i]), &zone)) {
            p->portal_zones[zone / 64] |= (uint64_t)1 << zone % 64;
            p->any_zones[zone / 64] |= (uint64_t)1 << zone % 64;
        }
    }
    return zones_new(s, &p->zones);
}

static int compile_rules(struct policy *p)
{
    const struct snapshot *s = p->snapshot;
    struct map names;
    map_init(&names, SIZE_MAX);
    p->rules = arena_array(&p->arena, s->rule_count, sizeof(*p->rules));
    int rc = p->rules == NULL ? -ENOMEM : compile_zones(p, &names);
    for (size_t i = 0; i < s->rule_count && rc == 0; i++)
        rc = compile_rule(p, &p->rules[i], &s->rules[i], &names);
    map_fini(&names);
    return rc;
}

/* Hands the lists of a rule's routes to the caller, each list once. */
static void list_rule(struct policy *p, const struct map *routes, size_t rule, bool count_only)
{
    const struct rule_def *def = &p->snapshot->rules[rule];
    struct rule_lists *lists = &p->lists[rule_class_of(def)];
    for (size_t i = 0; i < def->routes.count; i++) {
        struct rule_list *list = &lists->every;
        uint32_t route;
        if (strcmp(def->routes.name[i], "*") != 0) {
            if (!find_number(routes, span_str(def->routes.name[i]), &route))
                continue;
            list = &lists->by_route[route];
        }
        if (!count_only) {
            /* A rule may name a route twice, or by name and by star. */
            if (list->count > 0 && list->rule[list->count - 1] == rule)
                continue;
            list->rule[list->count] = (uint32_t)rule;
            list->mask[list->count] = p->rules[rule].mask;
        }
        list->count++;
    }
}

static int size_list(struct policy *p, struct rule_list *list)
{
    list->rule = arena_array(&p->arena, list->count, sizeof(*list->rule));
    list->mask = arena_array(&p->arena, list->count, sizeof(*list->mask));
    list->count = 0;
    return list->rule == NULL || list->mask == NULL ? -ENOMEM : 0;
}

static int size_lists(struct policy *p, struct rule_lists *lists)
{
    int rc = size_list(p, &lists->every);
    for (size_t i = 0; i < p->snapshot->route_count && rc == 0; i++)
        rc = size_list(p, &lists->by_route[i]);
    return rc;
}

static int index_rules(struct policy *p)
{
    const struct snapshot *s = p->snapshot;
    struct map routes;
    int rc = 0;
    map_init(&routes, SIZE_MAX);
    for (size_t k = 0; k < RULE_CLASS_COUNT && rc == 0; k++) {
        p->lists[k].by_route = arena_array(&p->arena, s->route_count, sizeof(struct rule_list));
        rc = p->lists[k].by_route == NULL ? -ENOMEM : 0;
    }
    for (size_t i = 0; i < s->route_count && rc == 0; i++)
        rc = put_number(&routes, s->routes[i].name, i);
    for (size_t i = 0; i < s->rule_count && rc == 0; i++)
        list_rule(p, &routes, i, true);
    for (size_t k = 0; k < RULE_CLASS_COUNT && rc == 0; k++)
        rc = size_lists(p, &p->lists[k]);
    for (size_t i = 0; i < s->rule_count && rc == 0; i++)
        list_rule(p, &routes, i, false);
    map_fini(&routes);
    return rc;
}

static struct site *site_of(struct policy *p, const struct route_def *r)
{
    struct site *site = map_find(&p->hosts, span_str(r->host));
    if (site != NULL)
        return site;
    site = &p->sites[p->site_count++];
    map_init(&site->paths, SIZE_MAX);
    return map_put(&p->hosts, span_str(r->host), site) < 0 ? NULL : site;
}

static int site_add(struct site *site, const struct route_def *r)
{
    union boxed route = {.constant = r};
    size_t depth = 0;
    site->routes[site->count++] = r;
    if (r->path[0] == 0) {
        site->whole = r;
        return 0;
    }
    for (const char *c = r->path; *c != 0; c++)
        depth += *c == '/';
    site->depth = depth > site->depth ? depth : site->depth;
    return map_put(&site->paths, span_str(r->path), route.pointer);
}

static int index_routes(struct policy *p)
{
    const struct snapshot *s = p->snapshot;
    p->port_routes = arena_array(&p->arena, s->route_count, sizeof(*p->port_routes));
    p->sites = arena_array(&p->arena, s->route_count, sizeof(*p->sites));
    if (p->port_routes == NULL || p->sites == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < s->route_count; i++) {
        struct site *site = NULL;
        if (s->routes[i].port != 0)
            p->port_routes[p->port_route_count++] = &s->routes[i];
        else if (s->routes[i].host[0] != 0 && (site = site_of(p, &s->routes[i])) == NULL)
            return -ENOMEM;
        else if (site != NULL)
            site->count++;
    }
    for (size_t i = 0; i < p->site_count; i++) {
        struct site *site = &p->sites[i];
        site->routes = arena_array(&p->arena, site->count, sizeof(*site->routes));
        site->count = 0;
        if (site->routes == NULL)
            return -ENOMEM;
    }
    for (size_t i = 0; i < s->route_count; i++) {
        const struct route_def *r = &s->routes[i];
        if (r->port == 0 && r->host[0] != 0 &&
            site_add(map_find(&p->hosts, span_str(r->host)), r) < 0)
            return -ENOMEM;
    }
    return 0;
}

int policy_new(const struct snapshot *s, struct policy **ret)
{
    struct policy *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return -ENOMEM;
    p->snapshot = s;
    p->portal_port = snapshot_portal_port(s);
    arena_init(&p->arena, ARENA_BLOCK, ARENA_MAX);
    for (size_t i = 0; i < WHO_COUNT; i++)
        map_init(&p->who[i], SIZE_MAX);
    map_init(&p->hosts, SIZE_MAX);
    int rc = compile_rules(p);
    if (rc == 0)
        rc = index_rules(p);
    if (rc == 0)
        rc = index_routes(p);
    if (rc < 0) {
        policy_free(p);
        return rc;
    }
    *ret = p;
    return 0;
}

void policy_free(struct policy *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < WHO_COUNT; i++)
        map_fini(&p->who[i]);
    map_fini(&p->hosts);
    for (size_t i = 0; i < p->site_count; i++)
        map_fini(&p->sites[i].paths);
    zones_free(p->zones);
    arena_fini(&p->arena);
    free(p);
}

const struct snapshot *policy_snapshot(const struct policy *p)
{
    return p->snapshot;
}

const struct zones *policy_zones(const struct policy *p)
{
    return p->zones;
}

/* ---- places and routes ----------------------------------------------------------------------- */

bool policy_admits_source(const struct policy *p, struct zone_set zones)
{
    return zone_set_meets(zones, (struct zone_set){p->any_zones, p->zone_words});
}

bool policy_admits_portal(const struct policy *p, struct zone_set zones)
{
    return zone_set_meets(zones, (struct zone_set){p->portal_zones, p->zone_words});
}

bool policy_is_portal(const struct policy *p, struct span host)
{
    return host.len > 0 && span_is(host, p->snapshot->portal_host);
}

static const struct route_def *const *place_of_port(const struct policy *p, uint16_t port)
{
    for (size_t i = 0; i < p->port_route_count; i++)
        if (p->port_routes[i]->port == port)
            return &p->port_routes[i];
    return NULL;
}

bool policy_serves_portal(const struct policy *p, const struct listener_def *l)
{
    return l->portal && l->kind == LISTENER_TLS && place_of_port(p, l->port) == NULL;
}

uint16_t policy_portal_port(const struct policy *p)
{
    return p->portal_port;
}

/* The longest prefix first; no deeper than any prefix is. */
static const struct route_def *route_of_path(const struct site *site, struct span path)
{
    size_t ends[SITE_DEPTH_MAX], depth = 0;
    for (size_t i = 1; i <= path.len && depth < site->depth && depth < countof(ends); i++)
        if (i == path.len || path.at[i] == '/')
            ends[depth++] = i;
    while (depth > 0) {
        const struct route_def *r = map_find(&site->paths, span_sub(path, 0, ends[--depth]));
        if (r != NULL)
            return r;
    }
    return site->whole;
}

const struct route_def *policy_route(const struct policy *p, uint16_t listener_port,
                                     struct span host, struct span path)
{
    if (policy_is_portal(p, host))
        return NULL;
    const struct route_def *const *r = place_of_port(p, listener_port);
    if (r != NULL)
        return (*r)->host[0] == 0 || span_is(host, (*r)->host) ? *r : NULL;
    const struct site *site = map_find(&p->hosts, host);
    return site == NULL ? NULL : route_of_path(site, path);
}

struct route_list policy_routes(const struct policy *p, uint16_t listener_port, struct span host)
{
    if (policy_is_portal(p, host))
        return (struct route_list){NULL, 0};
    const struct route_def *const *r = place_of_port(p, listener_port);
    if (r != NULL)
        return (struct route_list){r, (*r)->host[0] == 0 || span_is(host, (*r)->host)};
    const struct site *site = map_find(&p->hosts, host);
    return site == NULL ? (struct route_list){NULL, 0}
                        : (struct route_list){site->routes, site->count};
}

/* ---- trying a rule --------------------------------------------------------------------------- */

/* False: there is no room for one that some rule names. */
static bool add_asker(struct asker *a, const struct map *names, struct span name)
{
    uint32_t number;
    if (!find_number(names, name, &number))
        return true;
    if (a->all_count == countof(a->id))
        return false;
    a->id[a->all_count++] = number;
    a->all_mask |= MASK_NUMBER(number);
    return true;
}

static bool lines_have(struct span lines, struct span item)
{
    struct span line;
    while (span_cut(&lines, '\n', &line))
        if (span_eq(line, item))
            return true;
    return false;
}

bool policy_token_place(const struct policy *p, struct zone_set zones, struct span names)
{
    const struct snapshot *s = policy_snapshot(p);
    bool good = names.len == 0;
    for (size_t i = 0; i < s->zone_count && !good; i++)
        good = zone_set_has(zones, i) && lines_have(names, span_str(s->zones[i].name));
    return good;
}

/* A word of the token's, not of a rule's: asked once for a decision. */
static enum reason token_misplaced(const struct policy *p, const struct question *q)
{
    const struct subject *s = q->subject;
    if (s->kind != SUBJECT_TOKEN)
        return REASON_ALLOWED;
    if (!policy_token_place(p, q->zones, s->scope_zones))
        return REASON_TOKEN_ZONE;
    bool shown = s->scope_certificate == NULL ||
                 (q->certificate != NULL && memcmp(s->scope_certificate, q->certificate, 32) == 0);
    return shown ? REASON_ALLOWED : REASON_TOKEN_CERTIFICATE;
}

/* What admits the asker, for now all that was added. */
static void asker_admit(struct asker *a)
{
    a->count = a->all_count;
    a->mask = a->all_mask;
}

static bool add_groups(struct asker *a, const struct policy *p, struct span groups)
{
    struct span group;
    bool room = true;
    while (room && span_cut(&groups, '\n', &group))
        room = add_asker(a, &p->who[WHO_GROUP], group);
    return room;
}

void asker_init(struct asker *a, const struct policy *p, const struct question *q)
{
    const struct subject *s = q->subject;
    a->question = q;
    a->token = token_misplaced(p, q);
    a->all_mask = 0;
    a->all_count = 0;
    a->overflow = false;
    if (s->kind == SUBJECT_TOKEN) {
        (void)add_asker(a, &p->who[WHO_TOKEN], s->token);
        if (s->by_certificate)
            (void)add_asker(a, &p->who[WHO_CERTIFICATE], s->token);
        asker_admit(a);
    }
    if (s->kind != SUBJECT_NOBODY)
        (void)add_asker(a, &p->who[WHO_USER], s->user);
    if (s->kind == SUBJECT_PERSON && s->named_only)
        asker_admit(a);
    a->all_mask |= s->kind == SUBJECT_PERSON ? MASK_ANYBODY : 0;
    if (s->kind != SUBJECT_NOBODY)
        a->overflow = !add_groups(a, p, s->groups);
    if (s->kind == SUBJECT_NOBODY || (s->kind == SUBJECT_PERSON && !s->named_only))
        asker_admit(a);
    /* Who is in more groups than are looked at may be in one that is refused. */
    a->all_mask = a->overflow ? RULES_ALL : a->all_mask;
}

static struct rule_cursor cursor_of(const struct rule_list *list)
{
    return (struct rule_cursor){list->rule, list->mask, 0, list->count};
}

struct rule_walk rules_of(const struct policy *p, enum rule_class class,
                          const struct route_def *route)
{
    size_t at = (size_t)(route - p->snapshot->routes);
    /* A route that is none of this snapshot is a bug of the caller's: nothing admits it. */
    if (at >= p->snapshot->route_count)
        return (struct rule_walk){.named.count = 0};
    const struct rule_lists *lists = &p->lists[class];
    return (struct rule_walk){cursor_of(&lists->by_route[at]), cursor_of(&lists->every)};
}

static size_t seek(struct rule_cursor *c, uint64_t mask)
{
    size_t at = c->at;
    while (at < c->count && (c->mask[at] & mask) == 0)
        at++;
    c->at = at;
    return at < c->count ? c->rule[at] : SIZE_MAX;
}

const struct rule *rules_next(const struct policy *p, struct rule_walk *w, uint64_t mask)
{
    size_t named = seek(&w->named, mask), every = seek(&w->every, mask);
    size_t next = named < every ? named : every;
    if (next == SIZE_MAX)
        return NULL;
    /* A rule that names the route and every route stands in both lists, and is tried once. */
    w->named.at += named == next;
    w->every.at += every == next;
    return &p->rules[next];
}

static bool class_minds_method(const struct policy *p, enum rule_class class,
                               const struct route_def *route)
{
    struct rule_walk walk = rules_of(p, class, route);
    const struct rule *r;
    bool found = false;
    while (!found && (r = rules_next(p, &walk, RULES_ALL)) != NULL)
        found = r->method_count > 0 || r->read_only;
    return found;
}

bool policy_minds_method(const struct policy *p, const struct route_def *route)
{
    return class_minds_method(p, RULE_DEMANDS, route) || class_minds_method(p, RULE_DENIES, route);
}

static bool names_one_of(const struct rule *r, const uint32_t *id, size_t ids)
{
    for (size_t i = 0; i < ids; i++) {
        size_t low = 0, count = r->who_count;
        while (count > 0) {
            size_t half = count / 2;
            uint32_t number = r->who[low + half];
            if (number == id[i])
                return true;
            low = number < id[i] ? low + half + 1 : low;
            count = number < id[i] ? count - half - 1 : half;
        }
    }
    return false;
}

static bool who_ok(const struct rule *r, const struct asker *a)
{
    if (r->anybody && (a->mask & MASK_ANYBODY) != 0)
        return true;
    return (r->mask & a->mask) != 0 && names_one_of(r, a->id, a->count);
}

/* A refusal reaches further than an admission: it holds for the tokens of whom it names, and for
 * an account of emergencies by its groups. */
static bool refuses_who(const struct rule *r, const struct asker *a)
{
    if (r->everybody || (a->overflow && r->def->groups.count > 0))
        return true;
    if (r->anybody && a->question->subject->kind == SUBJECT_PERSON)
        return true;
    return names_one_of(r, a->id, a->all_count);
}

static bool zone_ok(const struct rule *r, struct zone_set zones)
{
    if ((r->def->demand || r->def->deny) && r->def->zones.count == 0)
        return true;
    for (size_t i = 0; i < r->zone_count; i++)
        if (zone_set_has(zones, r->zones[i]))
            return true;
    return false;
}

static bool method_ok(const struct rule *r, struct span method)
{
    bool ok = r->method_count == 0;
    for (size_t i = 0; i < r->method_count && !ok; i++)
        ok = span_eq(r->methods[i], method);
    return ok;
}

static bool path_ok(const struct rule *r, struct span path)
{
    bool ok = r->path_count == 0;
    for (size_t i = 0; i < r->path_count && !ok; i++)
        ok = pattern_match(r->paths[i], path);
    return ok;
}

/* Methods that change nothing at the server (RFC 9110 section 9.2.1, RFC 4918 section 9.1). What
 * another protocol carries is nobody's to judge. */
static bool reads_only(const struct question *q)
{
    return !q->upgrade && (span_is(q->method, "GET") || span_is(q->method, "HEAD") ||
                           span_is(q->method, "OPTIONS") || span_is(q->method, "PROPFIND"));
}

static bool time_ok(const struct rule *r, const struct question *q)
{
    if (!r->timed || q->timeless)
        return true;
    int64_t local = (int64_t)q->now + timezone_offset(&r->zone, q->now);
    unsigned day = (unsigned)((local / 86400 + 4) % 7), minute = (unsigned)(local % 86400 / 60);
    bool ok = false;
    for (size_t i = 0; i < r->time_count && !ok; i++)
        ok = window_holds(&r->times[i], day, minute);
    return ok;
}

/* Whoever is logged in has proven a password's worth: the age of "none" is that of the login. */
static enum assurance demanded(const struct rule_def *r)
{
    return r->assurance == ASSURANCE_NONE ? ASSURANCE_PASSWORD : r->assurance;
}

static bool age_ok(const struct rule *r, const struct question *q)
{
    uint64_t proven = q->subject->proven.at[demanded(r->def)];
    if (r->def->max_age == 0)
        return true;
    return proven <= q->now ? q->now - proven <= r->def->max_age : proven - q->now <= CLOCK_SLACK;
}

enum reason policy_token_covers(const struct question *q)
{
    const struct subject *s = q->subject;
    struct span lines = s->scope_paths, line;
    bool path = lines.len == 0;
    while (!path && span_cut(&lines, '\n', &line))
        path = pattern_match(line, q->path);
    bool method = s->scope_methods.len == 0 || lines_have(s->scope_methods, q->method);
    return path && method ? REASON_ALLOWED : REASON_TOKEN_SCOPE;
}

static bool scope_ok(const struct question *q)
{
    const struct subject *s = q->subject;
    return policy_token_covers(q) == REASON_ALLOWED &&
           (lines_have(s->scope_routes, SPAN("*")) ||
            lines_have(s->scope_routes, span_str(q->route->name)));
}

enum reason rule_try(const struct rule *r, const struct asker *a)
{
    const struct question *q = a->question;
    enum subject_kind kind = q->subject->kind;
    if (a->token != REASON_ALLOWED)
        return a->token;
    if (kind == SUBJECT_NOBODY)
        return zone_ok(r, q->zones) ? REASON_NOBODY : REASON_ZONE;
    if (!who_ok(r, a))
        return REASON_WHO;
    if (!zone_ok(r, q->zones))
        return REASON_ZONE;
    if (!method_ok(r, q->method))
        return REASON_METHOD;
    if (r->read_only && !reads_only(q))
        return REASON_READ_ONLY;
    if (!path_ok(r, q->path))
        return REASON_PATH;
    if (!time_ok(r, q))
        return REASON_TIME;
    if (kind == SUBJECT_TOKEN)
        return scope_ok(q) ? REASON_ALLOWED : REASON_TOKEN_SCOPE;
    if (rule_asks_grant(r->def) && !lines_have(q->subject->grants, span_str(r->def->name)))
        return REASON_GRANT;
    if (r->def->assurance > ASSURANCE_NONE && q->subject->proven.at[r->def->assurance] == 0)
        return REASON_ASSURANCE;
    return age_ok(r, q) ? REASON_ALLOWED : REASON_AGE;
}

/* Where an admission fails closed, a refusal does too: it holds while its zone is not known. */
static bool refuses_now(const struct rule *r, const struct question *q)
{
    return time_ok(r, q) || (r->timed && r->time_count == 0);
}

enum reason rule_refuses(const struct rule *r, const struct asker *a)
{
    const struct question *q = a->question;
    if (!refuses_who(r, a))
        return REASON_WHO;
    if (!zone_ok(r, q->zones))
        return REASON_ZONE;
    if (!method_ok(r, q->method))
        return REASON_METHOD;
    if (!path_ok(r, q->path))
        return REASON_PATH;
    return refuses_now(r, q) ? REASON_DENIED : REASON_TIME;
}

enum reason rule_opens(const struct rule *r, const struct question *q)
{
    if (!zone_ok(r, q->zones))
        return REASON_ZONE;
    /* A rule without methods or paths is refused by the checks, and opens nothing here. */
    if (r->method_count == 0 || !method_ok(r, q->method) || q->upgrade)
        return REASON_METHOD;
    if (r->path_count == 0 || !path_ok(r, q->path))
        return REASON_PATH;
    return time_ok(r, q) ? REASON_ANONYMOUS : REASON_TIME;
}

const struct rule_def *rule_def_of(const struct rule *r)
{
    return r->def;
}
