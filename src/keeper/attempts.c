#include "keeper/attempts.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "identity/lockout.h"
#include "identity/recovery.h"
#include "identity/totp.h"
#include "store/credentials.h"

#define THROTTLED_RECORD_MS 60000u

/* ---- audit ---- */

static int record(const struct attempt *a, enum audit_event event, enum audit_outcome outcome,
                  const char *detail)
{
    struct audit_draft draft = {
        .event = event,
        .actor_kind = AUDIT_NOBODY,
        .source = a->source.byte,
        .target = span_str(a->user),
        .outcome = outcome,
        .request_id = a->request_id,
        .detail = span_str(detail),
    };
    return keeper_record(a->keeper, &draft);
}

int attempts_refused(const struct attempt *a, const char *why)
{
    char detail[64];
    (void)snprintf(detail, sizeof(detail), "{\"why\":\"%s\"}", why);
    return record(a, AUDIT_LOGIN_REFUSED, AUDIT_REFUSED, detail);
}

static int record_sum(struct keeper *k)
{
    char detail[64];
    (void)snprintf(detail, sizeof(detail), "{\"count\":%llu}",
                   (unsigned long long)k->throttled.count);
    k->throttled.count = 0;
    return keeper_audit(k, AUDIT_LOGIN_THROTTLED, SPAN_NONE, AUDIT_REFUSED, span_str(detail));
}

int attempts_throttled(const struct attempt *a)
{
    struct throttled *t = &a->keeper->throttled;
    uint64_t now = clock_wall_ms();
    if (t->since_ms != 0 && now - t->since_ms < THROTTLED_RECORD_MS) {
        t->count++;
        return 0;
    }
    int r = t->count > 0 ? record_sum(a->keeper) : 0;
    t->since_ms = now;
    return r < 0 ? r : record(a, AUDIT_LOGIN_THROTTLED, AUDIT_REFUSED, "");
}

static int minute_step(struct keeper *k, void *context)
{
    (void)context;
    return record_sum(k);
}

void attempts_minute(struct keeper *k)
{
    if (k->throttled.count > 0 && turn_run(&k->turn, minute_step, NULL) < 0) {
        log_event(LOG_LEVEL_ERROR, "audit_throttled");
    }
}

/* ---- charges ---- */

/* How long one place or name has to wait; charged at once when it has not. */
static int charge(const struct attempt *a, enum throttle_kind kind, enum lockout_scope scope,
                  const char *key, bool really, uint32_t *wait)
{
    struct throttle t;
    uint64_t now = clock_wall_ms() / 1000;
    int r = throttles_find(a->keeper->store, kind, key, &t);
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
    return throttles_put(a->keeper->store, kind, key, &t);
}

int attempts_charge(const struct attempt *a, uint32_t *wait)
{
    char place[LOCKOUT_KEY_SIZE];
    lockout_source_key(&a->source, place);
    *wait = 0;
    for (int really = 0; really < 2 && *wait == 0; really++) {
        int r = charge(a, THROTTLE_SOURCE, LOCKOUT_SOURCE, place, really == 1, wait);
        if (r == 0 && a->user[0] != '\0') {
            r = charge(a, THROTTLE_ACCOUNT, LOCKOUT_ACCOUNT, a->user, really == 1, wait);
        }
        if (r < 0) {
            return r;
        }
        if (really == 1) {
            *wait = 0;
        }
    }
    return 0;
}

/* What counts towards the disabling of which factor. */
static const struct counted {
    enum factor factor;
    enum throttle_kind kind;
    int (*disable)(struct store *s, const char *user);
    enum audit_event event;
} COUNTED[] = {
    {FACTOR_PASSWORD, THROTTLE_PASSWORD, credentials_disable_password, AUDIT_PASSWORD_DISABLED},
    {FACTOR_TOTP, THROTTLE_CODE, credentials_disable_totp, AUDIT_TOTP_DISABLED},
};

int attempts_failed(const struct attempt *a, enum factor factor)
{
    const struct counted *c = NULL;
    for (size_t i = 0; i < countof(COUNTED) && c == NULL; i++) {
        c = COUNTED[i].factor == factor ? &COUNTED[i] : NULL;
    }
    if (c == NULL) {
        return 0;
    }
    struct store *store = a->keeper->store;
    struct throttle t;
    int r = throttles_find(store, c->kind, a->user, &t);
    if (r < 0) {
        return r;
    }
    t.failures += t.failures < UINT32_MAX;
    t.last_failure = clock_wall_ms() / 1000;
    r = throttles_put(store, c->kind, a->user, &t);
    if (r < 0 || !lockout_is_spent(&t) || t.failures != LOCKOUT_FACTOR_MAX) {
        return r;
    }
    r = c->disable(store, a->user);
    if (r == FAULT_ABSENT) {
        return 0;
    }
    return r < 0 ? r : record(a, c->event, AUDIT_DONE, "");
}

int attempts_forgive(const struct attempt *a, unsigned charges)
{
    struct store *store = a->keeper->store;
    const struct throttle none = {0};
    struct throttle t;
    char place[LOCKOUT_KEY_SIZE];
    lockout_source_key(&a->source, place);
    int r = throttles_put(store, THROTTLE_ACCOUNT, a->user, &none);
    for (size_t i = 0; i < countof(COUNTED) && r == 0; i++) {
        r = throttles_put(store, COUNTED[i].kind, a->user, &none);
    }
    r = r < 0 ? r : throttles_find(store, THROTTLE_SOURCE, place, &t);
    if (r < 0) {
        return r;
    }
    for (unsigned i = 0; i < charges + 1; i++) {
        lockout_succeed(LOCKOUT_SOURCE, &t);
    }
    return throttles_put(store, THROTTLE_SOURCE, place, &t);
}

/* ---- codes ---- */

static int use_recovery(const struct attempt *a, struct span code, bool *good)
{
    uint8_t hash[RECOVERY_HASH_SIZE];
    int r = recovery_hash(code, hash);
    r = r < 0 ? FAULT_ABSENT : credentials_use_recovery(a->keeper->store, a->user, hash);
    *good = r == 0;
    return r == 0 ? record(a, AUDIT_RECOVERY_USED, AUDIT_DONE, "") : r == FAULT_ABSENT ? 0 : r;
}

int attempts_code(const struct attempt *a, struct span code, bool *good, enum factor *factor)
{
    struct store *store = a->keeper->store;
    struct totp totp;
    uint64_t step;
    *good = false;
    *factor = totp_is_shaped(code) ? FACTOR_TOTP : FACTOR_RECOVERY;
    if (*factor == FACTOR_RECOVERY) {
        return use_recovery(a, code, good);
    }
    int r = credentials_totp(store, a->user, &totp);
    if (r == FAULT_ABSENT || (r == 0 && totp.disabled)) {
        secret_wipe(&totp, sizeof(totp));
        return 0;
    }
    if (r < 0) {
        return r;
    }
    r = totp_verify(span_of(totp.secret, totp.secret_len), code, clock_wall_ms() / 1000,
                    totp.last_step, &step);
    secret_wipe(&totp, sizeof(totp));
    if (r == 0) {
        r = credentials_accept_step(store, a->user, step);
    }
    *good = r == 0;
    if (r == FAULT_STALE) {
        return record(a, AUDIT_TOTP_REPLAYED, AUDIT_REFUSED, "");
    }
    return r == FAULT_DENIED || r == FAULT_FORMAT ? 0 : r;
}
