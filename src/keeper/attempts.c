#include "keeper/attempts.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/secret.h"
#include "identity/lockout.h"
#include "identity/recovery.h"
#include "identity/totp.h"
#include "keeper/call.h"
#include "store/credentials.h"
#include "store/places.h"

#define THROTTLED_RECORD_MS 60000u
/* A place is no stranger's for so long after the last sign-in there. */
#define PLACE_KNOWN (30u * 86400u)

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

struct charge {
    enum throttle_kind kind;
    enum lockout_scope scope;
    const char *key;
    bool waits; /* or it is only counted */
};

static int look(struct store *s, const struct charge *c, uint64_t now, uint32_t *wait)
{
    struct throttle t;
    int r = c->waits ? throttles_find(s, c->kind, c->key, &t) : 0;
    uint32_t seconds = r == 0 && c->waits ? lockout_wait(c->scope, &t, now) : 0;
    if (seconds > *wait) {
        *wait = seconds;
    }
    return r;
}

static int fail(struct store *s, const struct charge *c, uint64_t now)
{
    struct throttle t;
    int r = throttles_find(s, c->kind, c->key, &t);
    if (r < 0) {
        return r;
    }
    lockout_fail(c->scope, &t, now);
    return throttles_put(s, c->kind, c->key, &t);
}

int attempts_charge(const struct attempt *a, uint32_t *wait)
{
    char place[LOCKOUT_KEY_SIZE], pair[LOCKOUT_PAIR_SIZE];
    struct store *store = a->keeper->store;
    uint64_t now = clock_wall_ms() / 1000;
    bool known = false;
    int r = 0;
    lockout_source_key(&a->source, place);
    lockout_pair_key(a->user, place, pair);
    *wait = 0;
    if (a->user[0] != '\0') {
        r = places_known(store, a->user, place, now - PLACE_KNOWN, &known);
    }
    const struct charge charges[] = {
        {THROTTLE_SOURCE, LOCKOUT_SOURCE, place, true},
        {THROTTLE_PAIR, LOCKOUT_PAIR, pair, true},
        {THROTTLE_ACCOUNT, LOCKOUT_ACCOUNT, a->user, !known},
    };
    size_t count = a->user[0] == '\0' ? 1 : countof(charges);
    for (size_t i = 0; i < count && r == 0; i++) {
        r = look(store, &charges[i], now, wait);
    }
    for (size_t i = 0; i < count && r == 0 && *wait == 0; i++) {
        r = fail(store, &charges[i], now);
    }
    return r;
}

static int take_back(struct store *s, enum throttle_kind kind, enum lockout_scope scope,
                     const char *key, unsigned times)
{
    struct throttle t;
    int r = throttles_find(s, kind, key, &t);
    if (r < 0) {
        return r;
    }
    for (unsigned i = 0; i < times; i++) {
        lockout_succeed(scope, &t);
    }
    return throttles_put(s, kind, key, &t);
}

struct attempt attempts_by(const struct call *c, const char *user)
{
    return (struct attempt){
        .keeper = c->keeper, .user = user, .source = c->in.source, .request_id = c->in.request_id};
}

int attempts_admit(struct call *c, const struct attempt *a)
{
    uint32_t wait = 0;
    c->keep = true;
    int r = attempts_charge(a, &wait);
    if (r == 0 && wait > 0) {
        c->retry_after = wait;
        r = attempts_throttled(a);
        return r < 0 ? r : 0;
    }
    c->at_deadline = true;
    return r < 0 ? r : 1;
}

int attempts_forgive(const struct attempt *a, unsigned charges)
{
    struct store *store = a->keeper->store;
    char place[LOCKOUT_KEY_SIZE], pair[LOCKOUT_PAIR_SIZE];
    lockout_source_key(&a->source, place);
    lockout_pair_key(a->user, place, pair);
    int r = take_back(store, THROTTLE_PAIR, LOCKOUT_PAIR, pair, 1);
    r = r < 0 ? r : take_back(store, THROTTLE_ACCOUNT, LOCKOUT_ACCOUNT, a->user, charges);
    return r < 0 ? r : take_back(store, THROTTLE_SOURCE, LOCKOUT_SOURCE, place, charges + 1);
}

/* ---- factors ---- */

/* What counts towards the disabling of which factor. Password and TOTP have a mark of their own in
 * the store; of the others the count itself is the mark. */
static const struct counted {
    enum factor factor;
    enum throttle_kind kind;
    int (*disable)(struct store *s, const char *user);
    enum audit_event event;
} COUNTED[] = {
    {FACTOR_PASSWORD, THROTTLE_PASSWORD, credentials_disable_password, AUDIT_PASSWORD_DISABLED},
    {FACTOR_TOTP, THROTTLE_CODE, credentials_disable_totp, AUDIT_TOTP_DISABLED},
    {FACTOR_RECOVERY, THROTTLE_RECOVERY, NULL, AUDIT_FACTOR_DISABLED},
    {FACTOR_PASSKEY, THROTTLE_PASSKEY, NULL, AUDIT_FACTOR_DISABLED},
    {FACTOR_KEY, THROTTLE_KEY, NULL, AUDIT_FACTOR_DISABLED},
    {FACTOR_DIRECTORY, THROTTLE_DIRECTORY, NULL, AUDIT_FACTOR_DISABLED},
    {FACTOR_SEALED, THROTTLE_SEALED, NULL, AUDIT_FACTOR_DISABLED},
};

static const struct counted *counted(enum factor factor)
{
    for (size_t i = 0; i < countof(COUNTED); i++) {
        if (COUNTED[i].factor == factor) {
            return &COUNTED[i];
        }
    }
    return NULL;
}

int attempts_failed(const struct attempt *a, enum factor factor)
{
    const struct counted *c = counted(factor);
    struct store *store = a->keeper->store;
    struct throttle t;
    char detail[64];
    int r = c == NULL ? 0 : throttles_find(store, c->kind, a->user, &t);
    if (c == NULL || r < 0) {
        return r;
    }
    lockout_fail(LOCKOUT_FACTOR, &t, clock_wall_ms() / 1000);
    r = throttles_put(store, c->kind, a->user, &t);
    if (r < 0 || t.failures != LOCKOUT_FACTOR_MAX) {
        return r;
    }
    r = c->disable == NULL ? 0 : c->disable(store, a->user);
    if (r < 0) {
        return r == FAULT_ABSENT ? 0 : r;
    }
    (void)snprintf(detail, sizeof(detail), "{\"factor\":\"%s\"}", factor_name(factor));
    return record(a, c->event, AUDIT_DONE, detail);
}

int attempts_spent(struct store *s, const char *user, enum factor factor, bool *ret)
{
    const struct counted *c = counted(factor);
    struct throttle t = {0};
    int r = c == NULL ? 0 : throttles_find(s, c->kind, user, &t);
    if (r == 0) {
        *ret = lockout_is_spent(&t);
    }
    return r;
}

int attempts_proven(const struct attempt *a, uint32_t factors, bool *ret_new,
                    uint32_t *ret_failures)
{
    uint32_t most = 0;
    struct store *store = a->keeper->store;
    char place[LOCKOUT_KEY_SIZE];
    int r = 0;
    for (size_t i = 0; i < countof(COUNTED) && r == 0; i++) {
        if ((factors & factor_bit(COUNTED[i].factor)) != 0) {
            struct throttle t = {0};
            r = throttles_find(store, COUNTED[i].kind, a->user, &t);
            r = r < 0 ? r : throttles_put(store, COUNTED[i].kind, a->user, &(struct throttle){0});
            most = t.failures > most ? t.failures : most;
        }
    }
    if (ret_failures != NULL) {
        *ret_failures = most;
    }
    lockout_source_key(&a->source, place);
    return r < 0 ? r : places_seen(store, a->user, place, clock_wall_ms() / 1000, ret_new);
}

int attempts_restore(struct store *s, const char *user)
{
    int r = throttles_put(s, THROTTLE_ACCOUNT, user, &(struct throttle){0});
    for (size_t i = 0; i < countof(COUNTED) && r == 0; i++) {
        r = throttles_put(s, COUNTED[i].kind, user, &(struct throttle){0});
    }
    r = r < 0 ? r : throttles_forget_pairs(s, user);
    return r < 0 ? r : credentials_enable(s, user);
}

/* ---- codes ---- */

static int use_recovery(const struct attempt *a, struct span code, bool *good)
{
    uint8_t hash[RECOVERY_HASH_SIZE];
    bool spent = true;
    int r = attempts_spent(a->keeper->store, a->user, FACTOR_RECOVERY, &spent);
    if (r < 0) {
        return r;
    }
    r = spent ? FAULT_ABSENT : recovery_hash(code, hash);
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
