#include "keeper/recover.h"

#include <errno.h>

#include "base/fault.h"
#include "base/log.h"
#include "identity/token.h"
#include "identity/totp.h"
#include "keeper/attempts.h"
#include "keeper/json.h"
#include "keeper/notices.h"
#include "keeper/op.h"
#include "keeper/shutout.h"
#include "store/credentials.h"
#include "store/entries.h"
#include "store/passkeys.h"
#include "store/resources.h"

#define LINK_LIFE (24u * 3600)
/* A wrong word is a slip of the tongue; that many are somebody who guesses. */
#define WORD_TRIES_MAX 5u

int recover_link(struct keeper *k, const char *user, uint32_t renews, bool confirm,
                 const char *maker, uint64_t now, json_t **ret)
{
    struct enrolment e = {.created = now,
                          .expires = now + LINK_LIFE,
                          .secret_len = TOTP_SECRET_LEN,
                          .renews = renews,
                          .confirm = confirm};
    char code[TOKEN_TEXT_SIZE];
    (void)snprintf(e.user, sizeof(e.user), "%s", user);
    (void)snprintf(e.maker, sizeof(e.maker), "%s", maker);
    int r = token_new(code, e.hash);
    r = r < 0 ? r : totp_new_secret(e.secret);
    r = r < 0 ? r : enrolments_add(k->store, &e);
    secret_wipe(&e, sizeof(e));
    if (r == 0) {
        struct buf link;
        buf_init(&link, 512);
        op_portal_url(k, &link);
        (void)buf_printf(&link, "/enrol?code=%s", code);
        *ret = json_pack("{s:s,s:o,s:o}", "code", code, "link", json_text(buf_view(&link)),
                         "expires", json_time(now + LINK_LIFE));
        buf_fini(&link);
        r = *ret == NULL ? -ENOMEM : 0;
    }
    secret_wipe(code, sizeof(code));
    return r;
}

/* Without a service there is nobody to send a notice: the names wait in the store. */
static const char UNTOLD[] = "recovered.untold";

static int keep_untold(struct store *s, const char *user)
{
    struct buf names;
    buf_init(&names, 4096);
    int r = settings_text(s, UNTOLD, &names);
    r = r == FAULT_ABSENT ? 0 : r;
    (void)buf_printf(&names, "%s\n", user);
    r = r < 0 || names.bad ? r : settings_set_text(s, UNTOLD, buf_view(&names));
    buf_fini(&names);
    return r;
}

int recover_user(struct keeper *k, const char *user, bool owner, uint64_t now, struct span detail,
                 json_t **ret)
{
    struct user found;
    int r = users_find(k->store, user, &found);
    if (r == 0 && found.kind != USER_PERSON) {
        r = FAULT_DENIED;
    }
    r = r < 0 ? r : users_set_disabled(k->store, user, false);
    r = r < 0 || !owner ? r : groups_join(k->store, GROUP_OWNERS, user);
    r = r < 0 ? r : attempts_restore(k->store, user);
    r = r < 0 ? r : recover_link(k, user, ENROL_ALL, false, "", now, ret);
    if (r == 0) {
        struct audit_draft draft = {.event = AUDIT_USER_RECOVERED,
                                    .actor_kind = AUDIT_HOST,
                                    .actor = SPAN("host"),
                                    .target = span_str(user),
                                    .detail = detail};
        r = keeper_record(k, &draft);
    }
    return r < 0 || k->live != NULL ? r : keep_untold(k->store, user);
}

int recover_tell(struct keeper *k)
{
    struct buf names;
    struct span rest, name;
    buf_init(&names, 4096);
    int r = k->live == NULL ? FAULT_ABSENT : settings_text(k->store, UNTOLD, &names);
    rest = buf_view(&names);
    while (r == 0 && span_cut(&rest, '\n', &name)) {
        const struct audit_draft draft = {.event = AUDIT_USER_RECOVERED,
                                          .actor_kind = AUDIT_HOST,
                                          .actor = SPAN("host"),
                                          .target = name};
        r = name.len == 0 ? 0 : notices_tell(k, &draft);
    }
    if (r == 0 && buf_len(&names) > 0) {
        r = settings_set_text(k->store, UNTOLD, SPAN_NONE);
    }
    buf_fini(&names);
    return r == FAULT_ABSENT ? 0 : r;
}

/* ---- on the host ---- */

int op_users_recover(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    json_t *link = NULL;
    if (name == NULL) {
        return 0;
    }
    int r =
        recover_user(c->keeper, name, call_flag(c, "owner"), c->now_ms / 1000, SPAN_NONE, &link);
    if (r < 0) {
        return call_fault(c, r, "user");
    }
    r = op_end_user(c, name);
    log_kv(LOG_LEVEL_WARN, "user_recovered", "user", name);
    if (r < 0) {
        json_decref(link);
        return r;
    }
    return call_answer(c, 200, link);
}

/* ---- lost factors ---- */

/* Beside enum enrol_part: nothing that a link sets anew by itself. */
#define LOST_PASSKEYS 4u

/* The parts that the body calls lost, or 0 when it has ended the call with a problem. */
static uint32_t read_lost(struct call *c)
{
    const json_t *list = call_member(c, "lost");
    uint32_t lost = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct span word = json_span(json_array_get(list, i));
        uint32_t part = span_is(word, "password")        ? ENROL_PASSWORD
                        : span_is(word, "authenticator") ? ENROL_TOTP
                        : span_is(word, "passkeys")      ? LOST_PASSKEYS
                                                         : 0;
        if (part == 0) {
            lost = 0;
            break;
        }
        lost |= part;
    }
    if (lost == 0) {
        (void)call_problem(c, 400, "lost",
                           "name what is lost: \"password\", \"authenticator\", \"passkeys\"");
    }
    return lost;
}

/* Removed, and not only disabled: whoever enables the user for another reason must not bring back a
 * telephone that was stolen. */
static int remove_lost(struct store *s, const char *user, uint32_t lost)
{
    int r = (lost & ENROL_PASSWORD) != 0 ? credentials_remove_password(s, user) : 0;
    r = r == FAULT_ABSENT ? 0 : r;
    if (r == 0 && (lost & ENROL_TOTP) != 0) {
        r = credentials_remove_totp(s, user);
        r = r == FAULT_ABSENT ? 0 : r;
    }
    if (r == 0 && (lost & LOST_PASSKEYS) != 0) {
        r = passkeys_remove_all(s, user);
    }
    return r == FAULT_ABSENT ? 0 : r;
}

/* What is left proves the person on the page of the link, unless nothing is. */
static bool is_proven_by_rest(const struct user *u, bool linked, uint32_t lost)
{
    bool password = linked || (u->password_set != 0 && !u->password_disabled);
    bool code = (u->totp && !u->totp_disabled) || u->recovery_left > 0;
    uint32_t parts = lost & ENROL_ALL;
    return parts == ENROL_TOTP ? password : parts == ENROL_PASSWORD && code;
}

int op_users_reset(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    uint32_t lost = name == NULL ? 0 : read_lost(c);
    struct store *store = c->keeper->store;
    struct user user;
    json_t *answer = NULL;
    if (lost == 0) {
        return 0;
    }
    int r = users_find(store, name, &user);
    if (r < 0) {
        return call_fault(c, r, "user");
    }
    if (user.kind != USER_PERSON) {
        return call_problem(c, 409, NULL, "this account is not a person's");
    }
    struct entry e;
    r = user.password_set == 0 ? entries_find(store, name, &e) : FAULT_ABSENT;
    if (r < 0 && r != FAULT_ABSENT) {
        return r;
    }
    bool linked = r == 0;
    if (linked && (lost & ENROL_PASSWORD) != 0) {
        return call_problem(c, 409, "lost", "the password is that of directory %s", e.directory);
    }
    if (lost == LOST_PASSKEYS && (user.password_set != 0 || linked) && user.totp) {
        return call_problem(c, 409, "lost",
                            "password and authenticator are left: remove the passkeys, and the "
                            "person adds others after a login");
    }
    bool confirm = !is_proven_by_rest(&user, linked, lost);
    uint64_t before = 0;
    /* On the host this is the way out of a lock-out, not into one. */
    r = c->actor.kind == CREDENTIAL_HOST ? 0 : shutout_before(c, name, &before);
    r = r < 0 ? r : remove_lost(store, name, lost);
    r = r < 0 ? r : shutout_after(c, before);
    if (r < 0 || c->status != 0) {
        return r;
    }
    r = recover_link(c->keeper, name, confirm ? ENROL_ALL : lost & ENROL_ALL, confirm,
                     c->actor.user, c->now_ms / 1000, &answer);
    r = r < 0 ? r : json_put(answer, "confirm", json_boolean(confirm));
    r = r < 0 ? r : op_end_user(c, name);
    r = r < 0 ? r
              : call_audit(
                    c, AUDIT_FACTOR_LOST, span_str(name),
                    json_pack("{s:O,s:b}", "lost", call_member(c, "lost"), "confirm", confirm));
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 200, answer);
}

/* ---- approvers ---- */

int recover_may_approve(struct call *c, bool *ret)
{
    const struct names *groups = &live_snapshot(c->keeper->live)->authentication.approvers;
    struct user user;
    *ret = false;
    if (c->actor.kind != CREDENTIAL_CONSOLE) {
        return 0; /* A token is no person, and the host has `recover`. */
    }
    int r = users_find(c->keeper->store, c->actor.user, &user);
    for (size_t i = 0; i < groups->count && r == 0 && user.kind == USER_PERSON; i++) {
        *ret = *ret || lines_have(c->actor.groups, span_str(groups->name[i]));
    }
    return r;
}

/* true: the actor is an approver. Otherwise the call has ended, or *fault says why not. */
static bool is_approver(struct call *c, int *fault)
{
    bool may = false;
    *fault = recover_may_approve(c, &may);
    if (*fault == 0 && !may) {
        (void)call_problem(c, 403, NULL, "only approvers who are logged in may do this");
    }
    return may;
}

static int each_waiting(void *context, const struct enrolment *e)
{
    struct op_rows *rows = context;
    struct addr source;
    char from[ADDR_TEXT_SIZE];
    memcpy(source.byte, e->source, sizeof(source.byte));
    addr_format(&source, from);
    rows->seen++;
    /* Not the word: the approver has to hear it from the person. */
    return json_push(rows->items,
                     json_pack("{s:s,s:o,s:s,s:s}", "user", e->user, "asked", json_time(e->asked),
                               "source", from, "maker", e->maker[0] != '\0' ? e->maker : "host"));
}

int op_approvals_list(struct call *c)
{
    int r;
    if (!is_approver(c, &r)) {
        return r;
    }
    struct op_rows rows = {.call = c, .items = json_array()};
    r = enrolments_waiting(c->keeper->store, c->now_ms / 1000, each_waiting, &rows);
    return op_list_done(&rows, r, "approvals", false);
}

static bool word_fits(struct span typed, const char *word)
{
    char given[6], want[6];
    size_t n = 0;
    for (size_t i = 0; i < typed.len; i++) {
        uint8_t b = typed.at[i];
        if (b == '-' || b == ' ') {
            continue;
        }
        if (n == sizeof(given)) {
            return false;
        }
        given[n++] = (char)(b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
    }
    memcpy(want, word, 3);
    memcpy(want + 3, word + 4, 3);
    return n == sizeof(given) && secret_eq(span_of(given, n), span_of(want, sizeof(want)));
}

static int wrong_word(struct call *c, const struct enrolment *e)
{
    struct store *store = c->keeper->store;
    bool last = e->tries + 1 >= WORD_TRIES_MAX;
    c->keep = true;
    int r = last ? enrolments_revoke(store, e->user) : enrolments_try(store, e->user);
    r = r < 0 ? r
              : call_audit(c, AUDIT_ENROLMENT_REFUSED, span_str(e->user),
                           json_pack("{s:s}", "why", "word"));
    return r < 0 ? r
                 : call_problem(c, 422, "word", "%s",
                                last ? "this is not the code that the person was shown; the link "
                                       "is void now, make a new one"
                                     : "this is not the code that the person was shown");
}

int recover_approve(struct call *c, const char *name, struct span word)
{
    struct store *store = c->keeper->store;
    struct enrolment e = {0};
    int r;
    if (!is_approver(c, &r)) {
        return r;
    }
    r = enrolments_find_user(store, name, c->now_ms / 1000, &e);
    if (r == 0 && (e.asked == 0 || e.approver[0] != '\0')) {
        r = FAULT_ABSENT;
    }
    if (r < 0) {
        r = call_fault(c, r, "nobody of this name waits for an approver");
    } else if (strcmp(c->actor.user, e.user) == 0 || strcmp(c->actor.user, e.maker) == 0) {
        r = call_problem(c, 403, NULL,
                         "it takes another person: neither the one who asks nor the one who made "
                         "the link can approve");
    } else if (!word_fits(word, e.word)) {
        r = wrong_word(c, &e);
    } else {
        r = enrolments_approve(store, name, c->actor.user);
        r = r < 0 ? r : call_audit(c, AUDIT_ENROLMENT_APPROVED, span_str(name), NULL);
        r = r < 0 ? r : call_answer(c, 200, json_object());
    }
    secret_wipe(&e, sizeof(e));
    return r;
}

int op_approvals_approve(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    return name == NULL ? 0 : recover_approve(c, name, call_string(c, "word"));
}

int recover_refuse(struct call *c, const char *name)
{
    struct enrolment e = {0};
    int r;
    if (!is_approver(c, &r)) {
        return r;
    }
    r = enrolments_find_user(c->keeper->store, name, c->now_ms / 1000, &e);
    bool waits = r == 0 && e.asked != 0;
    secret_wipe(&e, sizeof(e));
    if (!waits) {
        return r == 0 || r == FAULT_ABSENT || r == FAULT_STALE
                   ? call_problem(c, 404, NULL, "nobody of this name waits for an approver")
                   : r;
    }
    r = enrolments_revoke(c->keeper->store, name);
    r = r < 0 ? r
              : call_audit(c, AUDIT_ENROLMENT_REFUSED, span_str(name),
                           json_pack("{s:s}", "why", "approver"));
    return r < 0 ? r : call_answer(c, 200, json_object());
}

int op_approvals_refuse(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    return name == NULL ? 0 : recover_refuse(c, name);
}
