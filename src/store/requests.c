#include "store/requests.h"

#include <errno.h>

#include "store/part.h"

#define CLOCK_SLACK 60u

static void read_request(struct query *q, struct request *r)
{
    *r = (struct request){0};
    r->seq = query_get_u64(q);
    r->kind = (enum request_kind)query_get_u64(q);
    r->state = (enum request_state)query_get_u64(q);
    query_get_text(q, r->user, sizeof(r->user));
    query_get_text(q, r->token, sizeof(r->token));
    query_get_text(q, r->subject, sizeof(r->subject));
    query_get_fixed(q, r->basis, sizeof(r->basis));
    query_get_text(q, r->reason, sizeof(r->reason));
    r->duration = (uint32_t)query_get_u64(q);
    r->created = query_get_u64(q);
    r->expires = query_get_u64(q);
    r->decided = query_get_u64(q);
    r->ends = query_get_u64(q);
    query_get_text(q, r->note, sizeof(r->note));
    r->votes = (uint32_t)query_get_u64(q);
}

static int give(struct query *q, struct store *s,
                int (*each)(void *context, const struct request *r), void *context)
{
    int stop = 0;
    while (stop == 0 && query_step(q) == 1) {
        struct request r;
        read_request(q, &r);
        if (q->fault == 0)
            stop = each(context, &r);
    }
    int rc = store_close_query(q, s);
    return rc < 0 ? rc : stop;
}

static int one(struct query *q, struct store *s, struct request *ret)
{
    struct request r;
    int row = query_step(q);
    if (row == 1)
        read_request(q, &r);
    int rc = store_close_query(q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = r;
    return rc;
}

static int number(struct query *q, struct store *s, uint64_t *ret)
{
    uint64_t n = query_step(q) == 1 ? query_get_u64(q) : 0;
    int rc = store_close_query(q, s);
    if (rc == 0)
        *ret = n;
    return rc;
}

static int insert(struct store *s, const struct request *r, const struct request_action *a)
{
    struct query q;
    store_query(&q, s, STMT_REQUEST_ADD);
    query_u64(&q, r->kind);
    query_u64(&q, r->state);
    query_text(&q, r->user);
    query_text(&q, r->token);
    query_text(&q, r->subject);
    query_blob(&q, r->basis, sizeof(r->basis));
    query_text(&q, r->reason);
    query_u64(&q, r->duration);
    query_u64(&q, r->created);
    query_u64(&q, r->expires);
    query_span(&q, a->method);
    query_span(&q, a->path);
    query_span(&q, a->query);
    query_span(&q, a->body);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int requests_add(struct store *s, const struct request *r, const struct request_action *action,
                 uint64_t *seq)
{
    const struct request_action none = {SPAN(""), SPAN(""), SPAN(""), SPAN("")};
    const struct request_action *a = action == NULL ? &none : action;
    struct query q;
    if (a->method.len + a->path.len + a->query.len + a->body.len > REQUEST_ACTION_MAX)
        return FAULT_LIMIT;
    int rc = insert(s, r, a);
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_REQUEST_LAST);
    query_text(&q, r->user);
    return number(&q, s, seq);
}

int requests_find(struct store *s, uint64_t seq, struct request *ret)
{
    struct query q;
    store_query(&q, s, STMT_REQUEST_FIND);
    query_u64(&q, seq);
    return one(&q, s, ret);
}

static int keep(struct query *q, struct arena *arena, struct span *ret)
{
    struct span text = query_get_span(q);
    *ret = text.len == 0 ? SPAN_NONE : arena_copy(arena, text);
    return ret->len == text.len ? 0 : -ENOMEM;
}

int requests_action(struct store *s, uint64_t seq, struct arena *arena, struct request_action *ret)
{
    struct query q;
    struct request_action a;
    store_query(&q, s, STMT_REQUEST_ACTION);
    query_u64(&q, seq);
    int row = query_step(&q), kept = 0;
    if (row == 1) {
        struct span *const parts[] = {&a.method, &a.path, &a.query, &a.body};
        for (size_t i = 0; i < countof(parts) && kept == 0; i++)
            kept = keep(&q, arena, parts[i]);
    }
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0 && kept == 0)
        *ret = a;
    return rc < 0 ? rc : kept;
}

int requests_find_open(struct store *s, const char *user, const char *rule, struct request *ret)
{
    struct query q;
    store_query(&q, s, STMT_REQUEST_OPEN);
    query_text(&q, user);
    query_text(&q, rule);
    return one(&q, s, ret);
}

int requests_count_open(struct store *s, const char *user, uint64_t *ret)
{
    struct query q;
    store_query(&q, s, STMT_REQUEST_COUNT_OPEN);
    query_text(&q, user);
    return number(&q, s, ret);
}

int requests_move(struct store *s, uint64_t seq, enum request_state from, enum request_state to,
                  uint64_t decided, uint64_t ends, const char *note)
{
    struct query q;
    store_query(&q, s, STMT_REQUEST_MOVE);
    query_u64(&q, seq);
    query_u64(&q, from);
    query_u64(&q, to);
    query_u64(&q, decided);
    query_u64(&q, ends);
    query_text(&q, note);
    int rc = store_run_one(&q, s);
    return rc == FAULT_ABSENT ? FAULT_CONFLICT : rc;
}

int requests_list(struct store *s, const struct request_filter *f, const struct page *page,
                  int (*each)(void *context, const struct request *r), void *context)
{
    struct query q;
    store_query(&q, s, f->user == NULL ? STMT_REQUEST_LIST : STMT_REQUEST_LIST_USER);
    query_u64(&q, page->anchor == 0 ? INT64_MAX : page->anchor);
    query_u64(&q, page_limit(page->limit));
    query_u64(&q, f->kind);
    query_u64(&q, f->state);
    if (f->user != NULL)
        query_text(&q, f->user);
    return give(&q, s, each, context);
}

int requests_running(struct store *s, int (*each)(void *context, const struct request *r),
                     void *context)
{
    struct query q;
    store_query(&q, s, STMT_REQUEST_RUNNING);
    return give(&q, s, each, context);
}

int requests_due(struct store *s, uint64_t now, int (*each)(void *context, const struct request *r),
                 void *context)
{
    struct query q;
    store_query(&q, s, STMT_REQUEST_DUE);
    query_u64(&q, now);
    return give(&q, s, each, context);
}

int requests_grants(struct store *s, const char *user, uint64_t now, struct buf *lines)
{
    struct query q;
    store_query(&q, s, STMT_REQUEST_GRANTS);
    query_text(&q, user);
    query_u64(&q, now);
    query_u64(&q, now + CLOCK_SLACK);
    while (query_step(&q) == 1) {
        (void)buf_append(lines, query_get_span(&q));
        (void)buf_byte(lines, '\n');
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : lines->bad ? FAULT_LIMIT : 0;
}

int requests_next(struct store *s, uint64_t *ret)
{
    struct query q;
    store_query(&q, s, STMT_REQUEST_NEXT);
    return number(&q, s, ret);
}

int requests_prune(struct store *s, uint64_t before)
{
    struct query q;
    store_query(&q, s, STMT_REQUEST_PRUNE);
    query_u64(&q, before);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int votes_add(struct store *s, uint64_t seq, const struct vote *v)
{
    struct query q;
    store_query(&q, s, STMT_VOTE_ADD);
    query_u64(&q, seq);
    query_text(&q, v->user);
    query_u64(&q, v->at);
    query_text(&q, v->comment);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int votes_list(struct store *s, uint64_t seq, int (*each)(void *context, const struct vote *v),
               void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, STMT_VOTE_LIST);
    query_u64(&q, seq);
    while (stop == 0 && query_step(&q) == 1) {
        struct vote v;
        query_get_text(&q, v.user, sizeof(v.user));
        v.at = query_get_u64(&q);
        query_get_text(&q, v.comment, sizeof(v.comment));
        if (q.fault == 0)
            stop = each(context, &v);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}
