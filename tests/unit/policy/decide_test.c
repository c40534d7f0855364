#include "tests/unit/conf/sample.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/decide.h"

#define NOW 1000000u

static const char *const POLICY =
    "portal: {host: p.test, zones: [local, office]}\n"
    "listeners:\n"
    "  - {name: main, address: 127.0.0.1:9443}\n"
    "  - {name: extra, address: 127.0.0.1:9444}\n"
    "  - {name: named, address: 127.0.0.1:9445}\n"
    "zones:\n"
    "  office: [10.1.0.0/16]\n"
    "  vpn: [10.8.0.0/16, '2001:db8:8::/48']\n"
    "  unused: [203.0.113.0/24]\n"
    "routes:\n"
    "  tomcat: {host: tomcat.test, upstream: 'http://127.0.0.1:8080'}\n"
    "  redis: {port: 9444, upstream: 'http://127.0.0.1:8081'}\n"
    "  jetty: {host: jetty.test, upstream: 'http://127.0.0.1:8082'}\n"
    "  lonely: {host: lonely.test, upstream: 'http://127.0.0.1:8083'}\n"
    "  named: {host: named.test, port: 9445, upstream: 'http://127.0.0.1:8084'}\n"
    "rules:\n"
    "  - {name: ops, groups: [ops], zones: [office, vpn], routes: [tomcat, redis]}\n"
    "  - {name: reader, users: [rita], zones: [local, office], routes: [tomcat],\n"
    "     methods: [GET, HEAD], paths: ['/manager/**', /, '/api/*/status']}\n"
    "  - {name: root, users: [root], zones: [local], routes: [tomcat], assurance: hardware,\n"
    "     max_age: 10m}\n"
    "  - {name: deploy, tokens: [ci], zones: [office], routes: [tomcat], methods: [PUT, GET],\n"
    "     paths: ['/manager/text/**']}\n"
    "  - {name: anyone, users: ['*'], zones: [office], routes: [jetty], assurance: password}\n"
    "  - {name: late, users: [rita], groups: [ops], zones: [vpn], routes: [jetty, jetty],\n"
    "     max_age: 1h}\n"
    "  - {name: bots, tokens: [bot], zones: [local, vpn], routes: ['*', redis]}\n"
    "  - {name: weak, users: [eve], zones: [office], routes: [redis], assurance: none}\n";

/* kind: n nobody, p person, t token. age in seconds; -1: a minute in the future, -2: an hour. */
struct row {
    char kind;
    const char *who, *groups;
    const char *source;
    enum assurance assurance;
    int age;
    const char *route, *method, *path;
    const char *scope_routes, *scope_methods, *scope_paths;
    enum verdict verdict;
    enum reason reason;
    const char *rule;
};

#define NONE ASSURANCE_NONE
#define PWD ASSURANCE_PASSWORD
#define MFA ASSURANCE_MFA
#define PHR ASSURANCE_PHISHING_RESISTANT
#define HW ASSURANCE_HARDWARE
#define DENY(reason, rule) VERDICT_DENY, REASON_##reason, rule
#define PROVE(reason, rule) VERDICT_PROVE, REASON_##reason, rule
#define ALLOW(rule) VERDICT_ALLOW, REASON_ALLOWED, rule
#define NO_SCOPE "", "", ""

static const struct row ROWS[] = {
    /* clang-format off */
    /* nobody */
    {'n', "", "", "10.1.0.1", NONE, 0, "tomcat", "GET", "/", NO_SCOPE, PROVE(NOBODY, "ops")},
    {'n', "", "", "127.0.0.1", NONE, 0, "tomcat", "GET", "/", NO_SCOPE, PROVE(NOBODY, "reader")},
    {'n', "", "", "8.8.8.8", NONE, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(ZONE, "ops")},
    {'n', "", "", "203.0.113.1", NONE, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(ZONE, "ops")},
    {'n', "", "", "10.8.0.1", NONE, 0, "lonely", "GET", "/", NO_SCOPE, PROVE(NOBODY, "bots")},
    {'n', "", "", "10.1.0.1", NONE, 0, "lonely", "GET", "/", NO_SCOPE, DENY(ZONE, "bots")},
    {'n', "rita", "ops", "10.1.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, PROVE(NOBODY, "ops")},
    {'n', "", "", "::1", NONE, 0, "redis", "GET", "/", NO_SCOPE, PROVE(NOBODY, "bots")},
    {'n', "", "", "10.1.0.1", NONE, 0, "jetty", "DELETE", "/x", NO_SCOPE, PROVE(NOBODY, "anyone")},
    /* who */
    {'p', "mallory", "", "10.1.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(WHO, "ops")},
    {'p', "mallory", "op\nopss\nOPS", "10.1.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(WHO, "ops")},
    {'p', "ops", "", "10.1.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(WHO, "ops")},
    {'p', "ci", "", "10.1.0.1", HW, 0, "tomcat", "PUT", "/manager/text/x", NO_SCOPE, DENY(WHO, "ops")},
    {'p', "", "", "10.1.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(WHO, "ops")},
    {'p', "x", "rita", "10.1.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(WHO, "ops")},
    {'p', "*", "", "10.1.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(WHO, "ops")},
    {'p', "Rita", "", "10.1.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(WHO, "ops")},
    {'p', "rita\nroot", "", "127.0.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(WHO, "ops")},
    {'p', "anyone", "", "10.1.0.1", HW, 0, "lonely", "GET", "/", NO_SCOPE, DENY(WHO, "bots")},
    {'p', "zoe", "ops", "10.1.0.1", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, ALLOW("ops")},
    {'p', "zoe", "a\nops\nb", "10.1.0.1", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, ALLOW("ops")},
    {'p', "zoe", "\n\nops", "10.1.0.1", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, ALLOW("ops")},
    {'p', "zoe", "ops\n", "10.1.0.1", MFA, 0, "redis", "FLUSH", "/x", NO_SCOPE, ALLOW("ops")},
    {'p', "anybody", "", "10.1.0.1", PWD, 0, "jetty", "GET", "/", NO_SCOPE, ALLOW("anyone")},
    {'p', "", "", "10.1.0.1", PWD, 0, "jetty", "GET", "/", NO_SCOPE, ALLOW("anyone")},
    /* zone */
    {'p', "zoe", "ops", "127.0.0.1", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(ZONE, "ops")},
    {'p', "zoe", "ops", "10.2.0.1", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(ZONE, "ops")},
    {'p', "zoe", "ops", "10.8.255.255", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, ALLOW("ops")},
    {'p', "zoe", "ops", "10.9.0.0", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(ZONE, "ops")},
    {'p', "zoe", "ops", "::ffff:10.8.0.1", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, ALLOW("ops")},
    {'p', "zoe", "ops", "2001:db8:8::1", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, ALLOW("ops")},
    {'p', "zoe", "ops", "2001:db8:9::1", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(ZONE, "ops")},
    {'p', "rita", "", "10.8.0.1", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(ZONE, "reader")},
    {'p', "rita", "", "203.0.113.9", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, DENY(ZONE, "reader")},
    {'p', "anybody", "", "127.0.0.1", PWD, 0, "jetty", "GET", "/", NO_SCOPE, DENY(ZONE, "anyone")},
    /* method */
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/", NO_SCOPE, ALLOW("reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "HEAD", "/", NO_SCOPE, ALLOW("reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "POST", "/", NO_SCOPE, DENY(METHOD, "reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "get", "/", NO_SCOPE, DENY(METHOD, "reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GETX", "/", NO_SCOPE, DENY(METHOD, "reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "", "/", NO_SCOPE, DENY(METHOD, "reader")},
    {'p', "rita", "ops", "10.1.0.1", MFA, 0, "tomcat", "POST", "/", NO_SCOPE, ALLOW("ops")},
    {'p', "zoe", "ops", "10.1.0.1", MFA, 0, "tomcat", "BREW", "/", NO_SCOPE, ALLOW("ops")},
    /* path */
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/manager", NO_SCOPE, ALLOW("reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/manager/", NO_SCOPE, ALLOW("reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/manager/html/x", NO_SCOPE, ALLOW("reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/managerx", NO_SCOPE, DENY(PATH, "reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/Manager", NO_SCOPE, DENY(PATH, "reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/host-manager", NO_SCOPE, DENY(PATH, "reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "", NO_SCOPE, DENY(PATH, "reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/api/v1/status", NO_SCOPE, ALLOW("reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/api/v1/x/status", NO_SCOPE, DENY(PATH, "reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/api//status", NO_SCOPE, DENY(PATH, "reader")},
    {'p', "rita", "", "10.1.0.1", MFA, 0, "tomcat", "GET", "/api/v1/status/", NO_SCOPE, DENY(PATH, "reader")},
    {'p', "rita", "", "10.1.0.1", NONE, 0, "tomcat", "GET", "/x", NO_SCOPE, DENY(PATH, "reader")},
    {'p', "rita", "", "10.1.0.1", NONE, 0, "tomcat", "POST", "/x", NO_SCOPE, DENY(METHOD, "reader")},
    /* assurance */
    {'p', "zoe", "ops", "10.1.0.1", NONE, 0, "tomcat", "GET", "/", NO_SCOPE, PROVE(ASSURANCE, "ops")},
    {'p', "zoe", "ops", "10.1.0.1", PWD, 0, "tomcat", "GET", "/", NO_SCOPE, PROVE(ASSURANCE, "ops")},
    {'p', "zoe", "ops", "10.1.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, ALLOW("ops")},
    {'p', "root", "", "127.0.0.1", PHR, 0, "tomcat", "GET", "/", NO_SCOPE, PROVE(ASSURANCE, "root")},
    {'p', "root", "", "127.0.0.1", HW, 0, "tomcat", "GET", "/", NO_SCOPE, ALLOW("root")},
    {'p', "anybody", "", "10.1.0.1", NONE, 0, "jetty", "GET", "/", NO_SCOPE, PROVE(ASSURANCE, "anyone")},
    {'p', "eve", "", "10.1.0.1", NONE, 0, "redis", "GET", "/", NO_SCOPE, ALLOW("weak")},
    /* age */
    {'p', "root", "", "127.0.0.1", HW, 600, "tomcat", "GET", "/", NO_SCOPE, ALLOW("root")},
    {'p', "root", "", "127.0.0.1", HW, 601, "tomcat", "GET", "/", NO_SCOPE, PROVE(AGE, "root")},
    {'p', "root", "", "127.0.0.1", PHR, 601, "tomcat", "GET", "/", NO_SCOPE, PROVE(ASSURANCE, "root")},
    {'p', "root", "", "127.0.0.1", HW, -1, "tomcat", "GET", "/", NO_SCOPE, ALLOW("root")},
    {'p', "root", "", "127.0.0.1", HW, -2, "tomcat", "GET", "/", NO_SCOPE, PROVE(AGE, "root")},
    {'p', "zoe", "ops", "10.1.0.1", MFA, 999999, "tomcat", "GET", "/", NO_SCOPE, ALLOW("ops")},
    {'p', "zoe", "ops", "10.8.0.1", MFA, 3601, "jetty", "GET", "/", NO_SCOPE, PROVE(AGE, "late")},
    {'p', "zoe", "ops", "10.8.0.1", MFA, 3600, "jetty", "GET", "/", NO_SCOPE, ALLOW("late")},
    /* the nearest of several */
    {'p', "rita", "ops", "127.0.0.1", MFA, 0, "tomcat", "POST", "/", NO_SCOPE, DENY(METHOD, "reader")},
    {'p', "root", "ops", "127.0.0.1", MFA, 0, "tomcat", "POST", "/", NO_SCOPE, PROVE(ASSURANCE, "root")},
    {'p', "rita", "", "10.8.0.1", PWD, 0, "jetty", "GET", "/", NO_SCOPE, PROVE(ASSURANCE, "late")},
    {'p', "eve", "ops", "10.1.0.1", PWD, 0, "redis", "GET", "/", NO_SCOPE, ALLOW("weak")},
    /* tokens */
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "tomcat", "", "", ALLOW("deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "*", "", "", ALLOW("deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "", "", "", DENY(TOKEN_SCOPE, "deploy")},
    {'t', "ci", "", "10.1.0.1", HW, 0, "tomcat", "PUT", "/manager/text/deploy", "redis\njetty", "", "", DENY(TOKEN_SCOPE, "deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "redis\ntomcat", "", "", ALLOW("deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "portal", "", "", DENY(TOKEN_SCOPE, "deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "tomca", "", "", DENY(TOKEN_SCOPE, "deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "tomcat", "GET", "", DENY(TOKEN_SCOPE, "deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "tomcat", "GET\nPUT", "", ALLOW("deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "tomcat", "", "/manager/text/**", ALLOW("deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "tomcat", "", "/x\n/manager/text/*", ALLOW("deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/deploy", "tomcat", "", "/manager/text/reload", DENY(TOKEN_SCOPE, "deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "DELETE", "/manager/text/deploy", "tomcat", "", "", DENY(METHOD, "deploy")},
    {'t', "ci", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/html", "tomcat", "", "", DENY(PATH, "deploy")},
    {'t', "ci", "", "127.0.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/x", "tomcat", "", "", DENY(ZONE, "deploy")},
    {'t', "xx", "", "10.1.0.1", NONE, 0, "tomcat", "PUT", "/manager/text/x", "tomcat", "", "", DENY(WHO, "ops")},
    {'t', "ops", "ops", "10.1.0.1", HW, 0, "tomcat", "GET", "/", "tomcat", "", "", DENY(WHO, "ops")},
    {'t', "rita", "", "10.1.0.1", HW, 0, "tomcat", "GET", "/", "tomcat", "", "", DENY(WHO, "ops")},
    {'t', "any", "ops", "10.1.0.1", HW, 0, "jetty", "GET", "/", "jetty", "", "", DENY(WHO, "anyone")},
    {'t', "bot", "", "127.0.0.1", NONE, 0, "redis", "GET", "/", "redis", "", "", ALLOW("bots")},
    {'t', "bot", "", "10.8.0.1", NONE, 0, "lonely", "GET", "/", "lonely", "", "", ALLOW("bots")},
    {'t', "bot", "", "10.1.0.1", NONE, 0, "lonely", "GET", "/", "lonely", "", "", DENY(ZONE, "bots")},
    {'t', "bot", "", "10.8.0.1", NONE, 999999, "jetty", "GET", "/", "*", "", "", ALLOW("bots")},
    /* clang-format on */
};

static struct addr address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(span_str(text), &a), 0);
    return a;
}

static struct subject subject_of(const struct row *r)
{
    bool token = r->kind == 't';
    int age = r->age == -1 ? -60 : r->age == -2 ? -3600 : r->age;
    return (struct subject){
        .kind = r->kind == 'n' ? SUBJECT_NOBODY
                : token        ? SUBJECT_TOKEN
                               : SUBJECT_PERSON,
        /* A token's owner is somebody whom rules admit: that must not help the token. */
        .user = token ? SPAN("rita") : span_str(r->who),
        .token = token ? span_str(r->who) : SPAN_NONE,
        .groups = token && r->groups[0] == 0 ? SPAN("ops") : span_str(r->groups),
        .proven = proven_as(r->assurance, (uint64_t)((int64_t)NOW - age)),
        .scope_routes = span_str(r->scope_routes),
        .scope_methods = span_str(r->scope_methods),
        .scope_paths = span_str(r->scope_paths),
    };
}

static void every_row_of_the_table_holds(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(POLICY);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    assert_true(countof(ROWS) >= 80);
    for (size_t i = 0; i < countof(ROWS); i++) {
        const struct row *r = &ROWS[i];
        struct addr source = address(r->source);
        struct subject who = subject_of(r);
        struct question q = {&who,
                             zones_find(policy_zones(p), &source),
                             snapshot_route(s, r->route),
                             span_str(r->method),
                             span_str(r->path),
                             NOW};
        struct decision d = policy_decide(p, &q);
        if (d.verdict != r->verdict || d.reason != r->reason || d.rule == NULL ||
            strcmp(d.rule->name, r->rule) != 0)
            fail_msg("row %zu (%c %s %s %s %s): expected %s %s %s, found %s %s %s", i, r->kind,
                     r->who, r->source, r->method, r->path, verdict_name(r->verdict),
                     reason_name(r->reason), r->rule, verdict_name(d.verdict),
                     reason_name(d.reason), d.rule == NULL ? "-" : d.rule->name);
    }
    policy_free(p);
    snapshot_free(s);
}

/* Demands hold wherever they stand, and the hardest one is asked for. */
static void what_a_rule_admits_must_satisfy_every_demand_that_fits(void **state)
{
    (void)state;
    static const char CONF[] =
        "portal: {host: p.test}\n"
        "zones: {office: [10.1.0.0/16], lab: [10.2.0.0/16]}\n"
        "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:80'},\n"
        "         u: {host: u.test, upstream: 'http://127.0.0.1:81'}}\n"
        "rules:\n"
        "  - {name: all, users: ['*'], tokens: [ci], zones: [office, lab, local], routes: ['*']}\n"
        "  - {name: writes, users: ['*'], routes: [t], methods: [POST], paths: [/manager/**],\n"
        "     assurance: phishing-resistant, max_age: 10m, demand: true}\n"
        "  - {name: lab, users: ['*'], zones: [lab], routes: ['*'], assurance: hardware, demand: "
        "true}\n"
        "  - {name: fresh, groups: [ops], routes: [t], max_age: 1h, demand: true}\n";
    static const struct {
        const char *source, *groups, *route, *method, *path;
        enum assurance level;
        uint64_t age;
        enum verdict verdict;
        enum reason reason;
        const char *rule;
    } CASES[] = {
        {"10.1.0.1", "", "t", "GET", "/manager/html", MFA, 9999, ALLOW("all")},
        {"10.1.0.1", "", "t", "POST", "/other", MFA, 9999, ALLOW("all")},
        {"10.1.0.1", "", "u", "POST", "/manager/html", MFA, 9999, ALLOW("all")},
        {"10.1.0.1", "", "t", "POST", "/manager/html", MFA, 1, PROVE(ASSURANCE, "writes")},
        {"10.1.0.1", "", "t", "POST", "/manager", PHR, 601, PROVE(AGE, "writes")},
        {"10.1.0.1", "", "t", "POST", "/manager", PHR, 600, ALLOW("all")},
        {"10.1.0.1", "", "t", "POST", "/manager", HW, 600, ALLOW("all")},
        {"10.2.0.1", "", "u", "GET", "/", PHR, 1, PROVE(ASSURANCE, "lab")},
        {"10.2.0.1", "", "t", "POST", "/manager/x", MFA, 1, PROVE(ASSURANCE, "lab")},
        {"10.2.0.1", "", "t", "POST", "/manager/x", HW, 601, PROVE(AGE, "writes")},
        {"10.1.0.1", "ops", "t", "GET", "/", MFA, 3601, PROVE(AGE, "fresh")},
        {"10.1.0.1", "ops", "t", "POST", "/manager/x", MFA, 3601, PROVE(ASSURANCE, "writes")},
        {"10.1.0.1", "dev", "t", "GET", "/", MFA, 3601, ALLOW("all")},
        /* Nobody is admitted by a demand. */
        {"192.0.2.1", "", "t", "GET", "/", HW, 1, DENY(ZONE, "all")},
    };
    struct snapshot *s = sample_parse(CONF);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    for (size_t i = 0; i < countof(CASES); i++) {
        struct addr source = address(CASES[i].source);
        struct subject who = {.kind = SUBJECT_PERSON,
                              .user = SPAN("ann"),
                              .groups = span_str(CASES[i].groups),
                              .proven = proven_as(CASES[i].level, NOW - CASES[i].age)};
        struct question q = {.subject = &who,
                             .zones = zones_find(policy_zones(p), &source),
                             .route = snapshot_route(s, CASES[i].route),
                             .method = span_str(CASES[i].method),
                             .path = span_str(CASES[i].path),
                             .now = NOW};
        struct decision d = policy_decide(p, &q);
        if (d.verdict != CASES[i].verdict || d.reason != CASES[i].reason ||
            strcmp(d.rule->name, CASES[i].rule) != 0)
            fail_msg("case %zu: %s %s %s", i, verdict_name(d.verdict), reason_name(d.reason),
                     d.rule->name);
    }
    /* Programs prove nothing: what they may is in their rule and their scope. */
    struct addr source = address("10.2.0.1");
    struct subject token = {.kind = SUBJECT_TOKEN, .token = SPAN("ci"), .scope_routes = SPAN("*")};
    struct question q = {.subject = &token,
                         .zones = zones_find(policy_zones(p), &source),
                         .route = snapshot_route(s, "t"),
                         .method = SPAN("POST"),
                         .path = SPAN("/manager/x"),
                         .now = NOW};
    assert_int_equal(policy_decide(p, &q).verdict, VERDICT_ALLOW);

    struct subject weak = {
        .kind = SUBJECT_PERSON, .user = SPAN("ann"), .proven = proven_as(MFA, NOW)};
    struct buf out;
    buf_init(&out, 4096);
    q.subject = &weak;
    assert_int_equal(policy_explain(p, &q, &out), 0);
    char *text = sample_text(&out);
    assert_non_null(strstr(text, "\"rule\":\"lab\""));
    assert_non_null(strstr(text, "\"needs\":{\"assurance\":\"hardware\",\"max_age\":0}"));
    assert_non_null(strstr(text, "{\"rule\":\"writes\",\"failed\":\"assurance\"}"));
    free(text);
    policy_free(p);
    snapshot_free(s);
}

/* Wherever they stand, and whatever others admit. */
static void deny_rules_come_before_all_others(void **state)
{
    (void)state;
    static const char CONF[] =
        "portal: {host: p.test}\n"
        "zones: {office: [10.1.0.0/16], lab: [10.2.0.0/16]}\n"
        "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:80'},\n"
        "         u: {host: u.test, upstream: 'http://127.0.0.1:81'}}\n"
        "rules:\n"
        "  - {name: all, users: ['*'], tokens: [ci], zones: [office, lab], routes: ['*']}\n"
        "  - {name: named, users: [siren], zones: [office], routes: [t]}\n"
        "  - {name: no-ops, groups: [ops], zones: [lab], routes: [t], deny: true}\n"
        "  - {name: no-bob, users: [bob], routes: ['*'], methods: [POST], deny: true}\n"
        "  - {name: no-undeploy, routes: [t], paths: [/manager/undeploy/**], deny: true}\n"
        "  - {name: no-people, users: ['*'], routes: [u], paths: [/machines], deny: true}\n"
        "  - {name: no-ci, tokens: [ci], routes: [u], paths: [/secret], deny: true}\n";
    static const struct {
        char kind; /* as in ROWS; b: of emergencies */
        const char *who, *groups, *source, *route, *method, *path;
        enum verdict verdict;
        enum reason reason;
        const char *rule;
    } CASES[] = {
        {'p', "ann", "ops", "10.1.0.1", "t", "GET", "/", ALLOW("all")},
        {'p', "ann", "ops", "10.2.0.1", "t", "GET", "/", DENY(DENIED, "no-ops")},
        {'p', "ann", "ops", "10.2.0.1", "u", "GET", "/", ALLOW("all")},
        {'p', "ann", "dev", "10.2.0.1", "t", "GET", "/", ALLOW("all")},
        {'p', "bob", "", "10.1.0.1", "u", "GET", "/", ALLOW("all")},
        {'p', "bob", "", "10.1.0.1", "u", "POST", "/", DENY(DENIED, "no-bob")},
        {'p', "bob", "", "192.0.2.1", "u", "POST", "/", DENY(DENIED, "no-bob")},
        {'p', "ann", "", "10.1.0.1", "t", "GET", "/manager/undeploy/x",
         DENY(DENIED, "no-undeploy")},
        {'n', "", "", "10.1.0.1", "t", "GET", "/manager/undeploy", DENY(DENIED, "no-undeploy")},
        {'n', "", "", "10.1.0.1", "t", "GET", "/manager", PROVE(NOBODY, "all")},
        {'n', "bob", "ops", "10.2.0.1", "t", "POST", "/", PROVE(NOBODY, "all")},
        {'p', "ann", "", "10.1.0.1", "u", "GET", "/machines", DENY(DENIED, "no-people")},
        {'n', "", "", "10.1.0.1", "u", "GET", "/machines", PROVE(NOBODY, "all")},
        {'t', "ci", "", "10.1.0.1", "u", "GET", "/machines", ALLOW("all")},
        {'t', "ci", "", "10.1.0.1", "u", "GET", "/secret", DENY(DENIED, "no-ci")},
        /* What its owner may not, a token may not. */
        {'t', "ci", "dev\nops", "10.2.0.1", "t", "GET", "/", DENY(DENIED, "no-ops")},
        {'t', "ci", "", "10.1.0.1", "u", "POST", "/", DENY(DENIED, "no-bob")},
        {'b', "siren", "", "10.1.0.1", "t", "GET", "/", ALLOW("named")},
        {'b', "siren", "ops", "10.2.0.1", "t", "GET", "/", DENY(DENIED, "no-ops")},
        {'b', "siren", "", "10.1.0.1", "u", "GET", "/machines", DENY(DENIED, "no-people")},
    };
    struct snapshot *s = sample_parse(CONF);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    for (size_t i = 0; i < countof(CASES); i++) {
        bool token = CASES[i].kind == 't';
        struct addr source = address(CASES[i].source);
        struct subject who = {.kind = token                  ? SUBJECT_TOKEN
                                      : CASES[i].kind == 'n' ? SUBJECT_NOBODY
                                                             : SUBJECT_PERSON,
                              .user = token ? SPAN("bob") : span_str(CASES[i].who),
                              .token = token ? span_str(CASES[i].who) : SPAN_NONE,
                              .groups = span_str(CASES[i].groups),
                              .named_only = CASES[i].kind == 'b',
                              .scope_routes = SPAN("*"),
                              .proven = proven_as(HW, NOW)};
        struct question q = {.subject = &who,
                             .zones = zones_find(policy_zones(p), &source),
                             .route = snapshot_route(s, CASES[i].route),
                             .method = span_str(CASES[i].method),
                             .path = span_str(CASES[i].path),
                             .now = NOW};
        struct decision d = policy_decide(p, &q);
        if (d.verdict != CASES[i].verdict || d.reason != CASES[i].reason ||
            strcmp(d.rule->name, CASES[i].rule) != 0)
            fail_msg("case %zu: %s %s %s", i, verdict_name(d.verdict), reason_name(d.reason),
                     d.rule->name);
    }
    struct addr lab = address("10.2.0.1");
    struct subject ann = {.kind = SUBJECT_PERSON, .user = SPAN("ann"), .groups = SPAN("ops")};
    struct question q = {.subject = &ann,
                         .zones = zones_find(policy_zones(p), &lab),
                         .route = snapshot_route(s, "t"),
                         .method = SPAN("GET"),
                         .path = SPAN("/"),
                         .now = NOW};
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(policy_explain(p, &q, &out), 0);
    char *text = sample_text(&out);
    assert_non_null(strstr(text, "\"verdict\":\"deny\",\"reason\":\"denied\""));
    assert_non_null(strstr(text, "{\"rule\":\"no-ops\",\"failed\":null,\"denies\":true}]"));
    free(text);
    policy_free(p);
    snapshot_free(s);
}

/* Whatever the rules say of the place, and before they are asked. */
static void a_token_is_good_only_where_and_with_what_it_was_made_for(void **state)
{
    (void)state;
    static const uint8_t KEY[32] = {1}, OTHER[32] = {2};
    static const struct {
        const char *source, *zones;
        const uint8_t *bound, *shown;
        enum reason reason;
    } CASES[] = {
        {"10.1.0.1", "", NULL, NULL, REASON_ALLOWED},
        {"10.1.0.1", "office", NULL, NULL, REASON_ALLOWED},
        {"10.1.0.1", "vpn\noffice", NULL, KEY, REASON_ALLOWED},
        {"10.1.0.1", "vpn", NULL, NULL, REASON_TOKEN_ZONE},
        {"10.1.0.1", "offic", NULL, NULL, REASON_TOKEN_ZONE},
        {"10.1.0.1", "nowhere", NULL, NULL, REASON_TOKEN_ZONE},
        {"192.0.2.1", "office", NULL, NULL, REASON_TOKEN_ZONE},
        {"192.0.2.1", "", NULL, NULL, REASON_ZONE},
        {"10.1.0.1", "", KEY, NULL, REASON_TOKEN_CERTIFICATE},
        {"10.1.0.1", "", KEY, OTHER, REASON_TOKEN_CERTIFICATE},
        {"10.1.0.1", "office", KEY, KEY, REASON_ALLOWED},
        {"10.1.0.1", "vpn", KEY, KEY, REASON_TOKEN_ZONE},
    };
    struct snapshot *s = sample_parse(POLICY);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    for (size_t i = 0; i < countof(CASES); i++) {
        struct addr source = address(CASES[i].source);
        struct subject who = {.kind = SUBJECT_TOKEN,
                              .token = SPAN("ci"),
                              .scope_routes = SPAN("tomcat"),
                              .scope_zones = span_str(CASES[i].zones),
                              .scope_certificate = CASES[i].bound};
        struct question q = {.subject = &who,
                             .zones = zones_find(policy_zones(p), &source),
                             .route = snapshot_route(s, "tomcat"),
                             .method = SPAN("PUT"),
                             .path = SPAN("/manager/text/deploy"),
                             .now = NOW,
                             .certificate = CASES[i].shown};
        struct decision d = policy_decide(p, &q);
        if (d.reason != CASES[i].reason)
            fail_msg("case %zu: %s", i, reason_name(d.reason));
        assert_int_equal(d.verdict, d.reason == REASON_ALLOWED ? VERDICT_ALLOW : VERDICT_DENY);
    }
    policy_free(p);
    snapshot_free(s);
}

static void without_rules_everything_is_refused(void **state)
{
    (void)state;
    struct snapshot *s =
        sample_parse("portal: {host: p.test}\n"
                     "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:80'}}\n");
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    struct addr source = address("127.0.0.1");
    for (int kind = SUBJECT_NOBODY; kind <= SUBJECT_TOKEN; kind++) {
        struct subject who = {.kind = (enum subject_kind)kind,
                              .user = SPAN("root"),
                              .token = SPAN("root"),
                              .proven = proven_as(HW, NOW),
                              .scope_routes = SPAN("*")};
        struct question q = {
            &who, zones_find(policy_zones(p), &source), &s->routes[0], SPAN("GET"), SPAN("/"), NOW};
        struct decision d = policy_decide(p, &q);
        assert_int_equal(d.verdict, VERDICT_DENY);
        assert_int_equal(d.reason, REASON_NO_RULE);
        assert_null(d.rule);
    }
    policy_free(p);
    snapshot_free(s);
}

static void a_route_of_another_snapshot_is_refused(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(POLICY);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    struct route_def foreign = s->routes[0];
    struct addr source = address("10.8.0.1");
    struct subject who = {.kind = SUBJECT_TOKEN, .token = SPAN("bot"), .scope_routes = SPAN("*")};
    struct question q = {
        &who, zones_find(policy_zones(p), &source), &foreign, SPAN("GET"), SPAN("/"), NOW};
    assert_int_equal(policy_decide(p, &q).verdict, VERDICT_DENY);
    policy_free(p);
    snapshot_free(s);
}

static void a_rule_holds_in_its_times_and_for_reading_only_when_it_says_so(void **state)
{
    (void)state;
    static const char CONF[] =
        "portal: {host: p.test}\n"
        "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:80'}}\n"
        "rules:\n"
        "  - {name: day, users: [ann], zones: [local], routes: [t],\n"
        "     times: [Mon-Fri 08:00-18:00], time_zone: Europe/Berlin}\n"
        "  - {name: look, users: [bob], zones: [local], routes: [t], read_only: true}\n"
        "  - {name: night, users: [eve], zones: [local], routes: [t]}\n"
        "  - {name: rest, users: [eve], routes: [t], times: ['Sat,Sun 00:00-24:00'], deny: true}\n"
        "  - {name: agent, certificates: [backup], zones: [local], routes: [t]}\n";
    /* Wednesday, 2026-07-01 06:00 UTC is 08:00 in Berlin; four days later is Sunday. */
    static const uint64_t DAY = 1782885600, SUNDAY = 1782885600 + 4 * 86400;
    static const struct {
        const char *who, *method;
        bool upgrade, timeless;
        uint64_t at;
        enum verdict verdict;
        enum reason reason;
        const char *rule;
    } CASES[] = {
        {"ann", "GET", false, false, DAY, ALLOW("day")},
        {"ann", "GET", false, false, DAY - 1, DENY(TIME, "day")},
        {"ann", "GET", false, false, DAY + 10 * 3600 - 1, ALLOW("day")},
        {"ann", "GET", false, false, DAY + 10 * 3600, DENY(TIME, "day")},
        {"ann", "GET", false, false, SUNDAY, DENY(TIME, "day")},
        {"ann", "GET", false, true, SUNDAY, ALLOW("day")},
        {"bob", "GET", false, false, DAY, ALLOW("look")},
        {"bob", "HEAD", false, false, DAY, ALLOW("look")},
        {"bob", "PROPFIND", false, false, DAY, ALLOW("look")},
        {"bob", "POST", false, false, DAY, DENY(READ_ONLY, "look")},
        {"bob", "get", false, false, DAY, DENY(READ_ONLY, "look")},
        {"bob", "GET", true, false, DAY, DENY(READ_ONLY, "look")},
        {"eve", "GET", false, false, DAY, ALLOW("night")},
        {"eve", "GET", false, false, SUNDAY, DENY(DENIED, "rest")},
    };
    struct snapshot *s = sample_parse(CONF);
    struct policy *p, *lost;
    /* Without the zone's rules nothing is admitted by a guess. */
    assert_int_equal(policy_new(s, &lost), 0);
    s->rules[0].time_rules = "CET-1CEST,M3.5.0,M10.5.0/3";
    assert_int_equal(policy_new(s, &p), 0);
    struct addr source = address("127.0.0.1");
    for (size_t i = 0; i < countof(CASES); i++) {
        struct subject who = {.kind = SUBJECT_PERSON,
                              .user = span_str(CASES[i].who),
                              .proven = proven_as(MFA, CASES[i].at)};
        struct question q = {.subject = &who,
                             .zones = zones_find(policy_zones(p), &source),
                             .route = &s->routes[0],
                             .method = span_str(CASES[i].method),
                             .path = SPAN("/"),
                             .upgrade = CASES[i].upgrade,
                             .timeless = CASES[i].timeless,
                             .now = CASES[i].at};
        struct decision d = policy_decide(p, &q);
        if (d.verdict != CASES[i].verdict || d.reason != CASES[i].reason ||
            strcmp(d.rule->name, CASES[i].rule) != 0)
            fail_msg("case %zu: %s %s %s", i, verdict_name(d.verdict), reason_name(d.reason),
                     d.rule->name);
        if (strcmp(CASES[i].rule, "day") == 0 && !CASES[i].timeless)
            assert_int_equal(policy_decide(lost, &q).reason, REASON_TIME);
    }
    /* A token by the name of a certificate is no certificate. */
    for (int shown = 0; shown < 2; shown++) {
        struct subject who = {.kind = SUBJECT_TOKEN,
                              .token = SPAN("backup"),
                              .by_certificate = shown == 1,
                              .scope_routes = SPAN("*")};
        struct question q = {.subject = &who,
                             .zones = zones_find(policy_zones(p), &source),
                             .route = &s->routes[0],
                             .method = SPAN("GET"),
                             .path = SPAN("/"),
                             .now = DAY};
        assert_int_equal(policy_decide(p, &q).reason, shown ? REASON_ALLOWED : REASON_WHO);
    }
    policy_free(lost);
    policy_free(p);
    snapshot_free(s);
}

static void an_anonymous_rule_opens_its_methods_and_paths_and_nothing_else(void **state)
{
    (void)state;
    static const char CONF[] =
        "portal: {host: p.test}\n"
        "zones: {office: [10.1.0.0/16]}\n"
        "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:80'},\n"
        "         u: {host: u.test, upstream: 'http://127.0.0.1:81'}}\n"
        "rules:\n"
        "  - {name: ping, anonymous: true, zones: [office, local], routes: [t], methods: [GET],\n"
        "     paths: [/health, /public/**]}\n"
        "  - {name: all, users: [ann], tokens: [ci], zones: [office], routes: ['*'],\n"
        "     assurance: hardware}\n"
        "  - {name: never, routes: [t], paths: [/public/secret], deny: true}\n";
    static const struct {
        enum subject_kind kind;
        const char *who, *source, *route, *method, *path;
        bool upgrade;
        enum assurance level;
        enum reason reason;
        const char *rule;
    } CASES[] = {
        {SUBJECT_NOBODY, "", "10.1.0.1", "t", "GET", "/health", false, NONE, REASON_ANONYMOUS,
         "ping"},
        {SUBJECT_NOBODY, "", "127.0.0.1", "t", "GET", "/public/a/b", false, NONE, REASON_ANONYMOUS,
         "ping"},
        {SUBJECT_NOBODY, "", "10.2.0.1", "t", "GET", "/health", false, NONE, REASON_ZONE, "all"},
        {SUBJECT_NOBODY, "", "10.1.0.1", "t", "GET", "/health", true, NONE, REASON_NOBODY, "all"},
        {SUBJECT_NOBODY, "", "10.1.0.1", "t", "HEAD", "/health", false, NONE, REASON_NOBODY, "all"},
        {SUBJECT_NOBODY, "", "10.1.0.1", "t", "GET", "/healthy", false, NONE, REASON_NOBODY, "all"},
        {SUBJECT_NOBODY, "", "10.1.0.1", "u", "GET", "/health", false, NONE, REASON_NOBODY, "all"},
        {SUBJECT_NOBODY, "", "10.1.0.1", "t", "GET", "/public/secret", false, NONE, REASON_DENIED,
         "never"},
        /* Whom another rule admits keeps his name. */
        {SUBJECT_PERSON, "ann", "10.1.0.1", "t", "GET", "/health", false, HW, REASON_ALLOWED,
         "all"},
        {SUBJECT_PERSON, "ann", "10.1.0.1", "t", "GET", "/health", false, MFA, REASON_ANONYMOUS,
         "ping"},
        {SUBJECT_PERSON, "bob", "10.1.0.1", "t", "GET", "/health", false, MFA, REASON_ANONYMOUS,
         "ping"},
        {SUBJECT_PERSON, "bob", "10.1.0.1", "t", "GET", "/", false, MFA, REASON_WHO, "all"},
        {SUBJECT_TOKEN, "ci", "10.1.0.1", "t", "GET", "/health", false, NONE, REASON_ALLOWED,
         "all"},
        {SUBJECT_TOKEN, "other", "10.1.0.1", "t", "GET", "/health", false, NONE, REASON_WHO, "all"},
    };
    struct snapshot *s = sample_parse(CONF);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    for (size_t i = 0; i < countof(CASES); i++) {
        struct addr source = address(CASES[i].source);
        struct subject who = {.kind = CASES[i].kind,
                              .user = span_str(CASES[i].who),
                              .token = span_str(CASES[i].who),
                              .scope_routes = SPAN("*"),
                              .proven = proven_as(CASES[i].level, NOW)};
        struct question q = {.subject = &who,
                             .zones = zones_find(policy_zones(p), &source),
                             .route = snapshot_route(s, CASES[i].route),
                             .method = span_str(CASES[i].method),
                             .path = span_str(CASES[i].path),
                             .upgrade = CASES[i].upgrade,
                             .now = NOW};
        struct decision d = policy_decide(p, &q);
        bool allow = CASES[i].reason == REASON_ALLOWED || CASES[i].reason == REASON_ANONYMOUS;
        if ((d.verdict == VERDICT_ALLOW) != allow || d.reason != CASES[i].reason ||
            strcmp(d.rule->name, CASES[i].rule) != 0)
            fail_msg("case %zu: %s %s %s", i, verdict_name(d.verdict), reason_name(d.reason),
                     d.rule->name);
    }
    policy_free(p);
    snapshot_free(s);
}

/* Groups beyond what is looked at might be those that a deny rule names. */
static void a_person_in_more_groups_than_are_looked_at_is_refused_by_any_of_them(void **state)
{
    (void)state;
    struct buf yaml, groups;
    buf_init(&yaml, 1 << 20);
    buf_init(&groups, 1 << 20);
    (void)buf_text(&yaml, "portal: {host: p.test}\n"
                          "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:80'}}\n"
                          "rules:\n"
                          "  - {name: all, users: ['*'], zones: [local], routes: [t]}\n"
                          "  - {name: never, groups: [out], routes: [t], deny: true}\n"
                          "  - {name: many, zones: [local], routes: [t], groups: [");
    for (int i = 0; i < SUBJECT_GROUPS_MAX; i++) {
        (void)buf_printf(&yaml, "%sg%d", i == 0 ? "" : ", ", i);
        (void)buf_printf(&groups, "g%d\n", i);
    }
    (void)buf_text(&yaml, "]}\n");
    char *text = sample_text(&yaml);
    struct snapshot *s = sample_parse(text);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    struct addr source = address("127.0.0.1");
    struct subject who = {.kind = SUBJECT_PERSON,
                          .user = SPAN("ann"),
                          .groups = buf_view(&groups),
                          .proven = proven_as(MFA, NOW)};
    struct question q = {
        &who, zones_find(policy_zones(p), &source), &s->routes[0], SPAN("GET"), SPAN("/"), NOW};
    assert_int_equal(policy_decide(p, &q).verdict, VERDICT_ALLOW);
    /* Whoever is named by a rule takes one place more than the groups alone. */
    (void)buf_text(&groups, "g0\nout");
    who.groups = buf_view(&groups);
    assert_int_equal(policy_decide(p, &q).reason, REASON_DENIED);
    policy_free(p);
    snapshot_free(s);
    buf_fini(&groups);
    free(text);
}

static void a_person_in_thousands_of_groups_is_admitted_or_refused_but_never_harms(void **state)
{
    (void)state;
    struct buf yaml, groups;
    buf_init(&yaml, 1 << 20);
    buf_init(&groups, 1 << 20);
    (void)buf_text(&yaml, "portal: {host: p.test}\n"
                          "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:80'}}\n"
                          "rules:\n  - {name: r, zones: [local], routes: [t], groups: [");
    for (int i = 0; i < 2000; i++) {
        (void)buf_printf(&yaml, "%sg%d", i == 0 ? "" : ", ", i);
        (void)buf_printf(&groups, "g%d\n", 1999 - i);
    }
    (void)buf_text(&yaml, "]}\n");
    char *text = sample_text(&yaml);
    struct snapshot *s = sample_parse(text);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    struct addr source = address("127.0.0.1");
    struct subject who = {.kind = SUBJECT_PERSON,
                          .user = SPAN("u"),
                          .groups = buf_view(&groups),
                          .proven = proven_as(MFA, NOW)};
    struct question q = {
        &who, zones_find(policy_zones(p), &source), &s->routes[0], SPAN("GET"), SPAN("/"), NOW};
    assert_int_equal(policy_decide(p, &q).verdict, VERDICT_ALLOW);
    policy_free(p);
    snapshot_free(s);
    free(text);
    buf_fini(&groups);
}

static void a_route_is_found_by_port_and_then_by_host(void **state)
{
    (void)state;
    static const struct {
        uint16_t port;
        const char *host, *route;
    } CASES[] = {
        {9443, "tomcat.test", "tomcat"},
        {9443, "jetty.test", "jetty"},
        {9443, "Tomcat.test", NULL},
        {9443, "tomcat.test.", NULL},
        {9443, "p.test", NULL},
        {9443, "", NULL},
        {9443, "named.test", NULL},
        {9443, "x.tomcat.test", NULL},
        {9444, "tomcat.test", "redis"},
        {9444, "10.0.0.1", "redis"},
        {9444, "", "redis"},
        {9444, "p.test", NULL},
        {9445, "named.test", "named"},
        {9445, "other.test", NULL},
        {9445, "tomcat.test", NULL},
        {9445, "p.test", NULL},
        {1, "tomcat.test", "tomcat"},
        {0, "", NULL},
    };
    struct snapshot *s = sample_parse(POLICY);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    for (size_t i = 0; i < countof(CASES); i++) {
        const struct route_def *r =
            policy_route(p, CASES[i].port, span_str(CASES[i].host), SPAN("/"));
        assert_true((r == NULL) == (CASES[i].route == NULL));
        if (r != NULL)
            assert_string_equal(r->name, CASES[i].route);
    }
    assert_true(policy_is_portal(p, SPAN("p.test")));
    assert_false(policy_is_portal(p, SPAN("q.test")));
    assert_false(policy_is_portal(p, SPAN_NONE));
    const struct listener_def here = {.port = 9443, .portal = true}, not_here = {.port = 9443};
    const struct listener_def routes = {.port = 9444, .portal = true};
    assert_true(policy_serves_portal(p, &here));
    assert_false(policy_serves_portal(p, &not_here));
    assert_false(policy_serves_portal(p, &routes));
    policy_free(p);
    snapshot_free(s);
}

static void routes_of_one_host_are_told_apart_by_the_longest_prefix(void **state)
{
    (void)state;
    static const char TEXT[] =
        "portal: {host: p.test}\n"
        "routes:\n"
        "  whole: {host: a.test, upstream: 'http://127.0.0.1:1'}\n"
        "  redis: {host: a.test, path: /redis, upstream: 'http://127.0.0.1:2'}\n"
        "  deep: {host: a.test, path: /redis/ui/x, upstream: 'http://127.0.0.1:3'}\n"
        "  only: {host: b.test, path: /only, upstream: 'http://127.0.0.1:4'}\n";
    static const struct {
        const char *host, *path, *route;
    } CASES[] = {
        {"a.test", "/", "whole"},
        {"a.test", "/redis", "redis"},
        {"a.test", "/redis/", "redis"},
        {"a.test", "/redis/ui", "redis"},
        {"a.test", "/redis/ui/xy", "redis"},
        {"a.test", "/redis/ui/x", "deep"},
        {"a.test", "/redis/ui/x/y/z/a/b/c/d", "deep"},
        {"a.test", "/redisx", "whole"},
        {"a.test", "/x/redis", "whole"},
        {"a.test", "/REDIS", "whole"},
        {"a.test", "*", "whole"},
        {"a.test", "", "whole"},
        {"b.test", "/", NULL},
        {"b.test", "/only/x", "only"},
        {"b.test", "/onl", NULL},
        {"c.test", "/only", NULL},
        {"p.test", "/only", NULL},
    };
    struct snapshot *s = sample_parse(TEXT);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    for (size_t i = 0; i < countof(CASES); i++) {
        const struct route_def *r =
            policy_route(p, 9443, span_str(CASES[i].host), span_str(CASES[i].path));
        if ((r == NULL) != (CASES[i].route == NULL) ||
            (r != NULL && strcmp(r->name, CASES[i].route) != 0))
            fail_msg("%s%s: %s", CASES[i].host, CASES[i].path, r == NULL ? "none" : r->name);
    }
    assert_int_equal(policy_routes(p, 9443, SPAN("a.test")).count, 3);
    assert_int_equal(policy_routes(p, 9443, SPAN("b.test")).count, 1);
    assert_int_equal(policy_routes(p, 9443, SPAN("c.test")).count, 0);
    assert_int_equal(policy_routes(p, 9443, SPAN("p.test")).count, 0);
    policy_free(p);
    snapshot_free(s);
}

static void a_source_that_nothing_admits_is_known_before_tls(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        bool any, portal;
    } CASES[] = {{"127.0.0.1", true, true}, {"10.1.0.1", true, true},
                 {"10.8.0.1", true, false}, {"203.0.113.1", false, false},
                 {"8.8.8.8", false, false}, {"::1", true, true},
                 {"::", false, false}};
    struct snapshot *s = sample_parse(POLICY);
    struct policy *p;
    assert_int_equal(policy_new(s, &p), 0);
    for (size_t i = 0; i < countof(CASES); i++) {
        struct addr a = address(CASES[i].source);
        struct zone_set zones = zones_find(policy_zones(p), &a);
        assert_true(policy_admits_source(p, zones) == CASES[i].any);
        assert_true(policy_admits_portal(p, zones) == CASES[i].portal);
    }
    policy_free(p);
    snapshot_free(s);
}

static void words_read_back(void **state)
{
    (void)state;
    enum assurance a;
    for (int i = ASSURANCE_NONE; i <= ASSURANCE_HARDWARE; i++) {
        assert_int_equal(assurance_parse(span_str(assurance_name((enum assurance)i)), &a), 0);
        assert_int_equal(a, i);
    }
    assert_int_equal(assurance_parse(SPAN("MFA"), &a), FAULT_FORMAT);
    assert_int_equal(assurance_parse(SPAN(""), &a), FAULT_FORMAT);
    assert_string_equal(assurance_name((enum assurance)99), "unknown");
    assert_string_equal(reason_name((enum reason)99), "unknown");
    assert_string_equal(reason_name(REASON_TOKEN_SCOPE), "token_scope");
}

static void the_explanation_names_every_rule_and_its_failure(void **state)
{
    (void)state;
    struct snapshot *s = sample_parse(POLICY);
    struct policy *p;
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(policy_new(s, &p), 0);
    struct addr source = address("10.1.0.1");
    struct subject who = {
        .kind = SUBJECT_PERSON, .user = SPAN("rita"), .proven = proven_as(MFA, NOW)};
    struct question q = {&who,
                         zones_find(policy_zones(p), &source),
                         snapshot_route(s, "tomcat"),
                         SPAN("GET"),
                         SPAN("/x"),
                         NOW};
    assert_int_equal(policy_explain(p, &q, &out), 0);
    char *text = sample_text(&out);
    assert_string_equal(text, "{\"verdict\":\"deny\",\"reason\":\"path\",\"text\":\"no rule admits "
                              "this path\",\"rule\":\"reader\",\"zones\":[\"office\"],\"tried\":["
                              "{\"rule\":\"ops\",\"failed\":\"who\"},"
                              "{\"rule\":\"reader\",\"failed\":\"path\"},"
                              "{\"rule\":\"root\",\"failed\":\"who\"},"
                              "{\"rule\":\"deploy\",\"failed\":\"who\"},"
                              "{\"rule\":\"bots\",\"failed\":\"who\"}]}");
    free(text);
    q.path = SPAN("/");
    assert_int_equal(policy_explain(p, &q, &out), 0);
    text = sample_text(&out);
    assert_string_equal(text,
                        "{\"verdict\":\"allow\",\"reason\":\"allowed\",\"text\":\"a rule admits "
                        "this\",\"rule\":\"reader\",\"zones\":[\"office\"],\"tried\":["
                        "{\"rule\":\"ops\",\"failed\":\"who\"},"
                        "{\"rule\":\"reader\",\"failed\":null}]}");
    free(text);
    buf_init(&out, 20);
    assert_int_equal(policy_explain(p, &q, &out), FAULT_LIMIT);
    buf_fini(&out);
    policy_free(p);
    snapshot_free(s);
}

static void a_break_glass_account_is_admitted_by_name_alone(void **state)
{
    (void)state;
    static const struct {
        const char *who;
        enum verdict ordinary, named_only;
    } KINDS[] = {
        {"users: [glass]", VERDICT_ALLOW, VERDICT_ALLOW},
        {"users: ['*']", VERDICT_ALLOW, VERDICT_DENY},
        {"groups: [admins]", VERDICT_ALLOW, VERDICT_DENY},
        {"users: ['*', glass]", VERDICT_ALLOW, VERDICT_ALLOW},
        {"users: [other], groups: [admins]", VERDICT_ALLOW, VERDICT_DENY},
    };
    for (size_t i = 0; i < countof(KINDS); i++) {
        char text[1024];
        (void)snprintf(text, sizeof(text),
                       "portal: {host: p.example}\n"
                       "listeners: [{name: main, address: '127.0.0.1:9443'}]\n"
                       "routes: {tomcat: {host: t.p.example, upstream: 'http://127.0.0.1:1'}}\n"
                       "rules: [{name: r, %s, zones: [local], routes: [tomcat]}]\n",
                       KINDS[i].who);
        struct snapshot *s = sample_parse(text);
        struct policy *p;
        assert_int_equal(policy_new(s, &p), 0);
        struct addr source = address("127.0.0.1");
        struct subject who = {.kind = SUBJECT_PERSON,
                              .user = SPAN("glass"),
                              .groups = SPAN("admins"),
                              .proven = proven_as(MFA, NOW)};
        struct question q = {&who,
                             zones_find(policy_zones(p), &source),
                             snapshot_route(s, "tomcat"),
                             SPAN("GET"),
                             SPAN("/"),
                             NOW};
        assert_int_equal(policy_decide(p, &q).verdict, KINDS[i].ordinary);
        who.named_only = true;
        assert_int_equal(policy_decide(p, &q).verdict, KINDS[i].named_only);
        policy_free(p);
        snapshot_free(s);
    }
}

/* Named by the rule is not enough; a grant for another rule is none. */
static void a_rule_with_approvers_admits_only_those_who_have_a_grant_for_it(void **state)
{
    (void)state;
    static const char CONF[] =
        "portal: {host: p.test}\n"
        "routes: {t: {host: t.test, upstream: 'http://127.0.0.1:80'},\n"
        "         u: {host: u.test, upstream: 'http://127.0.0.1:81'}}\n"
        "rules:\n"
        "  - {name: urgent, groups: [ops], zones: [local], routes: [t, u], methods: [GET],\n"
        "     assurance: hardware, approvers: leads}\n"
        "  - {name: strong, groups: [ops], zones: [local], routes: [u],\n"
        "     assurance: phishing-resistant}\n";
    static const struct {
        const char *groups, *grants, *route, *method;
        enum assurance level;
        enum verdict verdict;
        enum reason reason;
        const char *rule;
    } CASES[] = {
        {"ops", "", "t", "GET", HW, PROVE(GRANT, "urgent")},
        {"ops", "", "t", "GET", MFA, PROVE(GRANT, "urgent")},
        {"ops", "urgent", "t", "GET", HW, ALLOW("urgent")},
        {"ops", "other\nurgent\n", "t", "GET", HW, ALLOW("urgent")},
        {"ops", "urgent", "t", "GET", MFA, PROVE(ASSURANCE, "urgent")},
        {"ops", "urgent", "t", "POST", HW, DENY(METHOD, "urgent")},
        {"ops", "urgen\nurgentx\n*", "t", "GET", HW, PROVE(GRANT, "urgent")},
        {"others", "urgent", "t", "GET", HW, DENY(WHO, "urgent")},
        /* Whoever can help himself is told so before anybody else is asked. */
        {"ops", "", "u", "GET", MFA, PROVE(ASSURANCE, "strong")},
        {"ops", "", "u", "GET", PHR, ALLOW("strong")},
    };
    struct snapshot *s = sample_parse(CONF);
    struct policy *p;
    struct addr source = address("127.0.0.1");
    assert_int_equal(policy_new(s, &p), 0);
    struct subject who = {.kind = SUBJECT_PERSON, .user = SPAN("zoe")};
    struct question q = {.subject = &who,
                         .zones = zones_find(policy_zones(p), &source),
                         .path = SPAN("/"),
                         .now = NOW};
    for (size_t i = 0; i < countof(CASES); i++) {
        who.groups = span_str(CASES[i].groups);
        who.grants = span_str(CASES[i].grants);
        who.proven = proven_as(CASES[i].level, NOW);
        q.route = snapshot_route(s, CASES[i].route);
        q.method = span_str(CASES[i].method);
        struct decision d = policy_decide(p, &q);
        if (d.verdict != CASES[i].verdict || d.reason != CASES[i].reason ||
            strcmp(d.rule->name, CASES[i].rule) != 0)
            fail_msg("case %zu: %s %s %s", i, verdict_name(d.verdict), reason_name(d.reason),
                     d.rule->name);
    }
    struct buf out;
    buf_init(&out, 4096);
    who = (struct subject){.kind = SUBJECT_PERSON, .user = SPAN("zoe"), .groups = SPAN("ops")};
    q.route = snapshot_route(s, "t");
    q.method = SPAN("GET");
    assert_int_equal(policy_explain(p, &q, &out), 0);
    char *text = sample_text(&out);
    assert_non_null(strstr(text, "\"reason\":\"grant\""));
    assert_non_null(strstr(text, "\"needs\":{\"grant\":\"urgent\"}"));
    free(text);
    policy_free(p);
    snapshot_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_table_holds),
        cmocka_unit_test(what_a_rule_admits_must_satisfy_every_demand_that_fits),
        cmocka_unit_test(a_rule_holds_in_its_times_and_for_reading_only_when_it_says_so),
        cmocka_unit_test(an_anonymous_rule_opens_its_methods_and_paths_and_nothing_else),
        cmocka_unit_test(deny_rules_come_before_all_others),
        cmocka_unit_test(a_person_in_more_groups_than_are_looked_at_is_refused_by_any_of_them),
        cmocka_unit_test(a_token_is_good_only_where_and_with_what_it_was_made_for),
        cmocka_unit_test(without_rules_everything_is_refused),
        cmocka_unit_test(a_route_of_another_snapshot_is_refused),
        cmocka_unit_test(a_person_in_thousands_of_groups_is_admitted_or_refused_but_never_harms),
        cmocka_unit_test(a_route_is_found_by_port_and_then_by_host),
        cmocka_unit_test(routes_of_one_host_are_told_apart_by_the_longest_prefix),
        cmocka_unit_test(a_source_that_nothing_admits_is_known_before_tls),
        cmocka_unit_test(a_break_glass_account_is_admitted_by_name_alone),
        cmocka_unit_test(a_rule_with_approvers_admits_only_those_who_have_a_grant_for_it),
        cmocka_unit_test(words_read_back),
        cmocka_unit_test(the_explanation_names_every_rule_and_its_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
