#include "store/users.h"

#include "base/fault.h"
#include "base/text.h"
#include "store/part.h"

static void read_user(struct query *q, struct user *u)
{
    *u = (struct user){0};
    query_get_text(q, u->name, sizeof(u->name));
    u->kind = (enum user_kind)query_get_u64(q);
    u->disabled = query_get_u64(q) != 0;
    u->created = query_get_u64(q);
    u->password_set = query_get_u64(q);
    u->password_disabled = query_get_u64(q) != 0;
    u->totp = query_get_u64(q) != 0;
    u->totp_disabled = query_get_u64(q) != 0;
    query_get_text(q, u->mail, sizeof(u->mail));
    u->recovery_left = (uint32_t)query_get_u64(q);
    u->enrol_until = query_get_u64(q);
    u->passkeys = (uint32_t)query_get_u64(q);
}

/* A statement whose only parameter is a name and that has to hit exactly one row. */
static int one(struct store *s, enum statement which, const char *name)
{
    struct query q;
    store_query(&q, s, which);
    query_text(&q, name);
    return store_run_one(&q, s);
}

static int count(struct store *s, enum statement which, const char *name, uint64_t *ret)
{
    struct query q;
    store_query(&q, s, which);
    if (name != NULL)
        query_text(&q, name);
    uint64_t n = query_step(&q) == 1 ? query_get_u64(&q) : 0;
    int rc = store_close_query(&q, s);
    if (rc == 0)
        *ret = n;
    return rc;
}

int users_add_kind(struct store *s, const char *name, enum user_kind kind, uint64_t now)
{
    if (!text_is_name(span_str(name)))
        return FAULT_FORMAT;
    struct query q;
    store_query(&q, s, STMT_USER_ADD);
    query_text(&q, name);
    query_u64(&q, now);
    query_u64(&q, kind);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int users_add(struct store *s, const char *name, uint64_t now)
{
    return users_add_kind(s, name, USER_PERSON, now);
}

int users_find(struct store *s, const char *name, struct user *ret)
{
    struct query q;
    struct user u = {0};
    store_query(&q, s, STMT_USER_FIND);
    query_text(&q, name);
    int row = query_step(&q);
    if (row == 1)
        read_user(&q, &u);
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = u;
    return rc;
}

int users_set_disabled(struct store *s, const char *name, bool disabled)
{
    struct query q;
    store_query(&q, s, STMT_USER_DISABLE);
    query_text(&q, name);
    query_u64(&q, disabled);
    return store_run_one(&q, s);
}

int users_set_mail(struct store *s, const char *name, const char *mail)
{
    struct query q;
    int rc = fits(span_str(mail), USER_MAIL_SIZE - 1);
    if (rc < 0)
        return rc;
    store_query(&q, s, STMT_USER_MAIL);
    query_text(&q, name);
    query_text(&q, mail);
    return store_run_one(&q, s);
}

int users_remove(struct store *s, const char *name)
{
    return one(s, STMT_USER_REMOVE, name);
}

int users_list(struct store *s, const char *after, uint32_t limit,
               int (*each)(void *context, const struct user *user), void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, STMT_USER_LIST);
    query_text(&q, after == NULL ? "" : after);
    query_u64(&q, page_limit(limit));
    while (stop == 0 && query_step(&q) == 1) {
        struct user u;
        read_user(&q, &u);
        if (q.fault == 0)
            stop = each(context, &u);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}

int users_count(struct store *s, uint64_t *ret)
{
    return count(s, STMT_USER_COUNT, NULL, ret);
}

/* ---- groups ---- */

int groups_add(struct store *s, const char *name, uint64_t now)
{
    if (!text_is_name(span_str(name)))
        return FAULT_FORMAT;
    struct query q;
    store_query(&q, s, STMT_GROUP_ADD);
    query_text(&q, name);
    query_u64(&q, now);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

bool groups_is_built_in(const char *name)
{
    static const char *const NAMES[] = {GROUP_OWNERS, GROUP_ADMINISTRATORS, GROUP_AUDITORS,
                                        GROUP_OPERATORS};
    for (size_t i = 0; i < countof(NAMES); i++) {
        if (strcmp(name, NAMES[i]) == 0)
            return true;
    }
    return false;
}

int groups_remove(struct store *s, const char *name)
{
    if (groups_is_built_in(name))
        return FAULT_DENIED;
    return one(s, STMT_GROUP_REMOVE, name);
}

static void read_group(struct query *q, struct group *g)
{
    *g = (struct group){0};
    query_get_text(q, g->name, sizeof(g->name));
    g->members = (uint32_t)query_get_u64(q);
}

int groups_find(struct store *s, const char *name, struct group *ret)
{
    struct query q;
    struct group g = {0};
    store_query(&q, s, STMT_GROUP_FIND);
    query_text(&q, name);
    int row = query_step(&q);
    if (row == 1)
        read_group(&q, &g);
    int rc = store_close_query(&q, s);
    if (rc == 0 && row == 0)
        return FAULT_ABSENT;
    if (rc == 0)
        *ret = g;
    return rc;
}

int groups_list(struct store *s, const char *after, uint32_t limit,
                int (*each)(void *context, const struct group *group), void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, STMT_GROUP_LIST);
    query_text(&q, after == NULL ? "" : after);
    query_u64(&q, page_limit(limit));
    while (stop == 0 && query_step(&q) == 1) {
        struct group g;
        read_group(&q, &g);
        if (q.fault == 0)
            stop = each(context, &g);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}

int groups_count_enabled(struct store *s, const char *name, uint64_t *ret)
{
    return count(s, STMT_GROUP_ENABLED, name, ret);
}

int groups_join(struct store *s, const char *group, const char *user)
{
    struct query q;
    store_query(&q, s, STMT_GROUP_JOIN);
    query_text(&q, group);
    query_text(&q, user);
    int rc = store_run_query(&q, s);
    return rc < 0 ? rc : 0;
}

int groups_leave(struct store *s, const char *group, const char *user)
{
    struct query q;
    store_query(&q, s, STMT_GROUP_LEAVE);
    query_text(&q, group);
    query_text(&q, user);
    return store_run_one(&q, s);
}

int groups_set(struct store *s, const char *user, const char *const *groups, size_t count)
{
    struct user known;
    int rc = users_find(s, user, &known);
    if (rc < 0)
        return rc;
    rc = store_mark(s);
    if (rc < 0)
        return rc;
    struct query q;
    store_query(&q, s, STMT_GROUP_LEAVE_ALL);
    query_text(&q, user);
    rc = store_run_query(&q, s);
    for (size_t i = 0; rc >= 0 && i < count; i++)
        rc = groups_join(s, groups[i], user);
    return store_settle(s, rc < 0 ? rc : 0);
}

int groups_of(struct store *s, const char *user, struct buf *lines)
{
    struct query q;
    int rc = 0;
    bool first = true;
    store_query(&q, s, STMT_GROUP_OF);
    query_text(&q, user);
    while (rc == 0 && query_step(&q) == 1) {
        char name[STORE_NAME_SIZE];
        query_get_text(&q, name, sizeof(name));
        if (q.fault == 0)
            rc = buf_printf(lines, "%s%s", first ? "" : "\n", name);
        first = false;
    }
    int closed = store_close_query(&q, s);
    return closed < 0 ? closed : rc;
}

int groups_has(struct store *s, const char *group, const char *user, bool *ret)
{
    struct query q;
    store_query(&q, s, STMT_GROUP_HAS);
    query_text(&q, group);
    query_text(&q, user);
    bool has = query_step(&q) == 1;
    int rc = store_close_query(&q, s);
    if (rc == 0)
        *ret = has;
    return rc;
}

int groups_members(struct store *s, const char *group, const char *after, uint32_t limit,
                   int (*each)(void *context, const char *user), void *context)
{
    struct query q;
    int stop = 0;
    store_query(&q, s, STMT_GROUP_MEMBERS);
    query_text(&q, group);
    query_text(&q, after == NULL ? "" : after);
    query_u64(&q, page_limit(limit));
    while (stop == 0 && query_step(&q) == 1) {
        char name[STORE_NAME_SIZE];
        query_get_text(&q, name, sizeof(name));
        if (q.fault == 0)
            stop = each(context, name);
    }
    int rc = store_close_query(&q, s);
    return rc < 0 ? rc : stop;
}
