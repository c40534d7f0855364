#include "store/certificates.h"

#include "base/fault.h"
#include "base/text.h"
#include "store/part.h"

static void read_row(struct query *q, struct certificate *c)
{
    *c = (struct certificate){0};
    c->seq = query_get_u64(q);
    query_get_fixed(q, c->id, sizeof(c->id));
    query_get_text(q, c->name, sizeof(c->name));
    query_get_text(q, c->user, sizeof(c->user));
    c->kind = (uint32_t)query_get_u64(q);
    query_get_text(q, c->value, sizeof(c->value));
    c->created = query_get_u64(q);
    c->last_used = query_get_u64(q);
    c->user_kind = (uint32_t)query_get_u64(q);
    c->user_disabled = query_get_u64(q) != 0;
}

int certificates_add(struct store *s, const struct certificate *c)
{
    if (!text_is_name(span_str(c->name)))
        return FAULT_FORMAT;
    struct query q;
    store_query(&q, s, STMT_CERTIFICATE_ADD);
    query_blob(&q, c->id, sizeof(c->id));
    query_text(&q, c->name);
    query_text(&q, c->user);
    query_u64(&q, c->kind);
    query_text(&q, c->value);
    query_u64(&q, c->created);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

static int found(struct query *q, struct store *s, struct certificate *ret)
{
    struct certificate c = {0};
    int row = query_step(q);
    if (row == 1)
        read_row(q, &c);
    int rc = store_close_query(q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = c;
    return rc;
}

int certificates_find(struct store *s, const char *name, struct certificate *ret)
{
    struct query q;
    store_query(&q, s, STMT_CERTIFICATE_FIND);
    query_text(&q, name);
    return found(&q, s, ret);
}

int certificates_find_value(struct store *s, uint32_t kind, const char *value,
                            struct certificate *ret)
{
    struct query q;
    store_query(&q, s, STMT_CERTIFICATE_FIND_VALUE);
    query_u64(&q, kind);
    query_text(&q, value);
    return found(&q, s, ret);
}

int certificates_remove(struct store *s, const char *name)
{
    struct query q;
    store_query(&q, s, STMT_CERTIFICATE_REMOVE);
    query_text(&q, name);
    return store_run_one(&q, s);
}

int certificates_touch(struct store *s, const uint8_t id[STORE_ID_SIZE], uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_CERTIFICATE_TOUCH);
    query_blob(&q, id, STORE_ID_SIZE);
    query_u64(&q, now);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int certificates_list(struct store *s, const char *user, const struct page *page,
                      int (*each)(void *context, const struct certificate *certificate),
                      void *context)
{
    static const enum statement WHICH[2][2] = {
        {STMT_CERTIFICATE_LIST, STMT_CERTIFICATE_LIST_BACK},
        {STMT_CERTIFICATE_LIST_USER, STMT_CERTIFICATE_LIST_USER_BACK}};
    struct query q;
    int stop = 0;
    store_query(&q, s, WHICH[user != NULL][page->newest_first]);
    store_query_page(&q, page);
    if (user != NULL)
        query_text(&q, user);
    while (stop == 0 && query_step(&q) == 1) {
        struct certificate c;
        read_row(&q, &c);
        if (q.fault == 0)
            stop = each(context, &c);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}
