#include "supervisor/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/fault.h"

int account_find(const char *name, struct account *ret)
{
    if (geteuid() != 0) {
        *ret = (struct account){geteuid(), getegid()};
        return 0;
    }
    errno = 0;
    const struct passwd *found = getpwnam(name[0] == '\0' ? "postern" : name);
    if (found == NULL)
        return FAULT_ABSENT;
    if (found->pw_uid == 0 || found->pw_gid == 0)
        return FAULT_DENIED;
    *ret = (struct account){found->pw_uid, found->pw_gid};
    return 0;
}

/* True when every id is the account's: a saved id of root would be a way back. */
static bool is_wholly(const struct account *account)
{
    uid_t u[3];
    gid_t g[3];
    if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
        return false;
    for (int i = 0; i < 3; i++) {
        if (u[i] != account->uid || g[i] != account->gid)
            return false;
    }
    return getgroups(0, NULL) == 0;
}

int privilege_drop(const struct account *account)
{
    if (geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(account->gid, account->gid, account->gid) < 0 ||
        setresuid(account->uid, account->uid, account->uid) < 0)
        return -errno;
    if (!is_wholly(account) || setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0)
        return FAULT_DENIED;
    return 0;
}
