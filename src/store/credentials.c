#include "store/credentials.h"

#include "base/fault.h"
#include "base/secret.h"
#include "store/part.h"
#include "store/seal.h"
#include "store/throttles.h"

static int one(struct store *s, enum statement which, const char *user)
{
    struct query q;
    store_query(&q, s, which);
    query_text(&q, user);
    return store_run_one(&q, s);
}

/* rc of what replaced a factor: when it worked, its failures in a row begin anew. */
static int renewed(struct store *s, int rc, enum throttle_kind kind, const char *user)
{
    return rc < 0 ? rc : throttles_put(s, kind, user, &(struct throttle){0});
}

int credentials_enable(struct store *s, const char *user)
{
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    rc = one(s, STMT_PASSWORD_ENABLE, user);
    if (rc == 0 || rc == FAULT_ABSENT)
        rc = one(s, STMT_TOTP_ENABLE, user);
    return store_settle(s, rc == FAULT_ABSENT ? 0 : rc);
}

/* ---- password ---- */

int credentials_password(struct store *s, const char *user, struct password *ret)
{
    struct query q;
    struct password p = {0};
    store_query(&q, s, STMT_PASSWORD_FIND);
    query_text(&q, user);
    int row = query_step(&q);
    if (row == 1) {
        query_get_text(&q, p.hash, sizeof(p.hash));
        p.set_at = query_get_u64(&q);
        p.disabled = query_get_u64(&q) != 0;
    }
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = p;
    return rc;
}

int credentials_set_password(struct store *s, const char *user, const char *hash, uint64_t now)
{
    if (strlen(hash) >= PASSWORD_HASH_SIZE)
        return FAULT_LIMIT;
    struct query q;
    store_query(&q, s, STMT_PASSWORD_SET);
    query_text(&q, user);
    query_text(&q, hash);
    query_u64(&q, now);
    return renewed(s, store_run_one(&q, s), THROTTLE_PASSWORD, user);
}

int credentials_rehash(struct store *s, const char *user, const char *old, const char *hash)
{
    if (strlen(hash) >= PASSWORD_HASH_SIZE)
        return FAULT_LIMIT;
    struct query q;
    store_query(&q, s, STMT_PASSWORD_REHASH);
    query_text(&q, user);
    query_text(&q, old);
    query_text(&q, hash);
    int rc = store_run_one(&q, s);
    return rc == FAULT_ABSENT ? FAULT_STALE : rc;
}

int credentials_remove_password(struct store *s, const char *user)
{
    return one(s, STMT_PASSWORD_REMOVE, user);
}

int credentials_disable_password(struct store *s, const char *user)
{
    return one(s, STMT_PASSWORD_DISABLE, user);
}

/* ---- TOTP ---- */

/* As it stands in a row. */
struct kept {
    uint8_t bytes[TOTP_SECRET_MAX + SEAL_OVERHEAD];
    size_t len;
    bool sealed;
};

static void read_kept(struct query *q, struct kept *k)
{
    struct span bytes = query_get_span(q);
    k->sealed = query_get_u64(q) != 0;
    k->len = bytes.len;
    if (bytes.len == 0 || bytes.len > sizeof(k->bytes) - (k->sealed ? 0 : SEAL_OVERHEAD)) {
        q->fault = q->fault < 0 ? q->fault : FAULT_CORRUPT;
        k->len = 0;
        return;
    }
    memcpy(k->bytes, bytes.at, bytes.len);
}

/* The secret itself, or FAULT_ABSENT, FAULT_DENIED, …: nobody can open it. An enrolment's becomes
 * the TOTP of the same user, so both are sealed for the same purpose. */
static int open_secret(const struct store *s, const char *user, const struct kept *k,
                       uint8_t out[TOTP_SECRET_MAX], size_t *ret)
{
    struct span bytes = span_of(k->bytes, k->len);
    if (!k->sealed) {
        memcpy(out, k->bytes, k->len);
        *ret = k->len;
        return 0;
    }
    if (store_ring(s) == NULL)
        return FAULT_ABSENT;
    int rc = seal_open(store_ring(s), SPAN("totp"), span_str(user), bytes, out);
    *ret = rc < 0 ? 0 : k->len - SEAL_OVERHEAD;
    return rc;
}

static int keep_secret(const struct store *s, const char *user, struct span secret, struct kept *k)
{
    k->sealed = store_ring(s) != NULL;
    k->len = secret.len + (k->sealed ? SEAL_OVERHEAD : 0);
    if (k->sealed)
        return seal_close(store_ring(s), SPAN("totp"), span_str(user), secret, k->bytes);
    memcpy(k->bytes, secret.at, secret.len);
    return 0;
}

int credentials_totp(struct store *s, const char *user, struct totp *ret)
{
    struct query q;
    struct totp t = {0};
    struct kept kept = {0};
    store_query(&q, s, STMT_TOTP_FIND);
    query_text(&q, user);
    int row = query_step(&q);
    if (row == 1) {
        read_kept(&q, &kept);
        t.last_step = query_get_u64(&q);
        t.set_at = query_get_u64(&q);
        t.disabled = query_get_u64(&q) != 0;
    }
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        rc = FAULT_ABSENT;
    else if (rc == 0 && open_secret(s, user, &kept, t.secret, &t.secret_len) < 0)
        t.disabled = true;
    if (rc == 0)
        *ret = t;
    secret_wipe(&t, sizeof(t));
    secret_wipe(&kept, sizeof(kept));
    return rc;
}

int credentials_set_totp(struct store *s, const char *user, struct span secret, uint64_t last_step,
                         uint64_t now)
{
    if (secret.len == 0 || secret.len > TOTP_SECRET_MAX)
        return FAULT_LIMIT;
    struct query q;
    struct kept kept;
    int rc = keep_secret(s, user, secret, &kept);
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_TOTP_SET);
    query_text(&q, user);
    query_blob(&q, kept.bytes, kept.len);
    query_u64(&q, kept.sealed);
    query_u64(&q, last_step);
    query_u64(&q, now);
    rc = renewed(s, store_run_one(&q, s), THROTTLE_CODE, user);
    secret_wipe(&kept, sizeof(kept));
    return rc;
}

int credentials_accept_step(struct store *s, const char *user, uint64_t step)
{
    struct query q;
    store_query(&q, s, STMT_TOTP_ACCEPT);
    query_text(&q, user);
    query_u64(&q, step);
    int rc = store_run_one(&q, s);
    return rc == FAULT_ABSENT ? FAULT_STALE : rc;
}

int credentials_disable_totp(struct store *s, const char *user)
{
    return one(s, STMT_TOTP_DISABLE, user);
}

int credentials_remove_totp(struct store *s, const char *user)
{
    return one(s, STMT_TOTP_REMOVE, user);
}

/* ---- recovery codes ---- */

static int replace_recovery(struct store *s, const char *user,
                            const uint8_t (*hashes)[STORE_HASH_SIZE], size_t count, uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_RECOVERY_CLEAR);
    query_text(&q, user);
    int rc = store_run_query(&q, s);
    for (size_t i = 0; rc >= 0 && i < count; i++) {
        store_query(&q, s, STMT_RECOVERY_ADD);
        query_text(&q, user);
        query_blob(&q, hashes[i], STORE_HASH_SIZE);
        query_u64(&q, now);
        rc = store_run_query(&q, s);
    }
    return renewed(s, rc < 0 ? rc : 0, THROTTLE_RECOVERY, user);
}

int credentials_set_recovery(struct store *s, const char *user,
                             const uint8_t (*hashes)[STORE_HASH_SIZE], size_t count, uint64_t now)
{
    if (count > RECOVERY_MAX)
        return FAULT_LIMIT;
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    return store_settle(s, replace_recovery(s, user, hashes, count, now));
}

int credentials_use_recovery(struct store *s, const char *user, const uint8_t hash[STORE_HASH_SIZE])
{
    struct query q;
    store_query(&q, s, STMT_RECOVERY_USE);
    query_text(&q, user);
    query_blob(&q, hash, STORE_HASH_SIZE);
    return store_run_one(&q, s);
}

/* ---- enrolment ---- */

static int clear_enrolment(struct store *s, const char *user)
{
    struct query q;
    store_query(&q, s, STMT_ENROLMENT_CLEAR);
    query_text(&q, user);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

static int add_enrolment(struct store *s, const struct enrolment *e)
{
    struct kept kept;
    int rc = clear_enrolment(s, e->user);
    rc = rc < 0 ? rc : keep_secret(s, e->user, span_of(e->secret, e->secret_len), &kept);
    if (rc < 0)
        return rc;
    struct query q;
    store_query(&q, s, STMT_ENROLMENT_ADD);
    query_blob(&q, e->hash, sizeof(e->hash));
    query_text(&q, e->user);
    query_blob(&q, kept.bytes, kept.len);
    query_u64(&q, kept.sealed);
    query_u64(&q, e->created);
    query_u64(&q, e->expires);
    query_u64(&q, e->renews);
    query_text(&q, e->maker);
    query_u64(&q, e->confirm);
    rc = store_run_query(&q, s);
    secret_wipe(&kept, sizeof(kept));
    return rc < 0 ? rc : 0;
}

int enrolments_add(struct store *s, const struct enrolment *e)
{
    if (e->secret_len == 0 || e->secret_len > TOTP_SECRET_MAX)
        return FAULT_LIMIT;
    int rc = store_mark(s);
    return rc < 0 ? rc : store_settle(s, add_enrolment(s, e));
}

/* The secret stays as it is kept. */
static void read_enrolment(struct query *q, struct enrolment *e, struct kept *kept)
{
    query_get_fixed(q, e->hash, sizeof(e->hash));
    query_get_text(q, e->user, sizeof(e->user));
    read_kept(q, kept);
    e->created = query_get_u64(q);
    e->expires = query_get_u64(q);
    e->renews = (uint32_t)query_get_u64(q);
    query_get_text(q, e->maker, sizeof(e->maker));
    e->confirm = query_get_u64(q) != 0;
    query_get_text(q, e->password, sizeof(e->password));
    e->step = query_get_u64(q);
    query_get_text(q, e->word, sizeof(e->word));
    e->tries = (uint32_t)query_get_u64(q);
    e->asked = query_get_u64(q);
    query_get_fixed(q, e->source, sizeof(e->source));
    query_get_text(q, e->approver, sizeof(e->approver));
}

/* The one row of an open query; ends it. */
static int find_enrolment(struct store *s, struct query *q, uint64_t now, struct enrolment *ret)
{
    struct enrolment e = {0};
    struct kept kept = {0};
    int row = query_step(q);
    if (row == 1)
        read_enrolment(q, &e, &kept);
    int rc = store_close_query(q, s);
    if (rc == 0 && row == 0)
        rc = FAULT_ABSENT;
    else if (rc == 0 &&
             (e.expires <= now || open_secret(s, e.user, &kept, e.secret, &e.secret_len) < 0))
        rc = FAULT_STALE;
    else if (rc == 0)
        *ret = e;
    secret_wipe(&e, sizeof(e));
    secret_wipe(&kept, sizeof(kept));
    return rc;
}

int enrolments_find(struct store *s, const uint8_t hash[STORE_HASH_SIZE], uint64_t now,
                    struct enrolment *ret)
{
    struct query q;
    store_query(&q, s, STMT_ENROLMENT_FIND);
    query_blob(&q, hash, STORE_HASH_SIZE);
    return find_enrolment(s, &q, now, ret);
}

int enrolments_find_user(struct store *s, const char *user, uint64_t now, struct enrolment *ret)
{
    struct query q;
    store_query(&q, s, STMT_ENROLMENT_FIND_USER);
    query_text(&q, user);
    return find_enrolment(s, &q, now, ret);
}

int enrolments_ask(struct store *s, const struct enrolment *e)
{
    struct query q;
    store_query(&q, s, STMT_ENROLMENT_ASK);
    query_blob(&q, e->hash, sizeof(e->hash));
    query_text(&q, e->password);
    query_u64(&q, e->step);
    query_text(&q, e->word);
    query_u64(&q, e->asked);
    query_blob(&q, e->source, sizeof(e->source));
    query_text(&q, "");
    return store_run_one(&q, s);
}

int enrolments_waiting(struct store *s, uint64_t now,
                       int (*each)(void *context, const struct enrolment *e), void *context)
{
    struct query q;
    int stop = 0;
    struct enrolment e = {0};
    struct kept kept = {0};
    store_query(&q, s, STMT_ENROLMENT_WAITING);
    query_u64(&q, now);
    query_text(&q, "");
    while (stop == 0 && query_step(&q) == 1) {
        e = (struct enrolment){0};
        read_enrolment(&q, &e, &kept);
        if (q.fault == 0)
            stop = each(context, &e);
    }
    secret_wipe(&kept, sizeof(kept));
    secret_wipe(&e, sizeof(e));
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}

int enrolments_try(struct store *s, const char *user)
{
    return one(s, STMT_ENROLMENT_TRY, user);
}

int enrolments_approve(struct store *s, const char *user, const char *approver)
{
    struct query q;
    store_query(&q, s, STMT_ENROLMENT_APPROVE);
    query_text(&q, user);
    query_text(&q, approver);
    return store_run_one(&q, s);
}

static int finish_enrolment(struct store *s, const struct enrolment *e, uint64_t now,
                            const char *password_hash, uint64_t step,
                            const uint8_t (*recovery)[STORE_HASH_SIZE], size_t count)
{
    struct query q;
    store_query(&q, s, STMT_ENROLMENT_USE);
    query_blob(&q, e->hash, sizeof(e->hash));
    int rc = store_run_one(&q, s);
    if (rc == 0 && (e->renews & ENROL_PASSWORD) != 0)
        rc = credentials_set_password(s, e->user, password_hash, now);
    if (rc == 0 && (e->renews & ENROL_TOTP) != 0)
        rc = credentials_set_totp(s, e->user, span_of(e->secret, e->secret_len), step, now);
    if (rc == 0)
        rc = replace_recovery(s, e->user, recovery, count, now);
    return rc;
}

int enrolments_finish(struct store *s, const uint8_t hash[STORE_HASH_SIZE], uint64_t now,
                      const char *password_hash, uint64_t step,
                      const uint8_t (*recovery)[STORE_HASH_SIZE], size_t count)
{
    if (count > RECOVERY_MAX)
        return FAULT_LIMIT;
    struct enrolment e;
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    rc = enrolments_find(s, hash, now, &e);
    if (rc == 0) {
        rc = finish_enrolment(s, &e, now, password_hash, step, recovery, count);
        secret_wipe(&e, sizeof(e));
    }
    return store_settle(s, rc);
}

int enrolments_revoke(struct store *s, const char *user)
{
    return clear_enrolment(s, user);
}

int enrolments_prune(struct store *s, uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_ENROLMENT_PRUNE);
    query_u64(&q, now);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

/* ---- under another key ---- */

/* 1: a row was read. 0: there are no more. */
static int next_kept(struct store *s, enum statement which, uint8_t hash[STORE_HASH_SIZE],
                     char user[STORE_NAME_SIZE], struct kept *k)
{
    struct query q;
    bool enrolment = which == STMT_ENROLMENT_SEALED;
    store_query(&q, s, which);
    if (enrolment)
        query_blob(&q, hash, STORE_HASH_SIZE);
    else
        query_text(&q, user);
    int row = query_step(&q);
    if (row == 1) {
        if (enrolment)
            query_get_fixed(&q, hash, STORE_HASH_SIZE);
        query_get_text(&q, user, STORE_NAME_SIZE);
        read_kept(&q, k);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : row;
}

static int seal_again(struct store *s, enum statement which, const uint8_t hash[STORE_HASH_SIZE],
                      const char *user, const struct kept *old, struct reseal *done)
{
    struct query q;
    struct kept kept = {0};
    uint8_t secret[TOTP_SECRET_MAX];
    size_t len = 0;
    if (old->sealed && seal_is_current(store_ring(s), span_of(old->bytes, old->len)))
        return 0;
    bool lost = open_secret(s, user, old, secret, &len) < 0;
    if (lost) {
        done->lost++;
        store_query(&q, s, which == STMT_TOTP_SEAL ? STMT_TOTP_DISABLE : STMT_ENROLMENT_USE);
    } else {
        done->sealed++;
        int rc = keep_secret(s, user, span_of(secret, len), &kept);
        secret_wipe(secret, sizeof(secret));
        if (rc < 0)
            return rc;
        store_query(&q, s, which);
    }
    if (which == STMT_TOTP_SEAL)
        query_text(&q, user);
    else
        query_blob(&q, hash, STORE_HASH_SIZE);
    if (!lost)
        query_blob(&q, kept.bytes, kept.len);
    return store_run_one(&q, s);
}

static int reseal_all(struct store *s, enum statement list, enum statement seal,
                      struct reseal *done)
{
    uint8_t hash[STORE_HASH_SIZE] = {0};
    char user[STORE_NAME_SIZE] = "";
    struct kept kept;
    int rc;
    while ((rc = next_kept(s, list, hash, user, &kept)) == 1) {
        rc = seal_again(s, seal, hash, user, &kept, done);
        if (rc < 0)
            break;
    }
    secret_wipe(&kept, sizeof(kept));
    return rc;
}

int credentials_reseal(struct store *s, struct reseal *ret)
{
    struct reseal done = {0};
    if (store_ring(s) == NULL)
        return FAULT_MISUSE;
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    rc = reseal_all(s, STMT_TOTP_SEALED, STMT_TOTP_SEAL, &done);
    rc = rc < 0 ? rc : reseal_all(s, STMT_ENROLMENT_SEALED, STMT_ENROLMENT_SEAL, &done);
    rc = store_settle(s, rc);
    if (rc == 0)
        *ret = done;
    return rc;
}
