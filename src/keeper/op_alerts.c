#include <errno.h>

#include "base/fault.h"
#include "keeper/alerts.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "store/alerts.h"

/* What the store remembers of it, into it. */
static int add_mark(struct call *c, json_t *alert, bool *open)
{
    struct alert_mark mark = {.first = c->now_ms / 1000};
    int r = alerts_find(c->keeper->store, json_string_value(json_object_get(alert, "id")), &mark);
    if (r < 0 && r != FAULT_ABSENT) {
        return r;
    }
    *open = mark.acknowledged == 0;
    r = json_put(alert, "since", json_time(mark.first));
    return r < 0 ? r
                 : json_put(alert, "acknowledged",
                            *open ? json_null()
                                  : json_pack("{s:o,s:o}", "by", json_text(span_str(mark.by)), "at",
                                              json_time(mark.acknowledged)));
}

int op_alerts(struct call *c, json_t **ret, unsigned *ret_open)
{
    json_t *list = alerts_now(c->keeper), *one;
    size_t i;
    int r = list == NULL ? FAULT_STORE : 0;
    *ret_open = 0;
    json_array_foreach(list, i, one)
    {
        bool open = false;
        r = r < 0 ? r : add_mark(c, one, &open);
        *ret_open += open ? 1 : 0;
    }
    if (r < 0) {
        json_decref(list);
        return r;
    }
    *ret = list;
    return 0;
}

int op_alerts_list(struct call *c)
{
    json_t *list;
    unsigned open;
    int r = op_alerts(c, &list, &open);
    return r < 0 ? r
                 : call_answer(c, 200, json_pack("{s:o,s:i}", "alerts", list, "open", (int)open));
}

int op_alerts_acknowledge(struct call *c)
{
    json_t *list, *one, *found = NULL;
    unsigned open;
    size_t i;
    int r = op_alerts(c, &list, &open);
    if (r < 0) {
        return r;
    }
    json_array_foreach(list, i, one)
    {
        if (span_eq(json_span(json_object_get(one, "id")), c->param[0])) {
            found = json_incref(one);
        }
    }
    json_decref(list);
    if (found == NULL) {
        return call_problem(c, 404, NULL, "alert: no such thing; what it was about may be over");
    }
    bool still = false;
    struct span text = json_span(json_object_get(found, "text"));
    r = alerts_acknowledge(c->keeper->store, json_string_value(json_object_get(found, "id")),
                           c->actor.text, c->now_ms / 1000);
    r = r < 0 ? r : call_audit(c, AUDIT_ALERT_ACKNOWLEDGED, text, NULL);
    r = r < 0 ? r : add_mark(c, found, &still);
    if (r < 0) {
        json_decref(found);
        return r;
    }
    return call_answer(c, 200, found);
}
