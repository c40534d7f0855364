#include "keeper/login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "identity/lockout.h"
#include "identity/password.h"
#include "identity/recovery.h"
#include "identity/token.h"
#include "identity/totp.h"
#include "keeper/call.h"
#include "keeper/keeper.h"
#include "store/credentials.h"
#include "store/sessions.h"
#include "store/users.h"

#define THROTTLED_RECORD_MS 60000u

enum factor { FACTOR_NONE, FACTOR_TOTP, FACTOR_RECOVERY };

struct login {
    struct pool_job job;
    struct keeper *keeper;
    struct reply *reply;
    uint64_t arrived_ms; /* monotonic */

    char user[STORE_NAME_SIZE]; /* "" when it cannot be a name */
    struct secret password;
    char code[65];
    struct addr source;
    char agent[SESSION_AGENT_SIZE];
    char request_id[33];

    bool has_hash;
    char hash[PASSWORD_HASH_SIZE];
    int verdict;                     /* of the hash */
    char rehash[PASSWORD_TEXT_SIZE]; /* with today's parameters, or "" */

    struct msg_login_is answer;
    char sso[TOKEN_TEXT_SIZE], console[TOKEN_TEXT_SIZE];
};

static void login_free(struct login *l)
{
    secret_fini(&l->password);
    reply_free(l->reply);
    secret_wipe(l, sizeof(*l));
    free(l);
}

/* ---- audit ---- */

static int record(struct login *l, enum audit_event event, enum audit_outcome outcome,
                  const char *detail)
{
    struct audit_draft draft = {
        .event = event,
        .actor_kind = event == AUDIT_LOGIN ? AUDIT_PERSON : AUDIT_NOBODY,
        .actor = event == AUDIT_LOGIN ? span_str(l->user) : SPAN_NONE,
        .source = l->source.byte,
        .target = span_str(l->user),
        .outcome = outcome,
        .request_id = span_str(l->request_id),
        .detail = span_str(detail),
    };
    return keeper_record(l->keeper, &draft);
}

static int record_sum(struct keeper *k)
{
    char detail[64];
    (void)snprintf(detail, sizeof(detail), "{\"count\":%llu}",
                   (unsigned long long)k->throttled.count);
    k->throttled.count = 0;
    return keeper_audit(k, AUDIT_LOGIN_THROTTLED, SPAN_NONE, AUDIT_REFUSED, span_str(detail));
}

/* The first of a minute is recorded with its particulars, the others are counted: a flood of
 * attempts must not become a flood of records. */
static int record_throttled(struct login *l)
{
    struct throttled *t = &l->keeper->throttled;
    uint64_t now = clock_wall_ms();
    if (t->since_ms != 0 && now - t->since_ms < THROTTLED_RECORD_MS) {
        t->count++;
        return 0;
    }
    int r = t->count > 0 ? record_sum(l->keeper) : 0;
    t->since_ms = now;
    return r < 0 ? r : record(l, AUDIT_LOGIN_THROTTLED, AUDIT_REFUSED, "");
}

static int minute_step(struct keeper *k, void *context)
{
    (void)context;
    return record_sum(k);
}

void login_minute(struct keeper *k)
{
    if (k->throttled.count > 0 && turn_run(&k->turn, minute_step, NULL) < 0) {
        log_event(LOG_LEVEL_ERROR, "audit_throttled");
    }
}

/* ---- before the hash ---- */

/* How long one place or name has to wait; charged at once when it has not. */
static int charge(struct login *l, enum throttle_kind kind, enum lockout_scope scope,
                  const char *key, uint64_t now, bool really, uint32_t *wait)
{
    struct throttle t;
    int r = throttles_find(l->keeper->store, kind, key, &t);
    if (r < 0) {
        return r;
    }
    uint32_t seconds = lockout_wait(scope, &t, now);
    if (seconds > *wait) {
        *wait = seconds;
    }
    if (!really) {
        return 0;
    }
    lockout_fail(scope, &t, now);
    return throttles_put(l->keeper->store, kind, key, &t);
}

static int admit_step(struct keeper *k, void *context)
{
    struct login *l = context;
    uint64_t now = clock_wall_ms() / 1000;
    uint32_t wait = 0;
    char place[LOCKOUT_KEY_SIZE];
    lockout_source_key(&l->source, place);
    for (int really = 0; really < 2; really++) {
        int r = charge(l, THROTTLE_SOURCE, LOCKOUT_SOURCE, place, now, really == 1, &wait);
        if (r == 0 && l->user[0] != '\0') {
            r = charge(l, THROTTLE_ACCOUNT, LOCKOUT_ACCOUNT, l->user, now, really == 1, &wait);
        }
        if (r < 0) {
            return r;
        }
        if (really == 0 && (wait > 0 || k->pool.busy >= k->pool.threads + POOL_QUEUE_MAX)) {
            l->answer.result = LOGIN_THROTTLED;
            l->answer.retry_after = wait > 0 ? wait : 1;
            return record_throttled(l);
        }
    }
    struct password password;
    int r = l->user[0] == '\0' ? FAULT_ABSENT : credentials_password(k->store, l->user, &password);
    if (r == 0 && !password.disabled) {
        memcpy(l->hash, password.hash, sizeof(l->hash));
        l->has_hash = true;
    }
    secret_wipe(&password, sizeof(password));
    return r == FAULT_ABSENT ? 0 : r;
}

static void on_login_compute(struct pool_job *job)
{
    struct login *l = container_of(job, struct login, job);
    struct span password = secret_view(&l->password);
    if (!l->has_hash) {
        l->verdict = password_verify_nobody(password);
        return;
    }
    l->verdict = password_verify(password, l->hash);
    if (l->verdict == 0 && password_needs_rehash(l->hash) &&
        password_hash(password, l->rehash) < 0) {
        l->rehash[0] = '\0';
    }
}

/* ---- after the hash ---- */

static int factor_failed(struct login *l, enum throttle_kind kind)
{
    struct store *store = l->keeper->store;
    struct throttle t;
    int r = throttles_find(store, kind, l->user, &t);
    if (r < 0) {
        return r;
    }
    t.failures += t.failures < UINT32_MAX;
    t.last_failure = clock_wall_ms() / 1000;
    r = throttles_put(store, kind, l->user, &t);
    if (r < 0 || !lockout_is_spent(&t) || t.failures != LOCKOUT_FACTOR_MAX) {
        return r;
    }
    r = kind == THROTTLE_PASSWORD ? credentials_disable_password(store, l->user)
                                  : credentials_disable_totp(store, l->user);
    if (r == FAULT_ABSENT) {
        return 0;
    }
    return r < 0 ? r
                 : record(l,
                          kind == THROTTLE_PASSWORD ? AUDIT_PASSWORD_DISABLED : AUDIT_TOTP_DISABLED,
                          AUDIT_DONE, "");
}

static int refuse(struct login *l, const char *detail)
{
    l->answer.result = LOGIN_REFUSED;
    return record(l, AUDIT_LOGIN_REFUSED, AUDIT_REFUSED, detail);
}

/* 0 with *used: which factor was good, FACTOR_NONE for none. A good one is used up. */
static int check_code(struct login *l, uint64_t now, enum factor *used)
{
    struct store *store = l->keeper->store;
    struct span code = span_str(l->code);
    *used = FACTOR_NONE;
    if (!totp_is_shaped(code)) {
        uint8_t hash[RECOVERY_HASH_SIZE];
        int r = recovery_hash(code, hash);
        r = r < 0 ? FAULT_ABSENT : credentials_use_recovery(store, l->user, hash);
        *used = r == 0 ? FACTOR_RECOVERY : FACTOR_NONE;
        return r == FAULT_ABSENT ? 0 : r;
    }
    struct totp totp;
    uint64_t step;
    int r = credentials_totp(store, l->user, &totp);
    if (r == FAULT_ABSENT || (r == 0 && totp.disabled)) {
        secret_wipe(&totp, sizeof(totp));
        return 0;
    }
    if (r < 0) {
        return r;
    }
    r = totp_verify(span_of(totp.secret, totp.secret_len), code, now, totp.last_step, &step);
    secret_wipe(&totp, sizeof(totp));
    if (r == 0) {
        r = credentials_accept_step(store, l->user, step);
    }
    if (r == FAULT_STALE) {
        return record(l, AUDIT_TOTP_REPLAYED, AUDIT_REFUSED, "");
    }
    if (r == FAULT_DENIED || r == FAULT_FORMAT) {
        return 0;
    }
    *used = r == 0 ? FACTOR_TOTP : FACTOR_NONE;
    return r;
}

static int forgive(struct login *l)
{
    struct store *store = l->keeper->store;
    const struct throttle none = {0};
    struct throttle t;
    char place[LOCKOUT_KEY_SIZE];
    lockout_source_key(&l->source, place);
    int r = throttles_put(store, THROTTLE_ACCOUNT, l->user, &none);
    r = r < 0 ? r : throttles_put(store, THROTTLE_PASSWORD, l->user, &none);
    r = r < 0 ? r : throttles_put(store, THROTTLE_CODE, l->user, &none);
    r = r < 0 ? r : throttles_find(store, THROTTLE_SOURCE, place, &t);
    if (r < 0) {
        return r;
    }
    /* Once for what was charged before the hash, once for the success. */
    lockout_succeed(LOCKOUT_SOURCE, &t);
    lockout_succeed(LOCKOUT_SOURCE, &t);
    return throttles_put(store, THROTTLE_SOURCE, place, &t);
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

static int make_room(struct login *l, uint64_t now)
{
    struct store *store = l->keeper->store;
    uint64_t count = 0;
    int r = sessions_count(store, l->user, &count);
    if (r < 0 || count < LOGIN_SESSIONS_MAX) {
        return r;
    }
    uint8_t id[STORE_ID_SIZE];
    struct page page = {0};
    r = sessions_list(store, l->user, &page, each_oldest, id);
    if (r != 1) {
        return r;
    }
    l->reply->revokes = call_new(l->keeper, &(struct call_input){0});
    return l->reply->revokes == NULL ? -ENOMEM
                                     : sessions_end(store, id, now, each_ended, l->reply->revokes);
}

static int make_session(struct login *l, uint64_t now)
{
    const struct snapshot *conf = live_snapshot(l->keeper->live);
    struct session s = {.assurance = ASSURANCE_MFA,
                        .proven_at = now,
                        .created = now,
                        .last_seen = now,
                        .idle = conf->session.idle,
                        .ends_at = now + conf->session.absolute};
    struct session_key keys[2] = {{.kind = CREDENTIAL_SSO}, {.kind = CREDENTIAL_CONSOLE}};
    (void)snprintf(s.user, sizeof(s.user), "%s", l->user);
    (void)snprintf(s.host, sizeof(s.host), "%s", conf->portal_host);
    (void)snprintf(s.agent, sizeof(s.agent), "%s", l->agent);
    memcpy(s.source, l->source.byte, sizeof(s.source));
    int r = make_room(l, now);
    r = r < 0 ? r : token_new_id(s.id);
    r = r < 0 ? r : token_new(l->sso, keys[0].hash);
    r = r < 0 ? r : token_new(l->console, keys[1].hash);
    r = r < 0 ? r : sessions_add(l->keeper->store, &s, keys, countof(keys));
    if (r == 0) {
        l->answer.result = LOGIN_OK;
        l->answer.ends_at = s.ends_at;
        l->answer.sso = span_str(l->sso);
        l->answer.console = span_str(l->console);
    }
    return r;
}

static int judge_step(struct keeper *k, void *context)
{
    struct login *l = context;
    uint64_t now = clock_wall_ms() / 1000;
    struct user user;
    enum factor used;
    if (k->live == NULL || (l->verdict < 0 && l->verdict != FAULT_DENIED)) {
        return k->live == NULL ? FAULT_STALE : l->verdict;
    }
    int r = l->user[0] == '\0' ? FAULT_ABSENT : users_find(k->store, l->user, &user);
    if (r == FAULT_ABSENT) {
        return refuse(l, "{\"why\":\"user\"}");
    }
    if (r < 0) {
        return r;
    }
    if (!l->has_hash || l->verdict != 0) {
        r = factor_failed(l, THROTTLE_PASSWORD);
        return r < 0 ? r : refuse(l, "{\"why\":\"password\"}");
    }
    if (user.disabled) {
        return refuse(l, "{\"why\":\"disabled\"}");
    }
    r = check_code(l, now, &used);
    if (r < 0) {
        return r;
    }
    if (used == FACTOR_NONE) {
        r = factor_failed(l, THROTTLE_CODE);
        return r < 0 ? r : refuse(l, "{\"why\":\"code\"}");
    }
    r = forgive(l);
    r = r < 0 ? r : make_session(l, now);
    if (r == 0 && l->rehash[0] != '\0') {
        r = credentials_rehash(k->store, l->user, l->hash, l->rehash);
        r = r == FAULT_STALE ? 0 : r;
    }
    if (r == 0 && used == FACTOR_RECOVERY) {
        r = record(l, AUDIT_RECOVERY_USED, AUDIT_DONE, "");
    }
    return r < 0 ? r
                 : record(l, AUDIT_LOGIN, AUDIT_DONE,
                          used == FACTOR_TOTP ? "{\"factor\":\"totp\"}"
                                              : "{\"factor\":\"recovery\"}");
}

static void answer(struct login *l, bool at_deadline)
{
    struct keeper *k = l->keeper;
    struct reply *r = l->reply;
    l->reply = NULL;
    l->answer.server_time = clock_wall_ms() / 1000;
    if (at_deadline) {
        uint64_t late = clock_mono_ms() - l->arrived_ms;
        r->not_before = l->arrived_ms + (late / LOGIN_DEADLINE_MS + 1) * LOGIN_DEADLINE_MS;
    }
    reply_encode(k, r, MSG_LOGIN_IS, &l->answer);
    login_free(l);
    turn_reply(&k->turn, r);
}

static void on_login_done(struct pool_job *job, int fault)
{
    struct login *l = container_of(job, struct login, job);
    l->answer = (struct msg_login_is){.result = LOGIN_FAILED};
    int r = fault < 0 ? fault : turn_run(&l->keeper->turn, judge_step, l);
    if (r < 0) {
        log_fault(LOG_LEVEL_ERROR, "login", r, "a login could not be judged");
        l->answer = (struct msg_login_is){.result = LOGIN_FAILED};
        call_free(l->reply->revokes);
        l->reply->revokes = NULL;
    }
    answer(l, true);
}

/* ---- arrival ---- */

/* People type capitals and blanks around; names have neither. */
static void read_name(struct login *l, struct span typed)
{
    typed = span_trim(typed);
    if (typed.len >= sizeof(l->user)) {
        return;
    }
    for (size_t i = 0; i < typed.len; i++) {
        char b = (char)typed.at[i];
        l->user[i] = b >= 'A' && b <= 'Z' ? (char)(b - 'A' + 'a') : b;
    }
    if (!text_is_name(span_of(l->user, typed.len))) {
        memset(l->user, 0, sizeof(l->user));
    }
}

static void copy_text(char *to, size_t size, struct span from)
{
    size_t len = from.len < size - 1 ? from.len : size - 1;
    for (size_t i = 0; i < len; i++) {
        to[i] = (char)(from.at[i] >= 0x20 && from.at[i] < 0x7f ? from.at[i] : '?');
    }
    to[len] = '\0';
}

void login_begin(struct peer *edge, uint32_t serial, const struct msg_login *m)
{
    struct keeper *k = edge->keeper;
    struct login *l = calloc(1, sizeof(*l));
    struct reply *reply = reply_new(REPLY_EDGE, edge->number, serial, MSG_LOGIN_IS);
    if (l == NULL || reply == NULL || secret_init(&l->password, m->password.len + 1) < 0) {
        free(l);
        reply_free(reply);
        return; /* The edge gives up by itself. */
    }
    l->keeper = k;
    l->reply = reply;
    l->arrived_ms = clock_mono_ms();
    l->password.len = m->password.len;
    if (m->password.len > 0) {
        memcpy(l->password.at, m->password.at, m->password.len);
    }
    read_name(l, m->user);
    copy_text(l->code, sizeof(l->code), span_trim(m->code));
    copy_text(l->agent, sizeof(l->agent), m->agent);
    copy_text(l->request_id, sizeof(l->request_id), m->request_id);
    memcpy(l->source.byte, m->source, sizeof(l->source.byte));
    l->job.compute = on_login_compute;
    l->job.done = on_login_done;
    l->answer.result = LOGIN_OK;
    int r = k->live == NULL ? FAULT_BUSY : turn_run(&k->turn, admit_step, l);
    if (r == 0 && l->answer.result == LOGIN_THROTTLED) {
        answer(l, false);
        return;
    }
    r = r < 0 ? r : pool_submit(&k->pool, &l->job);
    if (r < 0) {
        log_fault(LOG_LEVEL_WARN, "login", r, "not looked at");
        l->answer = (struct msg_login_is){.result = LOGIN_FAILED};
        answer(l, false);
    }
}
