#include "store/flows.h"

#include <errno.h>

#include "store/part.h"

static int insert(struct store *s, const struct flow *f)
{
    struct query q;
    store_query(&q, s, STMT_FLOW_BOUND_SOURCE);
    query_u64(&q, FLOWS_PER_SOURCE - 1);
    query_text(&q, f->source);
    int rc = store_run_query(&q, s);
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_FLOW_PUT);
    query_blob(&q, f->hash, sizeof(f->hash));
    query_u64(&q, f->kind);
    query_text(&q, f->user);
    query_u64(&q, f->factors);
    query_u64(&q, f->device_bound);
    query_u64(&q, f->asserted);
    if (f->raises)
        query_blob(&q, f->session, sizeof(f->session));
    else
        query_null(&q);
    query_text(&q, f->source);
    query_span(&q, f->data);
    query_span(&q, f->back);
    query_u64(&q, f->expires);
    rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int flows_put(struct store *s, const struct flow *f)
{
    int rc = fits(f->data, FLOW_DATA_MAX);
    rc = rc < 0 ? rc : fits(f->back, FLOW_BACK_MAX);
    rc = rc < 0 ? rc : store_mark(s);
    return rc < 0 ? rc : store_settle(s, insert(s, f));
}

static int read_flow(struct query *q, struct arena *arena, struct flow *f)
{
    query_get_fixed(q, f->hash, sizeof(f->hash));
    f->kind = (enum flow_kind)query_get_u64(q);
    query_get_text(q, f->user, sizeof(f->user));
    f->factors = (uint32_t)query_get_u64(q);
    f->device_bound = (uint32_t)query_get_u64(q);
    f->asserted = (uint32_t)query_get_u64(q);
    struct span session = query_get_span(q);
    f->raises = session.len == sizeof(f->session);
    if (f->raises)
        memcpy(f->session, session.at, sizeof(f->session));
    query_get_text(q, f->source, sizeof(f->source));
    struct span data = query_get_span(q);
    f->data = arena_copy(arena, data);
    struct span back = query_get_span(q);
    f->back = arena_copy(arena, back);
    f->expires = query_get_u64(q);
    return (f->data.at == NULL && data.len > 0) || (f->back.at == NULL && back.len > 0) ? -ENOMEM
                                                                                        : 0;
}

/* One row or none, of a statement that gives the columns of FLOW_FIND. */
static int get(struct store *s, enum statement which, const uint8_t hash[STORE_HASH_SIZE],
               enum flow_kind kind, uint64_t now, struct arena *arena, struct flow *ret)
{
    struct query q;
    struct flow f = {.kind = kind};
    store_query(&q, s, which);
    query_blob(&q, hash, STORE_HASH_SIZE);
    int row = query_step(&q);
    int copied = row == 1 ? read_flow(&q, arena, &f) : 0;
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 1)
        rc = copied;
    if (rc == 0 && (row == 0 || f.expires <= now || (kind != 0 && f.kind != kind)))
        rc = FAULT_ABSENT;
    if (rc == 0)
        *ret = f;
    return rc;
}

int flows_find(struct store *s, const uint8_t hash[STORE_HASH_SIZE], enum flow_kind kind,
               uint64_t now, struct arena *arena, struct flow *ret)
{
    return get(s, STMT_FLOW_FIND, hash, kind, now, arena, ret);
}

int flows_take(struct store *s, const uint8_t hash[STORE_HASH_SIZE], enum flow_kind kind,
               uint64_t now, struct arena *arena, struct flow *ret)
{
    return get(s, STMT_FLOW_TAKE, hash, kind, now, arena, ret);
}

int flows_prune(struct store *s, uint64_t now)
{
    static const struct {
        enum statement which;
        bool age;
    } STEPS[] = {{STMT_FLOW_PRUNE, true}, {STMT_FLOW_BOUND, false}};
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc >= 0 && i < countof(STEPS); i++) {
        struct query q;
        store_query(&q, s, STEPS[i].which);
        query_u64(&q, STEPS[i].age ? now : FLOWS_MAX);
        rc = store_run_query(&q, s);
    }
    return store_settle(s, rc < 0 ? rc : 0);
}
