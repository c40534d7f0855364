#include "store/entries.h"

#include "base/fault.h"
#include "base/text.h"
#include "store/part.h"

int entries_put(struct store *s, const struct entry *e)
{
    struct query q;
    store_query(&q, s, STMT_ENTRY_PUT);
    query_text(&q, e->user);
    query_text(&q, e->directory);
    query_text(&q, e->id[0] != 0 ? e->id : NULL);
    query_text(&q, e->dn);
    query_u64(&q, e->checked);
    query_u64(&q, e->gone);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

static void read_entry(struct query *q, struct entry *e)
{
    *e = (struct entry){.gone = false};
    query_get_text(q, e->user, sizeof(e->user));
    query_get_text(q, e->directory, sizeof(e->directory));
    query_get_text(q, e->id, sizeof(e->id));
    query_get_text(q, e->dn, sizeof(e->dn));
    e->checked = query_get_u64(q);
    e->gone = query_get_u64(q) != 0;
    e->settled = query_get_u64(q) != 0;
}

static int read_one(struct query *q, struct store *s, struct entry *ret)
{
    struct entry e;
    int row = query_step(q);
    if (row == 1)
        read_entry(q, &e);
    int rc = store_close_query(q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = e;
    return rc;
}

int entries_find(struct store *s, const char *user, struct entry *ret)
{
    struct query q;
    store_query(&q, s, STMT_ENTRY_FIND);
    query_text(&q, user);
    return read_one(&q, s, ret);
}

int entries_find_id(struct store *s, const char *directory, const char *id, struct entry *ret)
{
    struct query q;
    store_query(&q, s, STMT_ENTRY_FIND_ID);
    query_text(&q, directory);
    query_text(&q, id);
    return read_one(&q, s, ret);
}

int entries_settle(struct store *s, const char *user)
{
    struct query q;
    store_query(&q, s, STMT_ENTRY_SETTLE);
    query_text(&q, user);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int entries_remove(struct store *s, const char *user)
{
    struct query q;
    store_query(&q, s, STMT_ENTRY_REMOVE);
    query_text(&q, user);
    return store_run_one(&q, s);
}

int entries_due(struct store *s, const char *directory, uint64_t before, uint64_t now,
                uint32_t limit, int (*each)(void *context, const struct entry *entry),
                void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, STMT_ENTRY_DUE);
    query_text(&q, directory);
    query_u64(&q, before);
    query_u64(&q, now);
    query_u64(&q, page_limit(limit));
    while (stop == 0 && query_step(&q) == 1) {
        struct entry e;
        read_entry(&q, &e);
        if (q.fault == 0)
            stop = each(context, &e);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}
