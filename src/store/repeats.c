#include "store/repeats.h"

#include "store/part.h"

int repeats_find(struct store *s, const uint8_t id[REPEAT_HASH], uint8_t question[REPEAT_HASH])
{
    struct query q;
    store_query(&q, s, STMT_REPEAT_FIND);
    query_blob(&q, id, REPEAT_HASH);
    int row = query_step(&q);
    if (row == 1)
        query_get_fixed(&q, question, REPEAT_HASH);
    int rc = store_close_query(&q, s);
    return rc == 0 && row == 0 ? FAULT_ABSENT : rc;
}

int repeats_add(struct store *s, const uint8_t id[REPEAT_HASH], const uint8_t question[REPEAT_HASH],
                uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_REPEAT_ADD);
    query_blob(&q, id, REPEAT_HASH);
    query_blob(&q, question, REPEAT_HASH);
    query_u64(&q, now);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int repeats_prune(struct store *s, uint64_t before)
{
    struct query q;
    store_query(&q, s, STMT_REPEAT_PRUNE);
    query_u64(&q, before);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}
