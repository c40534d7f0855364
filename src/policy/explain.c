#include "base/fault.h"
#include "base/text.h"
#include "policy/rules.h"

static void put_rule(struct buf *out, const struct rule_def *def)
{
    if (def == NULL)
        (void)buf_text(out, "null");
    else
        (void)text_json(out, span_str(def->name));
}

static void put_zones(struct buf *out, const struct policy *p, struct zone_set zones)
{
    const struct snapshot *s = policy_snapshot(p);
    bool first = true;
    (void)buf_text(out, ",\"zones\":[");
    for (size_t i = 0; i < s->zone_count; i++) {
        if (!zone_set_has(zones, i))
            continue;
        (void)buf_text(out, first ? "" : ",");
        (void)text_json(out, span_str(s->zones[i].name));
        first = false;
    }
    (void)buf_text(out, "]");
}

/* What has to be proven, by somebody of whom it is not known surely enough who he is. */
static void put_needs(struct buf *out, const struct decision *d)
{
    if (d->reason == REASON_GRANT) {
        (void)buf_text(out, ",\"needs\":{\"grant\":");
        (void)text_json(out, span_str(d->rule->name));
        (void)buf_text(out, "}");
    } else if (d->verdict == VERDICT_PROVE && d->reason != REASON_NOBODY) {
        (void)buf_printf(out, ",\"needs\":{\"assurance\":\"%s\",\"max_age\":%u}",
                         assurance_name(d->rule->assurance), d->rule->max_age);
    }
}

/* until: up to the first that admits. What the last one failed at. */
static enum reason put_walk(struct buf *out, const struct policy *p, const struct asker *asker,
                            struct rule_walk walk, bool until, bool *first)
{
    enum reason reason = REASON_NO_RULE;
    const struct rule *r;
    while (!(until && (reason == REASON_ALLOWED || reason == REASON_DENIED)) && !out->bad &&
           (r = rules_next(p, &walk, RULES_ALL)) != NULL) {
        bool denies = rule_def_of(r)->deny;
        reason = denies ? rule_refuses(r, asker) : rule_try(r, asker);
        (void)buf_text(out, *first ? "{\"rule\":" : ",{\"rule\":");
        put_rule(out, rule_def_of(r));
        if (reason == REASON_ALLOWED || reason == REASON_DENIED)
            (void)buf_text(out, denies ? ",\"failed\":null,\"denies\":true}" : ",\"failed\":null}");
        else
            (void)buf_printf(out, ",\"failed\":\"%s\"}", reason_name(reason));
        *first = false;
    }
    return reason;
}

int policy_explain(const struct policy *p, const struct question *q, struct buf *out)
{
    struct decision d = policy_decide(p, q);
    (void)buf_printf(out, "{\"verdict\":\"%s\",\"reason\":\"%s\",\"text\":\"%s\",\"rule\":",
                     verdict_name(d.verdict), reason_name(d.reason), reason_text(d.reason));
    put_rule(out, d.rule);
    put_zones(out, p, q->zones);
    put_needs(out, &d);
    (void)buf_text(out, ",\"tried\":[");
    struct asker asker;
    asker_init(&asker, p, q);
    bool first = true;
    enum reason reason = put_walk(out, p, &asker, rules_of(p, RULE_DENIES, q->route), true, &first);
    if (reason != REASON_DENIED)
        reason = put_walk(out, p, &asker, rules_of(p, RULE_ADMITS, q->route), true, &first);
    if (reason == REASON_ALLOWED && q->subject->kind == SUBJECT_PERSON)
        (void)put_walk(out, p, &asker, rules_of(p, RULE_DEMANDS, q->route), false, &first);
    (void)buf_text(out, "]}");
    return out->bad ? FAULT_LIMIT : 0;
}
