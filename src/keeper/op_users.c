#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "identity/lockout.h"
#include "identity/password.h"
#include "identity/totp.h"
#include "keeper/attempts.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/known.h"
#include "keeper/live.h"
#include "keeper/op.h"
#include "keeper/recover.h"
#include "keeper/shutout.h"
#include "store/credentials.h"
#include "store/entries.h"
#include "store/identities.h"
#include "store/throttles.h"

#define GROUPS_MAX 4096u
#define GROUPS_COUNT_MAX 64u

static const char *kind_name(enum user_kind kind)
{
    static const char *const KINDS[] = {
        [USER_PERSON] = "person", [USER_SERVICE] = "service", [USER_BREAK_GLASS] = "break-glass"};
    return (size_t)kind < countof(KINDS) ? KINDS[kind] : "unknown";
}

json_t *op_user_json(struct call *c, const struct user *u)
{
    struct buf groups;
    buf_init(&groups, GROUPS_MAX);
    json_t *list =
        groups_of(c->keeper->store, u->name, &groups) < 0 ? NULL : json_lines(buf_view(&groups));
    buf_fini(&groups);
    const char *password = u->password_set == 0   ? "none"
                           : u->password_disabled ? "disabled"
                                                  : "set";
    json_t *spent = json_array();
    for (unsigned f = 0; f < FACTOR_COUNT && spent != NULL; f++) {
        bool is = false;
        if (attempts_spent(c->keeper->store, u->name, (enum factor)f, &is) < 0 ||
            (is && json_push(spent, json_string(factor_name((enum factor)f))) < 0)) {
            json_decref(spent);
            spent = NULL;
        }
    }
    struct entry e;
    int linked = entries_find(c->keeper->store, u->name, &e);
    /* Like the lists above NULL when the store does not say: then there is no answer at all. */
    json_t *directory = linked == 0              ? json_string(e.directory)
                        : linked == FAULT_ABSENT ? json_null()
                                                 : NULL;
    const char *totp = !u->totp ? "none" : u->totp_disabled ? "disabled" : "set";
    const char *kind = kind_name(u->kind);
    return json_pack("{s:s,s:s,s:s,s:b,s:o,s:o,s:s,s:s,s:i,s:i,s:o,s:o,s:o}", "name", u->name,
                     "kind", kind, "mail", u->mail, "disabled", u->disabled, "groups", list,
                     "created", json_time(u->created), "password", password, "totp", totp,
                     "passkeys", (int)u->passkeys, "recovery_left", (int)u->recovery_left,
                     "enrol_until", json_time(u->enrol_until), "spent", spent, "directory",
                     directory);
}

static int answer_user(struct call *c, unsigned status, const char *name)
{
    struct user user;
    int r = users_find(c->keeper->store, name, &user);
    return r < 0 ? r : call_answer(c, status, op_user_json(c, &user));
}

/* ---- reading ---- */

/* Does the query ask for this one? The table has checked its values. */
static int is_wanted(struct call *c, const struct user *user, bool *ret)
{
    struct span kind, group, disabled;
    bool member = true;
    int r = 0;
    if (call_query(c, "group", &group) == 0) {
        const char *name = arena_string(&c->arena, group);
        r = name == NULL ? -ENOMEM : groups_has(c->keeper->store, name, user->name, &member);
    }
    bool off = false, asks = call_query(c, "disabled", &disabled) == 0;
    off = asks && (span_is(disabled, "1") || span_is(disabled, "true"));
    *ret = member && (!asks || off == user->disabled) &&
           (call_query(c, "kind", &kind) < 0 || span_is(kind, kind_name(user->kind)));
    return r;
}

static int each_user(void *context, const struct user *user)
{
    struct op_rows *rows = context;
    rows->seen++;
    (void)snprintf(rows->last_name, sizeof(rows->last_name), "%s", user->name);
    bool wanted = false;
    int r = is_wanted(rows->call, user, &wanted);
    if (r < 0 || !wanted) {
        return r;
    }
    return json_push(rows->items, op_user_json(rows->call, user));
}

int op_users_list(struct call *c)
{
    struct span after = SPAN_NONE;
    uint64_t limit;
    if (call_query_u64(c, "limit", STORE_PAGE_MAX, 100, &limit) < 0 || limit == 0) {
        return call_problem(c, 400, "limit", "expected a number from 1 to %u", STORE_PAGE_MAX);
    }
    int r = call_query(c, "after", &after);
    if (r < 0 && r != FAULT_ABSENT) {
        return call_problem(c, 400, "after", "expected a name");
    }
    struct op_rows rows = {.call = c, .items = json_array(), .limit = (uint32_t)limit};
    r = users_list(c->keeper->store, arena_string(&c->arena, after), rows.limit, each_user, &rows);
    return op_list_done(&rows, r, "users", false);
}

int op_users_get(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    if (name == NULL) {
        return 0;
    }
    int r = answer_user(c, 200, name);
    return r < 0 ? call_fault(c, r, "user") : 0;
}

/* ---- groups of a user ---- */

/* The members of a list as terminated strings; false: the call has ended with a problem. */
static bool read_groups(struct call *c, const char ***ret, size_t *count)
{
    const json_t *list = call_member(c, "groups");
    *count = json_array_size(list);
    if (*count > GROUPS_COUNT_MAX) {
        (void)call_problem(c, 400, "groups", "at most %u groups", GROUPS_COUNT_MAX);
        return false;
    }
    *ret = arena_array(&c->arena, *count + 1, sizeof(**ret));
    for (size_t i = 0; i < *count && *ret != NULL; i++) {
        struct span name = json_span(json_array_get(list, i));
        if (!text_is_name(name)) {
            (void)call_problem(c, 400, "groups", "a group's name is not well-formed");
            return false;
        }
        (*ret)[i] = json_string_value(json_array_get(list, i));
    }
    if (*ret == NULL) {
        (void)call_problem(c, 400, "groups", "too many groups");
        return false;
    }
    return true;
}

/* Somebody must be left who can administer postern. The host's owner could repair it, but no remote
 * administrator should be able to lock out the others with one call. */
static int keep_an_owner(struct call *c)
{
    uint64_t left = 0;
    int r = groups_count_enabled(c->keeper->store, GROUP_OWNERS, &left);
    if (r == 0 && left == 0 && !shutout_overridden(c)) {
        (void)call_problem(c, 409, NULL, "this is the last enabled member of the group owners");
    }
    return r;
}

static bool was_owner(struct call *c, const char *name, int *fault)
{
    bool owner = false;
    *fault = groups_has(c->keeper->store, GROUP_OWNERS, name, &owner);
    return *fault == 0 && owner;
}

/* false: the call has ended with a problem, or *fault says why nobody knows. */
static bool can_sign_in(struct call *c, const char *name, int *fault)
{
    struct user user;
    int r = name == NULL ? 0 : users_find(c->keeper->store, name, &user);
    *fault = r == FAULT_ABSENT ? call_fault(c, r, "user") : r;
    if (name == NULL || r < 0) {
        return false;
    }
    if (user.kind == USER_SERVICE) {
        *fault = call_problem(c, 409, NULL, "a service account has nothing to sign in with");
        return false;
    }
    return true;
}

/* ---- making ---- */

static int add_totp(struct call *c, const char *name, json_t *answer)
{
    uint8_t secret[TOTP_SECRET_LEN];
    char text[TOTP_BASE32_SIZE(TOTP_SECRET_LEN)];
    struct buf uri;
    buf_init(&uri, 1024);
    uri.wipe = true;
    int r = totp_new_secret(secret);
    struct span view = span_of(secret, sizeof(secret));
    r = r < 0 ? r : credentials_set_totp(c->keeper->store, name, view, 0, c->now_ms / 1000);
    r = r < 0 ? r : totp_uri(&uri, view, SPAN("postern"), span_str(name));
    if (r == 0) {
        base32_encode(text, view);
        r = json_put(answer, "totp",
                     json_pack("{s:s,s:o}", "secret", text, "uri", json_text(buf_view(&uri))));
    }
    r = r < 0 ? r : call_audit(c, AUDIT_TOTP_SET, span_str(name), NULL);
    secret_wipe(secret, sizeof(secret));
    secret_wipe(text, sizeof(text));
    buf_fini(&uri);
    return r;
}

static int add_enrolment(struct call *c, const char *name, json_t *answer)
{
    json_t *code = NULL;
    struct entry e;
    /* Who has a password in a directory sets up the rest, and proves himself by that password. */
    int linked = entries_find(c->keeper->store, name, &e);
    int r = linked == FAULT_ABSENT ? 0 : linked;
    r = r < 0 ? r
              : recover_link(c->keeper, name, linked == 0 ? ENROL_TOTP : ENROL_ALL, false,
                             c->actor.user, c->now_ms / 1000, &code);
    r = r < 0 ? r : json_put(answer, "enrol", code);
    return r < 0 ? r : call_audit(c, AUDIT_ENROLMENT_MADE, span_str(name), NULL);
}

/* true: the password is acceptable and its hash is there. Otherwise the call waits for the pool or
 * has ended; *fault says when it could not even do that. */
static bool password_ready(struct call *c, const char *user, int *fault)
{
    *fault = 0;
    if (c->hashed) {
        return true;
    }
    struct span password = call_string(c, "password");
    enum password_verdict verdict = known_judge(c->keeper, password, span_str(user));
    if (verdict != PASSWORD_GOOD) {
        (void)call_problem(c, 400, "password", "%s", password_verdict_text(verdict));
    } else {
        *fault = call_hash(c, password);
    }
    return false;
}

/* A user whose password a directory checks; which entry it is shows at the first sign-in. */
static int announce(struct call *c, const char *name)
{
    struct span directory = call_string(c, "directory");
    const struct keeper *k = c->keeper;
    struct entry e = {.gone = false};
    if (directory.len == 0) {
        return 0;
    }
    if (c->hashed) {
        return call_problem(c, 400, "directory",
                            "expected a password here or a directory, not both");
    }
    (void)snprintf(e.user, sizeof(e.user), "%s", name);
    (void)snprintf(e.directory, sizeof(e.directory), "%.*s", SPAN_FMT(directory));
    if (!text_is_name(directory) || k->live == NULL ||
        snapshot_directory(live_snapshot(k->live), e.directory) == NULL) {
        return call_problem(c, 400, "directory", "no such directory");
    }
    return entries_put(k->store, &e);
}

static int add_parts(struct call *c, const char *name, json_t *answer)
{
    const char **groups;
    size_t count;
    struct store *store = c->keeper->store;
    if (!read_groups(c, &groups, &count)) {
        return 0;
    }
    int r = groups_set(store, name, groups, count);
    if (r == FAULT_ABSENT) {
        return call_problem(c, 400, "groups", "no such group");
    }
    r = r < 0 ? r : announce(c, name);
    if (c->status != 0) {
        return r;
    }
    r = r < 0 ? r
              : call_audit(c, AUDIT_USER_ADDED, span_str(name),
                           json_pack("{s:O?,s:O?}", "groups", call_member(c, "groups"), "directory",
                                     call_member(c, "directory")));
    if (r == 0 && c->hashed) {
        r = credentials_set_password(store, name, c->hash, c->now_ms / 1000);
        r = r < 0 ? r : call_audit(c, AUDIT_PASSWORD_SET, span_str(name), NULL);
    }
    if (r == 0 && call_flag(c, "totp")) {
        r = add_totp(c, name, answer);
    }
    if (r == 0 && call_flag(c, "enrol")) {
        r = add_enrolment(c, name, answer);
    }
    struct user user;
    r = r < 0 ? r : users_find(store, name, &user);
    return r < 0 ? r : json_put(answer, "user", op_user_json(c, &user));
}

int op_users_add(struct call *c)
{
    struct span wanted = call_string(c, "name");
    if (!text_is_name(wanted)) {
        return call_problem(c, 400, "name",
                            "a name has lower-case letters, digits, '.', '_', '-' and '@'");
    }
    const char *name = arena_string(&c->arena, wanted);
    int r;
    if (name == NULL) {
        return -ENOMEM;
    }
    bool service = call_flag(c, "service");
    if (service &&
        (call_member(c, "password") != NULL || call_flag(c, "totp") || call_flag(c, "enrol"))) {
        return call_problem(c, 400, "service", "a service account has nothing to sign in with");
    }
    if (c->actor.kind != CREDENTIAL_HOST &&
        (call_member(c, "password") != NULL || call_flag(c, "totp"))) {
        return call_problem(c, 403, NULL,
                            "nobody chooses another person's credentials; make an enrolment link");
    }
    if (call_member(c, "password") != NULL && !password_ready(c, name, &r)) {
        return r;
    }
    const char **groups;
    size_t count;
    r = read_groups(c, &groups, &count) ? roles_guard_groups(c, SPAN_NONE, groups, count) : 0;
    if (r <= 0) {
        return r;
    }
    r = users_add_kind(c->keeper->store, name, service ? USER_SERVICE : USER_PERSON,
                       c->now_ms / 1000);
    if (r < 0) {
        return call_fault(c, r, "user");
    }
    json_t *answer = json_object();
    r = answer == NULL ? -ENOMEM : add_parts(c, name, answer);
    if (r < 0 || c->status != 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 201, answer);
}

/* ---- changing ---- */

int op_users_remove(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    if (name == NULL) {
        return 0;
    }
    uint64_t before;
    int r = shutout_before(c, name, &before);
    bool owner = r == 0 && was_owner(c, name, &r);
    r = r < 0 ? r : users_remove(c->keeper->store, name);
    if (r < 0) {
        return call_fault(c, r, "user");
    }
    r = owner ? keep_an_owner(c) : 0;
    r = r < 0 || c->status != 0 ? r : shutout_after(c, before);
    if (r < 0 || c->status != 0) {
        return r;
    }
    r = call_audit(c, AUDIT_USER_REMOVED, span_str(name), NULL);
    r = r < 0 ? r : call_revoke(c, REVOKE_USER, span_str(name));
    return r < 0 ? r : call_answer(c, 200, json_object());
}

/* From now on it is the administrator who says so: the directory's yes does not bring the user back
 * any more. */
static int outweigh_directory(struct store *s, const char *name)
{
    struct entry e;
    int r = entries_find(s, name, &e);
    if (r < 0 || !e.gone) {
        return r == FAULT_ABSENT ? 0 : r;
    }
    e.gone = false;
    return entries_put(s, &e);
}

int op_users_disable(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    if (name == NULL) {
        return 0;
    }
    uint64_t before;
    int r = shutout_before(c, name, &before);
    bool owner = r == 0 && was_owner(c, name, &r);
    r = r < 0 ? r : users_set_disabled(c->keeper->store, name, true);
    if (r < 0) {
        return call_fault(c, r, "user");
    }
    r = outweigh_directory(c->keeper->store, name);
    r = r == 0 && owner ? keep_an_owner(c) : r;
    r = r < 0 || c->status != 0 ? r : shutout_after(c, before);
    if (r < 0 || c->status != 0) {
        return r;
    }
    r = op_end_user(c, name);
    /* One push for the person covers sessions and tokens alike. */
    call_drop_revokes(c);
    r = r < 0 ? r : call_revoke(c, REVOKE_USER, span_str(name));
    r = r < 0 ? r : call_audit(c, AUDIT_USER_DISABLED, span_str(name), NULL);
    return r < 0 ? r : answer_user(c, 200, name);
}

/* Enabling also forgets failed attempts and gives back the factors that were disabled for them:
 * whoever enables has spoken with the person. */
int op_users_enable(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    if (name == NULL) {
        return 0;
    }
    int r = users_set_disabled(c->keeper->store, name, false);
    if (r < 0) {
        return call_fault(c, r, "user");
    }
    r = attempts_restore(c->keeper->store, name);
    r = r < 0 ? r : call_audit(c, AUDIT_USER_ENABLED, span_str(name), NULL);
    return r < 0 ? r : answer_user(c, 200, name);
}

static int guard_groups(struct call *c, const char *name, const char *const *after, size_t count)
{
    struct buf before;
    buf_init(&before, GROUPS_MAX);
    int r = groups_of(c->keeper->store, name, &before);
    r = r < 0 ? r : roles_guard_groups(c, buf_view(&before), after, count);
    buf_fini(&before);
    return r;
}

int op_users_groups(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    const char **groups;
    size_t count;
    if (name == NULL || !read_groups(c, &groups, &count)) {
        return 0;
    }
    int r = guard_groups(c, name, groups, count);
    if (r <= 0) {
        return r;
    }
    uint64_t before;
    r = shutout_before(c, name, &before);
    bool owner = r == 0 && was_owner(c, name, &r);
    r = r < 0 ? r : groups_set(c->keeper->store, name, groups, count);
    if (r < 0) {
        return call_fault(c, r, "user or group");
    }
    r = owner ? keep_an_owner(c) : 0;
    r = r < 0 || c->status != 0 ? r : shutout_after(c, before);
    if (r < 0 || c->status != 0) {
        return r;
    }
    /* Views carry groups: all are asked for anew, streams are judged anew, nobody is thrown out who
     * still may. */
    r = call_revoke(c, REVOKE_ALL, SPAN_NONE);
    r = r < 0 ? r
              : call_audit(c, AUDIT_USER_GROUPS, span_str(name),
                           json_pack("{s:O?}", "groups", call_member(c, "groups")));
    return r < 0 ? r : answer_user(c, 200, name);
}

/* Answers with the user and one more thing that is shown once. The old sessions end: a new factor
 * is asked for when the old one may be in other hands. */
static int answer_with(struct call *c, const char *name, bool end_sessions,
                       int (*add)(struct call *, const char *, json_t *))
{
    json_t *answer = json_object();
    int r = answer == NULL ? -ENOMEM : add(c, name, answer);
    if (r == 0 && end_sessions) {
        r = op_end_user(c, name);
    }
    if (r < 0) {
        json_decref(answer);
        return call_fault(c, r, "user");
    }
    return call_answer(c, 200, answer);
}

static int add_recovery(struct call *c, const char *name, json_t *answer)
{
    json_t *codes = NULL;
    int r = op_recovery_codes(c->keeper, name, c->now_ms / 1000, &codes);
    r = r < 0 ? r : json_put(answer, "recovery", codes);
    return r < 0 ? r : call_audit(c, AUDIT_RECOVERY_MADE, span_str(name), NULL);
}

int op_users_recovery(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    int r;
    return can_sign_in(c, name, &r) ? answer_with(c, name, false, add_recovery) : r;
}

static int each_identity(void *context, const struct identity *i)
{
    (void)i;
    *(bool *)context = true;
    return 0;
}

/* An invite is for who has nothing yet. For others it would be a way around their factors, of which
 * the word of a provider is one. */
int op_users_enrol(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    struct user user;
    int r = name == NULL ? 0 : users_find(c->keeper->store, name, &user);
    if (name == NULL || r < 0) {
        return name == NULL ? 0 : call_fault(c, r, "user");
    }
    if (user.kind != USER_PERSON) {
        return call_problem(c, 409, NULL, "this account is not a person's");
    }
    bool vouched = false;
    r = identities_list(c->keeper->store, name, each_identity, &vouched);
    if (r < 0) {
        return r;
    }
    if (c->actor.kind != CREDENTIAL_HOST && (vouched || user.password_set != 0 || user.totp ||
                                             user.recovery_left > 0 || user.passkeys > 0)) {
        return call_problem(c, 409, NULL,
                            "this person has enrolled; say what is lost with reset instead");
    }
    return answer_with(c, name, false, add_enrolment);
}

int op_users_end_sessions(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    struct user user;
    if (name == NULL) {
        return 0;
    }
    int r = users_find(c->keeper->store, name, &user);
    if (r < 0) {
        return call_fault(c, r, "user");
    }
    r = op_end_user(c, name);
    r = r < 0 ? r : call_audit(c, AUDIT_SESSION_REVOKED, span_str(name), NULL);
    return r < 0 ? r : call_answer(c, 200, json_object());
}

/* ---- groups ---- */

static int each_group(void *context, const struct group *group)
{
    struct op_rows *rows = context;
    rows->seen++;
    (void)snprintf(rows->last_name, sizeof(rows->last_name), "%s", group->name);
    return json_push(rows->items,
                     json_pack("{s:s,s:i,s:b}", "name", group->name, "members", (int)group->members,
                               "built_in", groups_is_built_in(group->name)));
}

/* The table has checked it. */
static uint32_t names_limit(struct call *c)
{
    uint64_t limit;
    return call_query_u64(c, "limit", STORE_PAGE_MAX, STORE_PAGE_MAX, &limit) < 0 ? STORE_PAGE_MAX
                                                                                  : (uint32_t)limit;
}

int op_groups_list(struct call *c)
{
    struct span after = SPAN_NONE;
    int r = call_query(c, "after", &after);
    if (r < 0 && r != FAULT_ABSENT) {
        return call_problem(c, 400, "after", "expected a name");
    }
    struct op_rows rows = {.call = c, .items = json_array(), .limit = names_limit(c)};
    r = groups_list(c->keeper->store, arena_string(&c->arena, after), rows.limit, each_group,
                    &rows);
    return op_list_done(&rows, r, "groups", false);
}

static int each_member(void *context, const char *user)
{
    struct op_rows *rows = context;
    rows->seen++;
    (void)snprintf(rows->last_name, sizeof(rows->last_name), "%s", user);
    return json_push(rows->items, json_string(user));
}

int op_groups_get(struct call *c)
{
    const char *name = op_name(c, 0, "group");
    struct group group;
    struct span after = SPAN_NONE;
    if (name == NULL) {
        return 0;
    }
    int r = groups_find(c->keeper->store, name, &group);
    if (r < 0) {
        return call_fault(c, r, "group");
    }
    r = call_query(c, "after", &after);
    if (r < 0 && r != FAULT_ABSENT) {
        return call_problem(c, 400, "after", "expected a name");
    }
    struct op_rows rows = {.call = c, .items = json_array(), .limit = names_limit(c)};
    r = groups_members(c->keeper->store, name, arena_string(&c->arena, after), rows.limit,
                       each_member, &rows);
    return op_list_done(&rows, r, "members", false);
}

int op_groups_add(struct call *c)
{
    struct span name = call_string(c, "name");
    if (!text_is_name(name)) {
        return call_problem(c, 400, "name", "not a well-formed name");
    }
    int r =
        groups_add(c->keeper->store, json_string_value(call_member(c, "name")), c->now_ms / 1000);
    if (r < 0) {
        return call_fault(c, r, "group");
    }
    r = call_audit(c, AUDIT_GROUP_ADDED, name, NULL);
    return r < 0 ? r : call_answer(c, 201, json_pack("{s:O}", "name", call_member(c, "name")));
}

int op_groups_remove(struct call *c)
{
    const char *name = op_name(c, 0, "group");
    if (name == NULL) {
        return 0;
    }
    int r = groups_remove(c->keeper->store, name);
    if (r < 0) {
        return call_fault(c, r, "group");
    }
    r = call_revoke(c, REVOKE_ALL, SPAN_NONE);
    r = r < 0 ? r : call_audit(c, AUDIT_GROUP_REMOVED, span_str(name), NULL);
    return r < 0 ? r : call_answer(c, 200, json_object());
}
