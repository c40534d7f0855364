#include "policy/decide.h"

#include <assert.h>

#include "base/fault.h"
#include "conf/value.h"
#include "policy/rules.h"

static enum verdict verdict_of(enum reason reason)
{
    switch (reason) {
    case REASON_ALLOWED:
    case REASON_ANONYMOUS:
        return VERDICT_ALLOW;
    case REASON_NOBODY:
    case REASON_ASSURANCE:
    case REASON_AGE:
    case REASON_MOVED:
    case REASON_GRANT:
        return VERDICT_PROVE;
    case REASON_NO_RULE:
    case REASON_WHO:
    case REASON_ZONE:
    case REASON_METHOD:
    case REASON_PATH:
    case REASON_TOKEN_SCOPE:
    case REASON_TOKEN_ZONE:
    case REASON_TOKEN_CERTIFICATE:
    case REASON_DENIED:
    case REASON_TIME:
    case REASON_READ_ONLY:
        break;
    }
    return VERDICT_DENY;
}

static struct decision admit(const struct policy *p, const struct asker *asker)
{
    const struct question *q = asker->question;
    struct decision d = {VERDICT_DENY, REASON_NO_RULE, NULL};
    struct rule_walk walk = rules_of(p, RULE_ADMITS, q->route);
    /* The first rule is tried whatever its mask, so that there is a nearest one; a later rule that
     * fails at who could not be nearer. Nobody has no mask: every rule says whether its place is
     * right, and the first that says so cannot be surpassed. */
    bool nobody = q->subject->kind == SUBJECT_NOBODY;
    const struct rule *r = rules_next(p, &walk, RULES_ALL);
    for (; r != NULL; r = rules_next(p, &walk, nobody ? RULES_ALL : asker->mask)) {
        enum reason reason = rule_try(r, asker);
        if (reason == REASON_ALLOWED)
            return (struct decision){VERDICT_ALLOW, REASON_ALLOWED, rule_def_of(r)};
        if (reason_rank(reason) > reason_rank(d.reason) || reason == REASON_NOBODY)
            d = (struct decision){verdict_of(reason), reason, rule_def_of(r)};
        if (reason == REASON_NOBODY)
            break;
    }
    return d;
}

/* Harder to satisfy: whoever proves that much satisfies the other too, as far as one proof can. */
static bool demands_more(const struct rule_def *a, const struct rule_def *b)
{
    if (a->assurance != b->assurance)
        return a->assurance > b->assurance;
    return a->max_age != 0 && (b->max_age == 0 || a->max_age < b->max_age);
}

/* The first deny rule that concerns the request, or NULL. */
static const struct rule_def *refusal(const struct policy *p, const struct asker *asker)
{
    struct rule_walk walk = rules_of(p, RULE_DENIES, asker->question->route);
    const struct rule *r;
    while ((r = rules_next(p, &walk, asker->all_mask | RULES_EVERYBODY)) != NULL)
        if (rule_refuses(r, asker) == REASON_DENIED)
            return rule_def_of(r);
    return NULL;
}

/* The first anonymous rule that opens this, or NULL. A token or certificate is judged by its own
 * rules alone: a program that says who it is wants to know when that is worth nothing. */
static const struct rule_def *opening(const struct policy *p, const struct question *q)
{
    struct rule_walk walk = rules_of(p, RULE_OPENS, q->route);
    const struct rule *r;
    if (q->subject->kind == SUBJECT_TOKEN)
        return NULL;
    while ((r = rules_next(p, &walk, RULES_ALL)) != NULL)
        if (rule_opens(r, q) == REASON_ANONYMOUS)
            return rule_def_of(r);
    return NULL;
}

static struct decision judge(const struct policy *p, const struct asker *asker)
{
    const struct question *q = asker->question;
    struct decision d = admit(p, asker);
    if (d.verdict != VERDICT_ALLOW || q->subject->kind != SUBJECT_PERSON)
        return d;
    struct rule_walk walk = rules_of(p, RULE_DEMANDS, q->route);
    const struct rule *r;
    while ((r = rules_next(p, &walk, asker->mask)) != NULL) {
        enum reason reason = rule_try(r, asker);
        const struct rule_def *def = rule_def_of(r);
        bool unmet = reason == REASON_ASSURANCE || reason == REASON_AGE;
        if (unmet && (d.verdict == VERDICT_ALLOW || demands_more(def, d.rule)))
            d = (struct decision){VERDICT_PROVE, reason, def};
    }
    return d;
}

struct decision policy_decide(const struct policy *p, const struct question *q)
{
    struct asker asker;
    assert(q->route != NULL && q->subject != NULL);
    asker_init(&asker, p, q);
    const struct rule_def *refused = refusal(p, &asker);
    if (refused != NULL)
        return (struct decision){VERDICT_DENY, REASON_DENIED, refused};
    struct decision d = judge(p, &asker);
    const struct rule_def *open = d.verdict == VERDICT_ALLOW ? NULL : opening(p, q);
    return open == NULL ? d : (struct decision){VERDICT_ALLOW, REASON_ANONYMOUS, open};
}

/* ---- words ----------------------------------------------------------------------------------- */

static const struct {
    const char *name, *text; /* NULL: no such number */
} REASONS[REASON_COUNT] = {
    [REASON_ALLOWED] = {"allowed", "a rule admits this"},
    [REASON_NO_RULE] = {"no_rule", "no rule names this console"},
    [REASON_NOBODY] = {"nobody", "nobody is logged in"},
    [REASON_WHO] = {"who", "no rule for this console names this person or token"},
    [REASON_ZONE] = {"zone", "no rule admits this from this network"},
    [REASON_METHOD] = {"method", "no rule admits this method"},
    [REASON_PATH] = {"path", "no rule admits this path"},
    [REASON_ASSURANCE] = {"assurance", "a stronger login is needed"},
    [REASON_AGE] = {"age", "the login is too long ago and must be repeated"},
    [REASON_TOKEN_SCOPE] = {"token_scope", "the token's own scope does not cover this"},
    [REASON_TOKEN_ZONE] = {"token_zone", "the token is not good from this network"},
    [REASON_TOKEN_CERTIFICATE] = {"token_certificate",
                                  "the token is good only together with its client certificate"},
    [REASON_MOVED] = {"moved", "this session was begun in another network or with another program, "
                               "and has to be proven again"},
    [REASON_GRANT] = {"grant", "a rule admits this only for a time that somebody else grants"},
    [REASON_TIME] = {"time", "no rule admits this at this time"},
    [REASON_READ_ONLY] = {"read_only",
                          "a rule admits reading only, and this could change something"},
    [REASON_ANONYMOUS] = {"anonymous",
                          "anybody at all is admitted here, and nobody is asked for a name"},
    [REASON_DENIED] = {"denied", "a rule refuses this, whatever others admit"},
};

/* Whoever can help himself by proving more is told so first: nobody else has to be asked. */
static const uint8_t NEARNESS[REASON_COUNT] = {
    [REASON_ALLOWED] = 0,      [REASON_NO_RULE] = 1,     [REASON_NOBODY] = 2,
    [REASON_WHO] = 3,          [REASON_ZONE] = 4,        [REASON_METHOD] = 5,
    [REASON_READ_ONLY] = 6,    [REASON_PATH] = 7,        [REASON_TIME] = 8,
    [REASON_GRANT] = 9,        [REASON_ASSURANCE] = 10,  [REASON_AGE] = 11,
    [REASON_TOKEN_SCOPE] = 12, [REASON_TOKEN_ZONE] = 13, [REASON_TOKEN_CERTIFICATE] = 14,
    [REASON_MOVED] = 15,       [REASON_DENIED] = 20,     [REASON_ANONYMOUS] = 0,
};

unsigned reason_rank(enum reason reason)
{
    return reason < countof(NEARNESS) ? NEARNESS[reason] : 0;
}

const char *reason_text(enum reason reason)
{
    return reason < countof(REASONS) && REASONS[reason].text != NULL ? REASONS[reason].text
                                                                     : "unknown reason";
}

const char *reason_name(enum reason reason)
{
    return reason < countof(REASONS) && REASONS[reason].name != NULL ? REASONS[reason].name
                                                                     : "unknown";
}

const char *verdict_name(enum verdict v)
{
    static const char *const NAMES[] = {
        [VERDICT_DENY] = "deny", [VERDICT_ALLOW] = "allow", [VERDICT_PROVE] = "prove"};
    return v < countof(NAMES) ? NAMES[v] : "unknown";
}

const char *assurance_name(enum assurance a)
{
    return a < countof(ASSURANCE_WORDS) ? ASSURANCE_WORDS[a] : "unknown";
}

int assurance_parse(struct span name, enum assurance *ret)
{
    for (size_t i = 0; i < countof(ASSURANCE_WORDS); i++) {
        if (span_is(name, ASSURANCE_WORDS[i])) {
            *ret = (enum assurance)i;
            return 0;
        }
    }
    return FAULT_FORMAT;
}
