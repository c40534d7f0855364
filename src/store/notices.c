#include "store/notices.h"

#include "store/part.h"

static void read_notice(struct query *q, struct notice *n)
{
    *n = (struct notice){0};
    n->seq = query_get_u64(q);
    query_get_fixed(q, n->id, sizeof(n->id));
    query_get_text(q, n->user, sizeof(n->user));
    n->channel = (enum notice_channel)query_get_u64(q);
    query_get_text(q, n->address, sizeof(n->address));
    query_get_text(q, n->event, sizeof(n->event));
    query_get_fixed(q, n->source, sizeof(n->source));
    query_get_text(q, n->detail, sizeof(n->detail));
    n->made = query_get_u64(q);
    n->folded = (uint32_t)query_get_u64(q);
    n->due = query_get_u64(q);
    n->attempts = (uint32_t)query_get_u64(q);
    query_get_text(q, n->error, sizeof(n->error));
    n->sent = query_get_u64(q);
}

static int number(struct query *q, struct store *s, uint64_t *ret)
{
    uint64_t n = query_step(q) == 1 ? query_get_u64(q) : 0;
    int rc = store_close_query(q, s);
    if (rc == 0)
        *ret = n;
    return rc;
}

static int give(struct query *q, struct store *s,
                int (*each)(void *context, const struct notice *n), void *context)
{
    int stop = 0;
    while (stop == 0 && query_step(q) == 1) {
        struct notice n;
        read_notice(q, &n);
        if (q->fault == 0)
            stop = each(context, &n);
    }
    int rc = store_close_query(q, s);
    return rc < 0 ? rc : stop;
}

static int note_seq(void *context, const struct notice *n)
{
    *(uint64_t *)context = n->seq;
    return 0;
}

static int make_room(struct store *s, bool *dropped)
{
    struct query q;
    uint64_t waiting = 0, oldest = 0;
    int rc = notices_count(s, &waiting);
    *dropped = rc == 0 && waiting >= NOTICES_MAX;
    if (!*dropped)
        return rc;
    store_query(&q, s, STMT_NOTICE_OLDEST);
    rc = give(&q, s, note_seq, &oldest);
    return rc < 0 ? rc : notices_drop(s, oldest);
}

static int insert(struct store *s, const struct notice *n)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_ADD);
    query_blob(&q, n->id, sizeof(n->id));
    query_text(&q, n->user);
    query_u64(&q, n->channel);
    query_text(&q, n->address);
    query_text(&q, n->event);
    query_blob(&q, n->source, sizeof(n->source));
    query_text(&q, n->detail);
    query_u64(&q, n->made);
    query_u64(&q, n->folded);
    query_u64(&q, n->due);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int notices_add(struct store *s, const struct notice *n, bool *ret_dropped)
{
    bool dropped = false;
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    rc = make_room(s, &dropped);
    rc = store_settle(s, rc < 0 ? rc : insert(s, n));
    if (rc == 0)
        *ret_dropped = dropped;
    return rc;
}

int notices_recent(struct store *s, const char *user, enum notice_channel channel, uint64_t since,
                   uint64_t *ret)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_RECENT);
    query_text(&q, user);
    query_u64(&q, channel);
    query_u64(&q, since);
    return number(&q, s, ret);
}

int notices_fold(struct store *s, const char *user, enum notice_channel channel, bool *ret)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_FOLD);
    query_text(&q, user);
    query_u64(&q, channel);
    int rc = store_run_query(&q, s);
    if (rc >= 0)
        *ret = rc > 0;
    return rc < 0 ? rc : 0;
}

int notices_due(struct store *s, enum notice_channel channel, uint64_t now, uint32_t limit,
                int (*each)(void *context, const struct notice *n), void *context)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_DUE);
    query_u64(&q, channel);
    query_u64(&q, now);
    query_u64(&q, page_limit(limit));
    return give(&q, s, each, context);
}

int notices_next(struct store *s, enum notice_channel channel, uint64_t *ret)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_NEXT);
    query_u64(&q, channel);
    return number(&q, s, ret);
}

int notices_count(struct store *s, uint64_t *ret)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_WAITING);
    return number(&q, s, ret);
}

static int run(struct query *q, struct store *s)
{
    int rc = store_run_query(q, s);
    return rc < 0 ? rc : 0;
}

int notices_sent(struct store *s, uint64_t seq, uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_SENT);
    query_u64(&q, seq);
    query_u64(&q, now);
    query_text(&q, "");
    return run(&q, s);
}

int notices_later(struct store *s, uint64_t seq, uint64_t due, const char *error)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_LATER);
    query_u64(&q, seq);
    query_u64(&q, due);
    query_span(&q, span_sub(span_str(error), 0, NOTICE_ERROR_SIZE - 1));
    return run(&q, s);
}

int notices_drop(struct store *s, uint64_t seq)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_DROP);
    query_u64(&q, seq);
    return run(&q, s);
}

int notices_forget(struct store *s, uint64_t before)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_FORGET);
    query_u64(&q, before);
    return run(&q, s);
}

int notices_list(struct store *s, const struct page *page,
                 int (*each)(void *context, const struct notice *n), void *context)
{
    struct query q;
    store_query(&q, s, STMT_NOTICE_LIST);
    store_query_page(&q, page);
    return give(&q, s, each, context);
}
