#include "store/sessions.h"

#include "base/fault.h"
#include "store/part.h"
#include "store/users.h"

#define BACK_MAX 4096u
#define KEYS_MAX 4u

static void read_session(struct query *q, struct session *n)
{
    *n = (struct session){0};
    n->seq = query_get_u64(q);
    query_get_fixed(q, n->id, sizeof(n->id));
    struct span parent = query_get_span(q);
    n->child = parent.len == sizeof(n->parent);
    if (n->child)
        memcpy(n->parent, parent.at, sizeof(n->parent));
    query_get_text(q, n->user, sizeof(n->user));
    query_get_text(q, n->host, sizeof(n->host));
    for (unsigned i = ASSURANCE_PASSWORD; i < ASSURANCE_COUNT; i++)
        n->proven.at[i] = query_get_u64(q);
    n->factors = (uint32_t)query_get_u64(q);
    n->created = query_get_u64(q);
    n->last_seen = query_get_u64(q);
    n->idle = (uint32_t)query_get_u64(q);
    n->ends_at = query_get_u64(q);
    query_get_fixed(q, n->source, sizeof(n->source));
    query_get_text(q, n->agent, sizeof(n->agent));
    query_get_text(q, n->fingerprint, sizeof(n->fingerprint));
    n->ended = query_get_u64(q);
    n->user_disabled = query_get_u64(q) != 0;
    n->emergency = query_get_u64(q) == USER_BREAK_GLASS;
}

/* The end of a find: what one row or none means. */
static int found(struct query *q, struct store *s, struct session *ret)
{
    struct session n = {0};
    int row = query_step(q);
    if (row == 1)
        read_session(q, &n);
    int rc = store_close_query(q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = n;
    return rc;
}

static int insert_keys(struct store *s, const uint8_t id[STORE_ID_SIZE],
                       const struct session_key *keys, size_t count)
{
    struct query q;
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < count; i++) {
        store_query(&q, s, STMT_SESSION_KEY_ADD);
        query_blob(&q, id, STORE_ID_SIZE);
        query_u64(&q, keys[i].kind);
        query_blob(&q, keys[i].hash, sizeof(keys[i].hash));
        rc = store_run_query(&q, s);
    }
    return rc < 0 ? rc : 0;
}

static int insert(struct store *s, const struct session *n, const struct session_key *keys,
                  size_t count)
{
    struct query q;
    if (n->child) {
        struct session parent = {0};
        int rc = sessions_find(s, n->parent, &parent);
        if (rc < 0)
            return rc;
        if (parent.ended != 0)
            return FAULT_ABSENT;
    }
    store_query(&q, s, STMT_SESSION_ADD);
    query_blob(&q, n->id, sizeof(n->id));
    if (n->child)
        query_blob(&q, n->parent, sizeof(n->parent));
    else
        query_null(&q);
    query_text(&q, n->user);
    query_text(&q, n->host);
    for (unsigned i = ASSURANCE_PASSWORD; i < ASSURANCE_COUNT; i++)
        query_u64(&q, n->proven.at[i]);
    query_u64(&q, n->factors);
    query_u64(&q, n->created);
    query_u64(&q, n->last_seen);
    query_u64(&q, n->idle);
    query_u64(&q, n->ends_at);
    query_blob(&q, n->source, sizeof(n->source));
    query_text(&q, n->agent);
    query_text(&q, n->fingerprint);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : insert_keys(s, n->id, keys, count);
}

int sessions_move(struct store *s, const uint8_t id[STORE_ID_SIZE], const uint8_t source[16],
                  const char *fingerprint)
{
    struct query q;
    store_query(&q, s, STMT_SESSION_MOVE);
    query_blob(&q, id, STORE_ID_SIZE);
    query_blob(&q, source, 16);
    query_text(&q, fingerprint);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int sessions_add(struct store *s, const struct session *session, const struct session_key *keys,
                 size_t count)
{
    if (count > KEYS_MAX)
        return FAULT_LIMIT;
    int rc = store_mark(s);
    return rc < 0 ? rc : store_settle(s, insert(s, session, keys, count));
}

static int raise_session(struct store *s, const uint8_t id[STORE_ID_SIZE],
                         const struct proven *proven, uint32_t factors,
                         const struct session_key *keys, size_t count)
{
    struct query q;
    store_query(&q, s, STMT_SESSION_RAISE);
    query_blob(&q, id, STORE_ID_SIZE);
    for (unsigned i = ASSURANCE_PASSWORD; i < ASSURANCE_COUNT; i++)
        query_u64(&q, proven->at[i]);
    query_u64(&q, factors);
    int rc = store_run_one(&q, s);
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_SESSION_KEYS_CLEAR);
    query_blob(&q, id, STORE_ID_SIZE);
    rc = store_run_query(&q, s);
    return rc < 0 ? rc : insert_keys(s, id, keys, count);
}

int sessions_raise(struct store *s, const uint8_t id[STORE_ID_SIZE], const struct proven *proven,
                   uint32_t factors, const struct session_key *keys, size_t count)
{
    if (count > KEYS_MAX)
        return FAULT_LIMIT;
    int rc = store_mark(s);
    return rc < 0 ? rc : store_settle(s, raise_session(s, id, proven, factors, keys, count));
}

int sessions_find_key(struct store *s, uint8_t kind, const uint8_t hash[STORE_HASH_SIZE],
                      struct session *ret)
{
    struct query q;
    store_query(&q, s, STMT_SESSION_FIND_KEY);
    query_blob(&q, hash, STORE_HASH_SIZE);
    query_u64(&q, kind);
    return found(&q, s, ret);
}

int sessions_find(struct store *s, const uint8_t id[STORE_ID_SIZE], struct session *ret)
{
    struct query q;
    store_query(&q, s, STMT_SESSION_FIND);
    query_blob(&q, id, STORE_ID_SIZE);
    return found(&q, s, ret);
}

int sessions_touch(struct store *s, const uint8_t id[STORE_ID_SIZE], uint64_t at)
{
    struct query q;
    store_query(&q, s, STMT_SESSION_TOUCH);
    query_blob(&q, id, STORE_ID_SIZE);
    query_u64(&q, at);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

/* The rows are changed by the first step, all of them; what follows only tells their ids. So a
 * callback that stops early leaves no session alive. */
static int tell_ended(struct query *q, struct store *s,
                      int (*ended)(void *context, const uint8_t id[STORE_ID_SIZE]), void *context)
{
    int stop = 0;
    while (query_step(q) == 1) {
        uint8_t id[STORE_ID_SIZE];
        query_get_fixed(q, id, sizeof(id));
        if (ended != NULL && stop == 0 && q->fault == 0)
            stop = ended(context, id);
    }
    int rc = store_close_query(q, s);
    return rc < 0 ? rc : stop;
}

int sessions_end(struct store *s, const uint8_t id[STORE_ID_SIZE], uint64_t now,
                 int (*ended)(void *context, const uint8_t id[STORE_ID_SIZE]), void *context)
{
    struct query q;
    store_query(&q, s, STMT_SESSION_END);
    query_blob(&q, id, STORE_ID_SIZE);
    query_u64(&q, now);
    return tell_ended(&q, s, ended, context);
}

int sessions_end_user(struct store *s, const char *user, uint64_t now,
                      int (*ended)(void *context, const uint8_t id[STORE_ID_SIZE]), void *context)
{
    struct query q;
    store_query(&q, s, STMT_SESSION_END_USER);
    query_text(&q, user);
    query_u64(&q, now);
    return tell_ended(&q, s, ended, context);
}

int sessions_expire(struct store *s, uint64_t now,
                    int (*ended)(void *context, const uint8_t id[STORE_ID_SIZE]), void *context)
{
    struct query q;
    store_query(&q, s, STMT_SESSION_EXPIRE);
    query_u64(&q, now);
    query_u64(&q, SESSIONS_EXPIRED_AT_ONCE);
    return tell_ended(&q, s, ended, context);
}

static int prune(struct store *s, enum statement which, uint64_t before)
{
    struct query q;
    store_query(&q, s, which);
    query_u64(&q, before);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int sessions_prune(struct store *s, uint64_t before)
{
    return prune(s, STMT_SESSION_PRUNE, before);
}

int sessions_list(struct store *s, const char *user, const struct page *page,
                  int (*each)(void *context, const struct session *session), void *context)
{
    static const enum statement WHICH[2][2] = {
        {STMT_SESSION_LIST, STMT_SESSION_LIST_BACK},
        {STMT_SESSION_LIST_USER, STMT_SESSION_LIST_USER_BACK}};
    struct query q;
    int stop = 0;
    store_query(&q, s, WHICH[user != NULL][page->newest_first]);
    store_query_page(&q, page);
    if (user != NULL)
        query_text(&q, user);
    while (stop == 0 && query_step(&q) == 1) {
        struct session n;
        read_session(&q, &n);
        if (q.fault == 0)
            stop = each(context, &n);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}

static int count(struct query *q, struct store *s, uint64_t *ret)
{
    uint64_t n = query_step(q) == 1 ? query_get_u64(q) : 0;
    int rc = store_close_query(q, s);
    if (rc == 0)
        *ret = n;
    return rc;
}

int sessions_count(struct store *s, const char *user, uint64_t *ret)
{
    struct query q;
    store_query(&q, s, STMT_SESSION_COUNT);
    query_text(&q, user);
    return count(&q, s, ret);
}

int sessions_count_all(struct store *s, uint64_t *ret)
{
    struct query q;
    store_query(&q, s, STMT_SESSION_COUNT_ALL);
    return count(&q, s, ret);
}

/* ---- hand-over ---- */

static int insert_handover(struct store *s, const struct handover *h)
{
    struct query q;
    uint64_t unused_codes = 0;
    store_query(&q, s, STMT_HANDOVER_COUNT);
    query_blob(&q, h->parent, sizeof(h->parent));
    int rc = count(&q, s, &unused_codes);
    if (rc < 0)
        return rc;
    if (unused_codes >= HANDOVERS_PER_PARENT)
        return FAULT_LIMIT;
    store_query(&q, s, STMT_HANDOVER_ADD);
    query_blob(&q, h->hash, sizeof(h->hash));
    query_blob(&q, h->flow_hash, sizeof(h->flow_hash));
    query_blob(&q, h->parent, sizeof(h->parent));
    query_text(&q, h->host);
    query_span(&q, h->back);
    query_u64(&q, h->expires);
    rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int handovers_add(struct store *s, const struct handover *h)
{
    int rc = fits(h->back, BACK_MAX);
    if (rc == 0)
        rc = store_mark(s);
    return rc < 0 ? rc : store_settle(s, insert_handover(s, h));
}

int handovers_take(struct store *s, const uint8_t hash[STORE_HASH_SIZE], uint64_t now,
                   struct arena *arena, struct handover *ret)
{
    struct query q;
    struct handover h = {0};
    store_query(&q, s, STMT_HANDOVER_TAKE);
    query_blob(&q, hash, STORE_HASH_SIZE);
    int row = query_step(&q);
    if (row == 1) {
        query_get_fixed(&q, h.hash, sizeof(h.hash));
        query_get_fixed(&q, h.flow_hash, sizeof(h.flow_hash));
        query_get_fixed(&q, h.parent, sizeof(h.parent));
        query_get_text(&q, h.host, sizeof(h.host));
        struct span back = query_get_span(&q);
        h.back = arena_copy(arena, back);
        if (q.fault == 0 && h.back.len != back.len)
            q.fault = FAULT_LIMIT;
        h.expires = query_get_u64(&q);
        /* An abandoned statement would be undone: the code is used up when it is done. */
        if (query_step(&q) < 0)
            row = 0;
    }
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0 && h.expires <= now)
        return FAULT_STALE;
    if (rc == 0)
        *ret = h;
    return rc;
}

int handovers_prune(struct store *s, uint64_t now)
{
    return prune(s, STMT_HANDOVER_PRUNE, now);
}
