#include "conf/verify_rules.h"

#include <string.h>

#include "conf/value.h"

/* ---- rules ----------------------------------------------------------------------------------- */

/* What a deny rule cannot mean would be read as a condition of it. */
static void check_deny(struct check *c, size_t i)
{
    const struct rule_def *r = &c->s->rules[i];
    struct place assurance = place_key(SECTION_RULES, i, "assurance");
    struct place age = place_key(SECTION_RULES, i, "max_age");
    struct place demand = place_key(SECTION_RULES, i, "demand");
    struct place approvers = place_key(SECTION_RULES, i, "approvers");
    if (r->assurance != ASSURANCE_MFA)
        check_report(c, &assurance, "expected none in a rule that denies, found \"%s\"",
                     ASSURANCE_WORDS[r->assurance]);
    if (r->max_age != 0)
        check_report(c, &age, "expected none in a rule that denies, found one");
    if (r->demand)
        check_report(c, &demand, "expected deny or demand, found both");
    if (rule_asks_grant(r))
        check_report(c, &approvers, "expected none in a rule that denies, found one");
}

static bool rule_names_nobody(const struct rule_def *r)
{
    return r->users.count + r->groups.count + r->tokens.count + r->certificates.count == 0;
}

/* What does not admit cannot admit less. */
static void check_read_only(struct check *c, size_t i)
{
    const struct rule_def *r = &c->s->rules[i];
    struct place at = place_key(SECTION_RULES, i, "read_only");
    struct place zone = place_key(SECTION_RULES, i, "time_zone");
    if (r->read_only && (r->deny || r->demand))
        check_report(c, &at, "expected none in a rule that admits nobody, found one");
    if (r->times.count == 0 && strcmp(r->time_zone, "UTC") != 0)
        check_report(c, &zone, "expected times beside it, found none");
}

/* "/public/…" and "/" itself: what is open to anybody is said by its beginning. */
static bool is_particular(const char *pattern)
{
    return strcmp(pattern, "/") == 0 || (pattern[0] == '/' && pattern[1] != '*');
}

/* What is open to anybody says so to the letter: nothing in it may mean more than one reads. */
static void check_anonymous(struct check *c, size_t i)
{
    const struct rule_def *r = &c->s->rules[i];
    struct place whole = place_key(SECTION_RULES, i, "anonymous");
    struct place methods = place_key(SECTION_RULES, i, "methods");
    struct place paths = place_key(SECTION_RULES, i, "paths");
    if (!rule_names_nobody(r))
        check_report(c, &whole,
                     "expected nobody named beside it, found users, groups, tokens or "
                     "certificates");
    if (r->deny || r->demand || r->read_only || rule_asks_grant(r) || r->max_age != 0 ||
        r->assurance != ASSURANCE_MFA)
        check_report(c, &whole,
                     "expected no deny, demand, read_only, approvers, assurance or max_age "
                     "beside it, found one");
    if (r->methods.count == 0)
        check_report(c, &methods, "expected at least one method in an anonymous rule, found none");
    if (r->paths.count == 0)
        check_report(c, &paths, "expected at least one path in an anonymous rule, found none");
    for (size_t k = 0; k < r->paths.count; k++) {
        struct place at = place_item(SECTION_RULES, i, "paths", k);
        if (!is_particular(r->paths.name[k]))
            check_report(c, &at,
                         "expected a path that begins with a name in an anonymous rule, found "
                         "\"%s\"",
                         r->paths.name[k]);
    }
    for (size_t k = 0; k < r->routes.count; k++) {
        struct place at = place_item(SECTION_RULES, i, "routes", k);
        const struct route_def *route =
            map_find(&c->name[SECTION_ROUTES], span_str(r->routes.name[k]));
        if (strcmp(r->routes.name[k], "*") == 0)
            check_report(c, &at, "expected the names of routes in an anonymous rule, found *");
        else if (route != NULL && route->kind == ROUTE_TCP)
            check_report(c, &at, "expected no raw TCP service in an anonymous rule, found one");
    }
}

void verify_rules(struct check *c)
{
    const struct snapshot *s = c->s;
    for (size_t i = 0; i < s->portal_zones.count; i++) {
        struct place at = place_item(SECTION_PORTAL, 0, "zones", i);
        check_reference(c, SECTION_ZONES, &at, s->portal_zones.name[i]);
    }
    for (size_t i = 0; i < s->rule_count; i++) {
        const struct rule_def *r = &s->rules[i];
        struct place whole = place_key(SECTION_RULES, i, NULL);
        struct place places = place_key(SECTION_RULES, i, "zones");
        if (rule_names_nobody(r) && !r->deny && !r->anonymous)
            check_report(c, &whole, "expected users, groups, tokens or certificates, found none");
        if (r->deny)
            check_deny(c, i);
        if (r->anonymous)
            check_anonymous(c, i);
        check_read_only(c, i);
        if (r->zones.count == 0 && !r->demand && !r->deny)
            check_report(c, &places, "expected at least one zone, found none");
        if (r->tokens.count + r->certificates.count > 0 && r->demand)
            check_report(c, &whole, "expected users or groups in a demand, found tokens");
        if (rule_asks_grant(r) && r->tokens.count + r->certificates.count > 0)
            check_report(c, &whole, "expected people in a rule with approvers, found tokens");
        if (rule_asks_grant(r) && r->demand)
            check_report(c, &whole, "expected no approvers in a demand, found one");
        for (size_t k = 0; k < r->zones.count; k++) {
            struct place at = place_item(SECTION_RULES, i, "zones", k);
            check_reference(c, SECTION_ZONES, &at, r->zones.name[k]);
        }
        for (size_t k = 0; k < r->routes.count; k++) {
            struct place at = place_item(SECTION_RULES, i, "routes", k);
            if (strcmp(r->routes.name[k], "*") != 0)
                check_reference(c, SECTION_ROUTES, &at, r->routes.name[k]);
        }
    }
}

/* ---- tests ------------------------------------------------------------------------------------
 */

void verify_tests(struct check *c)
{
    const struct snapshot *s = c->s;
    for (size_t i = 0; i < s->test_count; i++) {
        const struct test_def *t = &s->tests[i];
        struct place whole = place_key(SECTION_TESTS, i, NULL);
        struct place zone = place_key(SECTION_TESTS, i, "zone");
        struct place route = place_key(SECTION_TESTS, i, "route");
        struct place rule = place_key(SECTION_TESTS, i, "rule");
        int who = (t->user[0] != 0 || t->groups.count > 0) + (t->token[0] != 0) +
                  (t->certificate[0] != 0) + t->nobody;
        if (who != 1)
            check_report(c, &whole,
                         "expected one of user (or group), token, certificate and nobody, "
                         "found %d",
                         who);
        if ((t->zone[0] != 0) + (t->source[0] != 0) != 1)
            check_report(c, &whole, "expected zone or source, found %s",
                         t->zone[0] != 0 ? "both" : "neither");
        if ((t->url[0] != 0) + (t->route[0] != 0) != 1)
            check_report(c, &whole, "expected url or route, found %s",
                         t->url[0] != 0 ? "both" : "neither");
        if (t->zone[0] != 0)
            check_reference(c, SECTION_ZONES, &zone, t->zone);
        if (t->route[0] != 0)
            check_reference(c, SECTION_ROUTES, &route, t->route);
        if (t->rule[0] != 0)
            check_reference(c, SECTION_RULES, &rule, t->rule);
    }
}
