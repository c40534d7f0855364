#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/series.h"

#define POINTS_MAX 1500u
#define POINTS_WANTED 300u
#define SPAN_DEFAULT 3600u
/* Of that long ago there are only hours. */
#define MINUTES_REACH (2u * 86400 - SERIES_HOUR)

enum what { REQUESTS, DENIALS, LATENCY, SESSIONS, WHAT_COUNT };

static const char *const NAMES[] = {
    [REQUESTS] = "requests", [DENIALS] = "denials", [LATENCY] = "latency", [SESSIONS] = "sessions"};
static const uint32_t STEPS[] = {60, 300, 900, 3600, 21600, 86400};

struct chart {
    enum what what;
    uint64_t from, to, step;
    struct series_row *point; /* at 0: nobody counted */
    size_t count;
};

static int each_row(void *context, const struct series_row *row)
{
    struct chart *c = context;
    if (row->at < c->from || row->at >= c->to) {
        return 0;
    }
    struct series_row *point = &c->point[(row->at - c->from) / c->step];
    point->at = row->at;
    series_merge(point, row);
    return 0;
}

/* false: the call has ended with a problem. */
static bool read_chart(struct call *call, struct chart *c)
{
    struct span name;
    uint64_t now = call->now_ms / 1000, step = 0;
    if (call_query(call, "name", &name) < 0) {
        (void)call_problem(call, 400, "name", "expected requests, denials, latency or sessions");
        return false;
    }
    for (c->what = REQUESTS; c->what < WHAT_COUNT && !span_is(name, NAMES[c->what]); c->what++) {
    }
    if (c->what == WHAT_COUNT) {
        (void)call_problem(call, 400, "name", "expected requests, denials, latency or sessions");
        return false;
    }
    if (call_query_u64(call, "to", INT64_MAX / 2, now, &c->to) < 0 ||
        call_query_u64(call, "from", INT64_MAX / 2, c->to > SPAN_DEFAULT ? c->to - SPAN_DEFAULT : 0,
                       &c->from) < 0 ||
        c->from >= c->to) {
        (void)call_problem(call, 400, "from", "expected seconds since 1970, before `to`");
        return false;
    }
    if (call_query_u64(call, "step", 86400, 0, &step) < 0) {
        (void)call_problem(call, 400, "step", "expected 60, 300, 900, 3600, 21600 or 86400");
        return false;
    }
    bool hours = now > MINUTES_REACH && c->from < now - MINUTES_REACH;
    c->step = 0;
    for (size_t i = 0; i < countof(STEPS) && c->step == 0; i++) {
        bool fits = step != 0
                        ? STEPS[i] == step
                        : (c->to - c->from) / STEPS[i] <= POINTS_WANTED || i + 1 == countof(STEPS);
        if (fits && (!hours || STEPS[i] >= SERIES_HOUR || step != 0)) {
            c->step = STEPS[i];
        }
    }
    if (c->step == 0) {
        (void)call_problem(call, 400, "step", "expected 60, 300, 900, 3600, 21600 or 86400");
        return false;
    }
    c->from -= c->from % c->step;
    c->count = (size_t)((c->to - c->from + c->step - 1) / c->step);
    if ((c->to - c->from + c->step - 1) / c->step > POINTS_MAX) {
        (void)call_problem(call, 400, "step", "these are more than %u points; take a longer step",
                           POINTS_MAX);
        return false;
    }
    return true;
}

static json_t *point_json(const struct chart *c, size_t i)
{
    const struct series_row *p = &c->point[i];
    json_int_t at = (json_int_t)(c->from + i * c->step);
    if (p->at == 0) {
        return c->what == LATENCY ? json_pack("[I,n,n]", at) : json_pack("[I,n]", at);
    }
    switch (c->what) {
    case LATENCY:
        return json_pack("[I,I,I]", at, (json_int_t)series_quantile(p, 500),
                         (json_int_t)series_quantile(p, 950));
    case DENIALS:
        return json_pack("[I,I]", at, (json_int_t)p->denials);
    case SESSIONS:
        return json_pack("[I,I]", at, (json_int_t)p->sessions);
    case REQUESTS:
    case WHAT_COUNT:
        break;
    }
    return json_pack("[I,I]", at, (json_int_t)p->requests);
}

static int fill(struct call *call, struct chart *c)
{
    const struct series *s = &call->keeper->series;
    uint64_t source = c->step >= SERIES_HOUR ? SERIES_HOUR : SERIES_MINUTE;
    int r = series_list(call->keeper->store, source, c->from, c->to, each_row, c);
    for (size_t i = 0; i <= s->waiting_count && r == 0; i++) {
        r = each_row(c, i < s->waiting_count ? &s->waiting[i] : &s->now);
    }
    return r;
}

int op_series(struct call *call)
{
    struct chart c;
    if (!read_chart(call, &c)) {
        return 0;
    }
    c.point = calloc(c.count, sizeof(*c.point));
    json_t *points = json_array();
    int r = c.point == NULL || points == NULL ? -ENOMEM : fill(call, &c);
    for (size_t i = 0; i < c.count && r == 0; i++) {
        r = json_push(points, point_json(&c, i));
    }
    free(c.point);
    if (r < 0) {
        json_decref(points);
        return r;
    }
    return call_answer(call, 200,
                       json_pack("{s:s,s:I,s:I,s:I,s:o}", "name", NAMES[c.what], "from",
                                 (json_int_t)c.from, "to", (json_int_t)c.to, "step",
                                 (json_int_t)c.step, "points", points));
}
