#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "store/part.h"

/* Brackets.
 *
 *   idle ──begin──▶ bracket ──commit, rollback──▶ idle
 *   idle ──mark (nothing open)──▶ own ──the last keep or undo──▶ idle
 *
 * "own" is a transaction that a mark had to open for itself. `lost` is set when SQLite has undone
 * the whole transaction under us (a full disk, an input or output error, no memory): from then on
 * the statements of this bracket fail, because each would commit by itself. Only the end of the
 * bracket clears it. */
struct store {
    struct db *main;
    struct db *access;
    const struct seal_ring *ring; /* or NULL */
    bool bracket;
    bool own;
    bool lost;
    unsigned marks; /* open, the one of `own` included */
};

int store_open(const char *path, enum store_mode mode, struct store **ret, struct buf *note)
{
    char beside[4096];
    if (snprintf(beside, sizeof(beside), "%s.access", path) >= (int)sizeof(beside))
        return FAULT_LIMIT;
    struct store *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    int rc = db_open(path, mode, DB_MAIN, &schema_main, &s->main, note);
    /* The access log may have been thrown away; that is no reason not to start. */
    enum store_mode mode_beside = mode == STORE_OPEN ? STORE_CREATE : mode;
    if (rc == 0)
        rc = db_open(beside, mode_beside, DB_ACCESS, &schema_access, &s->access, note);
    if (rc < 0) {
        store_close(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    if (s->main != NULL)
        store_rollback(s);
    db_close(s->main);
    db_close(s->access);
    free(s);
}

bool store_in_transaction(const struct store *s)
{
    return s->bracket || s->own;
}

int store_begin(struct store *s)
{
    if (store_in_transaction(s))
        return FAULT_MISUSE;
    int rc = db_run(s->main, STMT_BEGIN);
    s->bracket = rc == 0;
    return rc;
}

/* Leaves nothing open, whatever happens. */
static void abandon(struct store *s)
{
    if (db_in_transaction(s->main))
        (void)db_run(s->main, STMT_ROLLBACK);
}

static int finish(struct store *s)
{
    int rc = s->lost ? FAULT_STORE : db_run(s->main, STMT_COMMIT);
    if (rc < 0)
        abandon(s);
    s->bracket = s->own = s->lost = false;
    s->marks = 0;
    return rc;
}

int store_commit(struct store *s)
{
    return s->bracket ? finish(s) : FAULT_MISUSE;
}

void store_rollback(struct store *s)
{
    abandon(s);
    s->bracket = s->own = s->lost = false;
    s->marks = 0;
}

int store_mark(struct store *s)
{
    int rc;
    if (s->lost)
        return FAULT_STORE;
    if (!store_in_transaction(s)) {
        rc = db_run(s->main, STMT_BEGIN);
        s->own = rc == 0;
    } else {
        rc = db_run(s->main, STMT_MARK);
        s->lost = !db_in_transaction(s->main);
    }
    if (rc == 0)
        s->marks++;
    return rc;
}

int store_keep(struct store *s)
{
    if (s->marks == 0)
        return FAULT_MISUSE;
    if (s->own && s->marks == 1)
        return finish(s);
    int rc = s->lost ? FAULT_STORE : db_run(s->main, STMT_KEEP);
    if (rc < 0)
        store_undo(s);
    else
        s->marks--;
    return rc;
}

void store_undo(struct store *s)
{
    if (s->marks == 0)
        return;
    if (s->own && s->marks == 1) {
        store_rollback(s);
        return;
    }
    s->marks--;
    if (s->lost)
        return;
    /* What cannot be undone alone takes the whole transaction along: half an operation must not be
     * committed with its neighbours. */
    if (db_run(s->main, STMT_UNDO) < 0 || db_run(s->main, STMT_KEEP) < 0) {
        abandon(s);
        s->lost = true;
    }
}

int store_settle(struct store *s, int rc)
{
    if (rc < 0) {
        store_undo(s);
        return rc;
    }
    int kept = store_keep(s);
    return kept < 0 ? kept : rc;
}

int store_checkpoint(struct store *s)
{
    int rc = db_checkpoint(s->main);
    int also = db_checkpoint(s->access);
    return rc < 0 ? rc : also;
}

void store_query(struct query *q, struct store *s, enum statement which)
{
    if (s->lost) {
        *q = (struct query){.db = s->main, .fault = FAULT_STORE};
        return;
    }
    query_open(q, s->main, which);
}

void store_query_access(struct query *q, struct store *s, enum statement which)
{
    query_open(q, s->access, which);
}

int store_close_query(struct query *q, struct store *s)
{
    int rc = query_close(q);
    if (rc < 0 && store_in_transaction(s) && !db_in_transaction(s->main))
        s->lost = true;
    return rc;
}

int store_run_query(struct query *q, struct store *s)
{
    int changes = query_run(q);
    int rc = store_close_query(q, s);
    return rc < 0 ? rc : changes;
}

int store_run_one(struct query *q, struct store *s)
{
    int rc = store_run_query(q, s);
    return rc < 0 ? rc : rc == 0 ? FAULT_ABSENT : 0;
}

void store_set_ring(struct store *s, const struct seal_ring *ring)
{
    s->ring = ring;
}

const struct seal_ring *store_ring(const struct store *s)
{
    return s->ring;
}

struct db *store_access_db(struct store *s)
{
    return s->access;
}

void store_query_page(struct query *q, const struct page *page)
{
    uint64_t anchor = page->newest_first && page->anchor == 0 ? INT64_MAX : page->anchor;
    query_u64(q, anchor);
    query_u64(q, page_limit(page->limit));
}

void store_query_scan(struct query *q, const struct scan *s)
{
    query_u64(q, s->low);
    query_u64(q, s->high);
    query_u64(q, s->most);
}

int scan_find_time(struct store *s, uint64_t low, uint64_t high, uint64_t ms,
                   int (*time_of)(struct store *s, uint64_t seq, uint64_t *ret), uint64_t *ret)
{
    low++;
    while (low < high) {
        uint64_t half = low + (high - low) / 2, time;
        int rc = time_of(s, half, &time);
        if (rc < 0)
            return rc;
        if (time < ms)
            low = half + 1;
        else
            high = half;
    }
    *ret = low;
    return 0;
}

bool store_has_text(struct span in, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= in.len; i++)
        if (span_eq_nocase(span_sub(in, i, len), span_of(text, len)))
            return true;
    return false;
}

static int room_of(struct db *d, enum statement which, struct store_room *ret)
{
    struct query q;
    *ret = (struct store_room){0};
    query_open(&q, d, which);
    if (query_step(&q) == 1) {
        uint64_t pages = query_get_u64(&q), size = query_get_u64(&q);
        ret->bytes = pages * size;
        ret->free_bytes = query_get_u64(&q) * size;
    }
    return query_close(&q);
}

int store_room(struct store *s, struct store_room *main, struct store_room *access)
{
    int rc = room_of(s->main, STMT_ROOM, main);
    return rc < 0 ? rc : room_of(s->access, STMT_ACCESS_ROOM, access);
}

/* What was removed is mostly made anew: a sixteenth stays free. */
#define SPARE_BYTES (4u * 1024 * 1024)
static bool has_spare(const struct store_room *r)
{
    return r->free_bytes > SPARE_BYTES && r->free_bytes > r->bytes / 16;
}

static int vacuum_one(struct db *d, enum statement room, enum statement vacuum)
{
    struct store_room before, after;
    int rc = room_of(d, room, &before);
    if (rc < 0 || !has_spare(&before))
        return rc;
    rc = db_run(d, vacuum);
    rc = rc < 0 ? rc : room_of(d, room, &after);
    return rc < 0 ? rc : after.free_bytes < before.free_bytes && has_spare(&after);
}

int store_vacuum(struct store *s)
{
    int main = vacuum_one(s->main, STMT_ROOM, STMT_VACUUM);
    int access = vacuum_one(s->access, STMT_ACCESS_ROOM, STMT_ACCESS_VACUUM);
    return main < 0 ? main : access < 0 ? access : main > 0 || access > 0;
}
