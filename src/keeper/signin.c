#include "keeper/signin.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "identity/lockout.h"
#include "keeper/attempts.h"
#include "keeper/call.h"
#include "keeper/clientid.h"
#include "keeper/emergency.h"
#include "keeper/linked.h"
#include "store/agents.h"
#include "store/entries.h"
#include "store/sessions.h"
#include "store/users.h"

/* One or two are slips. */
#define UNUSUAL_FAILURES 3u

struct signin signin_of(const struct call *c)
{
    return (struct signin){.source = c->in.source,
                           .agent = c->in.agent,
                           .fingerprint = c->in.fingerprint,
                           .replaces = c->in.sso,
                           .request_id = c->in.request_id};
}

static int each_oldest(void *context, const struct session *session)
{
    uint8_t *id = context;
    if (session->child) {
        return 0;
    }
    memcpy(id, session->id, STORE_ID_SIZE);
    return 1;
}

static int each_ended(void *context, const uint8_t id[STORE_ID_SIZE])
{
    return call_revoke(context, REVOKE_SESSION, span_of(id, STORE_ID_SIZE));
}

static int make_room(struct keeper *k, const struct signin *s, uint64_t now, struct call *revokes)
{
    uint64_t count = 0;
    uint32_t most = live_snapshot(k->live)->authentication.sessions_per_user;
    int r = sessions_count(k->store, s->user, &count);
    if (r < 0 || most == 0 || count < most) {
        return r;
    }
    uint8_t id[STORE_ID_SIZE];
    struct page page = {0};
    r = sessions_list(k->store, s->user, &page, each_oldest, id);
    return r != 1 ? r : sessions_end(k->store, id, now, each_ended, revokes);
}

/* A browser has one session: what it held before a sign-in is worth nothing after it, whoever put
 * it there (ASVS 7.2.4). */
static int end_replaced(struct keeper *k, const struct signin *s, uint64_t now,
                        struct call *revokes)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    struct session old;
    if (!token_is_shaped(s->replaces) || token_hash(s->replaces, hash) < 0) {
        return 0;
    }
    int r = sessions_find_key(k->store, CREDENTIAL_SSO, hash, &old);
    if (r == FAULT_ABSENT || (r == 0 && old.ended != 0)) {
        return 0;
    }
    return r < 0 ? r : sessions_end(k->store, old.id, now, each_ended, revokes);
}

/* emergency: the account of a broken seal, which bounds the session, or NULL. */
static int new_session(struct keeper *k, struct signin *s, const struct proven *proven,
                       uint64_t now, const struct breakglass *emergency,
                       const struct session_key keys[2], struct call *revokes)
{
    const struct snapshot *conf = live_snapshot(k->live);
    struct session n = {.proven = *proven,
                        .factors = s->proofs.factors,
                        .created = now,
                        .last_seen = now,
                        .idle = conf->session.idle,
                        .ends_at = now + conf->session.absolute};
    (void)snprintf(n.user, sizeof(n.user), "%s", s->user);
    (void)snprintf(n.host, sizeof(n.host), "%s", conf->portal_host);
    (void)snprintf(n.agent, sizeof(n.agent), "%.*s", SPAN_FMT(s->agent));
    (void)snprintf(n.fingerprint, sizeof(n.fingerprint), "%.*s", SPAN_FMT(s->fingerprint));
    memcpy(n.source, s->source.byte, sizeof(n.source));
    if (emergency != NULL) {
        emergency_bound(emergency, now, &n);
    }
    int r = end_replaced(k, s, now, revokes);
    r = r < 0 ? r : make_room(k, s, now, revokes);
    r = r < 0 ? r : token_new_id(n.id);
    r = r < 0 ? r : sessions_add(k->store, &n, keys, 2);
    s->ends_at = n.ends_at;
    memcpy(s->session, n.id, sizeof(s->session));
    return r;
}

static int raise_session(struct keeper *k, struct signin *s, const struct proven *proven,
                         uint64_t now, const struct session_key keys[2])
{
    struct session n;
    int r = sessions_find(k->store, s->raises, &n);
    if (r == 0 && (n.child || n.ended != 0 || now >= n.ends_at || strcmp(n.user, s->user) != 0)) {
        r = FAULT_ABSENT;
    }
    if (r == 0) {
        s->ends_at = n.ends_at;
        char fingerprint[SESSION_FINGERPRINT_SIZE];
        (void)snprintf(fingerprint, sizeof(fingerprint), "%.*s", SPAN_FMT(s->fingerprint));
        memcpy(s->session, s->raises, sizeof(s->session));
        r = sessions_raise(k->store, s->raises, proven, s->proofs.factors, keys, 2);
        r = r < 0 ? r : sessions_move(k->store, s->raises, s->source.byte, fingerprint);
    }
    return r;
}

/* A key or a provider lets somebody in whom the directory may have shut out since it was last
 * asked: it is asked at the next look, within a second or so, and not only when the look is due. */
static int look_soon(struct keeper *k, const struct signin *s)
{
    struct entry e;
    int r = (s->proofs.factors & factor_bit(FACTOR_DIRECTORY)) != 0
                ? FAULT_ABSENT
                : entries_find(k->store, s->user, &e);
    if (r < 0) {
        return r == FAULT_ABSENT ? 0 : r;
    }
    e.checked = 0;
    return entries_put(k->store, &e);
}

static int record_event(struct keeper *k, const struct signin *s, enum audit_event event,
                        struct span detail)
{
    struct audit_draft draft = {
        .event = event,
        .actor_kind = s->emergency ? AUDIT_EMERGENCY : AUDIT_PERSON,
        .actor = span_str(s->user),
        .source = s->source.byte,
        .target = span_str(s->user),
        .request_id = s->request_id,
        .detail = detail,
    };
    return keeper_record(k, &draft);
}

/* What the person should know of: a place or a program that is new, and failures before. */
static int record_unusual(struct keeper *k, const struct signin *s, bool new_place, bool new_agent,
                          uint32_t failures)
{
    struct buf detail;
    int r = 0;
    buf_init(&detail, 2048);
    if (new_place || new_agent) {
        (void)buf_printf(&detail, "{\"new\":\"%s\",\"agent\":",
                         new_place && new_agent ? "place and program"
                         : new_place            ? "place"
                                                : "program");
        (void)text_json(&detail, s->agent);
        (void)buf_text(&detail, "}");
        r = record_event(k, s, AUDIT_LOGIN_NEW, buf_view(&detail));
    }
    if (r == 0 && failures >= UNUSUAL_FAILURES) {
        buf_clear(&detail);
        (void)buf_printf(&detail, "{\"failures\":\"%u\"}", failures);
        r = record_event(k, s, AUDIT_LOGIN_AFTER, buf_view(&detail));
    }
    buf_fini(&detail);
    return r;
}

static int record(struct keeper *k, const struct signin *s, enum assurance level)
{
    char names[FACTOR_NAMES_SIZE], detail[FACTOR_NAMES_SIZE + 64];
    factor_names(s->proofs.factors, names);
    (void)snprintf(detail, sizeof(detail), "{\"factor\":\"%s\",\"assurance\":\"%s\"}", names,
                   assurance_name(level));
    return record_event(k, s, s->raises != NULL ? AUDIT_LOGIN_RAISED : AUDIT_LOGIN,
                        span_str(detail));
}

static struct attempt attempt_of(struct keeper *k, const struct signin *s)
{
    return (struct attempt){
        .keeper = k, .user = s->user, .source = s->source, .request_id = s->request_id};
}

static int any_spent(struct keeper *k, const struct signin *s, bool *ret)
{
    int r = 0;
    for (unsigned f = 0; f < FACTOR_COUNT && r == 0 && !*ret; f++) {
        if ((s->proofs.factors & factor_bit((enum factor)f)) != 0) {
            r = attempts_spent(k->store, s->user, (enum factor)f, ret);
        }
    }
    return r;
}

static int refuse(struct keeper *k, struct signin *s, const char *why)
{
    struct attempt a = attempt_of(k, s);
    s->result = SIGNIN_REFUSED;
    return attempts_refused(&a, why);
}

static int wait_in(struct keeper *k, struct signin *s, enum flow_kind kind)
{
    struct flow f = {.kind = kind,
                     .factors = s->proofs.factors,
                     .device_bound = s->proofs.device_bound,
                     .asserted = s->proofs.asserted,
                     .raises = s->raises != NULL,
                     .data = s->data,
                     .back = s->back,
                     .expires = clock_wall_ms() / 1000 + FLOW_LIFE};
    (void)snprintf(f.user, sizeof(f.user), "%s", s->user);
    lockout_source_key(&s->source, f.source);
    if (f.raises) {
        memcpy(f.session, s->raises, sizeof(f.session));
    }
    int r = token_new(s->flow, f.hash);
    r = r < 0 ? r : flows_put(k->store, &f);
    s->result = kind == FLOW_REASON ? SIGNIN_REASON : SIGNIN_SECOND;
    return r;
}

int signin_wait(struct keeper *k, struct signin *s)
{
    return wait_in(k, s, FLOW_SECOND);
}

/* The account of a broken seal, in *ret: 1. 0: the result is set. A session that is raised has
 * given its reason. */
static int break_seal(struct keeper *k, struct signin *s, uint64_t now, struct breakglass *ret)
{
    if (!emergency_takes(&s->proofs)) {
        return refuse(k, s, "breakglass");
    }
    if (s->reason.len == 0 && s->raises == NULL) {
        return wait_in(k, s, FLOW_REASON);
    }
    int r = s->raises != NULL ? breakglass_find(k->store, s->user, ret)
                              : emergency_begin(k, s, now, ret);
    return r < 0 ? r : 1;
}

/* A certificate adds to what was proven otherwise; alone it begins a sign-in on its own page. */
static int add_certificate(struct keeper *k, struct signin *s, const struct call *with,
                           uint64_t now)
{
    bool proves = false;
    if (s->proofs.factors == 0 || with->in.certificate.len == 0) {
        return 0;
    }
    int r = clientid_proves(k, with->in.certificate, with->in.host, now, s->user, &proves);
    if (proves) {
        s->proofs.factors |= factor_bit(FACTOR_CERTIFICATE);
    }
    return r;
}

int signin_finish(struct keeper *k, struct signin *s, struct call *revokes)
{
    uint64_t now = clock_wall_ms() / 1000;
    struct user user;
    struct session_key keys[2] = {{.kind = CREDENTIAL_SSO}, {.kind = CREDENTIAL_CONSOLE}};
    int r = k->live == NULL ? FAULT_STALE : users_find(k->store, s->user, &user);
    r = r < 0 ? r : add_certificate(k, s, revokes, now);
    enum assurance level = assurance_of(&s->proofs);
    struct proven proven = proven_as(level, now);
    if (r < 0) {
        return r;
    }
    if (user.disabled || user.kind == USER_SERVICE) {
        return refuse(k, s, user.disabled ? "disabled" : "service");
    }
    bool spent = false;
    r = any_spent(k, s, &spent);
    if (r < 0 || spent) {
        return r < 0 ? r : refuse(k, s, "spent");
    }
    if (level < SIGNIN_LEAST) {
        return signin_wait(k, s);
    }
    struct breakglass account;
    s->emergency = user.kind == USER_BREAK_GLASS;
    r = s->emergency ? break_seal(k, s, now, &account) : 1;
    if (r != 1) {
        return r;
    }
    r = token_new(s->sso, keys[0].hash);
    r = r < 0 ? r : token_new(s->console, keys[1].hash);
    if (r < 0) {
        return r;
    }
    r = s->raises != NULL
            ? raise_session(k, s, &proven, now, keys)
            : new_session(k, s, &proven, now, s->emergency ? &account : NULL, keys, revokes);
    if (r == FAULT_ABSENT && s->raises != NULL) {
        return refuse(k, s, "session");
    }
    if (r == 0 && (s->proofs.factors & factor_bit(FACTOR_PROVIDER)) != 0 && s->data.len > 0) {
        r = linked_remember(k, s);
    }
    s->result = SIGNIN_OK;
    struct attempt a = attempt_of(k, s);
    bool new_place = false, new_agent = false;
    uint32_t failures = 0;
    r = r < 0 ? r : attempts_proven(&a, s->proofs.factors, &new_place, &failures);
    r = r < 0 ? r : agents_seen(k->store, s->user, s->agent, now, &new_agent);
    r = r < 0 ? r : entries_settle(k->store, s->user);
    r = r < 0 ? r : look_soon(k, s);
    r = r < 0 ? r : record(k, s, level);
    return r < 0 ? r : record_unusual(k, s, new_place, new_agent, failures);
}
