#include "keeper/mapped.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "keeper/call.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "store/users.h"

/* A longer list is cut by the trail anyway (audit/record.h). */
#define DETAIL_MAX (256u * 1024)

void mapped_init(struct mapped *m, size_t rows)
{
    buf_init(&m->lines, (rows + 1) * (STORE_NAME_SIZE + 2));
}

void mapped_fini(struct mapped *m)
{
    buf_fini(&m->lines);
}

/* The next group of the table. */
static bool cut(struct span *lines, struct span *group, bool *holds)
{
    struct span line;
    if (lines->len == 0 || !span_cut(lines, '\n', &line)) {
        return false;
    }
    *holds = line.at[0] == '+';
    *group = span_sub(line, 1, SIZE_MAX);
    return true;
}

void mapped_row(struct mapped *m, struct span group, bool holds)
{
    struct span lines = buf_view(&m->lines), known;
    bool held;
    size_t at = 0;
    while (cut(&lines, &known, &held)) {
        if (span_eq(known, group)) {
            if (holds) {
                m->lines.at[m->lines.head + at] = '+';
            }
            return;
        }
        at += known.len + 2;
    }
    (void)buf_printf(&m->lines, "%c%.*s\n", holds ? '+' : '-', SPAN_FMT(group));
}

static int ensure_group(struct keeper *k, const char *group)
{
    struct group known;
    int r = groups_find(k->store, group, &known);
    if (r != FAULT_ABSENT) {
        return r;
    }
    r = groups_add(k->store, group, clock_wall_ms() / 1000);
    return r < 0 ? r : keeper_audit(k, AUDIT_GROUP_ADDED, span_str(group), AUDIT_DONE, SPAN_NONE);
}

/* 1: membership has changed. */
static int follow_one(struct keeper *k, const char *user, const char *group, bool wanted)
{
    bool has = false;
    int r = groups_has(k->store, group, user, &has);
    if (r < 0 || has == wanted) {
        return r;
    }
    r = wanted ? ensure_group(k, group) : 0;
    if (r == 0) {
        r = wanted ? groups_join(k->store, group, user) : groups_leave(k->store, group, user);
    }
    return r < 0 ? r : 1;
}

static int record(struct keeper *k, const char *user, const char *kind, const char *name,
                  json_t *joined, json_t *left)
{
    struct buf text;
    json_t *detail = json_pack("{s:s,s:O,s:O}", kind, name, "joined", joined, "left", left);
    buf_init(&text, DETAIL_MAX);
    int r = detail == NULL ? -ENOMEM : json_write(detail, &text);
    r = r < 0 ? r : keeper_audit(k, AUDIT_USER_GROUPS, span_str(user), AUDIT_DONE, buf_view(&text));
    json_decref(detail);
    buf_fini(&text);
    return r;
}

int mapped_follow(struct keeper *k, const struct mapped *m, const char *user, const char *kind,
                  const char *name, struct call *revokes)
{
    json_t *lists[2] = {json_array(), json_array()};
    struct span lines = buf_view(&m->lines), group;
    bool wanted;
    int r = m->lines.bad || lists[0] == NULL || lists[1] == NULL ? -ENOMEM : 0;
    while (r == 0 && cut(&lines, &group, &wanted)) {
        char text[STORE_NAME_SIZE];
        (void)snprintf(text, sizeof(text), "%.*s", SPAN_FMT(group));
        r = follow_one(k, user, text, wanted);
        r = r == 1 ? json_push(lists[wanted ? 0 : 1], json_string(text)) : r;
    }
    if (r == 0 && json_array_size(lists[0]) + json_array_size(lists[1]) > 0) {
        r = record(k, user, kind, name, lists[0], lists[1]);
        /* Views carry groups: all are asked for anew, streams are judged anew. */
        r = r < 0 ? r : call_revoke(revokes, REVOKE_ALL, SPAN_NONE);
    }
    json_decref(lists[0]);
    json_decref(lists[1]);
    return r;
}

json_t *mapped_json(const struct mapped *m)
{
    json_t *list = m->lines.bad ? NULL : json_array();
    struct span lines = buf_view(&m->lines), group;
    bool holds;
    while (list != NULL && cut(&lines, &group, &holds)) {
        if (holds && json_push(list, json_text(group)) < 0) {
            json_release(&list);
        }
    }
    return list;
}
