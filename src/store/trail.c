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

int trail_first(struct store *s, uint64_t *ret_seq)
{
    struct query q;
    uint64_t seq = 0;
    store_query(&q, s, STMT_AUDIT_FIRST);
    if (query_step(&q) == 1)
        seq = query_get_u64(&q);
    int rc = store_close_query(&q, s);
    if (rc == 0)
        *ret_seq = seq;
    return rc;
}

int trail_time(struct store *s, uint64_t seq, uint64_t *ret_ms)
{
    struct query q;
    uint64_t ms = 0;
    store_query(&q, s, STMT_AUDIT_TIME);
    query_u64(&q, seq);
    int row = query_step(&q);
    if (row == 1)
        ms = query_get_u64(&q);
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret_ms = ms;
    return rc;
}

static int time_or_none(struct store *s, uint64_t seq, uint64_t *ret)
{
    int rc = trail_time(s, seq, ret);
    if (rc == FAULT_ABSENT)
        *ret = 0;
    return rc == FAULT_ABSENT ? 0 : rc;
}

int trail_find_time(struct store *s, uint64_t ms, uint64_t *ret_seq)
{
    uint64_t first, last;
    uint8_t hash[STORE_HASH_SIZE];
    int rc = trail_first(s, &first);
    rc = rc < 0 ? rc : trail_last(s, &last, hash);
    if (rc < 0)
        return rc;
    return scan_find_time(s, first == 0 ? 0 : first - 1, last + 1, ms, time_or_none, ret_seq);
}

int trail_remove(struct store *s, uint64_t upto)
{
    struct query q;
    store_query(&q, s, STMT_AUDIT_REMOVE);
    query_u64(&q, upto);
    return store_run_query(&q, s);
}

static bool fits_filter(const struct trail_filter *f, const struct record *r)
{
    if (r->wall_ms < f->since_ms || (f->until_ms != 0 && r->wall_ms >= f->until_ms))
        return false;
    if ((f->event != NULL && !span_is(r->event, f->event)) ||
        (f->actor != NULL && !span_is(r->actor, f->actor)) ||
        (f->target != NULL && !span_is(r->target, f->target)))
        return false;
    return f->text == NULL || store_has_text(r->actor, f->text) ||
           store_has_text(r->event, f->text) || store_has_text(r->target, f->text) ||
           store_has_text(r->request_id, f->text) || store_has_text(r->detail, f->text);
}

/* The clock may have been set back a little. */
#define UNSTEADY_MS 60000u

static int narrow_by_time(struct store *s, const struct trail_filter *f, struct scan *scan)
{
    uint64_t at;
    int rc = 0;
    if (f->since_ms > UNSTEADY_MS) {
        rc = trail_find_time(s, f->since_ms - UNSTEADY_MS, &at);
        if (rc == 0 && at - 1 > scan->low)
            scan->low = at - 1;
    }
    if (rc == 0 && f->until_ms != 0) {
        rc = trail_find_time(s, f->until_ms + UNSTEADY_MS, &at);
        if (rc == 0 && at < scan->high)
            scan->high = at;
    }
    return rc;
}

int trail_search(struct store *s, const struct trail_filter *filter, const struct page *page,
                 int (*each)(void *context, const struct record *record), void *context,
                 uint64_t *ret_next)
{
    /* The narrower index first: what one person did is less than how often one thing happened. */
    static const enum statement WHICH[4][2] = {
        {STMT_AUDIT_SEARCH, STMT_AUDIT_SEARCH_BACK},
        {STMT_AUDIT_SEARCH_EVENT, STMT_AUDIT_SEARCH_EVENT_BACK},
        {STMT_AUDIT_SEARCH_ACTOR, STMT_AUDIT_SEARCH_ACTOR_BACK},
        {STMT_AUDIT_SEARCH_TARGET, STMT_AUDIT_SEARCH_TARGET_BACK}};
    const char *const key[] = {NULL, filter->event, filter->actor, filter->target};
    size_t by = filter->actor != NULL    ? 2
                : filter->target != NULL ? 3
                : filter->event != NULL  ? 1
                                         : 0;
    struct query q;
    struct scan scan;
    int stop = 0;
    scan_init(&scan, page, by != 0);
    int rc = narrow_by_time(s, filter, &scan);
    if (rc < 0)
        return rc;
    store_query(&q, s, WHICH[by][page->newest_first]);
    store_query_scan(&q, &scan);
    if (key[by] != NULL)
        query_text(&q, key[by]);
    while (stop == 0 && scan.given < scan.limit && query_step(&q) == 1) {
        struct record r;
        read_record(&q, &r);
        scan.read++;
        scan.last = r.seq;
        if (q.fault == 0 && fits_filter(filter, &r)) {
            scan.given++;
            stop = each(context, &r);
        }
    }
    rc = store_close_query(&q, s);
    if (rc == 0 && ret_next != NULL)
        *ret_next = scan_next(&scan);
    return rc < 0 ? rc : stop;
}

int trail_walk(struct store *s, int (*each)(void *context, const struct record *record),
               void *context)
{
    struct query q;
    store_query(&q, s, STMT_AUDIT_WALK);
    return give(&q, s, each, context);
}
