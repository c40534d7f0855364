/* Views: what an edge may know of a session for some seconds. */
#include <errno.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "identity/session.h"
#include "keeper/actor.h"
#include "keeper/handover.h"
#include "keeper/keeper.h"
#include "keeper/usage.h"
#include "store/requests.h"
#include "store/users.h"

#define GROUPS_MAX 4096u
#define GRANTS_MAX 4096u
#define INJECT_MAX 16384u
#define ASSERTIONS_MAX 32768u

struct view_work {
    struct arena arena;
    struct buf groups, grants, inject, assertion;
    char user[STORE_NAME_SIZE];
    char token_name[STORE_NAME_SIZE];
    char fingerprint[SESSION_FINGERPRINT_SIZE];
};

/* A line that does not fit is left out whole: half a credential would be sent as one. */
static bool has_room(const struct buf *lines, const struct route_def *route, size_t len)
{
    if (strlen(route->name) + 2 + len <= lines->max - buf_len(lines)) {
        return true;
    }
    log_kv(LOG_LEVEL_WARN, "view_left_out", "route", route->name);
    return false;
}

static void add_inject(const struct keeper *k, struct buf *lines, const struct route_def *route)
{
    struct span value = live_inject(k->live, route);
    if (value.len == 0 || !has_room(lines, route, value.len)) {
        return;
    }
    (void)buf_printf(lines, "%s\t", route->name);
    (void)buf_append(lines, value);
    (void)buf_byte(lines, '\n');
}

/* What consoles are given beside the request: their own credential, and who asks. Only for the
 * routes that this view is for and only where some rule could admit its holder: what an edge never
 * gets, it cannot lose. */
static int add_gifts(struct keeper *k, struct view_work *w, const struct msg_session *m,
                     const struct msg_view *v, uint64_t now)
{
    struct route_list routes = live_routes(k->live, m->host);
    int r = 0;
    for (size_t i = 0; i < routes.count && r == 0; i++) {
        const struct route_def *route = routes.at[i];
        if (!live_may_reach(k->live, route, v->user, v->groups, v->token_name, v->named_only != 0,
                            &v->grants)) {
            continue;
        }
        add_inject(k, &w->inject, route);
        if (route_tells(route, "jwt") && has_room(&w->assertion, route, ASSERTION_MAX)) {
            r = assertions_add(k, route, v, now, &w->assertion);
        }
    }
    return r;
}

static int fill_session(struct keeper *k, struct view_work *w, const struct msg_session *m,
                        uint64_t now, struct msg_view *v)
{
    struct session s;
    enum view_status status;
    int r = session_resolve(k, (enum credential_kind)m->kind, m->token, m->host, now, &s, &status);
    v->status = (uint8_t)status;
    if (r < 0 || status != VIEW_OK) {
        return r;
    }
    memcpy(v->id, s.id, sizeof(v->id));
    memcpy(w->user, s.user, sizeof(w->user));
    v->password_at = s.proven.at[ASSURANCE_PASSWORD];
    v->mfa_at = s.proven.at[ASSURANCE_MFA];
    v->resistant_at = s.proven.at[ASSURANCE_PHISHING_RESISTANT];
    v->hardware_at = s.proven.at[ASSURANCE_HARDWARE];
    v->idle_until = session_idle_until(&s);
    v->ends_at = s.ends_at;
    memcpy(v->source, s.source, sizeof(v->source));
    memcpy(w->fingerprint, s.fingerprint, sizeof(w->fingerprint));
    v->fingerprint = span_str(w->fingerprint);
    v->named_only = s.emergency;
    r = requests_grants(k->store, w->user, grants_now(k), &w->grants);
    return r < 0 ? r : groups_of(k->store, w->user, &w->groups);
}

static int fill_token(struct keeper *k, struct view_work *w, const struct msg_session *m,
                      uint64_t now, struct msg_view *v)
{
    struct token t;
    enum view_status status;
    int r = token_resolve(k, m->token, now, &w->arena, &t, &status);
    v->status = (uint8_t)status;
    if (r < 0 || status != VIEW_OK) {
        return r;
    }
    memcpy(v->id, t.id, sizeof(v->id));
    memcpy(w->user, t.owner, sizeof(w->user));
    memcpy(w->token_name, t.name, sizeof(w->token_name));
    v->ends_at = t.expires;
    v->scope_routes = t.routes;
    v->scope_methods = t.methods;
    v->scope_paths = t.paths;
    v->scope_zones = t.zones;
    v->scope_bound = t.bound;
    memcpy(v->scope_certificate, t.certificate, sizeof(v->scope_certificate));
    if (t.by_former && (v->ends_at == 0 || t.former_ends < v->ends_at)) {
        v->ends_at = t.former_ends;
    }
    struct addr source;
    memcpy(source.byte, m->source, sizeof(source.byte));
    if (usage_place_fits(k, &t, &source, m->interface)) {
        usage_note(k, &t, &source, now);
    }
    return groups_of(k->store, w->user, &w->groups);
}

/* A program that comes with nothing else. People have to prove more than a file, on the portal. */
static int fill_certificate(struct keeper *k, struct view_work *w, const struct msg_session *m,
                            uint64_t now, struct msg_view *v)
{
    struct certificate c;
    uint64_t until = 0;
    int r = clientid_find(k, m->certificate, m->host, now, &c, &until);
    v->status = VIEW_UNKNOWN;
    if (r < 0 || c.user_kind != USER_SERVICE) {
        return r == FAULT_ABSENT ? 0 : r;
    }
    v->status = VIEW_OK;
    memcpy(v->id, c.id, sizeof(v->id));
    memcpy(w->user, c.user, sizeof(w->user));
    memcpy(w->token_name, c.name, sizeof(w->token_name));
    v->ends_at = until;
    v->scope_routes = SPAN("*");
    clientid_note(k, &c, now);
    return groups_of(k->store, w->user, &w->groups);
}

void view_answer(struct peer *edge, uint32_t serial, const struct msg_session *m)
{
    struct keeper *k = edge->keeper;
    struct msg_view v = {.status = VIEW_FAILED, .kind = m->kind};
    struct view_work w = {0};
    uint64_t now = clock_wall_ms() / 1000;
    arena_init(&w.arena, 2048, 65536);
    buf_init(&w.groups, GROUPS_MAX);
    buf_init(&w.grants, GRANTS_MAX);
    buf_init(&w.inject, INJECT_MAX);
    buf_init(&w.assertion, ASSERTIONS_MAX);
    w.inject.wipe = true;
    int r = FAULT_BUSY;
    if (k->live != NULL) {
        switch (m->kind) {
        case CREDENTIAL_TOKEN:
            r = fill_token(k, &w, m, now, &v);
            break;
        case CREDENTIAL_CERTIFICATE:
            r = fill_certificate(k, &w, m, now, &v);
            break;
        case CREDENTIAL_CONSOLE:
        case CREDENTIAL_CHILD:
        case CREDENTIAL_SSO:
            r = fill_session(k, &w, m, now, &v);
            break;
        default: /* Nothing else comes from the network. */
            r = 0;
            v.status = VIEW_UNKNOWN;
        }
    }
    if (r == 0 && v.status == VIEW_OK) {
        v.user = span_str(w.user);
        v.token_name = span_str(w.token_name);
        v.groups = buf_view(&w.groups);
        v.grants = buf_view(&w.grants);
        r = add_gifts(k, &w, m, &v, now);
        v.inject = buf_view(&w.inject);
        v.assertion = buf_view(&w.assertion);
    }
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "view", r, "a session could not be looked up");
        v = (struct msg_view){.status = VIEW_FAILED, .kind = m->kind};
    }
    struct reply *reply = reply_new(REPLY_EDGE, edge->number, serial, MSG_VIEW);
    if (reply != NULL) {
        reply_encode(k, reply, MSG_VIEW, &v);
        turn_reply(&k->turn, reply);
    }
    buf_fini(&w.assertion);
    buf_fini(&w.inject);
    buf_fini(&w.grants);
    buf_fini(&w.groups);
    arena_fini(&w.arena);
}
