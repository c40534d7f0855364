#include "store/versions.h"

#include "store/part.h"
#include "store/resources.h"

#define KIND_SIZE 16u

int versions_add(struct store *s, const struct version *v, uint64_t *number)
{
    struct query q;
    if (strnlen(v->author, sizeof(v->author)) == sizeof(v->author) ||
        strnlen(v->comment, sizeof(v->comment)) == sizeof(v->comment))
        return FAULT_LIMIT;
    store_query(&q, s, STMT_VERSION_ADD);
    query_u64(&q, v->at);
    query_text(&q, v->author);
    query_text(&q, v->cause);
    query_text(&q, v->comment);
    query_u64(&q, v->state);
    query_u64(&q, v->confirm_by);
    query_u64(&q, v->confirm_for);
    int row = query_step(&q);
    uint64_t made = row == 1 ? query_get_u64(&q) : 0;
    int rc = store_close_query(&q, s);
    if (rc == 0 && made == 0)
        return FAULT_STORE;
    if (rc == 0)
        *number = made;
    return rc;
}

static void bind_doc(struct query *q, bool there, struct span doc)
{
    if (there)
        query_span(q, doc);
    else
        query_null(q);
}

int versions_add_entry(struct store *s, uint64_t number, uint64_t position,
                       const struct version_entry *e)
{
    struct query q;
    store_query(&q, s, STMT_VERSION_ENTRY_ADD);
    query_u64(&q, number);
    query_u64(&q, position);
    query_text(&q, e->kind);
    query_text(&q, e->name);
    query_u64(&q, e->from_file);
    query_u64(&q, e->place_before);
    bind_doc(&q, e->had, e->before);
    query_u64(&q, e->place_after);
    bind_doc(&q, e->has, e->after);
    return store_run_one(&q, s);
}

static void read_version(struct query *q, struct version *v)
{
    v->number = query_get_u64(q);
    v->at = query_get_u64(q);
    query_get_text(q, v->author, sizeof(v->author));
    query_get_text(q, v->cause, sizeof(v->cause));
    query_get_text(q, v->comment, sizeof(v->comment));
    v->state = (enum version_state)query_get_u64(q);
    v->confirm_by = query_get_u64(q);
    v->confirm_for = query_get_u64(q);
}

/* One row of a statement that has its parameters. */
static int find(struct query *q, struct store *s, struct version *ret)
{
    struct version v;
    int row = query_step(q);
    if (row == 1)
        read_version(q, &v);
    int rc = store_close_query(q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = v;
    return rc;
}

int versions_find(struct store *s, uint64_t number, struct version *ret)
{
    struct query q;
    store_query(&q, s, STMT_VERSION_FIND);
    query_u64(&q, number);
    return find(&q, s, ret);
}

int versions_pending(struct store *s, struct version *ret)
{
    struct query q;
    store_query(&q, s, STMT_VERSION_PENDING);
    return find(&q, s, ret);
}

int versions_unsettled(struct store *s, struct version *ret)
{
    struct query q;
    store_query(&q, s, STMT_VERSION_UNSETTLED);
    return find(&q, s, ret);
}

static int number_of(struct store *s, enum statement which, uint64_t *ret)
{
    struct query q;
    store_query(&q, s, which);
    uint64_t number = query_step(&q) == 1 ? query_get_u64(&q) : 0;
    int rc = store_close_query(&q, s);
    if (rc == 0)
        *ret = number;
    return rc;
}

int versions_current(struct store *s, uint64_t *ret)
{
    return number_of(s, STMT_VERSION_CURRENT, ret);
}

int versions_oldest(struct store *s, uint64_t *ret)
{
    return number_of(s, STMT_VERSION_OLDEST, ret);
}

int versions_set_state(struct store *s, uint64_t number, enum version_state state)
{
    struct query q;
    store_query(&q, s, STMT_VERSION_STATE);
    query_u64(&q, number);
    query_u64(&q, state);
    return store_run_one(&q, s);
}

int versions_set_confirm(struct store *s, uint64_t number, uint64_t by, uint64_t time)
{
    struct query q;
    store_query(&q, s, STMT_VERSION_CONFIRM);
    query_u64(&q, number);
    query_u64(&q, by);
    query_u64(&q, time);
    return store_run_one(&q, s);
}

int versions_list(struct store *s, const struct page *page,
                  int (*each)(void *context, const struct version *version), void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, page->newest_first ? STMT_VERSION_LIST_BACK : STMT_VERSION_LIST);
    store_query_page(&q, page);
    while (stop == 0 && query_step(&q) == 1) {
        struct version v;
        read_version(&q, &v);
        if (q.fault == 0)
            stop = each(context, &v);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}

/* The document, and whether there is one: the statement says so in a column before it. */
static bool read_doc(struct query *q, struct span *doc)
{
    bool there = query_get_u64(q) != 0;
    *doc = query_get_span(q);
    if (!there)
        *doc = SPAN_NONE;
    return there;
}

static int each_entry(struct query *q, struct store *s,
                      int (*each)(void *context, const struct version_entry *entry), void *context)
{
    int stop = 0;
    while (stop == 0 && query_step(q) == 1) {
        char kind[KIND_SIZE], name[STORE_NAME_SIZE];
        struct version_entry e = {.kind = kind, .name = name};
        query_get_text(q, kind, sizeof(kind));
        query_get_text(q, name, sizeof(name));
        e.from_file = query_get_u64(q) != 0;
        e.place_before = query_get_u64(q);
        e.had = read_doc(q, &e.before);
        e.place_after = query_get_u64(q);
        e.has = read_doc(q, &e.after);
        if (q->fault == 0)
            stop = each(context, &e);
    }
    int rc = store_close_query(q, s);
    return rc < 0 ? rc : stop;
}

int versions_entries(struct store *s, uint64_t number,
                     int (*each)(void *context, const struct version_entry *entry), void *context)
{
    struct query q;
    store_query(&q, s, STMT_VERSION_ENTRIES);
    query_u64(&q, number);
    return each_entry(&q, s, each, context);
}

int versions_since(struct store *s, uint64_t number,
                   int (*each)(void *context, const struct version_entry *entry), void *context)
{
    struct query q;
    store_query(&q, s, STMT_VERSION_SINCE);
    query_u64(&q, number);
    return each_entry(&q, s, each, context);
}

struct undoing {
    struct store *store;
    uint64_t now;
};

static bool stays_in_place(const struct version_entry *e)
{
    return e->had && e->has && e->place_before == e->place_after;
}

static int take_out(void *context, const struct version_entry *e)
{
    struct undoing *u = context;
    return e->has && !e->from_file && !stays_in_place(e)
               ? resources_remove(u->store, e->kind, e->name)
               : 0;
}

static int put_back(void *context, const struct version_entry *e)
{
    struct undoing *u = context;
    uint64_t place;
    if (!e->had || e->from_file)
        return 0;
    if (!stays_in_place(e))
        return resources_place(u->store, e->kind, e->name, e->before, e->place_before, u->now,
                               &place);
    int rc = resources_put(u->store, e->kind, e->name, e->before, u->now);
    return rc < 0 ? rc : 0;
}

int versions_undo(struct store *s, uint64_t number, uint64_t now)
{
    struct undoing u = {s, now};
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    /* In two walks, so that no two meet at one place. */
    rc = versions_entries(s, number, take_out, &u);
    rc = rc < 0 ? rc : versions_entries(s, number, put_back, &u);
    rc = rc < 0 ? rc : versions_set_state(s, number, VERSION_UNDONE);
    return store_settle(s, rc);
}

int versions_prune(struct store *s, uint64_t keep)
{
    struct query q;
    store_query(&q, s, STMT_VERSION_PRUNE);
    query_u64(&q, keep);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int filed_put(struct store *s, const char *kind, const char *name, struct span doc)
{
    struct query q;
    store_query(&q, s, STMT_FILED_PUT);
    query_text(&q, kind);
    query_text(&q, name);
    query_span(&q, doc);
    return store_run_one(&q, s);
}

int filed_remove(struct store *s, const char *kind, const char *name)
{
    struct query q;
    store_query(&q, s, STMT_FILED_REMOVE);
    query_text(&q, kind);
    query_text(&q, name);
    return store_run_one(&q, s);
}

int filed_list(struct store *s, int (*each)(void *context, const struct version_entry *entry),
               void *context)
{
    struct query q;
    store_query(&q, s, STMT_FILED_LIST);
    return each_entry(&q, s, each, context);
}
