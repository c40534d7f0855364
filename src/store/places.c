#include "store/places.h"

#include "store/part.h"

int places_known(struct store *s, const char *user, const char *place, uint64_t since, bool *ret)
{
    struct query q;
    uint64_t last = 0;
    store_query(&q, s, STMT_PLACE_FIND);
    query_text(&q, user);
    query_text(&q, place);
    int row = query_step(&q);
    if (row == 1)
        last = query_get_u64(&q);
    int rc = store_close_query(&q, s);
    if (rc == 0)
        *ret = row == 1 && last >= since;
    return rc;
}

static int seen(struct store *s, const char *user, const char *place, uint64_t now)
{
    struct query q;
    store_query(&q, s, STMT_PLACE_SEEN);
    query_text(&q, user);
    query_text(&q, place);
    query_u64(&q, now);
    int rc = store_run_query(&q, s);
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_PLACE_BOUND);
    query_text(&q, user);
    query_u64(&q, PLACES_MAX);
    rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int places_seen(struct store *s, const char *user, const char *place, uint64_t now, bool *ret_new)
{
    bool known = false;
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    rc = places_known(s, user, place, 0, &known);
    if (rc == 0)
        rc = seen(s, user, place, now);
    rc = store_settle(s, rc);
    if (rc == 0 && ret_new != NULL)
        *ret_new = !known;
    return rc;
}

int places_list(struct store *s, const char *user, int (*each)(void *context, const char *place),
                void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, STMT_PLACE_LIST);
    query_text(&q, user);
    while (stop == 0 && query_step(&q) == 1) {
        char place[STORE_NAME_SIZE];
        query_get_text(&q, place, sizeof(place));
        if (q.fault == 0)
            stop = each(context, place);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}

int places_prune(struct store *s, uint64_t before)
{
    struct query q;
    store_query(&q, s, STMT_PLACE_PRUNE);
    query_u64(&q, before);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}
