#include "store/tokens.h"

#include "base/fault.h"
#include "base/text.h"
#include "store/part.h"

#define ROUTES_MAX 4096u
#define METHODS_MAX 256u
#define PATHS_MAX 8192u
#define ZONES_MAX 1024u

static void read_token(struct query *q, struct token *t)
{
    *t = (struct token){0};
    t->seq = query_get_u64(q);
    query_get_fixed(q, t->id, sizeof(t->id));
    query_get_fixed(q, t->hash, sizeof(t->hash));
    query_get_text(q, t->name, sizeof(t->name));
    query_get_text(q, t->owner, sizeof(t->owner));
    t->routes = query_get_span(q);
    t->methods = query_get_span(q);
    t->paths = query_get_span(q);
    t->zones = query_get_span(q);
    t->bound = query_get_u64(q) != 0;
    query_get_fixed(q, t->certificate, sizeof(t->certificate));
    t->created = query_get_u64(q);
    t->expires = query_get_u64(q);
    t->rotated = query_get_u64(q);
    query_get_fixed(q, t->former, sizeof(t->former));
    t->former_ends = query_get_u64(q);
    t->former_used = query_get_u64(q);
    t->last_used = query_get_u64(q);
    query_get_fixed(q, t->last_source, sizeof(t->last_source));
    t->strayed = query_get_u64(q);
    query_get_fixed(q, t->stray_source, sizeof(t->stray_source));
    t->revoked = query_get_u64(q);
    t->owner_disabled = query_get_u64(q) != 0;
}

int tokens_add(struct store *s, const struct token *t)
{
    if (!text_is_name(span_str(t->name)))
        return FAULT_FORMAT;
    if (fits(t->routes, ROUTES_MAX) < 0 || fits(t->methods, METHODS_MAX) < 0 ||
        fits(t->paths, PATHS_MAX) < 0 || fits(t->zones, ZONES_MAX) < 0)
        return FAULT_LIMIT;
    struct query q;
    store_query(&q, s, STMT_TOKEN_ADD);
    query_blob(&q, t->id, sizeof(t->id));
    query_blob(&q, t->hash, sizeof(t->hash));
    query_text(&q, t->name);
    query_text(&q, t->owner);
    query_span(&q, t->routes);
    query_span(&q, t->methods);
    query_span(&q, t->paths);
    query_span(&q, t->zones);
    if (t->bound)
        query_blob(&q, t->certificate, sizeof(t->certificate));
    else
        query_null(&q);
    query_u64(&q, t->created);
    query_u64(&q, t->expires);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

/* Copies what is borrowed; FAULT_LIMIT when the arena is full. */
static int keep(struct arena *arena, struct span *text)
{
    struct span copy = arena_copy(arena, *text);
    if (copy.len != text->len)
        return FAULT_LIMIT;
    *text = copy;
    return 0;
}

static int found(struct query *q, struct store *s, struct arena *arena, struct token *ret)
{
    struct token t = {0};
    int row = query_step(q);
    int kept = 0;
    if (row == 1) {
        read_token(q, &t);
        struct span *texts[] = {&t.routes, &t.methods, &t.paths, &t.zones};
        for (size_t i = 0; i < countof(texts) && kept == 0; i++)
            kept = keep(arena, texts[i]);
    }
    int rc = store_close_query(q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0 && kept == 0)
        *ret = t;
    return rc < 0 ? rc : kept;
}

int tokens_find_hash(struct store *s, const uint8_t hash[STORE_HASH_SIZE], struct arena *arena,
                     struct token *ret)
{
    struct query q;
    store_query(&q, s, STMT_TOKEN_FIND_HASH);
    query_blob(&q, hash, STORE_HASH_SIZE);
    int rc = found(&q, s, arena, ret);
    if (rc == 0)
        ret->by_former = memcmp(ret->hash, hash, STORE_HASH_SIZE) != 0;
    return rc;
}

int tokens_find(struct store *s, const uint8_t id[STORE_ID_SIZE], struct arena *arena,
                struct token *ret)
{
    struct query q;
    store_query(&q, s, STMT_TOKEN_FIND);
    query_blob(&q, id, STORE_ID_SIZE);
    return found(&q, s, arena, ret);
}

int tokens_find_name(struct store *s, const char *name, struct arena *arena, struct token *ret)
{
    struct query q;
    store_query(&q, s, STMT_TOKEN_FIND_NAME);
    query_text(&q, name);
    return found(&q, s, arena, ret);
}

int tokens_revoke(struct store *s, const uint8_t id[STORE_ID_SIZE], uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_TOKEN_REVOKE);
    query_blob(&q, id, STORE_ID_SIZE);
    query_u64(&q, now);
    return store_run_one(&q, s);
}

int tokens_rotate(struct store *s, const uint8_t id[STORE_ID_SIZE],
                  const uint8_t hash[STORE_HASH_SIZE], uint64_t now, uint64_t former_ends,
                  uint64_t expires)
{
    struct query q;
    store_query(&q, s, STMT_TOKEN_ROTATE);
    query_blob(&q, id, STORE_ID_SIZE);
    query_blob(&q, hash, STORE_HASH_SIZE);
    query_u64(&q, now);
    query_u64(&q, former_ends > now ? former_ends : 0);
    query_u64(&q, expires);
    return store_run_one(&q, s);
}

int tokens_touch(struct store *s, const uint8_t id[STORE_ID_SIZE], bool by_former,
                 const uint8_t source[16], uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_TOKEN_TOUCH);
    query_blob(&q, id, STORE_ID_SIZE);
    query_u64(&q, now);
    query_blob(&q, source, 16);
    query_u64(&q, by_former);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int tokens_stray(struct store *s, const uint8_t id[STORE_ID_SIZE], const uint8_t source[16],
                 uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_TOKEN_STRAY);
    query_blob(&q, id, STORE_ID_SIZE);
    query_u64(&q, now);
    query_blob(&q, source, 16);
    return store_run_query(&q, s);
}

static int walk(struct query *q, struct store *s,
                int (*each)(void *context, const struct token *token), void *context)
{
    int stop = 0;
    while (stop == 0 && query_step(q) == 1) {
        struct token t;
        read_token(q, &t);
        if (q->fault == 0)
            stop = each(context, &t);
    }
    int rc = store_close_query(q, s);
    return rc < 0 ? rc : stop;
}

int tokens_ending(struct store *s, uint64_t now, uint64_t within, uint32_t limit,
                  int (*each)(void *context, const struct token *token), void *context)
{
    struct query q;
    store_query(&q, s, STMT_TOKEN_ENDING);
    query_u64(&q, now);
    query_u64(&q, now + within);
    query_u64(&q, page_limit(limit));
    return walk(&q, s, each, context);
}

int tokens_list(struct store *s, const char *owner, const struct page *page,
                int (*each)(void *context, const struct token *token), void *context)
{
    static const enum statement WHICH[2][2] = {{STMT_TOKEN_LIST, STMT_TOKEN_LIST_BACK},
                                               {STMT_TOKEN_LIST_OWNER, STMT_TOKEN_LIST_OWNER_BACK}};
    struct query q;
    store_query(&q, s, WHICH[owner != NULL][page->newest_first]);
    store_query_page(&q, page);
    if (owner != NULL)
        query_text(&q, owner);
    return walk(&q, s, each, context);
}
