/* The account page for programs of the person's own: the same, by the API. */
#include <errno.h>

#include "audit/record.h"
#include "base/fault.h"
#include "base/text.h"
#include "keeper/account.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "store/passkeys.h"

/* The host's owner is no user. */
static bool is_user(struct call *c)
{
    if (c->actor.user[0] == '\0') {
        (void)call_problem(c, 404, NULL, "the owner of the host has no account");
    }
    return c->actor.user[0] != '\0';
}

int op_me(struct call *c)
{
    struct user user;
    uint64_t keys = 0;
    if (!is_user(c)) {
        return 0;
    }
    int r = users_find(c->keeper->store, c->actor.user, &user);
    r = r < 0 ? r : passkeys_count(c->keeper->store, c->actor.user, &keys);
    json_t *answer = r < 0 ? NULL : op_user_json(c, &user);
    r = r < 0 ? r : json_put(answer, "passkeys", json_integer((json_int_t)keys));
    if (r < 0) {
        json_decref(answer);
        return r;
    }
    return call_answer(c, 200, answer);
}

static int done_answer(struct call *c, int fault, bool done)
{
    return fault < 0 || !done ? fault : call_answer(c, 200, json_object());
}

int op_me_password(struct call *c)
{
    bool done;
    int r = account_password(c, call_string(c, "current"), call_string(c, "password"),
                             call_flag(c, "end_sessions"), &done);
    return done_answer(c, r, done);
}

int op_me_totp(struct call *c)
{
    const char *link = NULL;
    bool done;
    int r = account_totp(c, &link, &done);
    return r < 0 || !done ? r : call_answer(c, 200, json_pack("{s:s}", "link", link));
}

int op_me_totp_remove(struct call *c)
{
    bool done;
    int r = account_remove_totp(c, &done);
    return done_answer(c, r, done);
}

int op_me_recovery(struct call *c)
{
    json_t *codes = NULL;
    bool done;
    int r = account_recovery(c, &codes, &done);
    if (r < 0 || !done) {
        json_decref(codes);
        return r;
    }
    return call_answer(c, 200, json_pack("{s:o}", "recovery", codes));
}

int op_me_session_end(struct call *c)
{
    bool done;
    int r = account_end(c, &c->param[0], &done);
    return done_answer(c, r, done);
}

int op_me_sessions_end(struct call *c)
{
    bool done;
    int r = account_end(c, NULL, &done);
    return done_answer(c, r, done);
}

int op_me_token_revoke(struct call *c)
{
    bool done;
    int r = account_revoke(c, c->param[0], &done);
    return done_answer(c, r, done);
}

static int each_record(void *context, const struct record *r)
{
    char source[ADDR_TEXT_SIZE];
    struct addr a;
    memcpy(a.byte, r->source, sizeof(a.byte));
    addr_format(&a, source);
    return json_push(context,
                     json_pack("{s:I,s:o,s:o,s:s,s:o,s:s,s:s}", "seq", (json_int_t)r->seq, "time",
                               json_time_ms(r->wall_ms), "event", json_text(r->event), "text",
                               audit_event_text(audit_event_find(r->event)), "target",
                               json_text(r->target), "outcome", audit_outcome_name(r->outcome),
                               "source", source));
}

int op_me_activity(struct call *c)
{
    uint64_t limit;
    if (!is_user(c)) {
        return 0;
    }
    if (call_query_u64(c, "limit", 50, 30, &limit) < 0 || limit == 0) {
        return call_problem(c, 400, "limit", "expected a number from 1 to 50");
    }
    json_t *list = json_array();
    int r = list == NULL ? -ENOMEM : account_activity(c, (uint32_t)limit, each_record, list);
    if (r < 0) {
        json_decref(list);
        return r;
    }
    return call_answer(c, 200, json_pack("{s:o}", "records", list));
}
