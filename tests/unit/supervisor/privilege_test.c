/* Becoming somebody else can not be taken back, so every test does it in a forked child. */
#include "unit.h"

#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "supervisor/privilege.h"

static int in_child(int (*run)(const struct account *), const struct account *account)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(run(account));
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                           : -1;
}

static int drop_and_try_to_return(const struct account *account)
{
    gid_t groups[] = {0, 4};
    uid_t u[3];
    gid_t g[3];
    if (setgroups(2, groups) < 0 || privilege_drop(account) < 0)
        return 1;
    if (getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
        return 2;
    for (int i = 0; i < 3; i++) {
        if (u[i] != account->uid || g[i] != account->gid)
            return 3;
    }
    if (getgroups(0, NULL) != 0)
        return 4;
    if (seteuid(0) == 0 || setuid(0) == 0 || setgid(0) == 0 || setgroups(1, groups) == 0)
        return 5;
    return 0;
}

static void root_becomes_the_account_for_good(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    struct account nobody;
    assert_int_equal(account_find("nobody", &nobody), 0);
    assert_int_equal(in_child(drop_and_try_to_return, &nobody), 0);
}

static int drop_to_root(const struct account *account)
{
    return privilege_drop(account) == FAULT_DENIED ? 0 : 1;
}

static void an_account_that_is_root_is_seen_through(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    struct account root = {0, 0}, half = {0, 65534};
    assert_int_equal(in_child(drop_to_root, &root), 0);
    assert_int_equal(in_child(drop_to_root, &half), 0);
    assert_int_equal(account_find("root", &root), FAULT_DENIED);
    assert_int_equal(account_find("no-such-user", &root), FAULT_ABSENT);
}

static void whoever_is_not_root_stays_who_he_is(void **state)
{
    (void)state;
    struct account self;
    if (geteuid() == 0)
        skip();
    assert_int_equal(account_find("whoever", &self), 0);
    assert_int_equal(self.uid, geteuid());
    assert_int_equal(privilege_drop(&self), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_becomes_the_account_for_good),
        cmocka_unit_test(an_account_that_is_root_is_seen_through),
        cmocka_unit_test(whoever_is_not_root_stays_who_he_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
