#include "keeper/vouched.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "keeper/call.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/mapped.h"
#include "store/sessions.h"
#include "store/users.h"

/* The folded names of all groups of an entry. */
#define FOLDED_MAX (256u * 1024)

/* ---- groups ---- */

/* One a line, folded; what is no name is no group. */
static void fold_groups(struct span groups, struct buf *out)
{
    struct span line;
    while (span_cut(&groups, '\n', &line)) {
        struct buf one;
        buf_init(&one, LDAPNAME_DN_MAX * 4);
        if (ldapname_fold(&one, line) == 0) {
            (void)buf_append(out, buf_view(&one));
            (void)buf_byte(out, '\n');
        }
        buf_fini(&one);
    }
}

static bool is_mapped(const struct directory_mapping *m, struct span folded)
{
    struct buf one;
    buf_init(&one, LDAPNAME_DN_MAX * 4);
    bool is = ldapname_fold(&one, m->dn) == 0 && lines_have(folded, buf_view(&one));
    buf_fini(&one);
    return is;
}

/* What the table makes of the groups of an entry. */
static void map_groups(const struct directory_def *def, struct span groups, struct mapped *ret)
{
    struct buf folded;
    struct directory_mapping row;
    buf_init(&folded, FOLDED_MAX);
    fold_groups(groups, &folded);
    mapped_init(ret, def->groups.count);
    for (size_t i = 0; i < def->groups.count; i++) {
        if (directory_mapping_parse(span_str(def->groups.name[i]), &row) == 0) {
            mapped_row(ret, row.group, is_mapped(&row, buf_view(&folded)));
        }
    }
    buf_fini(&folded);
}

static int follow_groups(struct keeper *k, const struct directory_def *def, const char *user,
                         struct span groups, struct call *revokes)
{
    struct mapped m;
    map_groups(def, groups, &m);
    int r = mapped_follow(k, &m, user, "directory", def->name, revokes);
    mapped_fini(&m);
    return r;
}

/* ---- who it is ---- */

/* Names have no capitals here; directories do not tell them apart. "" when it cannot be a name. */
static void fold_name(const char *login, char name[STORE_NAME_SIZE])
{
    size_t len = strlen(login);
    memset(name, 0, STORE_NAME_SIZE);
    if (len >= STORE_NAME_SIZE) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        name[i] = login[i] >= 'A' && login[i] <= 'Z' ? (char)(login[i] - 'A' + 'a') : login[i];
    }
    if (!text_is_name(span_of(name, len))) {
        memset(name, 0, STORE_NAME_SIZE);
    }
}

/* The user that the entry is to be, found by name: one that an administrator has announced, or a
 * new one. */
static int find_by_name(struct keeper *k, const struct directory_def *def,
                        const struct directory_answer *a, struct entry *e, bool *new,
                        const char **why)
{
    struct user user;
    char name[STORE_NAME_SIZE];
    fold_name(a->login, name);
    if (name[0] == '\0') {
        *why = "name";
        return 0;
    }
    int r = users_find(k->store, name, &user);
    *new = r == FAULT_ABSENT;
    if (r == FAULT_ABSENT) {
        *why = def->create ? NULL : "unknown";
        *e = (struct entry){.gone = false};
        (void)snprintf(e->user, sizeof(e->user), "%s", name);
        return 0;
    }
    r = r < 0 ? r : entries_find(k->store, name, e);
    if (r == FAULT_ABSENT) {
        *why = "local";
        return 0;
    }
    if (r == 0 && (e->id[0] != '\0' || strcmp(e->directory, def->name) != 0)) {
        *why = "another entry";
    }
    return r;
}

static int find_user(struct keeper *k, const struct directory_def *def,
                     const struct directory_answer *a, struct entry *e, bool *new, const char **why)
{
    struct user user;
    int r = entries_find_id(k->store, def->name, a->id, e);
    if (r == FAULT_ABSENT) {
        r = find_by_name(k, def, a, e, new, why);
    }
    if (r < 0 || *why != NULL || *new) {
        return r;
    }
    r = users_find(k->store, e->user, &user);
    if (r == 0 && user.kind != USER_PERSON) {
        *why = "kind";
    } else if (r == 0 && user.disabled && !e->gone) {
        *why = "disabled";
    }
    return r;
}

static int record_of(struct keeper *k, enum audit_event event, const char *user,
                     const char *directory, const char *why)
{
    char detail[256];
    (void)snprintf(detail, sizeof(detail), "{\"directory\":\"%s\"%s%s%s}", directory,
                   why != NULL ? ",\"why\":\"" : "", why != NULL ? why : "",
                   why != NULL ? "\"" : "");
    return keeper_audit(k, event, span_str(user), AUDIT_DONE, span_str(detail));
}

/* What is known of the entry is written down; a user whom the directory had shut out may come back
 * when it lets him in again. */
static int remember(struct keeper *k, const struct directory_def *def,
                    const struct directory_answer *a, struct entry *e)
{
    bool back = e->gone;
    (void)snprintf(e->directory, sizeof(e->directory), "%s", def->name);
    (void)snprintf(e->id, sizeof(e->id), "%s", a->id);
    (void)snprintf(e->dn, sizeof(e->dn), "%s", a->dn);
    e->checked = clock_wall_ms() / 1000;
    e->gone = false;
    int r = entries_put(k->store, e);
    if (r == 0 && back) {
        r = users_set_disabled(k->store, e->user, false);
        r = r < 0 ? r : record_of(k, AUDIT_USER_ENABLED, e->user, def->name, NULL);
    }
    return r;
}

int vouched_accept(struct keeper *k, const struct directory_def *def,
                   const struct directory_answer *a, char *user, const char **why,
                   struct call *revokes)
{
    struct entry e = {.gone = false};
    bool new = false;
    *why = NULL;
    int r = find_user(k, def, a, &e, &new, why);
    if (r < 0 || *why != NULL) {
        return r;
    }
    if (new) {
        r = users_add(k->store, e.user, clock_wall_ms() / 1000);
        r = r < 0 ? r : record_of(k, AUDIT_USER_ADDED, e.user, def->name, NULL);
    }
    r = r < 0 ? r : remember(k, def, a, &e);
    r = r < 0 ? r : follow_groups(k, def, e.user, a->groups, revokes);
    (void)snprintf(user, STORE_NAME_SIZE, "%s", e.user);
    return r;
}

int vouched_whom(struct keeper *k, const struct directory_answer *a, const char *typed,
                 struct entry *ret)
{
    int r = a->id[0] != '\0' ? entries_find_id(k->store, a->directory, a->id, ret) : FAULT_ABSENT;
    if (r == FAULT_ABSENT && typed[0] != '\0') {
        r = entries_find(k->store, typed, ret);
        if (r == 0 && strcmp(ret->directory, a->directory) != 0) {
            r = FAULT_ABSENT;
        }
    }
    return r;
}

/* ---- who is shut out ---- */

static int each_ended(void *context, const uint8_t id[STORE_ID_SIZE])
{
    (void)context;
    (void)id;
    return 0;
}

int vouched_gone(struct keeper *k, const struct entry *entry, const char *why, struct call *revokes)
{
    struct user user;
    struct entry e = *entry;
    uint64_t now = clock_wall_ms() / 1000;
    int r = users_find(k->store, e.user, &user);
    if (r < 0 || user.disabled) {
        return r;
    }
    e.checked = now;
    e.gone = true;
    r = entries_put(k->store, &e);
    r = r < 0 ? r : users_set_disabled(k->store, e.user, true);
    r = r < 0 ? r : sessions_end_user(k->store, e.user, now, each_ended, NULL);
    /* One push for the person covers sessions and tokens alike. */
    r = r < 0 ? r : call_revoke(revokes, REVOKE_USER, span_str(e.user));
    return r < 0 ? r : record_of(k, AUDIT_USER_DISABLED, e.user, e.directory, why);
}

int vouched_again(struct keeper *k, const struct entry *entry, const struct directory_answer *a,
                  struct call *revokes)
{
    const struct directory_def *def =
        k->live == NULL ? NULL : snapshot_directory(live_snapshot(k->live), a->directory);
    char user[STORE_NAME_SIZE];
    const char *why;
    if (def == NULL) {
        return 0;
    }
    switch (a->result) {
    case BOUND_OK:
        return vouched_accept(k, def, a, user, &why, revokes);
    case BOUND_ABSENT:
        return vouched_gone(k, entry, "absent", revokes);
    case BOUND_DISABLED:
        return vouched_gone(k, entry, "disabled", revokes);
    case BOUND_REFUSED:
    case BOUND_AMBIGUOUS:
    case BOUND_DOWN:
    case BOUND_FAULT:
    case BOUND_RESULTS:
        break;
    }
    return 0;
}

/* ---- for people ---- */

static const char *const RESULTS[BOUND_RESULTS] = {
    [BOUND_OK] = "found",
    [BOUND_REFUSED] = "refused",
    [BOUND_ABSENT] = "absent",
    [BOUND_AMBIGUOUS] = "several",
    [BOUND_DISABLED] = "disabled",
    [BOUND_DOWN] = "down",
    [BOUND_FAULT] = "misconfigured",
};

static json_t *groups_here(const struct directory_def *def, struct span groups)
{
    struct mapped m;
    map_groups(def, groups, &m);
    json_t *list = mapped_json(&m);
    mapped_fini(&m);
    return list;
}

json_t *vouched_json(struct keeper *k, const struct directory_answer *a)
{
    const struct directory_def *def =
        k->live == NULL ? NULL : snapshot_directory(live_snapshot(k->live), a->directory);
    struct entry e = {.gone = false};
    bool new = false;
    const char *why = NULL;
    int r =
        def == NULL || a->result != BOUND_OK ? FAULT_ABSENT : find_user(k, def, a, &e, &new, &why);
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:i}", "result", RESULTS[a->result],
                     "text", json_text(span_str(a->text)), "server", json_text(span_str(a->server)),
                     "dn", json_text(span_str(a->dn)), "id", json_text(span_str(a->id)), "login",
                     json_text(span_str(a->login)), "user",
                     r == 0 && why == NULL ? json_string(e.user) : json_null(), "new",
                     r == 0 && new, "refused", why != NULL ? json_string(why) : json_null(),
                     "groups",
                     json_pack("{s:o,s:o}", "directory", json_lines(a->groups), "here",
                               def == NULL ? json_array() : groups_here(def, a->groups)),
                     "omitted", (int)a->omitted);
}
