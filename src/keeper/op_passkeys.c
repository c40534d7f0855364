#include <errno.h>

#include "base/fault.h"
#include "keeper/account.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/passkeys.h"
#include "keeper/shutout.h"
#include "store/credentials.h"

static int each_key(void *context, const struct passkey *p)
{
    struct op_rows *rows = context;
    rows->seen++;
    return json_push(rows->items, passkeys_json(p));
}

static int list(struct call *c, const char *user)
{
    struct op_rows rows = {.call = c, .items = json_array()};
    int r = passkeys_list(c->keeper->store, user, each_key, &rows);
    return op_list_done(&rows, r, "passkeys", false);
}

int op_my_passkeys(struct call *c)
{
    return list(c, c->actor.user);
}

int op_users_passkeys(struct call *c)
{
    struct user user;
    const char *name = op_name(c, 0, "user");
    if (name == NULL) {
        return 0;
    }
    int r = users_find(c->keeper->store, name, &user);
    return r < 0 ? call_fault(c, r, "user") : list(c, name);
}

/* The key that the path names. 1: found. 0: the call has ended with a problem. */
static int find(struct call *c, const char *user, size_t param, struct passkey *p)
{
    int r = user == NULL ? 0 : passkeys_find_short(c->keeper->store, user, c->param[param], p);
    if (user == NULL) {
        return 0;
    }
    return r < 0 ? call_fault(c, r, "passkey") : 1;
}

static int removed(struct call *c, const struct passkey *p)
{
    int r = passkeys_remove(c->keeper->store, p->user, p->name);
    r = r < 0 ? r : call_audit(c, AUDIT_PASSKEY_REMOVED, span_str(p->user), passkeys_json(p));
    return r < 0 ? r : call_answer(c, 200, json_object());
}

int op_my_passkeys_remove(struct call *c)
{
    bool done;
    int r = account_remove(c, c->param[0], &done);
    return r < 0 || !done ? r : call_answer(c, 200, json_object());
}

int op_my_passkeys_rename(struct call *c)
{
    struct passkey p;
    bool done;
    int r = account_rename(c, c->param[0], call_string(c, "name"), &done);
    if (r < 0 || !done) {
        return r;
    }
    r = passkeys_find_short(c->keeper->store, c->actor.user, c->param[0], &p);
    return r < 0 ? r : call_answer(c, 200, passkeys_json(&p));
}

/* Who would have nothing left could be invited anew by whoever has taken it away, and be somebody
 * else then. A reset needs an approver. */
static int keep_enrolled(struct call *c, const struct passkey *p, bool *may)
{
    struct user user;
    int r = users_find(c->keeper->store, p->user, &user);
    *may = r == 0 && (c->actor.kind == CREDENTIAL_HOST || user.passkeys > 1 ||
                      user.password_set != 0 || user.totp || user.recovery_left > 0);
    return r < 0 || *may ? r
                         : call_problem(c, 409, NULL,
                                        "this is the last that the person signs in with; say that "
                                        "it is lost with reset instead");
}

/* A lost key may be in somebody's hands, who may be on with it. */
int op_users_passkeys_remove(struct call *c)
{
    struct passkey p;
    bool may;
    int r = find(c, op_name(c, 0, "user"), 1, &p);
    if (r <= 0) {
        return r;
    }
    r = keep_enrolled(c, &p, &may);
    if (r < 0 || !may) {
        return r;
    }
    uint64_t before = 0;
    r = c->actor.kind == CREDENTIAL_HOST ? 0 : shutout_before(c, p.user, &before);
    r = r < 0 ? r : removed(c, &p);
    r = r < 0 || c->status >= 400 ? r : shutout_after(c, before);
    return r < 0 || c->status >= 400 ? r : op_end_user(c, p.user);
}

int op_users_passkeys_enable(struct call *c)
{
    struct passkey p;
    int r = find(c, op_name(c, 0, "user"), 1, &p);
    if (r <= 0) {
        return r;
    }
    r = passkeys_enable(c->keeper->store, p.user, p.name);
    p.disabled = false;
    r = r < 0 ? r : call_audit(c, AUDIT_PASSKEY_ENABLED, span_str(p.user), passkeys_json(&p));
    return r < 0 ? r : call_answer(c, 200, passkeys_json(&p));
}
