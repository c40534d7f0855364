#include "keeper/handover.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "identity/session.h"
#include "identity/token.h"
#include "keeper/actor.h"
#include "keeper/call.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "policy/binding.h"
#include "store/users.h"

static int record(struct keeper *k, enum audit_event event, enum audit_outcome outcome,
                  const char *user, const uint8_t source[16], struct span target,
                  struct span request_id)
{
    struct audit_draft draft = {
        .event = event,
        .actor_kind = user[0] == '\0' ? AUDIT_NOBODY : AUDIT_PERSON,
        .actor = span_str(user),
        .source = source,
        .target = target,
        .outcome = outcome,
        .request_id = request_id,
    };
    return keeper_record(k, &draft);
}

static void send_answer(struct peer *edge, uint32_t serial, enum msg_type type, const void *message)
{
    struct reply *reply = reply_new(REPLY_EDGE, edge->number, serial, type);
    if (reply != NULL) {
        reply_encode(edge->keeper, reply, type, message);
        turn_reply(&edge->keeper->turn, reply);
    }
}

/* ---- the portal's half ---- */

struct give {
    const struct msg_handover *m;
    enum handover_result result;
    char code[TOKEN_TEXT_SIZE];
};

static bool is_clean_target(struct span back)
{
    /* "//host" and "/\host" are other places to a browser. */
    return back.len > 0 && back.at[0] == '/' &&
           (back.len == 1 || (back.at[1] != '/' && back.at[1] != '\\'));
}

/* Whoever has left the binding of a console's route proves again before he is handed over: else the
 * portal's cookie would lead around it. */
static bool still_bound(const struct keeper *k, const struct msg_handover *m,
                        const struct session *s)
{
    struct addr then, now;
    struct route_list routes = live_routes(k->live, m->host);
    memcpy(then.byte, s->source, sizeof(then.byte));
    memcpy(now.byte, m->source, sizeof(now.byte));
    const struct whereabouts began = {&then, span_str(s->fingerprint)};
    const struct whereabouts here = {&now, m->fingerprint};
    bool holds = true;
    for (size_t i = 0; i < routes.count && holds; i++) {
        holds = binding_holds(routes.at[i], policy_zones(live_policy(k->live)), &began, &here);
    }
    return holds;
}

static int give_step(struct keeper *k, void *context)
{
    struct give *g = context;
    const struct msg_handover *m = g->m;
    uint64_t now = clock_wall_ms() / 1000;
    struct session s;
    enum view_status status;
    int r = session_resolve(k, CREDENTIAL_SSO, m->sso, m->portal, now, &s, &status);
    if (r < 0) {
        return r;
    }
    if (status != VIEW_OK) {
        g->result = HANDOVER_LOGIN;
        return 0;
    }
    if (!still_bound(k, m, &s)) {
        g->result = HANDOVER_LOGIN;
        return record(k, AUDIT_SESSION_MOVED, AUDIT_REFUSED, s.user, m->source, m->host,
                      m->request_id);
    }
    g->result = HANDOVER_REFUSED;
    if (live_handover(k->live, m->host) == NULL || !is_clean_target(m->back)) {
        return record(k, AUDIT_HANDOVER_REFUSED, AUDIT_REFUSED, s.user, m->source, m->host,
                      m->request_id);
    }
    struct handover h = {.back = m->back, .expires = now + HANDOVER_LIFE};
    memcpy(h.flow_hash, m->flow_hash, sizeof(h.flow_hash));
    memcpy(h.parent, s.id, sizeof(h.parent));
    (void)snprintf(h.host, sizeof(h.host), "%.*s", SPAN_FMT(m->host));
    r = token_new(g->code, h.hash);
    r = r < 0 ? r : handovers_add(k->store, &h);
    if (r == FAULT_LIMIT) {
        return 0;
    }
    g->result = r == 0 ? HANDOVER_OK : HANDOVER_FAILED;
    return r;
}

void handover_answer(struct peer *edge, uint32_t serial, const struct msg_handover *m)
{
    struct keeper *k = edge->keeper;
    struct give g = {.m = m, .result = HANDOVER_FAILED};
    if (k->live != NULL && turn_run(&k->turn, give_step, &g) < 0) {
        g.result = HANDOVER_FAILED;
    }
    struct msg_handover_is answer = {.result = (uint8_t)g.result};
    if (g.result == HANDOVER_OK) {
        answer.code = span_str(g.code);
    }
    send_answer(edge, serial, MSG_HANDOVER_IS, &answer);
    secret_wipe(&g, sizeof(g));
}

/* ---- the console's half ---- */

struct take {
    const struct msg_redeem *m;
    struct arena arena;
    enum handover_result result;
    char token[TOKEN_TEXT_SIZE];
    struct span back;
    uint64_t ends_at;
};

static int make_child(struct keeper *k, struct take *t, const struct session *parent, uint64_t now)
{
    struct session_key key = {.kind = CREDENTIAL_CHILD};
    struct session child = *parent;
    child.child = true;
    memcpy(child.parent, parent->id, sizeof(child.parent));
    child.created = child.last_seen = now;
    memcpy(child.source, t->m->source, sizeof(child.source));
    (void)snprintf(child.fingerprint, sizeof(child.fingerprint), "%.*s",
                   SPAN_FMT(t->m->fingerprint));
    (void)snprintf(child.host, sizeof(child.host), "%.*s", SPAN_FMT(t->m->host));
    int r = token_new_id(child.id);
    r = r < 0 ? r : token_new(t->token, key.hash);
    r = r < 0 ? r : sessions_add(k->store, &child, &key, 1);
    r = r < 0 ? r : sessions_touch(k->store, parent->id, now);
    r = r < 0 ? r
              : record(k, AUDIT_HANDOVER, AUDIT_DONE, parent->user, t->m->source, t->m->host,
                       t->m->request_id);
    if (r == 0) {
        t->result = HANDOVER_OK;
        t->ends_at = child.ends_at;
    }
    return r;
}

/* Is this the browser that the code was made for, on the host it was made for? */
static bool fits(const struct keeper *k, const struct take *t, const struct handover *h)
{
    uint8_t flow[TOKEN_HASH_SIZE];
    return span_is(t->m->host, h->host) && live_handover(k->live, t->m->host) != NULL &&
           token_digest(t->m->flow, flow) == 0 &&
           secret_eq(span_of(flow, sizeof(flow)), span_of(h->flow_hash, sizeof(h->flow_hash)));
}

static int take_step(struct keeper *k, void *context)
{
    struct take *t = context;
    uint64_t now = clock_wall_ms() / 1000;
    uint8_t hash[TOKEN_HASH_SIZE];
    struct handover h;
    struct session parent = {0};
    t->result = HANDOVER_REFUSED;
    if (!token_is_shaped(t->m->code)) {
        return 0;
    }
    int r = token_hash(t->m->code, hash);
    r = r < 0 ? r : handovers_take(k->store, hash, now, &t->arena, &h);
    if (r == FAULT_ABSENT || r == FAULT_STALE) {
        /* A code nobody made costs no record: anybody can send those. */
        return 0;
    }
    r = r < 0 ? r : sessions_find(k->store, h.parent, &parent);
    if (r < 0 && r != FAULT_ABSENT) {
        return r;
    }
    if (r == FAULT_ABSENT || !fits(k, t, &h) || !session_is_live(&parent, now)) {
        return record(k, AUDIT_HANDOVER_REFUSED, AUDIT_REFUSED, parent.user, t->m->source,
                      t->m->host, t->m->request_id);
    }
    t->back = h.back;
    return make_child(k, t, &parent, now);
}

void redeem_answer(struct peer *edge, uint32_t serial, const struct msg_redeem *m)
{
    struct keeper *k = edge->keeper;
    struct take t = {.m = m, .result = HANDOVER_FAILED};
    arena_init(&t.arena, 8192, 65536);
    if (k->live != NULL && turn_run(&k->turn, take_step, &t) < 0) {
        t.result = HANDOVER_FAILED;
    }
    struct msg_redeem_is answer = {.result = (uint8_t)t.result};
    if (t.result == HANDOVER_OK) {
        answer.token = span_str(t.token);
        answer.back = t.back;
        answer.ends_at = t.ends_at;
    }
    send_answer(edge, serial, MSG_REDEEM_IS, &answer);
    arena_fini(&t.arena);
    secret_wipe(&t, sizeof(t));
}

/* ---- logging out ---- */

struct leave {
    const struct msg_logout *m;
    struct call *ended; /* collects what to revoke after the commit */
    bool ok;
};

static int each_ended(void *context, const uint8_t id[STORE_ID_SIZE])
{
    return call_revoke(context, REVOKE_SESSION, span_of(id, STORE_ID_SIZE));
}

static int leave_step(struct keeper *k, void *context)
{
    struct leave *l = context;
    const struct msg_logout *m = l->m;
    uint64_t now = clock_wall_ms() / 1000;
    struct session s;
    enum view_status status;
    int r = session_resolve(k, (enum credential_kind)m->kind, m->token, m->host, now, &s, &status);
    if (r < 0) {
        return r;
    }
    l->ok = true;
    if (status != VIEW_OK) {
        /* Gone already, which is what was wanted. */
        return 0;
    }
    const uint8_t *top = s.child ? s.parent : s.id;
    r = sessions_end(k->store, top, now, each_ended, l->ended);
    return r < 0 ? r
                 : record(k, AUDIT_LOGOUT, AUDIT_DONE, s.user, m->source, m->host, m->request_id);
}

void logout_answer(struct peer *edge, uint32_t serial, const struct msg_logout *m)
{
    struct keeper *k = edge->keeper;
    struct reply *reply = reply_new(REPLY_EDGE, edge->number, serial, MSG_LOGOUT_IS);
    struct leave l = {.m = m, .ended = call_new(k, &(struct call_input){0})};
    bool session_kind =
        m->kind == CREDENTIAL_CONSOLE || m->kind == CREDENTIAL_CHILD || m->kind == CREDENTIAL_SSO;
    if (reply == NULL || l.ended == NULL) {
        reply_free(reply);
        call_free(l.ended);
        return;
    }
    if (k->live == NULL || !session_kind || turn_run(&k->turn, leave_step, &l) < 0) {
        l.ok = false;
        call_drop_revokes(l.ended);
    }
    reply_encode(k, reply, MSG_LOGOUT_IS, &(struct msg_logout_is){.ok = l.ok});
    reply->revokes = l.ended;
    turn_reply(&k->turn, reply);
}
