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

int policy_explain(const struct policy *p, const struct question *q, struct buf *out)
{
    struct decision d = policy_decide(p, q);
    (void)buf_printf(out, "{\"verdict\":\"%s\",\"reason\":\"%s\",\"text\":\"%s\",\"rule\":",
                     verdict_name(d.verdict), reason_name(d.reason), reason_text(d.reason));
    put_rule(out, d.rule);
    put_zones(out, p, q->zones);
    (void)buf_text(out, ",\"tried\":[");
    struct asker asker;
    asker_init(&asker, p, q);
    struct rule_walk walk = rules_for(p, q->route);
    bool first = true;
    enum reason reason = REASON_NO_RULE;
    const struct rule *r;
    while (reason != REASON_ALLOWED && (r = rules_next(p, &walk, RULES_ALL)) != NULL && !out->bad) {
        reason = rule_try(r, &asker);
        (void)buf_text(out, first ? "{\"rule\":" : ",{\"rule\":");
        put_rule(out, rule_def_of(r));
        if (reason == REASON_ALLOWED)
            (void)buf_text(out, ",\"failed\":null}");
        else
            (void)buf_printf(out, ",\"failed\":\"%s\"}", reason_name(reason));
        first = false;
    }
    (void)buf_text(out, "]}");
    return out->bad ? FAULT_LIMIT : 0;
}
