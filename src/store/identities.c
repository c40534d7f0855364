#include "store/identities.h"

#include "store/part.h"

int identities_add(struct store *s, const struct identity *i)
{
    struct query q;
    uint64_t count = 0;
    store_query(&q, s, STMT_IDENTITY_COUNT);
    query_text(&q, i->user);
    if (query_step(&q) == 1)
        count = query_get_u64(&q);
    int rc = store_close_query(&q, s);
    if (rc == 0 && count >= IDENTITIES_PER_USER)
        rc = FAULT_LIMIT;
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_IDENTITY_ADD);
    query_text(&q, i->issuer);
    query_text(&q, i->subject);
    query_text(&q, i->user);
    query_u64(&q, i->created);
    query_u64(&q, i->used);
    rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

static void read_identity(struct query *q, struct identity *ret)
{
    *ret = (struct identity){.created = 0};
    query_get_text(q, ret->issuer, sizeof(ret->issuer));
    query_get_text(q, ret->subject, sizeof(ret->subject));
    query_get_text(q, ret->user, sizeof(ret->user));
    ret->created = query_get_u64(q);
    ret->used = query_get_u64(q);
}

int identities_find(struct store *s, struct span issuer, struct span subject, struct identity *ret)
{
    struct query q;
    store_query(&q, s, STMT_IDENTITY_FIND);
    query_span(&q, issuer);
    query_span(&q, subject);
    int row = query_step(&q);
    if (row == 1)
        read_identity(&q, ret);
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : row == 1 ? 0 : FAULT_ABSENT;
}

int identities_used(struct store *s, struct span issuer, struct span subject, uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_IDENTITY_USED);
    query_span(&q, issuer);
    query_span(&q, subject);
    query_u64(&q, now);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int identities_remove(struct store *s, const char *user, struct span issuer, struct span subject)
{
    struct query q;
    store_query(&q, s, STMT_IDENTITY_REMOVE);
    query_span(&q, issuer);
    query_span(&q, subject);
    query_text(&q, user);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : rc == 0 ? FAULT_ABSENT : 0;
}

int identities_list(struct store *s, const char *user,
                    int (*each)(void *context, const struct identity *i), void *context)
{
    struct query q;
    int told = 0;
    store_query(&q, s, STMT_IDENTITY_LIST);
    query_text(&q, user);
    while (told == 0 && query_step(&q) == 1) {
        struct identity i;
        read_identity(&q, &i);
        told = each(context, &i);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : told;
}

int vouches_add(struct store *s, const uint8_t session[STORE_ID_SIZE], struct span issuer,
                struct span subject, struct span sid)
{
    struct query q;
    store_query(&q, s, STMT_VOUCH_ADD);
    query_blob(&q, session, STORE_ID_SIZE);
    query_span(&q, issuer);
    query_span(&q, subject);
    query_span(&q, sid);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int vouches_each(struct store *s, struct span issuer, struct span subject, struct span sid,
                 int (*each)(void *context, const uint8_t *session), void *context)
{
    struct query q;
    int told = 0;
    store_query(&q, s, STMT_VOUCH_FIND);
    query_span(&q, issuer);
    query_span(&q, subject);
    query_span(&q, sid);
    while (told == 0 && query_step(&q) == 1) {
        uint8_t id[STORE_ID_SIZE];
        query_get_fixed(&q, id, sizeof(id));
        told = each(context, id);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : told;
}

int endings_add(struct store *s, struct span issuer, struct span jti, uint64_t forget)
{
    struct query q;
    store_query(&q, s, STMT_ENDING_ADD);
    query_span(&q, issuer);
    query_span(&q, jti);
    query_u64(&q, forget);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int endings_prune(struct store *s, uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_ENDING_PRUNE);
    query_u64(&q, now);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}
