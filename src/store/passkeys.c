#include "store/passkeys.h"

#include "base/fault.h"
#include "store/part.h"

static size_t read_bytes(struct query *q, uint8_t *out, size_t cap)
{
    struct span bytes = query_get_span(q);
    if (bytes.len > cap) {
        q->fault = FAULT_CORRUPT;
        return 0;
    }
    if (bytes.len > 0)
        memcpy(out, bytes.at, bytes.len);
    return bytes.len;
}

static void read_passkey(struct query *q, struct passkey *p)
{
    *p = (struct passkey){0};
    p->id_len = read_bytes(q, p->id, sizeof(p->id));
    query_get_text(q, p->user, sizeof(p->user));
    query_get_text(q, p->name, sizeof(p->name));
    p->alg = -(int32_t)query_get_u64(q);
    p->key_len = read_bytes(q, p->key, sizeof(p->key));
    p->count = (uint32_t)query_get_u64(q);
    p->verified = query_get_u64(q) != 0;
    p->synced = query_get_u64(q) != 0;
    p->backed_up = query_get_u64(q) != 0;
    p->attested = query_get_u64(q) != 0;
    query_get_fixed(q, p->model, sizeof(p->model));
    p->made = query_get_u64(q);
    p->last_used = query_get_u64(q);
    p->disabled = query_get_u64(q) != 0;
}

static int insert(struct store *s, const struct passkey *p)
{
    struct query q;
    uint64_t most = 0;
    store_query(&q, s, STMT_PASSKEY_COUNT_ALL);
    query_text(&q, p->user);
    if (query_step(&q) == 1)
        most = query_get_u64(&q);
    int rc = store_close_query(&q, s);
    if (rc == 0 && most >= PASSKEYS_PER_USER)
        rc = FAULT_LIMIT;
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_PASSKEY_ADD);
    query_blob(&q, p->id, p->id_len);
    query_text(&q, p->user);
    query_text(&q, p->name);
    query_u64(&q, (uint64_t)-p->alg);
    query_blob(&q, p->key, p->key_len);
    query_u64(&q, p->count);
    query_u64(&q, p->verified);
    query_u64(&q, p->synced);
    query_u64(&q, p->backed_up);
    query_u64(&q, p->attested);
    query_blob(&q, p->model, sizeof(p->model));
    query_u64(&q, p->made);
    rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int passkeys_add(struct store *s, const struct passkey *p)
{
    if (p->id_len == 0 || p->id_len > sizeof(p->id) || p->key_len == 0 ||
        p->key_len > sizeof(p->key) || p->name[0] == '\0' || p->alg >= 0)
        return FAULT_LIMIT;
    int rc = store_mark(s);
    return rc < 0 ? rc : store_settle(s, insert(s, p));
}

static int one(struct query *q, struct store *s, struct passkey *ret)
{
    struct passkey p;
    int row = query_step(q);
    if (row == 1)
        read_passkey(q, &p);
    int rc = store_close_query(q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = p;
    return rc;
}

int passkeys_find(struct store *s, struct span id, struct passkey *ret)
{
    struct query q;
    store_query(&q, s, STMT_PASSKEY_FIND);
    query_blob(&q, id.at, id.len);
    return one(&q, s, ret);
}

int passkeys_find_name(struct store *s, const char *user, const char *name, struct passkey *ret)
{
    struct query q;
    store_query(&q, s, STMT_PASSKEY_FIND_NAME);
    query_text(&q, user);
    query_text(&q, name);
    return one(&q, s, ret);
}

int passkeys_list(struct store *s, const char *user,
                  int (*each)(void *context, const struct passkey *p), void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, STMT_PASSKEY_LIST);
    query_text(&q, user);
    while (stop == 0 && query_step(&q) == 1) {
        struct passkey p;
        read_passkey(&q, &p);
        if (q.fault == 0)
            stop = each(context, &p);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}

int passkeys_count(struct store *s, const char *user, uint64_t *ret)
{
    struct query q;
    uint64_t count = 0;
    store_query(&q, s, STMT_PASSKEY_COUNT);
    query_text(&q, user);
    if (query_step(&q) == 1)
        count = query_get_u64(&q);
    int rc = store_close_query(&q, s);
    if (rc == 0)
        *ret = count;
    return rc;
}

int passkeys_used(struct store *s, struct span id, uint32_t count, bool backed_up, uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_PASSKEY_USED);
    query_blob(&q, id.at, id.len);
    query_u64(&q, count);
    query_u64(&q, backed_up);
    query_u64(&q, now);
    int rc = store_run_one(&q, s);
    return rc == FAULT_ABSENT ? FAULT_STALE : rc;
}

int passkeys_disable(struct store *s, struct span id)
{
    struct query q;
    store_query(&q, s, STMT_PASSKEY_DISABLE);
    query_blob(&q, id.at, id.len);
    return store_run_one(&q, s);
}

static int named(struct store *s, enum statement which, const char *user, const char *name,
                 const char *to)
{
    struct query q;
    store_query(&q, s, which);
    query_text(&q, user);
    query_text(&q, name);
    if (to != NULL)
        query_text(&q, to);
    return store_run_one(&q, s);
}

int passkeys_rename(struct store *s, const char *user, const char *name, const char *to)
{
    return to[0] == '\0' || strlen(to) >= STORE_NAME_SIZE
               ? FAULT_LIMIT
               : named(s, STMT_PASSKEY_RENAME, user, name, to);
}

int passkeys_remove(struct store *s, const char *user, const char *name)
{
    return named(s, STMT_PASSKEY_REMOVE, user, name, NULL);
}

int passkeys_remove_all(struct store *s, const char *user)
{
    struct query q;
    store_query(&q, s, STMT_PASSKEY_REMOVE_ALL);
    query_text(&q, user);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int passkeys_enable(struct store *s, const char *user, const char *name)
{
    return named(s, STMT_PASSKEY_ENABLE, user, name, NULL);
}

int passkeys_handle(struct store *s, const char *user, const uint8_t fresh[PASSKEYS_HANDLE_SIZE],
                    uint8_t ret[PASSKEYS_HANDLE_SIZE])
{
    struct query q;
    store_query(&q, s, STMT_PASSKEY_HANDLE_PUT);
    query_text(&q, user);
    query_blob(&q, fresh, PASSKEYS_HANDLE_SIZE);
    int rc = store_run_query(&q, s);
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_PASSKEY_HANDLE);
    query_text(&q, user);
    int row = query_step(&q);
    if (row == 1)
        query_get_fixed(&q, ret, PASSKEYS_HANDLE_SIZE);
    rc = store_close_query(&q, s);
    return rc < 0 ? rc : row == 1 ? 0 : FAULT_ABSENT;
}

int passkeys_decoy(struct store *s, uint8_t ret[STORE_HASH_SIZE])
{
    struct query q;
    store_query(&q, s, STMT_PASSKEY_DECOY);
    int row = query_step(&q);
    if (row == 1)
        query_get_fixed(&q, ret, STORE_HASH_SIZE);
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : row == 1 ? 0 : FAULT_CORRUPT;
}
