#include "store/breakglass.h"

#include "store/part.h"

int breakglass_add(struct store *s, const struct breakglass *b)
{
    struct query q;
    store_query(&q, s, STMT_BREAKGLASS_ADD);
    query_text(&q, b->user);
    query_u64(&q, b->made);
    query_u64(&q, b->session);
    query_u64(&q, b->active);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

static void read_account(struct query *q, struct breakglass *b)
{
    *b = (struct breakglass){0};
    query_get_text(q, b->user, sizeof(b->user));
    b->disabled = query_get_u64(q) != 0;
    b->made = query_get_u64(q);
    b->session = (uint32_t)query_get_u64(q);
    b->active = (uint32_t)query_get_u64(q);
    b->active_until = query_get_u64(q);
    b->last_used = query_get_u64(q);
    b->last_drill = query_get_u64(q);
    b->codes = (uint32_t)query_get_u64(q);
}

int breakglass_find(struct store *s, const char *user, struct breakglass *ret)
{
    struct query q;
    struct breakglass b;
    store_query(&q, s, STMT_BREAKGLASS_FIND);
    query_text(&q, user);
    int row = query_step(&q);
    if (row == 1)
        read_account(&q, &b);
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = b;
    return rc;
}

int breakglass_list(struct store *s, int (*each)(void *context, const struct breakglass *b),
                    void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, STMT_BREAKGLASS_LIST);
    while (stop == 0 && query_step(&q) == 1) {
        struct breakglass b;
        read_account(&q, &b);
        if (q.fault == 0)
            stop = each(context, &b);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}

static int add_code(struct store *s, const char *user, const uint8_t hash[STORE_HASH_SIZE],
                    bool drill, uint64_t expires)
{
    struct query q;
    store_query(&q, s, STMT_SEALED_ADD);
    query_blob(&q, hash, STORE_HASH_SIZE);
    query_text(&q, user);
    query_u64(&q, drill);
    query_u64(&q, expires);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

static int replace(struct store *s, const char *user, bool drill,
                   const uint8_t (*hashes)[STORE_HASH_SIZE], size_t count, uint64_t expires)
{
    struct query q;
    struct breakglass known;
    int rc = breakglass_find(s, user, &known);
    if (rc < 0)
        return rc;
    rc = store_mark(s);
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_SEALED_CLEAR);
    query_text(&q, user);
    query_u64(&q, drill);
    rc = store_run_query(&q, s);
    rc = rc < 0 ? rc : 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = add_code(s, user, hashes[i], drill, expires);
    return store_settle(s, rc);
}

int breakglass_set_codes(struct store *s, const char *user,
                         const uint8_t (*hashes)[STORE_HASH_SIZE], size_t count)
{
    return count > SEALED_CODES_MAX ? FAULT_LIMIT : replace(s, user, false, hashes, count, 0);
}

int breakglass_set_drill(struct store *s, const char *user, const uint8_t hash[STORE_HASH_SIZE],
                         uint64_t expires)
{
    uint8_t one[1][STORE_HASH_SIZE];
    memcpy(one[0], hash, sizeof(one[0]));
    return replace(s, user, true, (const uint8_t(*)[STORE_HASH_SIZE])one, 1, expires);
}

int breakglass_use(struct store *s, const char *user, const uint8_t hash[STORE_HASH_SIZE],
                   uint64_t now, bool *drill)
{
    struct query q;
    uint64_t expires = 0;
    bool is_drill = false;
    store_query(&q, s, STMT_SEALED_USE);
    query_text(&q, user);
    query_blob(&q, hash, STORE_HASH_SIZE);
    int row = query_step(&q);
    if (row == 1) {
        is_drill = query_get_u64(&q) != 0;
        expires = query_get_u64(&q);
    }
    int rc = store_close_query(&q, s);
    if (rc == 0 && (row == 0 || (expires != 0 && expires <= now)))
        return FAULT_ABSENT;
    if (rc == 0)
        *drill = is_drill;
    return rc;
}

int breakglass_activate(struct store *s, const char *user, uint64_t until, uint64_t now)
{
    struct query q;
    store_query(&q, s, until == 0 ? STMT_BREAKGLASS_SEAL : STMT_BREAKGLASS_ACTIVATE);
    query_text(&q, user);
    if (until != 0) {
        query_u64(&q, until);
        query_u64(&q, now);
    }
    return store_run_one(&q, s);
}

int breakglass_drilled(struct store *s, const char *user, uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_BREAKGLASS_DRILLED);
    query_text(&q, user);
    query_u64(&q, now);
    return store_run_one(&q, s);
}
