#include "store/throttles.h"

#include <stdio.h>

#include "base/fault.h"
#include "store/part.h"

#define KEY_MAX 127u

int throttles_find(struct store *s, enum throttle_kind kind, const char *key, struct throttle *ret)
{
    struct query q;
    struct throttle t = {0};
    store_query(&q, s, STMT_THROTTLE_FIND);
    query_u64(&q, kind);
    query_text(&q, key);
    if (query_step(&q) == 1) {
        t.failures = (uint32_t)query_get_u64(&q);
        t.last_failure = query_get_u64(&q);
    }
    int rc = store_close_query(&q, s);
    if (rc == 0)
        *ret = t;
    return rc;
}

int throttles_put(struct store *s, enum throttle_kind kind, const char *key,
                  const struct throttle *t)
{
    struct query q;
    if (strlen(key) > KEY_MAX)
        return FAULT_LIMIT;
    store_query(&q, s, t->failures == 0 ? STMT_THROTTLE_FORGET : STMT_THROTTLE_PUT);
    query_u64(&q, kind);
    query_text(&q, key);
    if (t->failures != 0) {
        query_u64(&q, t->failures);
        query_u64(&q, t->last_failure);
    }
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int throttles_forget_pairs(struct store *s, const char *user)
{
    struct query q;
    char first[KEY_MAX + 1], past[KEY_MAX + 1];
    /* '!' follows the blank between name and place. */
    if (snprintf(first, sizeof(first), "%s ", user) > (int)KEY_MAX)
        return FAULT_LIMIT;
    (void)snprintf(past, sizeof(past), "%s!", user);
    store_query(&q, s, STMT_THROTTLE_FORGET_RANGE);
    query_u64(&q, THROTTLE_PAIR);
    query_text(&q, first);
    query_text(&q, past);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int throttles_prune(struct store *s, uint64_t before, uint32_t max)
{
    static const enum statement WHICH[] = {STMT_THROTTLE_PRUNE, STMT_THROTTLE_BOUND_ACCOUNTS,
                                           STMT_THROTTLE_BOUND_SOURCES, STMT_THROTTLE_BOUND_PAIRS};
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc >= 0 && i < countof(WHICH); i++) {
        struct query q;
        store_query(&q, s, WHICH[i]);
        query_u64(&q, i == 0 ? before : max);
        rc = store_run_query(&q, s);
    }
    return store_settle(s, rc < 0 ? rc : 0);
}
