#include "store/alerts.h"

#include "store/part.h"

int alerts_find(struct store *s, const char *id, struct alert_mark *ret)
{
    struct query q;
    struct alert_mark mark = {0};
    store_query(&q, s, STMT_ALERT_FIND);
    query_text(&q, id);
    int row = query_step(&q);
    if (row == 1) {
        mark.first = query_get_u64(&q);
        mark.acknowledged = query_get_u64(&q);
        query_get_text(&q, mark.by, sizeof(mark.by));
    }
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = mark;
    return rc;
}

int alerts_seen(struct store *s, const char *id, uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_ALERT_SEEN);
    query_text(&q, id);
    query_u64(&q, now);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int alerts_acknowledge(struct store *s, const char *id, const char *by, uint64_t now)
{
    struct query q;
    int rc = fits(span_str(by), ALERT_BY_SIZE - 1);
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_ALERT_ACKNOWLEDGE);
    query_text(&q, id);
    query_u64(&q, now);
    query_text(&q, by);
    rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int alerts_prune(struct store *s, uint64_t before)
{
    struct query q;
    store_query(&q, s, STMT_ALERT_PRUNE);
    query_u64(&q, before);
    return store_run_query(&q, s);
}
