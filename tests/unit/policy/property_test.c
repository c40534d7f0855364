/* The compiled policy against the plainest reading of decide.h, over random policies and requests
 * with fixed seeds. */
#include "tests/unit/conf/sample.h"

#include "conf/keys.h"
#include "policy/decide.h"

#define NOW 1000000u

static const char *const USERS[] = {"*", "u1", "u2", "u3", "u4"};
static const char *const GROUPS[] = {"g1", "g2", "g3", "u1"};
static const char *const TOKENS[] = {"t1", "t2", "u1"};
static const char *const ZONES[] = {"local", "z1", "z2", "z3"};
static const char *const ROUTES[] = {"*", "r1", "r2", "r3"};
static const char *const METHODS[] = {"GET", "POST", "PUT"};
static const char *const PATTERNS[] = {"/", "/a", "/a/**", "/a/*", "/*/b", "/**", "/a/b/", "/b/**"};
static const char *const PATHS[] = {"/", "/a", "/a/", "/a/b", "/a/b/", "/b", "/b/c", "/c/b", ""};
static const char *const SOURCES[] = {"127.0.0.1", "10.1.0.1", "10.1.2.1",
                                      "10.2.0.1",  "::1",      "8.8.8.8"};

#define PICK(list, seed) (list)[sample_random(seed) % countof(list)]

/* ---- a random snapshot ----------------------------------------------------------------------- */

static struct names pick_names(struct snapshot *s, const char *const *from, size_t count,
                               size_t most, uint64_t *seed)
{
    struct names n = {0};
    size_t want = sample_random(seed) % (most + 1);
    for (size_t i = 0; i < want; i++) {
        const char **at = array_grow(&s->arena, (void **)&n.name, i, sizeof(*at));
        assert_non_null(at);
        *at = from[sample_random(seed) % count];
        n.count++;
    }
    return n;
}

static const struct span GRANTS[] = {SPAN(""), SPAN("rule1\nrule4"), SPAN("rule0\nrule2\nrule3\n"),
                                     SPAN("rule1x")};

static struct snapshot *random_snapshot(uint64_t *seed)
{
    struct snapshot *s =
        sample_parse("portal: {host: p.test}\n"
                     "zones: {z1: [10.1.0.0/16], z2: [10.1.2.0/24, 10.2.0.0/16], z3: [8.0.0.0/5]}\n"
                     "routes:\n"
                     "  r1: {host: r1.test, upstream: 'http://127.0.0.1:1'}\n"
                     "  r2: {host: r2.test, upstream: 'http://127.0.0.1:2'}\n"
                     "  r3: {host: r3.test, upstream: 'http://127.0.0.1:3'}\n");
    size_t rules = sample_random(seed) % 12;
    for (size_t i = 0; i < rules; i++) {
        struct rule_def r = {
            .name = arena_printf(&s->arena, "rule%zu", i),
            .users = pick_names(s, USERS, countof(USERS), 2, seed),
            .groups = pick_names(s, GROUPS, countof(GROUPS), 2, seed),
            .tokens = pick_names(s, TOKENS, countof(TOKENS), 2, seed),
            .zones = pick_names(s, ZONES, countof(ZONES), 3, seed),
            .routes = pick_names(s, ROUTES, countof(ROUTES), 3, seed),
            .methods = pick_names(s, METHODS, countof(METHODS), 2, seed),
            .paths = pick_names(s, PATTERNS, countof(PATTERNS), 2, seed),
            .assurance = (enum assurance)(sample_random(seed) % 5),
            .max_age = sample_random(seed) % 3 == 0 ? 100 : 0,
            .approvers = sample_random(seed) % 4 == 0 ? "leads" : "",
            .deny = sample_random(seed) % 4 == 0,
            .read_only = sample_random(seed) % 5 == 0,
        };
        assert_int_equal(section_append(section_of(SECTION_RULES), s, &r), 0);
    }
    return s;
}

/* ---- the plain reading ----------------------------------------------------------------------- */

static bool has(const struct names *n, struct span item)
{
    for (size_t i = 0; i < n->count; i++)
        if (span_is(item, n->name[i]))
            return true;
    return false;
}

static bool any_line(const struct names *n, struct span lines)
{
    struct span line;
    while (span_cut(&lines, '\n', &line))
        if (has(n, line))
            return true;
    return false;
}

static bool line_is(struct span lines, struct span item)
{
    struct span line;
    while (span_cut(&lines, '\n', &line))
        if (span_eq(line, item))
            return true;
    return false;
}

/* By recursion over segments: another way to the same answer. */
static bool plain_match(const char *pattern, const char *path)
{
    if (strcmp(pattern, "/**") == 0)
        return path[0] == 0 || path[0] == '/';
    if (pattern[0] == 0 || path[0] != '/')
        return pattern[0] == 0 && path[0] == 0;
    size_t want = strcspn(pattern + 1, "/"), have = strcspn(path + 1, "/");
    bool star = want == 1 && pattern[1] == '*';
    if (star ? have == 0 : want != have || memcmp(pattern + 1, path + 1, want) != 0)
        return false;
    return plain_match(pattern + 1 + want, path + 1 + have);
}

static bool any_pattern(const struct names *n, const char *path)
{
    for (size_t i = 0; i < n->count; i++)
        if (path[0] == '/' && plain_match(n->name[i], path))
            return true;
    return n->count == 0;
}

static bool in_zones(const struct snapshot *s, const struct names *zones, const struct addr *a)
{
    for (size_t i = 0; i < zones->count; i++) {
        const struct zone_def *z = snapshot_zone(s, zones->name[i]);
        for (size_t k = 0; k < z->cidr_count; k++)
            if (cidr_contains(&z->cidrs[k], a))
                return true;
    }
    return false;
}

static bool scope_covers(const struct question *q, const char *path)
{
    const struct subject *w = q->subject;
    bool route =
        line_is(w->scope_routes, SPAN("*")) || line_is(w->scope_routes, span_str(q->route->name));
    bool method = w->scope_methods.len == 0 || line_is(w->scope_methods, q->method);
    bool place = w->scope_paths.len == 0;
    struct span lines = w->scope_paths, line;
    while (span_cut(&lines, '\n', &line)) {
        char one[64] = "";
        memcpy(one, line.at, line.len);
        place |= path[0] == '/' && plain_match(one, path);
    }
    return route && method && place;
}

static enum reason plain_rule(const struct snapshot *s, const struct rule_def *r,
                              const struct question *q, const struct addr *source, const char *path)
{
    const struct subject *w = q->subject;
    bool zone = in_zones(s, &r->zones, source);
    if (w->kind == SUBJECT_NOBODY)
        return zone ? REASON_NOBODY : REASON_ZONE;
    bool who = w->kind == SUBJECT_TOKEN ? has(&r->tokens, w->token)
                                        : has(&r->users, SPAN("*")) || has(&r->users, w->user) ||
                                              any_line(&r->groups, w->groups);
    if (!who)
        return REASON_WHO;
    if (!zone)
        return REASON_ZONE;
    if (r->methods.count > 0 && !has(&r->methods, q->method))
        return REASON_METHOD;
    if (r->read_only && !span_is(q->method, "GET"))
        return REASON_READ_ONLY;
    if (!any_pattern(&r->paths, path))
        return REASON_PATH;
    if (w->kind == SUBJECT_TOKEN)
        return scope_covers(q, path) ? REASON_ALLOWED : REASON_TOKEN_SCOPE;
    if (r->approvers[0] != 0 && !line_is(w->grants, span_str(r->name)))
        return REASON_GRANT;
    uint64_t at = w->proven.at[r->assurance == ASSURANCE_NONE ? ASSURANCE_PASSWORD : r->assurance];
    if (r->assurance != ASSURANCE_NONE && at == 0)
        return REASON_ASSURANCE;
    if (r->max_age > 0 && (at + r->max_age < q->now || at > q->now + 60))
        return REASON_AGE;
    return REASON_ALLOWED;
}

/* Each level at a time of its own, later ones never later. */
static struct proven random_proven(uint64_t *seed)
{
    struct proven p = {{0}};
    for (unsigned level = (unsigned)(sample_random(seed) % ASSURANCE_COUNT); level > 0; level--) {
        uint64_t at = NOW - 150 + sample_random(seed) % 300;
        for (unsigned below = level; below > 0; below--)
            p.at[below] = p.at[below] > at ? p.at[below] : at;
    }
    return p;
}

static bool plain_refuses(const struct snapshot *s, const struct rule_def *r,
                          const struct question *q, const struct addr *source, const char *path)
{
    const struct subject *w = q->subject;
    bool who = r->users.count + r->groups.count + r->tokens.count == 0;
    if (w->kind == SUBJECT_PERSON && has(&r->users, SPAN("*")))
        who = true;
    /* A user by the name of "*" is no user. */
    if (w->kind != SUBJECT_NOBODY &&
        ((has(&r->users, w->user) && !span_is(w->user, "*")) || any_line(&r->groups, w->groups)))
        who = true;
    if (w->kind == SUBJECT_TOKEN && has(&r->tokens, w->token))
        who = true;
    return who && (r->zones.count == 0 || in_zones(s, &r->zones, source)) &&
           (r->methods.count == 0 || has(&r->methods, q->method)) && any_pattern(&r->paths, path);
}

static struct decision plain_decide(const struct snapshot *s, const struct question *q,
                                    const struct addr *source, const char *path)
{
    for (size_t i = 0; i < s->rule_count; i++) {
        const struct rule_def *r = &s->rules[i];
        bool here = has(&r->routes, SPAN("*")) || has(&r->routes, span_str(q->route->name));
        if (r->deny && here && plain_refuses(s, r, q, source, path))
            return (struct decision){VERDICT_DENY, REASON_DENIED, r};
    }
    struct decision best = {VERDICT_DENY, REASON_NO_RULE, NULL};
    for (size_t i = 0; i < s->rule_count; i++) {
        const struct rule_def *r = &s->rules[i];
        if (r->deny || (!has(&r->routes, SPAN("*")) && !has(&r->routes, span_str(q->route->name))))
            continue;
        enum reason reason = plain_rule(s, r, q, source, path);
        if (reason == REASON_ALLOWED)
            return (struct decision){VERDICT_ALLOW, reason, r};
        bool nearer =
            best.reason == REASON_NO_RULE || reason_rank(reason) > reason_rank(best.reason);
        if (q->subject->kind == SUBJECT_NOBODY)
            nearer = best.reason == REASON_NO_RULE ||
                     (best.reason == REASON_ZONE && reason == REASON_NOBODY);
        bool prove = reason == REASON_NOBODY || reason == REASON_ASSURANCE ||
                     reason == REASON_AGE || reason == REASON_GRANT;
        if (nearer)
            best = (struct decision){prove ? VERDICT_PROVE : VERDICT_DENY, reason, r};
    }
    return best;
}

/* ---- both, compared -------------------------------------------------------------------------- */

static void pick_lines(struct buf *out, const char *const *from, size_t count, size_t most,
                       uint64_t *seed)
{
    buf_clear(out);
    size_t want = sample_random(seed) % (most + 1);
    for (size_t i = 0; i < want; i++)
        (void)buf_printf(out, "%s%s", i == 0 ? "" : "\n", from[sample_random(seed) % count]);
}

static void the_compiled_policy_agrees_with_the_plain_reading(void **state)
{
    (void)state;
    struct buf groups, routes, methods, paths;
    size_t verdicts[3] = {0}, reasons[REASON_COUNT] = {0};
    uint64_t seed = 4711;
    buf_init(&groups, 4096);
    buf_init(&routes, 4096);
    buf_init(&methods, 4096);
    buf_init(&paths, 4096);
    for (int round = 0; round < 300; round++) {
        struct snapshot *s = random_snapshot(&seed);
        struct policy *p;
        assert_int_equal(policy_new(s, &p), 0);
        for (int ask = 0; ask < 100; ask++) {
            struct addr source;
            const char *path = PICK(PATHS, &seed);
            assert_int_equal(addr_parse(span_str(PICK(SOURCES, &seed)), &source), 0);
            pick_lines(&groups, GROUPS, countof(GROUPS), 3, &seed);
            pick_lines(&routes, ROUTES, countof(ROUTES), 2, &seed);
            pick_lines(&methods, METHODS, countof(METHODS), 2, &seed);
            pick_lines(&paths, PATTERNS, countof(PATTERNS), 2, &seed);
            struct subject who = {
                .kind = (enum subject_kind)(sample_random(&seed) % 3),
                .user = span_str(PICK(USERS, &seed)),
                .token = span_str(PICK(TOKENS, &seed)),
                .groups = buf_view(&groups),
                .grants = PICK(GRANTS, &seed),
                .proven = random_proven(&seed),
                .scope_routes = buf_view(&routes),
                .scope_methods = buf_view(&methods),
                .scope_paths = buf_view(&paths),
            };
            struct question q = {&who,
                                 zones_find(policy_zones(p), &source),
                                 &s->routes[sample_random(&seed) % 3],
                                 span_str(PICK(METHODS, &seed)),
                                 span_str(path),
                                 NOW};
            struct decision have = policy_decide(p, &q);
            struct decision want = plain_decide(s, &q, &source, path);
            if (have.verdict != want.verdict || have.reason != want.reason ||
                have.rule != want.rule)
                fail_msg("round %d question %d: expected %s %s, found %s %s", round, ask,
                         verdict_name(want.verdict), reason_name(want.reason),
                         verdict_name(have.verdict), reason_name(have.reason));
            verdicts[have.verdict]++;
            reasons[have.reason]++;
        }
        policy_free(p);
        snapshot_free(s);
    }
    /* Every verdict and every reason must have come up, or the test compares nothing. */
    for (size_t i = 0; i < countof(verdicts); i++)
        assert_true(verdicts[i] > 100);
    for (size_t i = 0; i < REASON_TOKEN_ZONE; i++)
        assert_true(reasons[i] > 20);
    assert_true(reasons[REASON_GRANT] > 20);
    assert_true(reasons[REASON_DENIED] > 20);
    assert_true(reasons[REASON_READ_ONLY] > 20);
    buf_fini(&groups);
    buf_fini(&routes);
    buf_fini(&methods);
    buf_fini(&paths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_compiled_policy_agrees_with_the_plain_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
