#include "keeper/trials.h"

#include <string.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "conf/moment.h"
#include "conf/weburl.h"
#include "http/uri.h"

#define SHOWN_MAX 50
/* Long enough ago that no age of a rule reaches beyond, when a test says nothing of the time. */
#define SOME_TIME 2000000000u

struct setting {
    struct arena arena;
    struct subject subject;
    struct buf groups;
    uint64_t words[16]; /* of a zone alone */
};

static void set_subject(struct setting *at, const struct test_def *t, uint64_t now)
{
    struct subject *s = &at->subject;
    bool program = t->token[0] != 0 || t->certificate[0] != 0;
    for (size_t i = 0; i < t->groups.count; i++)
        (void)buf_printf(&at->groups, "%s%s", i == 0 ? "" : "\n", t->groups.name[i]);
    *s = (struct subject){.kind = SUBJECT_PERSON,
                          .user = span_str(t->user),
                          .groups = buf_view(&at->groups),
                          .proven = proven_as(t->assurance, now - t->age)};
    if (t->nobody)
        *s = (struct subject){.kind = SUBJECT_NOBODY};
    if (program)
        *s = (struct subject){.kind = SUBJECT_TOKEN,
                              .token = span_str(t->token[0] != 0 ? t->token : t->certificate),
                              .by_certificate = t->certificate[0] != 0,
                              .scope_routes = SPAN("*")};
}

static const char *set_zones(struct setting *at, const struct policy *p, const struct snapshot *s,
                             const struct test_def *t, struct question *q)
{
    struct addr source;
    if (t->zone[0] == 0) {
        if (addr_parse(span_str(t->source), &source) < 0)
            return "its source is no address";
        q->zones = zones_find(policy_zones(p), &source);
        return NULL;
    }
    for (size_t i = 0; i < s->zone_count && i < countof(at->words) * 64; i++) {
        if (strcmp(s->zones[i].name, t->zone) != 0)
            continue;
        at->words[i / 64] = (uint64_t)1 << i % 64;
        q->zones = (struct zone_set){at->words, countof(at->words)};
        return NULL;
    }
    return "there is no such zone";
}

static const char *set_route(struct setting *at, const struct policy *p, const struct snapshot *s,
                             const struct test_def *t, struct question *q)
{
    struct weburl url = {.port = 443};
    struct span path = span_str(t->path);
    const char *why = NULL;
    if (t->url[0] != 0) {
        if (weburl_parse(span_str(t->url), &url) < 0)
            return "its url is no https address";
        path = span_sub(url.target, 0, span_find(url.target, '?'));
        path = path.len == 0 ? SPAN("/") : path;
    }
    if (uri_canonical(path, &at->arena, &q->path, &why) < 0)
        return "its path is refused before any rule is asked";
    q->route = t->url[0] != 0 ? policy_route(p, snapshot_inner_port(s, url.port), url.host, q->path)
                              : snapshot_route(s, t->route);
    return q->route == NULL ? "no route is reached" : NULL;
}

static bool is_as_expected(const struct test_def *t, const struct decision *found)
{
    static const enum verdict WANTED[] = {[EXPECT_ALLOW] = VERDICT_ALLOW,
                                          [EXPECT_DENY] = VERDICT_DENY,
                                          [EXPECT_PROVE] = VERDICT_PROVE};
    return found->verdict == WANTED[t->expect] &&
           (t->rule[0] == 0 || (found->rule != NULL && strcmp(found->rule->name, t->rule) == 0));
}

void trial_run(const struct policy *p, const struct snapshot *s, const struct test_def *t,
               struct trial *ret)
{
    struct setting at = {.words = {0}};
    uint64_t now = SOME_TIME;
    *ret = (struct trial){.test = t, .found = {.verdict = VERDICT_DENY, .reason = REASON_NO_RULE}};
    arena_init(&at.arena, 4096, 65536);
    buf_init(&at.groups, 65536);
    bool timed = t->at[0] != 0;
    if (timed && moment_parse(span_str(t->at), &now) < 0)
        ret->fault = "its time is none";
    set_subject(&at, t, now);
    struct question q = {.subject = &at.subject,
                         .method = span_str(t->method),
                         .upgrade = t->upgrade,
                         .timeless = !timed,
                         .now = now};
    if (ret->fault == NULL)
        ret->fault = set_zones(&at, p, s, t, &q);
    if (ret->fault == NULL)
        ret->fault = set_route(&at, p, s, t, &q);
    if (ret->fault == NULL)
        ret->found = policy_decide(p, &q);
    ret->passed = ret->fault == NULL && is_as_expected(t, &ret->found);
    arena_fini(&at.arena);
    buf_fini(&at.groups);
}

static void describe_failure(const struct trial *trial, struct buf *errors)
{
    static const char *const WORDS[] = {
        [EXPECT_ALLOW] = "allow", [EXPECT_DENY] = "deny", [EXPECT_PROVE] = "prove"};
    const struct test_def *t = trial->test;
    (void)buf_printf(errors, "tests.%s: expected %s%s%s, found ", t->name, WORDS[t->expect],
                     t->rule[0] != 0 ? " by rule " : "", t->rule);
    if (trial->fault != NULL)
        (void)buf_printf(errors, "nothing: %s\n", trial->fault);
    else
        (void)buf_printf(errors, "%s: %s%s%s\n", verdict_name(trial->found.verdict),
                         reason_text(trial->found.reason),
                         trial->found.rule != NULL ? ", rule " : "",
                         trial->found.rule != NULL ? trial->found.rule->name : "");
}

int trials_check(const struct policy *p, const struct snapshot *s, struct buf *errors)
{
    size_t failed = 0;
    for (size_t i = 0; i < s->test_count; i++) {
        struct trial trial;
        trial_run(p, s, &s->tests[i], &trial);
        if (!trial.passed && failed++ < SHOWN_MAX)
            describe_failure(&trial, errors);
    }
    if (failed > SHOWN_MAX)
        (void)buf_printf(errors, "%zu more tests fail\n", failed - SHOWN_MAX);
    return failed > 0 ? FAULT_FORMAT : 0;
}
