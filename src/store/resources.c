#include "store/resources.h"

#include "base/fault.h"
#include "base/text.h"
#include "store/part.h"

#define SETTING_TEXT_MAX 4096u
#define KIND_SIZE 16u

static int put(struct store *s, const char *kind, const char *name, struct span doc, uint64_t now)
{
    static const enum statement WHICH[] = {STMT_RESOURCE_REPLACE, STMT_RESOURCE_ADD};
    int rc = 0;
    for (size_t i = 0; i < countof(WHICH); i++) {
        struct query q;
        store_query(&q, s, WHICH[i]);
        query_text(&q, kind);
        query_text(&q, name);
        query_span(&q, doc);
        query_u64(&q, now);
        rc = store_run_query(&q, s);
        if (rc != 0)
            return rc < 0 ? rc : (int)i;
    }
    return rc;
}

int resources_put(struct store *s, const char *kind, const char *name, struct span doc,
                  uint64_t now)
{
    if (strlen(kind) >= KIND_SIZE || !text_is_name(span_str(name)))
        return FAULT_FORMAT;
    int rc = fits(doc, RESOURCE_DOC_MAX);
    if (rc == 0)
        rc = store_mark(s);
    return rc < 0 ? rc : store_settle(s, put(s, kind, name, doc, now));
}

int resources_place(struct store *s, const char *kind, const char *name, struct span doc,
                    uint64_t place, uint64_t now, uint64_t *ret)
{
    struct query q;
    if (strlen(kind) >= KIND_SIZE || !text_is_name(span_str(name)))
        return FAULT_FORMAT;
    if (fits(doc, RESOURCE_DOC_MAX) < 0)
        return FAULT_LIMIT;
    store_query(&q, s, STMT_RESOURCE_PLACE);
    query_u64(&q, place);
    query_text(&q, kind);
    query_text(&q, name);
    query_span(&q, doc);
    query_u64(&q, now);
    int row = query_step(&q);
    uint64_t seq = row == 1 ? query_get_u64(&q) : 0;
    int rc = store_close_query(&q, s);
    if (rc == 0)
        *ret = seq;
    return rc;
}

struct names {
    char kind[KIND_SIZE];
    char name[STORE_NAME_SIZE];
};

static void read_resource(struct query *q, struct names *names, struct resource *r)
{
    r->seq = query_get_u64(q);
    query_get_text(q, names->kind, sizeof(names->kind));
    query_get_text(q, names->name, sizeof(names->name));
    r->kind = names->kind;
    r->name = names->name;
    r->doc = query_get_span(q);
    r->created = query_get_u64(q);
    r->updated = query_get_u64(q);
}

int resources_find(struct store *s, const char *kind, const char *name, struct arena *arena,
                   struct resource *ret)
{
    struct query q;
    struct names names;
    struct resource r = {0};
    store_query(&q, s, STMT_RESOURCE_FIND);
    query_text(&q, kind);
    query_text(&q, name);
    int row = query_step(&q);
    int kept = 0;
    if (row == 1) {
        read_resource(&q, &names, &r);
        struct span doc = arena_copy(arena, r.doc);
        r.kind = arena_string(arena, span_str(names.kind));
        r.name = arena_string(arena, span_str(names.name));
        if (r.kind == NULL || r.name == NULL || doc.len != r.doc.len)
            kept = FAULT_LIMIT;
        r.doc = doc;
    }
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0 && kept == 0)
        *ret = r;
    return rc < 0 ? rc : kept;
}

int resources_remove(struct store *s, const char *kind, const char *name)
{
    struct query q;
    store_query(&q, s, STMT_RESOURCE_REMOVE);
    query_text(&q, kind);
    query_text(&q, name);
    return store_run_one(&q, s);
}

int resources_list(struct store *s, const char *kind, const struct page *page,
                   int (*each)(void *context, const struct resource *resource), void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, page->newest_first ? STMT_RESOURCE_LIST_BACK : STMT_RESOURCE_LIST);
    store_query_page(&q, page);
    query_text(&q, kind);
    while (stop == 0 && query_step(&q) == 1) {
        struct names names;
        struct resource r;
        read_resource(&q, &names, &r);
        if (q.fault == 0)
            stop = each(context, &r);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}

int settings_number(struct store *s, const char *key, uint64_t *ret)
{
    struct query q;
    store_query(&q, s, STMT_SETTING_NUMBER);
    query_text(&q, key);
    uint64_t value = query_step(&q) == 1 ? query_get_u64(&q) : 0;
    int rc = store_close_query(&q, s);
    if (rc == 0)
        *ret = value;
    return rc;
}

int settings_set_number(struct store *s, const char *key, uint64_t value)
{
    struct query q;
    store_query(&q, s, STMT_SETTING_SET_NUMBER);
    query_text(&q, key);
    query_u64(&q, value);
    return store_run_one(&q, s);
}

int settings_text(struct store *s, const char *key, struct buf *out)
{
    struct query q;
    store_query(&q, s, STMT_SETTING_TEXT);
    query_text(&q, key);
    int row = query_step(&q);
    int kept = row == 1 ? buf_append(out, query_get_span(&q)) : 0;
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    return rc < 0 ? rc : kept;
}

int settings_set_text(struct store *s, const char *key, struct span value)
{
    if (fits(value, SETTING_TEXT_MAX) < 0)
        return FAULT_LIMIT;
    struct query q;
    store_query(&q, s, STMT_SETTING_SET_TEXT);
    query_text(&q, key);
    query_span(&q, value);
    return store_run_one(&q, s);
}
