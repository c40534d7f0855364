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

static enum reason try_as(enum rule_class class, const struct rule *r, const struct asker *asker)
{
    if (class == RULE_DENIES)
        return rule_refuses(r, asker);
    return class == RULE_OPENS ? rule_opens(r, asker->question) : rule_try(r, asker);
}

static bool decides(enum reason reason)
{
    return reason == REASON_ALLOWED || reason == REASON_DENIED || reason == REASON_ANONYMOUS;
}

/* Up to the first that decides; of demands all. What the last one failed at. */
static enum reason put_walk(struct buf *out, enum rule_class class, const struct policy *p,
                            const struct asker *asker, bool *first)
{
    static const char *const MARKS[RULE_CLASS_COUNT] = {
        [RULE_DENIES] = ",\"denies\":true", [RULE_OPENS] = ",\"anonymous\":true"};
    enum reason reason = REASON_NO_RULE;
    struct rule_walk walk = rules_of(p, class, asker->question->route);
    const struct rule *r;
    while (!(class != RULE_DEMANDS && decides(reason)) && !out->bad &&
           (r = rules_next(p, &walk, RULES_ALL)) != NULL) {
        reason = try_as(class, r, asker);
        (void)buf_text(out, *first ? "{\"rule\":" : ",{\"rule\":");
        put_rule(out, rule_def_of(r));
        if (decides(reason))
            (void)buf_text(out, ",\"failed\":null");
        else
            (void)buf_printf(out, ",\"failed\":\"%s\"", reason_name(reason));
        (void)buf_printf(out, "%s}", MARKS[class] != NULL ? MARKS[class] : "");
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
    enum reason reason = put_walk(out, RULE_DENIES, p, &asker, &first);
    if (reason != REASON_DENIED)
        reason = put_walk(out, RULE_ADMITS, p, &asker, &first);
    if (reason == REASON_ALLOWED && q->subject->kind == SUBJECT_PERSON)
        (void)put_walk(out, RULE_DEMANDS, p, &asker, &first);
    if (reason != REASON_DENIED && d.reason != REASON_ALLOWED && q->subject->kind != SUBJECT_TOKEN)
        (void)put_walk(out, RULE_OPENS, p, &asker, &first);
    (void)buf_text(out, "]}");
    return out->bad ? FAULT_LIMIT : 0;
}
