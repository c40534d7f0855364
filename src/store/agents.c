#include "store/agents.h"

#include "store/part.h"

static int seen(struct store *s, const char *user, struct span agent, uint64_t now, bool *known)
{
    struct query q;
    store_query(&q, s, STMT_AGENT_FIND);
    query_text(&q, user);
    query_span(&q, agent);
    *known = query_step(&q) == 1;
    int rc = store_close_query(&q, s);
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_AGENT_SEEN);
    query_text(&q, user);
    query_span(&q, agent);
    query_u64(&q, now);
    rc = store_run_query(&q, s);
    if (rc < 0 || *known)
        return rc < 0 ? rc : 0;
    store_query(&q, s, STMT_AGENT_BOUND);
    query_text(&q, user);
    query_u64(&q, AGENTS_MAX);
    rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int agents_seen(struct store *s, const char *user, struct span agent, uint64_t now, bool *ret_new)
{
    bool known = false;
    int rc = store_mark(s);
    if (rc < 0)
        return rc;
    rc = store_settle(s, seen(s, user, span_sub(agent, 0, AGENT_SIZE_MAX), now, &known));
    if (rc == 0)
        *ret_new = !known;
    return rc;
}
