#include "store/trail.h"

#include "base/fault.h"
#include "store/part.h"

static void read_record(struct query *q, struct record *r)
{
    *r = (struct record){0};
    r->seq = query_get_u64(q);
    r->wall_ms = query_get_u64(q);
    r->actor_kind = (uint8_t)query_get_u64(q);
    r->actor = query_get_span(q);
    query_get_fixed(q, r->source, sizeof(r->source));
    r->event = query_get_span(q);
    r->target = query_get_span(q);
    r->outcome = (uint8_t)query_get_u64(q);
    r->request_id = query_get_span(q);
    r->detail = query_get_span(q);
    query_get_fixed(q, r->prev, sizeof(r->prev));
    query_get_fixed(q, r->hash, sizeof(r->hash));
}

int trail_last(struct store *s, uint64_t *ret_seq, uint8_t ret_hash[STORE_HASH_SIZE])
{
    struct query q;
    uint64_t seq = 0;
    uint8_t hash[STORE_HASH_SIZE] = {0};
    store_query(&q, s, STMT_AUDIT_LAST);
    if (query_step(&q) == 1) {
        seq = query_get_u64(&q);
        query_get_fixed(&q, hash, sizeof(hash));
    }
    int rc = store_close_query(&q, s);
    if (rc == 0) {
        *ret_seq = seq;
        memcpy(ret_hash, hash, sizeof(hash));
    }
    return rc;
}

int trail_hash(struct store *s, uint64_t seq, uint8_t ret_hash[STORE_HASH_SIZE])
{
    struct query q;
    uint8_t hash[STORE_HASH_SIZE] = {0};
    store_query(&q, s, STMT_AUDIT_HASH);
    query_u64(&q, seq);
    int row = query_step(&q);
    if (row == 1)
        query_get_fixed(&q, hash, sizeof(hash));
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        memcpy(ret_hash, hash, sizeof(hash));
    return rc;
}

int trail_append(struct store *s, const struct record *r)
{
    struct query q;
    store_query(&q, s, STMT_AUDIT_APPEND);
    query_u64(&q, r->seq);
    query_u64(&q, r->wall_ms);
    query_u64(&q, r->actor_kind);
    query_span(&q, r->actor);
    query_blob(&q, r->source, sizeof(r->source));
    query_span(&q, r->event);
    query_span(&q, r->target);
    query_u64(&q, r->outcome);
    query_span(&q, r->request_id);
    query_span(&q, r->detail);
    query_blob(&q, r->prev, sizeof(r->prev));
    query_blob(&q, r->hash, sizeof(r->hash));
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

static int give(struct query *q, struct store *s,
                int (*each)(void *context, const struct record *record), void *context)
{
    int stop = 0;
    while (stop == 0 && query_step(q) == 1) {
        struct record r;
        read_record(q, &r);
        if (q->fault == 0)
            stop = each(context, &r);
    }
    int rc = store_close_query(q, s);
    return rc < 0 ? rc : stop;
}

int trail_list(struct store *s, const struct page *page,
               int (*each)(void *context, const struct record *record), void *context)
{
    struct query q;
    store_query(&q, s, page->newest_first ? STMT_AUDIT_LIST_BACK : STMT_AUDIT_LIST);
    store_query_page(&q, page);
    return give(&q, s, each, context);
}

int trail_search(struct store *s, const struct trail_filter *filter, const struct page *page,
                 int (*each)(void *context, const struct record *record), void *context)
{
    /* The narrower index first: what one person did is less than how often one thing happened. */
    static const enum statement WHICH[4][2] = {
        {STMT_AUDIT_SEARCH, STMT_AUDIT_SEARCH_BACK},
        {STMT_AUDIT_SEARCH_EVENT, STMT_AUDIT_SEARCH_EVENT_BACK},
        {STMT_AUDIT_SEARCH_ACTOR, STMT_AUDIT_SEARCH_ACTOR_BACK},
        {STMT_AUDIT_SEARCH_TARGET, STMT_AUDIT_SEARCH_TARGET_BACK}};
    size_t by = filter->actor != NULL    ? 2
                : filter->target != NULL ? 3
                : filter->event != NULL  ? 1
                                         : 0;
    struct query q;
    store_query(&q, s, WHICH[by][page->newest_first]);
    store_query_page(&q, page);
    query_text(&q, filter->event);
    query_text(&q, filter->actor);
    query_text(&q, filter->target);
    query_u64(&q, filter->since_ms);
    return give(&q, s, each, context);
}

int trail_walk(struct store *s, int (*each)(void *context, const struct record *record),
               void *context)
{
    struct query q;
    store_query(&q, s, STMT_AUDIT_WALK);
    return give(&q, s, each, context);
}
