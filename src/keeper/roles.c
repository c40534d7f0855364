#include "keeper/roles.h"

#include <errno.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/operation.h"
#include "store/users.h"

/* The strongest first. */
static const struct {
    unsigned role;
    const char *name;
    const char *many;
    const char *group; /* or NULL */
} ROLES[] = {
    {ROLE_HOST, "host", "the owner of this host, over `keeper.sock`", NULL},
    {ROLE_OWNER, "owner", "owners", GROUP_OWNERS},
    {ROLE_ADMINISTRATOR, "administrator", "administrators", GROUP_ADMINISTRATORS},
    {ROLE_AUDITOR, "auditor", "auditors", GROUP_AUDITORS},
    {ROLE_OPERATOR, "operator", "operators", GROUP_OPERATORS},
    {ROLE_USER, "user", "anybody who is logged in", NULL},
    {ROLE_NOBODY, "nobody", "anybody", NULL},
};

unsigned roles_of(struct span groups)
{
    unsigned roles = ROLE_USER;
    for (size_t i = 0; i < countof(ROLES); i++) {
        if (ROLES[i].group != NULL && lines_have(groups, span_str(ROLES[i].group))) {
            roles |= ROLES[i].role;
        }
    }
    return roles;
}

bool roles_admit(unsigned wanted, unsigned held)
{
    /* What is for everybody is for those with roles, too; what is for the host is for it alone. */
    unsigned all = wanted == ROLE_HOST ? ROLE_HOST : wanted | ROLE_OWNER | ROLE_HOST;
    return (wanted & ROLE_NOBODY) != 0 || (all & held) != 0;
}

const char *roles_name(unsigned held)
{
    for (size_t i = 0; i < countof(ROLES); i++) {
        if ((ROLES[i].role & held) != 0) {
            return ROLES[i].name;
        }
    }
    return "nobody";
}

json_t *roles_json(unsigned held)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < countof(ROLES); i++) {
        if ((ROLES[i].role & held) != 0 && json_push(list, json_string(ROLES[i].name)) < 0) {
            json_release(&list);
        }
    }
    return list;
}

void roles_text(unsigned wanted, struct buf *out)
{
    const char *names[countof(ROLES)];
    size_t count = 0;
    if ((wanted & (ROLE_NOBODY | ROLE_USER | ROLE_HOST)) == 0) {
        wanted |= ROLE_OWNER;
    }
    for (size_t i = 0; i < countof(ROLES); i++) {
        if ((ROLES[i].role & wanted) != 0) {
            names[count++] = ROLES[i].many;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const char *between = i == 0 ? "" : i + 1 == count ? " and " : ", ";
        (void)buf_printf(out, "%s%s", between, names[i]);
    }
}

/* ---- privileged people ---- */

static bool is_unbound(const struct call *c)
{
    return (c->actor.roles & (ROLE_OWNER | ROLE_HOST)) != 0;
}

static int is_privileged(struct call *c, const char *user, bool *ret)
{
    struct user found;
    bool owner = false, administrator = false;
    int r = users_find(c->keeper->store, user, &found);
    *ret = false;
    if (r < 0) {
        return r == FAULT_ABSENT ? 0 : r;
    }
    r = groups_has(c->keeper->store, GROUP_OWNERS, user, &owner);
    r = r < 0 ? r : groups_has(c->keeper->store, GROUP_ADMINISTRATORS, user, &administrator);
    *ret = owner || administrator || found.kind == USER_BREAK_GLASS;
    return r;
}

int roles_guard(struct call *c, const char *user)
{
    bool privileged = false;
    if (is_unbound(c)) {
        return 1;
    }
    int r = is_privileged(c, user, &privileged);
    if (r < 0 || !privileged) {
        return r < 0 ? r : 1;
    }
    return operation_deny(c, "only owners may change owners, administrators and break-glass "
                             "accounts, and what acts for them");
}

int roles_guard_own(struct call *c, const char *user)
{
    return c->actor.user[0] != '\0' && strcmp(c->actor.user, user) == 0 ? 1 : roles_guard(c, user);
}

static bool is_among(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int roles_guard_groups(struct call *c, struct span before, const char *const *after, size_t count)
{
    for (size_t i = 0; i < countof(ROLES) && !is_unbound(c); i++) {
        const char *group = ROLES[i].group;
        if (group != NULL && lines_have(before, span_str(group)) != is_among(after, count, group)) {
            return operation_deny(c, "only owners say who is in a built-in group");
        }
    }
    return 1;
}
