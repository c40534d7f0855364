#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "conf/upstream.h"
#include "keeper/alerts.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/live.h"
#include "keeper/op.h"
#include "keeper/tiles.h"
#include "pki/clienttrust.h"
#include "store/access.h"
#include "store/tokens.h"
#include "store/trail.h"

int op_whoami(struct call *c)
{
    static const char *const KINDS[] = {
        [CREDENTIAL_NONE] = "nobody",   [CREDENTIAL_CONSOLE] = "session",
        [CREDENTIAL_CHILD] = "session", [CREDENTIAL_TOKEN] = "token",
        [CREDENTIAL_SSO] = "session",   [CREDENTIAL_HOST] = "host",
    };
    return call_answer(c, 200,
                       json_pack("{s:s,s:o,s:o,s:s,s:o}", "kind", KINDS[c->actor.kind], "user",
                                 json_text(span_str(c->actor.user)), "groups",
                                 json_lines(c->actor.groups), "role", roles_name(c->actor.roles),
                                 "roles", roles_json(c->actor.roles)));
}

int op_my_consoles(struct call *c)
{
    json_t *list = json_array();
    if (c->keeper->live == NULL || list == NULL) {
        json_decref(list);
        return call_problem(c, 503, NULL, "no configuration is in force yet");
    }
    const struct snapshot *s = live_snapshot(c->keeper->live);
    int r = 0;
    for (size_t i = 0; i < s->route_count && r == 0; i++) {
        const struct route_def *route = &s->routes[i];
        struct buf url;
        if (!tile_may(c, route)) {
            continue;
        }
        buf_init(&url, 4096);
        tile_url(c->keeper->live, route, &url);
        r = json_push(list, json_pack("{s:s,s:s,s:o,s:s}", "name", route->name, "title",
                                      route->title[0] != '\0' ? route->title : route->name, "url",
                                      json_text(buf_view(&url)), "upstream",
                                      tile_health(c->keeper, route->name)));
        buf_fini(&url);
    }
    if (r < 0) {
        json_decref(list);
        return r;
    }
    return call_answer(c, 200, json_pack("{s:o}", "consoles", list));
}

/* ---- health ---- */

/* "key=value\n…" as an object. */
static json_t *pairs_json(struct span text)
{
    json_t *object = json_object();
    struct span line, key;
    while (object != NULL && span_cut(&text, '\n', &line)) {
        if (!span_cut(&line, '=', &key) || key.len == 0) {
            continue;
        }
        char name[128];
        (void)snprintf(name, sizeof(name), "%.*s", SPAN_FMT(span_sub(key, 0, sizeof(name) - 1)));
        if (text_is_utf8(span_str(name)) && json_put(object, name, json_text(line)) < 0) {
            break;
        }
    }
    return object;
}

static json_t *edges_json(const struct keeper *k)
{
    json_t *list = json_array();
    if (!k->looped) {
        return list;
    }
    list_each(at, &k->edges)
    {
        const struct peer *edge = container_of(at, struct peer, link);
        if (json_push(list, json_pack("{s:I,s:b,s:I}", "id", (json_int_t)edge->id, "stalled",
                                      edge->stalled, "acked", (json_int_t)edge->acked)) < 0) {
            break;
        }
    }
    return list;
}

json_t *op_endpoints_json(const struct keeper *k, const struct route_def *route)
{
    json_t *list = json_array();
    struct buf url;
    buf_init(&url, 4096);
    for (size_t i = 0; i < route->upstream_count; i++) {
        struct span detail = SPAN_NONE;
        buf_clear(&url);
        int r = upstream_def_write(&route->upstreams[i], &url);
        char *text = r < 0 ? NULL : buf_take_string(&url);
        if (text == NULL) {
            break;
        }
        const char *state = tile_endpoint(k, route->name, text, &detail);
        r = json_push(list, json_pack("{s:s,s:s,s:o}", "url", text, "state", state, "detail",
                                      json_text(detail)));
        free(text);
        if (r < 0) {
            break;
        }
    }
    buf_fini(&url);
    return list;
}

static json_t *routes_json(const struct keeper *k)
{
    json_t *list = json_array();
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    for (size_t i = 0; s != NULL && i < s->route_count && i < STORE_PAGE_MAX; i++) {
        const struct route_def *route = &s->routes[i];
        if (json_push(list, json_pack("{s:s,s:s,s:o}", "route", route->name, "upstream",
                                      tile_health(k, route->name), "endpoints",
                                      op_endpoints_json(k, route))) < 0) {
            break;
        }
    }
    return list;
}

/* What name servers say of one host, for a program: age in seconds, null before the first answer.
 */
static json_t *name_json(const struct host *host, uint64_t now_ms)
{
    json_t *addresses = json_array();
    for (size_t i = 0; i < host->count; i++) {
        char text[ADDR_TEXT_SIZE];
        addr_format(&host->addrs[i], text);
        if (json_push(addresses, json_string(text)) < 0) {
            json_decref(addresses);
            return NULL;
        }
    }
    return json_pack("{s:s,s:o,s:o,s:o}", "name", host->name, "addresses", addresses, "age",
                     host->known_ms == 0
                         ? json_null()
                         : json_integer((json_int_t)((now_ms - host->known_ms) / 1000)),
                     "fault", host->fault[0] == '\0' ? json_null() : json_string(host->fault));
}

static json_t *names_json(const struct keeper *k)
{
    json_t *list = json_array();
    uint64_t now = clock_mono_ms();
    list_each(at, &k->hosts.all)
    {
        if (json_array_size(list) == STORE_PAGE_MAX ||
            json_push(list, name_json(container_of(at, struct host, link), now)) < 0) {
            break;
        }
    }
    return list;
}

static const char *status_word(const struct keeper *k)
{
    if (k->live == NULL) {
        return "starting";
    }
    if (k->alarmed) {
        return "audit alarm";
    }
    return k->assertions.path != NULL && k->assertions.current.pkey == NULL ? "no assertion key"
                                                                            : "ok";
}

static json_t *revocations_json(const struct keeper *k)
{
    return json_pack("{s:I,s:I,s:I,s:I}", "count", (json_int_t)k->revokes.seen.count, "streams",
                     (json_int_t)k->revokes.seen.streams, "last_ms",
                     (json_int_t)k->revokes.seen.last_ms, "most_ms",
                     (json_int_t)k->revokes.seen.most_ms);
}

int op_health(struct call *c)
{
    struct keeper *k = c->keeper;
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    struct access_stats access = {0};
    uint64_t first = 0, last = 0;
    uint8_t hash[STORE_HASH_SIZE];
    int r = access_stats(k->store, &access);
    r = r < 0 ? r : trail_first(k->store, &first);
    r = r < 0 ? r : trail_last(k->store, &last, hash);
    if (r < 0) {
        return r;
    }
    return call_answer(
        c, 200,
        json_pack(
            "{s:s,s:o,s:s,s:o,s:I,s:I,s:o,s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:I,s:I,s:I}", "status",
            status_word(k), "warnings", alerts_warnings(k), "version", POSTERN_VERSION, "started",
            json_time_ms(k->started_ms), "snapshot", (json_int_t)(s == NULL ? 0 : s->number),
            "generation", (json_int_t)(s == NULL ? 0 : s->generation), "edges", edges_json(k),
            "routes", routes_json(k), "names", names_json(k), "courier",
            k->courier != NULL ? "connected" : "absent", "fleet", pairs_json(span_str(k->fleet)),
            "sandbox", pairs_json(span_str(k->sandbox)), "revocations", revocations_json(k),
            "policy_changes", inforce_json(&k->changes.inforce), "audit_records",
            (json_int_t)(first == 0 ? 0 : last - first + 1), "access_records",
            (json_int_t)access.rows, "access_lost", (json_int_t)access.lost));
}
