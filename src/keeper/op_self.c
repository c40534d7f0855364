#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "conf/upstream.h"
#include "keeper/emergency.h"
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

static json_t *endpoints_json(const struct keeper *k, const struct route_def *route)
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
                                      endpoints_json(k, route))) < 0) {
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

#define CERTIFICATE_WARN_DAYS 14
#define DAYS_LEFT SPAN("days_left")

#define TOKEN_WARN_WITHIN (14u * 86400)
#define TOKEN_WARNINGS_MAX 100u

struct endings {
    json_t *list;
    uint64_t now;
};

static int each_ending(void *context, const struct token *t)
{
    const struct endings *e = context;
    char said[2 * STORE_NAME_SIZE + 64];
    static const struct {
        uint64_t seconds;
        const char *word;
    } UNITS[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}};
    uint64_t left = t->expires - e->now;
    size_t u = 0;
    while (u + 1 < countof(UNITS) && left < 2 * UNITS[u].seconds) {
        u++;
    }
    (void)snprintf(said, sizeof(said), "token %s of %s: %llu %s left", t->name, t->owner,
                   (unsigned long long)(left / UNITS[u].seconds), UNITS[u].word);
    return json_push(e->list, json_string(said));
}

/* Only those that have lived most of their time: who makes tokens for a day needs no warning. */
static int warn_of_tokens(const struct keeper *k, json_t *list)
{
    struct endings e = {list, clock_wall_ms() / 1000};
    return tokens_ending(k->store, e.now, TOKEN_WARN_WITHIN, TOKEN_WARNINGS_MAX, each_ending, &e);
}

static int warn_of_directories(const struct keeper *k, json_t *list)
{
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    for (size_t i = 0; s != NULL && i < s->dir_count; i++) {
        const struct directory_state *d = directories_state(&k->directories, s->dirs[i].name);
        char said[2 * DIRECTORY_TEXT_SIZE];
        if (d == NULL || !d->down) {
            continue;
        }
        (void)snprintf(said, sizeof(said), "directory %s: down: %s", d->name, d->text);
        if (json_push(list, json_text(span_str(said))) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* What a person should do something about before it breaks. The fleet's lines name each pair as
 * "certificate_days_left" (the default one) or "certificate.NAME.days_left". */
#define AUTHORITY_WARN_SECONDS (14u * 86400)
#define LIST_WARN_SECONDS 43200u

/* An authority that ends, or a list of revoked certificates, shuts out whoever is asked for one. */
static int warn_of_client(json_t *list, const char *whose, const struct client_def *def,
                          uint64_t now)
{
    uint64_t authority, revoked;
    char said[192];
    if (def->authorities[0] == '\0' ||
        clienttrust_ends(span_str(def->authorities), span_str(def->lists), &authority, &revoked) <
            0) {
        return 0;
    }
    bool list_first = revoked != 0 && revoked < authority;
    uint64_t end = list_first ? revoked : authority;
    /* Lists come anew all the time, authorities do not. */
    if (end >= now + (list_first ? LIST_WARN_SECONDS : AUTHORITY_WARN_SECONDS)) {
        return 0;
    }
    (void)snprintf(said, sizeof(said), "certificates of clients of %s: the %s %s", whose,
                   list_first ? "revocation list" : "authority",
                   end <= now ? "has expired, nobody is let in" : "ends soon");
    return json_push(list, json_string(said));
}

static int warn_of_clients(const struct keeper *k, json_t *list)
{
    uint64_t now = clock_wall_ms() / 1000;
    const struct snapshot *s = k->live == NULL ? NULL : live_snapshot(k->live);
    int r = s == NULL ? 0 : warn_of_client(list, "the portal", &s->portal_client, now);
    for (size_t i = 0; s != NULL && r == 0 && i < s->listener_count; i++) {
        r = warn_of_client(list, s->listeners[i].name, &s->listeners[i].client, now);
    }
    for (size_t i = 0; s != NULL && r == 0 && i < s->route_count; i++) {
        r = warn_of_client(list, s->routes[i].name, &s->routes[i].client, now);
    }
    return r;
}

static json_t *warnings_json(struct keeper *k)
{
    json_t *list = json_array();
    struct span text = span_str(k->fleet), line, key;
    while (list != NULL && span_cut(&text, '\n', &line)) {
        uint64_t days = 0;
        if (!span_cut(&line, '=', &key) || !span_starts(key, SPAN("certificate")) ||
            !span_ends(key, DAYS_LEFT) ||
            (text_u64(line, UINT32_MAX, &days) == 0 && days >= CERTIFICATE_WARN_DAYS)) {
            continue;
        }
        struct span name = span_sub(key, 12, key.len - 12);
        name = span_sub(name, 0, name.len > DAYS_LEFT.len ? name.len - DAYS_LEFT.len - 1 : 0);
        char said[160];
        (void)snprintf(said, sizeof(said), "certificate %.*s: %.*s days left",
                       SPAN_FMT(name.len > 0 ? name : SPAN("default")), SPAN_FMT(line));
        if (json_push(list, json_string(said)) < 0) {
            break;
        }
    }
    if (list != NULL && warn_of_directories(k, list) < 0) {
        json_decref(list);
        return NULL;
    }
    if (list != NULL && warn_of_clients(k, list) < 0) {
        json_decref(list);
        return NULL;
    }
    if (list != NULL && warn_of_tokens(k, list) < 0) {
        json_decref(list);
        return NULL;
    }
    if (list != NULL && emergency_warn(k, clock_wall_ms() / 1000, list) < 0) {
        (void)json_push(list, json_string("break-glass accounts cannot be read"));
    }
    return list;
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
    uint64_t count = 0;
    uint8_t hash[STORE_HASH_SIZE];
    int r = access_stats(k->store, &access);
    r = r < 0 ? r : trail_last(k->store, &count, hash);
    if (r < 0) {
        return r;
    }
    return call_answer(
        c, 200,
        json_pack(
            "{s:s,s:o,s:s,s:o,s:I,s:I,s:o,s:o,s:o,s:s,s:o,s:o,s:o,s:I,s:I,s:I}", "status",
            status_word(k), "warnings", warnings_json(k), "version", POSTERN_VERSION, "started",
            json_time_ms(k->started_ms), "snapshot", (json_int_t)(s == NULL ? 0 : s->number),
            "generation", (json_int_t)(s == NULL ? 0 : s->generation), "edges", edges_json(k),
            "routes", routes_json(k), "names", names_json(k), "courier",
            k->courier != NULL ? "connected" : "absent", "fleet", pairs_json(span_str(k->fleet)),
            "sandbox", pairs_json(span_str(k->sandbox)), "revocations", revocations_json(k),
            "audit_records", (json_int_t)count, "access_records", (json_int_t)access.rows,
            "access_lost", (json_int_t)access.lost));
}
