/* The first look: one question for what a page shows of everything. */
#include <errno.h>

#include "base/fault.h"
#include "identity/session.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/series.h"
#include "keeper/tiles.h"
#include "store/access.h"
#include "store/requests.h"
#include "store/versions.h"

#define SHOWN 10u
#define HOUR 3600u
#define PENDING_MAX 100u

static int each_session(void *context, const struct session *s)
{
    struct op_rows *rows = context;
    /* A person is on once, whatever consoles are open. */
    if (s->child || !session_is_live(s, rows->now)) {
        return 0;
    }
    rows->seen++;
    return rows->seen > SHOWN ? 0 : json_push(rows->items, op_session_json(s));
}

static int add_sessions(struct call *c, json_t *answer)
{
    const struct page page = {.limit = STORE_PAGE_MAX};
    struct op_rows rows = {.call = c, .items = json_array(), .now = c->now_ms / 1000};
    int r = rows.items == NULL ? -ENOMEM
                               : sessions_list(c->keeper->store, NULL, &page, each_session, &rows);
    if (r < 0) {
        json_decref(rows.items);
        return r;
    }
    return json_put(answer, "sessions",
                    json_pack("{s:I,s:o}", "count", (json_int_t)rows.seen, "list", rows.items));
}

static int each_denial(void *context, const struct access_row *row)
{
    return json_push(context, op_access_json(row));
}

static int add_requests(struct call *c, json_t *answer)
{
    struct series_row hour;
    uint64_t now = c->now_ms / 1000;
    const struct access_filter filter = {.denials = true};
    const struct page page = {.limit = SHOWN, .newest_first = true};
    json_t *denials = json_array();
    int r = series_sum(c->keeper, now > HOUR ? now - HOUR : 0, now + 1, &hour);
    if (denials == NULL) {
        r = -ENOMEM;
    }
    r = r < 0 ? r : access_list(c->keeper->store, &filter, &page, each_denial, denials, NULL);
    if (r < 0) {
        json_decref(denials);
        return r;
    }
    return json_put(answer, "requests",
                    json_pack("{s:I,s:I,s:I,s:I,s:o}", "hour", (json_int_t)hour.requests, "denied",
                              (json_int_t)hour.denials, "p50_ms",
                              (json_int_t)series_quantile(&hour, 500), "p95_ms",
                              (json_int_t)series_quantile(&hour, 950), "denials", denials));
}

static int add_upstreams(struct call *c, json_t *answer)
{
    const struct keeper *k = c->keeper;
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    json_int_t up = 0, down = 0, unknown = 0;
    for (size_t i = 0; s != NULL && i < s->route_count; i++) {
        const char *state = tile_health(k, s->routes[i].name);
        *(strcmp(state, "up") == 0 ? &up : strcmp(state, "down") == 0 ? &down : &unknown) += 1;
    }
    return json_put(answer, "upstreams",
                    json_pack("{s:I,s:I,s:I}", "up", up, "down", down, "unknown", unknown));
}

static int each_pending(void *context, const struct request *r)
{
    unsigned *count = context;
    (void)r;
    ++*count;
    return 0;
}

static int add_pending(struct call *c, json_t *answer)
{
    unsigned count = 0;
    const struct request_filter filter = {.state = REQUEST_PENDING};
    const struct page page = {.limit = PENDING_MAX, .newest_first = true};
    int r = requests_list(c->keeper->store, &filter, &page, each_pending, &count);
    return r < 0 ? r : json_put(answer, "pending_requests", json_integer((json_int_t)count));
}

static int each_version(void *context, const struct version *v)
{
    return json_push(context,
                     json_pack("{s:I,s:o,s:o,s:s,s:o}", "number", (json_int_t)v->number, "at",
                               json_time(v->at), "author", json_text(span_str(v->author)), "cause",
                               v->cause, "comment", json_text(span_str(v->comment))));
}

static int add_changes(struct call *c, json_t *answer)
{
    const struct page page = {.limit = SHOWN, .newest_first = true};
    json_t *list = json_array();
    int r = list == NULL ? -ENOMEM : versions_list(c->keeper->store, &page, each_version, list);
    if (r < 0) {
        json_decref(list);
        return r;
    }
    return json_put(answer, "changes", list);
}

static int add_alerts(struct call *c, json_t *answer)
{
    json_t *list;
    unsigned open;
    int r = op_alerts(c, &list, &open);
    if (r < 0) {
        return r;
    }
    while (json_array_size(list) > SHOWN) {
        (void)json_array_remove(list, json_array_size(list) - 1);
    }
    return json_put(answer, "alerts", json_pack("{s:i,s:o}", "open", (int)open, "list", list));
}

int op_overview(struct call *c)
{
    static int (*const PARTS[])(struct call * c, json_t * answer) = {
        add_sessions, add_requests, add_upstreams, add_pending, add_changes, add_alerts};
    json_t *answer =
        json_pack("{s:o,s:s,s:o,s:o}", "node", json_text(span_str(c->keeper->node)), "version",
                  POSTERN_VERSION, "started", json_time_ms(c->keeper->started_ms), "certificates",
                  op_server_certificates(c->keeper));
    int r = answer == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < countof(PARTS) && r == 0; i++) {
        r = PARTS[i](c, answer);
    }
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 200, answer);
}
