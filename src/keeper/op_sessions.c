#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "identity/session.h"
#include "keeper/account.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"

static int each_session(void *context, const struct session *session)
{
    struct op_rows *rows = context;
    rows->seen++;
    rows->last = session->seq;
    /* The list knows the ended ones only; what has idled out is gone for everybody else, too. */
    if (!session_is_live(session, rows->now)) {
        return 0;
    }
    return json_push(rows->items, op_session_json(session));
}

static int list_sessions(struct call *c, const char *user)
{
    struct page page;
    if (!op_page(c, &page)) {
        return 0;
    }
    struct op_rows rows = {
        .call = c, .items = json_array(), .limit = page.limit, .now = c->now_ms / 1000};
    int r = sessions_list(c->keeper->store, user, &page, each_session, &rows);
    return op_list_done(&rows, r, "sessions", true);
}

int op_sessions_list(struct call *c)
{
    struct span user = SPAN_NONE;
    int r = call_query(c, "user", &user);
    if (r < 0 && r != FAULT_ABSENT) {
        return call_problem(c, 400, "user", "expected a name");
    }
    return list_sessions(c, user.len > 0 ? arena_string(&c->arena, user) : NULL);
}

int op_my_sessions(struct call *c)
{
    /* The host's owner is no user and has none. */
    return list_sessions(c, c->actor.user[0] == '\0' ? "-" : c->actor.user);
}

#define ENDS_OTHERS (ROLE_HOST | ROLE_OWNER | ROLE_ADMINISTRATOR | ROLE_OPERATOR)

/* Whoever tends the service ends the sessions of others, everybody else their own; that another's
 * exists is not told. */
static int end_session(struct call *c, struct session *session)
{
    uint8_t id[STORE_ID_SIZE];
    if (text_unhex(c->param[0], id, sizeof(id)) < 0) {
        return call_problem(c, 404, NULL, "session: no such thing");
    }
    int r = sessions_find(c->keeper->store, id, session);
    if (r == 0 && (c->actor.roles & ENDS_OTHERS) == 0 &&
        strcmp(session->user, c->actor.user) != 0) {
        r = FAULT_ABSENT;
    }
    if (r == 0 && session->ended != 0) {
        r = FAULT_ABSENT;
    }
    if (r < 0) {
        return call_fault(c, r, "session");
    }
    r = roles_guard_own(c, session->user);
    if (r <= 0) {
        return r;
    }
    /* People end their own after a proof; an owner who ends another's is not held up. */
    if (c->actor.kind == CREDENTIAL_CONSOLE && strcmp(session->user, c->actor.user) == 0) {
        bool may;
        r = account_may(c, &may);
        if (r < 0 || !may) {
            return r;
        }
    }
    r = op_end_session(c, id);
    char target[2 * STORE_ID_SIZE + 1];
    text_hex(target, span_of(id, sizeof(id)));
    return r < 0 ? r
                 : call_audit(c, AUDIT_SESSION_REVOKED, span_str(target),
                              json_pack("{s:s}", "user", session->user));
}

int op_sessions_end(struct call *c)
{
    struct session session;
    int r = end_session(c, &session);
    return r < 0 || c->status != 0 ? r : call_answer(c, 200, json_object());
}
