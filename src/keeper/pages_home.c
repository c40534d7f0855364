/* The console's first page, in the order in which it is used: where can I go, who is on and can I
 * end it, who was refused and from where, do the consoles answer, what was changed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/record.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "conf/upstream.h"
#include "identity/session.h"
#include "keeper/emergency.h"
#include "keeper/html.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/recover.h"
#include "keeper/tiles.h"
#include "policy/decide.h"
#include "store/access.h"
#include "store/trail.h"
#include "store/users.h"

#define ROWS 50u

/* Each part of the page stops where its share of the greatest page ends, so that a large
 * installation has a shortened page and not none. The command line and the API show everything. */
enum share {
    SHARE_TILES = 32 * 1024,
    SHARE_OWN = 48 * 1024,
    SHARE_ALL = 72 * 1024,
    SHARE_DENIALS = 84 * 1024,
    SHARE_ROUTES = 104 * 1024,
    SHARE_TRAIL = 122 * 1024,
};
#define DAY_MS (24u * 3600 * 1000)

static void badge(struct buf *page, const char *kind, const char *text)
{
    html_raw(page, "<span class=\"badge ");
    html_raw(page, kind);
    html_raw(page, "\">");
    html_str(page, text);
    html_raw(page, "</span>");
}

static bool is_full(const struct buf *page, enum share share)
{
    return buf_len(page) >= (size_t)share;
}

static void end_table(struct buf *page, enum share share)
{
    html_raw(page, "</tbody></table>");
    if (is_full(page, share)) {
        html_raw(page, "<p class=\"muted\">There is more; the command line shows all of it.</p>");
    }
    html_raw(page, "</section>");
}

static void health_badge(struct buf *page, const char *health)
{
    badge(page,
          strcmp(health, "up") == 0     ? "ok"
          : strcmp(health, "down") == 0 ? "bad"
                                        : "warn",
          strcmp(health, "unknown") == 0 ? "not used yet" : health);
}

static void tiles(struct call *c)
{
    const struct live *live = c->keeper->live;
    const struct snapshot *s = live_snapshot(live);
    struct buf *page = &c->page;
    size_t shown = 0;
    html_raw(page, "<section><h2>Consoles</h2><div class=\"tiles\">");
    for (size_t i = 0; i < s->route_count && !is_full(page, SHARE_TILES); i++) {
        const struct route_def *route = &s->routes[i];
        if (!tile_may(c, route)) {
            continue;
        }
        struct buf url;
        buf_init(&url, 4096);
        tile_url(live, route, &url);
        html_raw(page, "<a class=\"tile card\" href=\"");
        html_text(page, buf_view(&url));
        html_raw(page, "\"><strong>");
        html_str(page, route->title[0] != '\0' ? route->title : route->name);
        html_raw(page, "</strong> ");
        health_badge(page, tile_health(c->keeper, route->name));
        html_raw(page, "<span class=\"muted\">");
        html_text(page, buf_view(&url));
        html_raw(page, "</span></a>");
        buf_fini(&url);
        shown++;
    }
    html_raw(page, shown == 0 ? "</div><p class=\"muted\">No rule admits you to a console yet. An "
                                "administrator can add one.</p></section>"
                              : "</div></section>");
}

/* ---- sessions ---- */

struct session_rows {
    struct call *call;
    bool names; /* a column for the user */
    enum share share;
};

static int each_session(void *context, const struct session *s)
{
    struct session_rows *rows = context;
    struct call *c = rows->call;
    struct buf *page = &c->page;
    if (!session_is_live(s, c->now_ms / 1000) || is_full(page, rows->share)) {
        return 0;
    }
    char id[2 * STORE_ID_SIZE + 1], source[ADDR_TEXT_SIZE];
    struct addr a;
    text_hex(id, span_of(s->id, sizeof(s->id)));
    memcpy(a.byte, s->source, sizeof(a.byte));
    addr_format(&a, source);
    html_raw(page, "<tr>");
    if (rows->names) {
        html_raw(page, "<td>");
        html_str(page, s->user);
        html_raw(page, "</td>");
    }
    html_raw(page, "<td>");
    html_str(page, s->child ? s->host : "portal");
    if (memcmp(s->id, c->actor.session, sizeof(s->id)) == 0) {
        html_raw(page, " ");
        badge(page, "ok", "this one");
    }
    html_raw(page, "</td><td>");
    html_str(page, source);
    html_raw(page, "</td><td class=\"muted\">");
    html_str(page, s->agent);
    html_raw(page, "</td><td>");
    html_time(page, s->last_seen * 1000);
    html_raw(page, "</td><td>");
    html_button(page, "/sessions/", span_str(id), "/end", "End", true);
    html_raw(page, "</td></tr>");
    return 0;
}

static int sessions(struct call *c, const char *heading, const char *user)
{
    struct session_rows rows = {c, user == NULL, user == NULL ? SHARE_ALL : SHARE_OWN};
    struct page page = {.limit = ROWS, .newest_first = true};
    html_raw(&c->page, "<section><h2>");
    html_str(&c->page, heading);
    html_raw(&c->page, "</h2><table class=\"table\"><thead><tr>");
    html_raw(&c->page, rows.names ? "<th>User</th>" : "");
    html_raw(&c->page, "<th>Where</th><th>From</th><th>Browser</th><th>Last seen</th><th></th></tr>"
                       "</thead><tbody>");
    int r = sessions_list(c->keeper->store, user, &page, each_session, &rows);
    end_table(&c->page, rows.share);
    return r;
}

/* ---- for owners ---- */

/* Why, for a person: the policy's reason, or what happened before there was a decision. */
static const char *refusal_text(const struct access_denials *d)
{
    static const char *const HAPPENED[] = {
        [ACCESS_UNAUTHENTICATED] = "a login failed, or nobody was logged in",
        [ACCESS_MALFORMED] = "the request was not clean HTTP",
        [ACCESS_SOURCE] = "closed before TLS: nothing admits this network",
        [ACCESS_LIMIT] = "a limit was reached",
    };
    if (d->last_reason != REASON_ALLOWED && d->last_reason < REASON_COUNT)
        return reason_text((enum reason)d->last_reason);
    const char *text = d->last_outcome < countof(HAPPENED) ? HAPPENED[d->last_outcome] : NULL;
    return text != NULL ? text : "refused";
}

static int each_denied(void *context, const struct access_denials *d)
{
    struct buf *page = context;
    char source[ADDR_TEXT_SIZE];
    struct addr a;
    if (is_full(page, SHARE_DENIALS)) {
        return 0;
    }
    memcpy(a.byte, d->source, sizeof(a.byte));
    addr_format(&a, source);
    html_raw(page, "<tr><td>");
    html_str(page, source);
    html_raw(page, "</td><td>");
    html_num(page, d->count);
    html_raw(page, "</td><td>");
    html_text(page, d->last_route);
    html_raw(page, "</td><td>");
    html_str(page, refusal_text(d));
    html_raw(page, "</td><td>");
    html_time(page, d->last_ms);
    html_raw(page, "</td></tr>");
    return 0;
}

static int denials(struct call *c)
{
    html_raw(&c->page, "<section><h2>Refused in the last day</h2><table class=\"table\"><thead><tr>"
                       "<th>From</th><th>Times</th><th>Route</th><th>Reason</th><th>Last</th></tr>"
                       "</thead><tbody>");
    int r =
        access_denied_sources(c->keeper->store, c->now_ms - DAY_MS, ROWS, each_denied, &c->page);
    end_table(&c->page, SHARE_DENIALS);
    return r;
}

/* Where a named upstream is just now. */
static void upstream_name(struct call *c, const struct upstream_def *u)
{
    const struct host *host = u->named ? hosts_find(&c->keeper->hosts, u->host) : NULL;
    struct buf text;
    if (host == NULL) {
        return;
    }
    buf_init(&text, 2048);
    hosts_describe(host, clock_mono_ms(), &text);
    html_raw(&c->page, " <span class=\"muted\">(");
    html_text(&c->page, buf_view(&text));
    html_raw(&c->page, ")</span>");
    buf_fini(&text);
}

/* Where each upstream of the route is and how it does, a line each. */
static void endpoints(struct call *c, const struct route_def *route)
{
    const struct keeper *k = c->keeper;
    struct buf *page = &c->page;
    struct buf url;
    buf_init(&url, 4096);
    for (size_t i = 0; i < route->upstream_count && !is_full(page, SHARE_ROUTES); i++) {
        struct span detail;
        buf_clear(&url);
        int r = upstream_def_write(&route->upstreams[i], &url);
        char *text = r < 0 ? NULL : buf_take_string(&url);
        if (text == NULL) {
            break;
        }
        html_raw(page, i > 0 ? "<br>" : "");
        html_str(page, text);
        upstream_name(c, &route->upstreams[i]);
        html_raw(page, " ");
        health_badge(page, tile_endpoint(k, route->name, text, &detail));
        html_raw(page, " <span class=\"muted\">");
        html_text(page, detail);
        html_raw(page, "</span>");
        free(text);
    }
    buf_fini(&url);
}

static void routes(struct call *c)
{
    const struct snapshot *s = live_snapshot(c->keeper->live);
    struct buf *page = &c->page;
    html_raw(page, "<section><h2>Routes</h2><table class=\"table\"><thead><tr><th>Route</th>"
                   "<th>Reached at</th><th>Upstreams</th></tr></thead><tbody>");
    for (size_t i = 0; i < s->route_count && !is_full(page, SHARE_ROUTES); i++) {
        const struct route_def *route = &s->routes[i];
        struct buf url;
        buf_init(&url, 4096);
        tile_url(c->keeper->live, route, &url);
        html_raw(page, "<tr><td>");
        html_str(page, route->name);
        html_raw(page, "</td><td>");
        html_text(page, buf_view(&url));
        html_raw(page, "</td><td>");
        endpoints(c, route);
        html_raw(page, "</td></tr>");
        buf_fini(&url);
    }
    end_table(page, SHARE_ROUTES);
}

static int each_record(void *context, const struct record *r)
{
    struct buf *page = context;
    if (is_full(page, SHARE_TRAIL)) {
        return 0;
    }
    html_raw(page, "<tr><td>");
    html_num(page, r->seq);
    html_raw(page, "</td><td>");
    html_time(page, r->wall_ms);
    html_raw(page, "</td><td>");
    html_text(page, r->actor.len > 0 ? r->actor : span_str(audit_actor_name(r->actor_kind)));
    html_raw(page, "</td><td>");
    html_str(page, audit_event_text(audit_event_find(r->event)));
    html_raw(page, "</td><td>");
    html_text(page, r->target);
    html_raw(page, "</td><td>");
    badge(page, r->outcome == AUDIT_DONE ? "ok" : "bad", audit_outcome_name(r->outcome));
    html_raw(page, "</td></tr>");
    return 0;
}

static int trail(struct call *c)
{
    struct page page = {.limit = 30, .newest_first = true};
    html_raw(&c->page, "<section><h2>Latest changes and logins</h2>");
    if (c->keeper->alarmed) {
        html_raw(&c->page,
                 "<p class=\"error\">This trail is not what its head file says: something "
                 "was cut or rewritten. <code>postern audit verify</code> says more.</p>");
    }
    html_raw(&c->page, "<table class=\"table\"><thead><tr>"
                       "<th>No.</th><th>When</th><th>Who</th><th>What</th><th>About</th><th></th>"
                       "</tr></thead><tbody>");
    int r = trail_list(c->keeper->store, &page, each_record, &c->page);
    end_table(&c->page, SHARE_TRAIL);
    return r;
}

/* Fewer are soon none. */
#define RECOVERY_FEW 3u

static void alert(struct buf *page, struct span text)
{
    html_raw(page, "<p class=\"error\" role=\"alert\">");
    html_text(page, text);
    html_raw(page, "</p>");
}

/* What somebody has to hear first: an owner of emergencies, everybody of his own last codes. */
static int tell(struct call *c)
{
    json_t *list = json_array(), *line;
    struct user user;
    size_t i;
    bool may = false;
    int r = list == NULL ? -ENOMEM : users_find(c->keeper->store, c->actor.user, &user);
    if (r == 0 && (c->actor.roles & ROLE_OWNER) != 0) {
        r = emergency_warn(c->keeper, c->now_ms / 1000, list);
    }
    if (r == 0 && user.totp && user.recovery_left <= RECOVERY_FEW) {
        char said[96];
        (void)snprintf(said, sizeof(said), "You have %u recovery codes left; make new ones.",
                       user.recovery_left);
        r = json_push(list, json_string(said));
    }
    json_array_foreach(list, i, line) alert(&c->page, json_span(line));
    json_decref(list);
    r = r < 0 ? r : recover_may_approve(c, &may);
    if (may) {
        html_raw(&c->page, "<p><a href=\"/account/approvals\">Approvals</a></p>");
    }
    return r;
}

int page_home(struct call *c)
{
    if (c->actor.kind != CREDENTIAL_CONSOLE) {
        return call_problem(c, 403, NULL, "the console is for people; a token uses the API");
    }
    html_open(&c->page, "Your consoles", span_str(c->actor.user));
    int told = tell(c);
    if (told < 0) {
        return told;
    }
    tiles(c);
    int r = sessions(c, "Your sessions", c->actor.user);
    if ((c->actor.roles & ROLE_OWNER) != 0) {
        r = r < 0 ? r : sessions(c, "On now", NULL);
        r = r < 0 ? r : denials(c);
        routes(c);
        r = r < 0 ? r : trail(c);
    }
    html_close(&c->page);
    c->status = 200;
    return r;
}
