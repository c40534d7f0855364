#include "store/access.h"

#include "base/fault.h"
#include "store/part.h"

/* Numbers come from an edge, which may lie; one that the column cannot hold is cut rather than let
 * it spoil the batch. */
static void bind_u64(struct query *q, uint64_t value)
{
    query_u64(q, value > INT64_MAX ? INT64_MAX : value);
}

static bool is_zero(const uint8_t *at, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= at[i];
    return any == 0;
}

static void bind_or_empty(struct query *q, const uint8_t *at, size_t len)
{
    query_blob(q, at, is_zero(at, len) ? 0 : len);
}

/* What version 3 added. */
static void add_inputs(struct query *q, const struct access_record *r)
{
    bind_u64(q, r->password_at);
    bind_u64(q, r->mfa_at);
    bind_u64(q, r->resistant_at);
    bind_u64(q, r->hardware_at);
    query_u64(q, r->flags);
    query_u64(q, r->own);
    query_span(q, r->owner);
    query_span(q, r->token_routes);
    query_span(q, r->token_zones);
    query_span(q, r->host);
    query_span(q, r->interface);
    query_span(q, r->destination);
    bind_or_empty(q, r->certificate, sizeof(r->certificate));
    bind_or_empty(q, r->began, sizeof(r->began));
    query_span(q, r->grants);
}

static int add(struct db *d, const struct access_record *r)
{
    struct query q;
    query_open(&q, d, STMT_ACCESS_ADD);
    bind_u64(&q, r->wall_ms);
    query_blob(&q, r->request_id, sizeof(r->request_id));
    query_u64(&q, r->version);
    query_u64(&q, r->outcome);
    query_u64(&q, r->status);
    query_blob(&q, r->source, sizeof(r->source));
    query_span(&q, r->listener);
    query_span(&q, r->route);
    query_u64(&q, r->principal_kind);
    query_span(&q, r->principal);
    query_blob(&q, r->session, sizeof(r->session));
    query_span(&q, r->groups);
    query_u64(&q, r->assurance);
    bind_u64(&q, r->proven_at);
    query_span(&q, r->zones);
    query_span(&q, r->method);
    query_span(&q, r->path);
    query_span(&q, r->rule);
    query_u64(&q, r->reason);
    query_u64(&q, r->duration_ms);
    bind_u64(&q, r->bytes_in);
    bind_u64(&q, r->bytes_out);
    query_u64(&q, r->stream);
    add_inputs(&q, r);
    int rc = query_run(&q);
    return rc < 0 ? rc : 0;
}

static int add_lost(struct db *d, uint64_t lost, uint64_t wall_ms)
{
    struct query q;
    query_open(&q, d, STMT_ACCESS_LOST);
    bind_u64(&q, lost);
    bind_u64(&q, wall_ms);
    int rc = query_run(&q);
    return rc < 0 ? rc : 0;
}

/* The end of a transaction of this file: commits, or leaves nothing open. */
static int settle(struct db *d, int rc)
{
    if (rc >= 0) {
        int done = db_run(d, STMT_ACCESS_COMMIT);
        if (done == 0)
            return rc;
        rc = done;
    }
    if (db_in_transaction(d))
        (void)db_run(d, STMT_ACCESS_ROLLBACK);
    return rc;
}

int access_append(struct store *s, const struct access_record *records, size_t count, uint64_t lost,
                  uint64_t wall_ms)
{
    struct db *d = store_access_db(s);
    int rc = db_run(d, STMT_ACCESS_BEGIN);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = add(d, &records[i]);
        /* After the database has undone the transaction by itself each further row would be
         * committed alone. */
        if (rc == 0 && !db_in_transaction(d))
            rc = FAULT_STORE;
    }
    if (rc == 0 && lost > 0)
        rc = add_lost(d, lost, wall_ms);
    return settle(d, rc);
}

/* Zero when it is empty. */
static void read_or_empty(struct query *q, uint8_t *out, size_t len)
{
    struct span bytes = query_get_span(q);
    if (bytes.len == len)
        memcpy(out, bytes.at, len);
    else if (bytes.len != 0)
        q->fault = FAULT_CORRUPT;
}

static void read_inputs(struct query *q, struct access_record *r)
{
    r->password_at = query_get_u64(q);
    r->mfa_at = query_get_u64(q);
    r->resistant_at = query_get_u64(q);
    r->hardware_at = query_get_u64(q);
    r->flags = (uint8_t)query_get_u64(q);
    r->own = (uint8_t)query_get_u64(q);
    r->owner = query_get_span(q);
    r->token_routes = query_get_span(q);
    r->token_zones = query_get_span(q);
    r->host = query_get_span(q);
    r->interface = query_get_span(q);
    r->destination = query_get_span(q);
    read_or_empty(q, r->certificate, sizeof(r->certificate));
    read_or_empty(q, r->began, sizeof(r->began));
    r->grants = query_get_span(q);
}

static void read_row(struct query *q, struct access_row *row)
{
    *row = (struct access_row){0};
    struct access_record *r = &row->record;
    row->seq = query_get_u64(q);
    r->wall_ms = query_get_u64(q);
    query_get_fixed(q, r->request_id, sizeof(r->request_id));
    r->version = (uint8_t)query_get_u64(q);
    r->outcome = (uint8_t)query_get_u64(q);
    r->status = (uint16_t)query_get_u64(q);
    query_get_fixed(q, r->source, sizeof(r->source));
    r->listener = query_get_span(q);
    r->route = query_get_span(q);
    r->principal_kind = (uint8_t)query_get_u64(q);
    r->principal = query_get_span(q);
    query_get_fixed(q, r->session, sizeof(r->session));
    r->groups = query_get_span(q);
    r->assurance = (uint8_t)query_get_u64(q);
    r->proven_at = query_get_u64(q);
    r->zones = query_get_span(q);
    r->method = query_get_span(q);
    r->path = query_get_span(q);
    r->rule = query_get_span(q);
    r->reason = (uint8_t)query_get_u64(q);
    r->duration_ms = (uint32_t)query_get_u64(q);
    r->bytes_in = query_get_u64(q);
    r->bytes_out = query_get_u64(q);
    r->stream = (uint8_t)query_get_u64(q);
    read_inputs(q, r);
}

static int bounds(struct db *d, uint64_t *first, uint64_t *last)
{
    struct query q;
    query_open(&q, d, STMT_ACCESS_BOUNDS);
    if (query_step(&q) == 1) {
        *first = query_get_u64(&q);
        *last = query_get_u64(&q);
    }
    return query_close(&q);
}

static uint64_t ended_ms(const struct access_record *r)
{
    return r->wall_ms + r->duration_ms;
}

static bool fits_filter(const struct access_filter *f, const struct access_record *r)
{
    bool refused = r->outcome >= ACCESS_DENIED && r->outcome <= ACCESS_LIMIT;
    uint64_t at = ended_ms(r);
    if ((f->denials && !refused) || at < f->since_ms || (f->until_ms != 0 && at >= f->until_ms))
        return false;
    if ((f->route != NULL && !span_is(r->route, f->route)) ||
        (f->principal != NULL && !span_is(r->principal, f->principal)) ||
        (f->method != NULL && !span_is(r->method, f->method)) ||
        (f->source != NULL && memcmp(r->source, f->source, sizeof(r->source)) != 0))
        return false;
    return f->text == NULL || store_has_text(r->path, f->text) ||
           store_has_text(r->host, f->text) || store_has_text(r->principal, f->text) ||
           store_has_text(r->rule, f->text);
}

static int time_of(struct store *s, uint64_t seq, uint64_t *ret)
{
    struct query q;
    *ret = 0;
    query_open(&q, store_access_db(s), STMT_ACCESS_ENDED);
    query_u64(&q, seq);
    if (query_step(&q) == 1)
        *ret = query_get_u64(&q);
    return query_close(&q);
}

/* Batches of several edges come in no exact order. */
#define LATE_MS 60000u

static int narrow_by_time(struct store *s, const struct access_filter *f, struct scan *scan)
{
    uint64_t first = 1, last = 0, at;
    if (f->since_ms == 0 && f->until_ms == 0)
        return 0;
    int rc = bounds(store_access_db(s), &first, &last);
    if (rc == 0 && f->since_ms > LATE_MS) {
        rc = scan_find_time(s, first - 1, last + 1, f->since_ms - LATE_MS, time_of, &at);
        if (rc == 0 && at - 1 > scan->low)
            scan->low = at - 1;
    }
    if (rc == 0 && f->until_ms != 0) {
        rc = scan_find_time(s, first - 1, last + 1, f->until_ms + LATE_MS, time_of, &at);
        if (rc == 0 && at < scan->high)
            scan->high = at;
    }
    return rc;
}

/* The narrowest index: refusals are few, and one person does less than is asked of a console. */
static enum statement access_statement(const struct access_filter *f, bool back)
{
    static const enum statement WHICH[4][2] = {{STMT_ACCESS_LIST, STMT_ACCESS_LIST_BACK},
                                               {STMT_ACCESS_DENIALS, STMT_ACCESS_DENIALS_BACK},
                                               {STMT_ACCESS_PRINCIPAL, STMT_ACCESS_PRINCIPAL_BACK},
                                               {STMT_ACCESS_ROUTE, STMT_ACCESS_ROUTE_BACK}};
    size_t by = f->denials ? 1 : f->principal != NULL ? 2 : f->route != NULL ? 3 : 0;
    return WHICH[by][back];
}

int access_list(struct store *s, const struct access_filter *filter, const struct page *page,
                int (*each)(void *context, const struct access_row *row), void *context,
                uint64_t *ret_next)
{
    struct query q;
    struct scan scan;
    int stop = 0;
    scan_init(&scan, page, filter->denials || filter->principal != NULL || filter->route != NULL);
    int rc = narrow_by_time(s, filter, &scan);
    if (rc < 0)
        return rc;
    query_open(&q, store_access_db(s), access_statement(filter, page->newest_first));
    store_query_scan(&q, &scan);
    if (!filter->denials && (filter->principal != NULL || filter->route != NULL))
        query_text(&q, filter->principal != NULL ? filter->principal : filter->route);
    while (stop == 0 && scan.given < scan.limit && query_step(&q) == 1) {
        struct access_row row;
        read_row(&q, &row);
        scan.read++;
        scan.last = row.seq;
        if (q.fault == 0 && fits_filter(filter, &row.record)) {
            scan.given++;
            stop = each(context, &row);
        }
    }
    rc = query_close(&q);
    if (rc == 0 && ret_next != NULL)
        *ret_next = scan_next(&scan);
    return rc < 0 ? rc : stop;
}

int access_range(struct store *s, uint64_t since_ms, uint64_t *low, uint64_t *high)
{
    const struct access_filter filter = {.since_ms = since_ms};
    uint64_t first = 1, last = 0;
    struct scan scan;
    scan_init(&scan, &(struct page){0}, false);
    int rc = bounds(store_access_db(s), &first, &last);
    rc = rc < 0 ? rc : narrow_by_time(s, &filter, &scan);
    if (rc == 0) {
        *low = scan.low > first - 1 ? scan.low : first - 1;
        *high = last + 1;
    }
    return rc;
}

int access_walk(struct store *s, uint64_t low, uint64_t high, uint32_t count,
                void (*each)(void *context, const struct access_row *row), void *context)
{
    struct query q;
    uint32_t given = 0;
    query_open(&q, store_access_db(s), STMT_ACCESS_LIST);
    query_u64(&q, low);
    query_u64(&q, high);
    query_u64(&q, count);
    while (query_step(&q) == 1) {
        struct access_row row;
        read_row(&q, &row);
        if (q.fault == 0) {
            each(context, &row);
            given++;
        }
    }
    int rc = query_close(&q);
    return rc < 0 ? rc : (int)given;
}

int access_denied_sources(struct store *s, uint64_t since_ms, uint32_t limit,
                          int (*each)(void *context, const struct access_denials *d), void *context)
{
    struct query q;
    int stop = 0;
    query_open(&q, store_access_db(s), STMT_ACCESS_DENIED_SOURCES);
    query_u64(&q, since_ms);
    query_u64(&q, page_limit(limit));
    query_u64(&q, ACCESS_DENIED_MAX);
    while (stop == 0 && query_step(&q) == 1) {
        struct access_denials d = {0};
        query_get_fixed(&q, d.source, sizeof(d.source));
        d.count = query_get_u64(&q);
        d.last_ms = query_get_u64(&q);
        d.last_outcome = (uint8_t)query_get_u64(&q);
        d.last_reason = (uint8_t)query_get_u64(&q);
        d.last_route = query_get_span(&q);
        if (q.fault == 0)
            stop = each(context, &d);
    }
    int rc = query_close(&q);
    return rc < 0 ? rc : stop;
}

/* The number up to which rows may go: by count, or by age among the oldest `budget`. */
static int prune_to(struct db *d, const struct access_limit *limit, uint32_t budget, uint64_t *ret)
{
    uint64_t first = 1, last = 0, aged = 0;
    int rc = bounds(d, &first, &last);
    if (rc < 0)
        return rc;
    struct query q;
    query_open(&q, d, STMT_ACCESS_AGED);
    query_u64(&q, budget);
    query_u64(&q, limit->before_ms);
    if (query_step(&q) == 1)
        aged = query_get_u64(&q);
    rc = query_close(&q);
    uint64_t over = last > limit->rows ? last - limit->rows : 0;
    uint64_t to = over > aged ? over : aged;
    /* The numbers have no gaps but at the front, so counting them is subtracting. The last row
     * stays: it keeps the numbers going on from where they were. */
    if (to >= first + budget)
        to = first + budget - 1;
    *ret = to < last ? to : last > 0 ? last - 1 : 0;
    return rc;
}

int access_prune(struct store *s, const struct access_limit *limit, uint32_t budget)
{
    struct db *d = store_access_db(s);
    struct access_limit now = *limit;
    struct store_room main, room;
    uint64_t to = 0;
    if (budget == 0)
        return 0;
    int rc = store_room(s, &main, &room);
    /* Rows have no fixed size: as long as they need too much, some of the oldest go. */
    if (rc == 0 && now.bytes != 0 && room.bytes - room.free_bytes > now.bytes)
        now.rows = 0;
    rc = rc < 0 ? rc : prune_to(d, &now, budget, &to);
    if (rc < 0 || to == 0)
        return rc;
    struct query q;
    query_open(&q, d, STMT_ACCESS_REMOVE);
    query_u64(&q, to);
    return query_run(&q);
}

int access_stats(struct store *s, struct access_stats *ret)
{
    struct db *d = store_access_db(s);
    struct access_stats stats = {0};
    uint64_t first = 1, last = 0;
    int rc = bounds(d, &first, &last);
    if (rc < 0)
        return rc;
    struct query q;
    query_open(&q, d, STMT_ACCESS_LOSS);
    if (query_step(&q) == 1)
        stats.lost = query_get_u64(&q);
    rc = query_close(&q);
    stats.rows = last >= first ? last - first + 1 : 0;
    uint64_t *const times[] = {&stats.oldest_ms, &stats.newest_ms};
    const uint64_t rows[] = {first, last};
    for (size_t i = 0; rc == 0 && stats.rows > 0 && i < 2; i++) {
        query_open(&q, d, STMT_ACCESS_TIME);
        query_u64(&q, rows[i]);
        if (query_step(&q) == 1)
            *times[i] = query_get_u64(&q);
        rc = query_close(&q);
    }
    if (rc == 0)
        *ret = stats;
    return rc;
}
