/* A hostile request against a fixed policy: fields separated by newlines, in the order of struct
 * input. The verdict must agree with what the explanation says, and a pattern that is refused must
 * not be needed to read safely. */
#include <stdlib.h>

#include "conf/pattern.h"
#include "conf/yaml.h"
#include "policy/decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char POLICY[] =
    "portal: {host: p.test}\n"
    "zones: {office: [10.0.0.0/8, '2001:db8::/32'], lab: [10.9.0.0/16]}\n"
    "routes:\n"
    "  a: {host: a.test, upstream: 'http://127.0.0.1:8080'}\n"
    "  b: {host: b.test, upstream: 'http://127.0.0.1:8081'}\n"
    "rules:\n"
    "  - {name: r1, users: [alice], zones: [local], routes: [a],\n"
    "     methods: [GET], paths: ['/a/**', '/b/*/c', /d]}\n"
    "  - {name: r2, groups: [ops], zones: [office], routes: ['*'],\n"
    "     assurance: hardware, max_age: 1h}\n"
    "  - {name: r3, tokens: [ci], zones: [lab, local], routes: [b]}\n"
    "  - {name: r4, users: ['*'], zones: [lab], routes: [b]}\n"
    "  - {name: d1, groups: [ops], routes: [a], paths: ['/d/**'],\n"
    "     deny: true}\n"
    "  - {name: r5, users: [bob], certificates: [agent], zones: [office],\n"
    "     routes: [a], read_only: true, times: ['Mon-Fri 00:10-23:50']}\n"
    "  - {name: o1, anonymous: true, zones: [lab], routes: [a],\n"
    "     methods: [GET], paths: ['/pub/**']}\n"
    "  - {name: d2, zones: [lab], routes: ['*'], methods: [DELETE],\n"
    "     deny: true}\n";

static void check(bool ok)
{
    if (!ok)
        abort();
}

static struct policy *policy(struct snapshot **ret)
{
    static struct policy *p;
    static struct snapshot *s;
    struct buf errors;
    buf_init(&errors, 65536);
    if (p == NULL) {
        check(yaml_parse("f", span_str(POLICY), &s, &errors) == 0);
        check(policy_new(s, &p) == 0);
    }
    buf_fini(&errors);
    *ret = s;
    return p;
}

static struct span field(struct span *rest)
{
    struct span head = SPAN_NONE;
    (void)span_cut(rest, 0, &head);
    return head;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snapshot *s;
    const struct policy *p = policy(&s);
    if (size < 24)
        return 0;
    struct addr source;
    memcpy(source.byte, data, 16);
    struct span rest = span_of(data + 24, size - 24);
    struct subject who = {.kind = (enum subject_kind)(data[16] % 3),
                          .proven =
                              proven_as((enum assurance)(data[17] % 5), (uint64_t)data[18] * 60)};
    struct question q = {.subject = &who,
                         .zones = zones_find(policy_zones(p), &source),
                         .route = &s->routes[data[19] % 2],
                         .upgrade = (data[21] & 1) != 0,
                         .now = (uint64_t)data[20] * 60};
    who.by_certificate = (data[21] & 2) != 0;
    who.user = field(&rest);
    who.token = field(&rest);
    who.groups = field(&rest);
    who.scope_routes = field(&rest);
    who.scope_methods = field(&rest);
    who.scope_paths = field(&rest);
    q.method = field(&rest);
    struct span pattern = field(&rest);
    q.path = rest;
    struct decision d = policy_decide(p, &q);
    check((d.verdict == VERDICT_ALLOW) ==
          (d.reason == REASON_ALLOWED || d.reason == REASON_ANONYMOUS));
    check(d.verdict != VERDICT_ALLOW ||
          (d.rule != NULL && (who.kind != SUBJECT_NOBODY || d.rule->anonymous)));
    check(d.reason != REASON_ANONYMOUS ||
          (d.rule->anonymous && !q.upgrade && who.kind != SUBJECT_TOKEN));
    check(d.reason != REASON_DENIED || (d.rule->deny && d.verdict == VERDICT_DENY));
    check(d.verdict != VERDICT_ALLOW || !d.rule->deny);
    check(d.verdict != VERDICT_ALLOW || !d.rule->read_only || !q.upgrade);
    struct buf out;
    buf_init(&out, 1 << 20);
    check(policy_explain(p, &q, &out) == 0);
    buf_fini(&out);
    bool ok = pattern_ok(pattern), match = pattern_match(pattern, q.path);
    if (ok && match)
        check(q.path.len > 0 && q.path.at[0] == '/');
    (void)policy_route(p, 9443, who.user, who.scope_paths);
    return 0;
}
