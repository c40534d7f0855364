#include "store/series.h"

#include "base/cursor.h"
#include "store/part.h"

int series_add(struct store *s, uint64_t step, const struct series_row *row)
{
    struct query q;
    uint8_t blob[SERIES_BUCKETS * 4];
    struct writer w = writer_into(blob, sizeof(blob));
    for (size_t i = 0; i < SERIES_BUCKETS; i++)
        writer_u32(&w, row->latency[i]);
    store_query(&q, s, STMT_SERIES_ADD);
    query_u64(&q, step);
    query_u64(&q, row->at);
    query_u64(&q, row->requests);
    query_u64(&q, row->denials);
    query_u64(&q, row->sessions);
    query_blob(&q, blob, sizeof(blob));
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

static void read_row(struct query *q, struct series_row *row)
{
    uint8_t blob[SERIES_BUCKETS * 4] = {0};
    row->at = query_get_u64(q);
    row->requests = query_get_u64(q);
    row->denials = query_get_u64(q);
    row->sessions = query_get_u64(q);
    query_get_fixed(q, blob, sizeof(blob));
    struct cursor c = cursor_over(span_of(blob, sizeof(blob)));
    for (size_t i = 0; i < SERIES_BUCKETS; i++)
        row->latency[i] = cursor_u32(&c);
}

int series_list(struct store *s, uint64_t step, uint64_t from, uint64_t to,
                int (*each)(void *context, const struct series_row *row), void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, STMT_SERIES_LIST);
    query_u64(&q, step);
    query_u64(&q, from);
    query_u64(&q, to);
    while (stop == 0 && query_step(&q) == 1) {
        struct series_row row;
        read_row(&q, &row);
        if (q.fault == 0)
            stop = each(context, &row);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}

int series_prune(struct store *s, uint64_t step, uint64_t before)
{
    struct query q;
    store_query(&q, s, STMT_SERIES_PRUNE);
    query_u64(&q, step);
    query_u64(&q, before);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}
