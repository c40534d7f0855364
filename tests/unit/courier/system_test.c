#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "courier/system.h"

static void note(void *arg, const char *library)
{
    char *all = arg;
    size_t used = strlen(all);
    (void)snprintf(all + used, 512 - used, "%s ", library);
}

static void the_modules_for_hosts_are_found_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } CASES[] = {
        {"hosts: files dns\n", "libnss_files.so.2 libnss_dns.so.2 "},
        {"passwd: files\nhosts:\tfiles mdns4_minimal [NOTFOUND=return] dns # wins\n",
         "libnss_files.so.2 libnss_mdns4_minimal.so.2 libnss_dns.so.2 "},
        {"hosts: resolve[!UNAVAIL=return]dns", "libnss_resolve.so.2 libnss_dns.so.2 "},
        {"# hosts: files\n", ""},
        {"hosts: ../../evil /tmp/x .. Upper\n", ""},
        {"hosts: [", ""},
        {"hosts:", ""},
        {"", ""},
    };
    for (size_t i = 0; i < countof(CASES); i++) {
        char all[512] = "";
        system_each_module(span_str(CASES[i].text), note, all);
        assert_string_equal(all, CASES[i].want);
    }
}

static void the_same_files_have_not_changed(void **state)
{
    (void)state;
    struct system s;
    system_note(&s, "/nonexistent");
    assert_false(system_changed(&s));
    s.authorities = "/etc/hosts";
    assert_true(system_changed(&s));
    s.authorities = "/nonexistent";
    s.seen[1].inode++;
    assert_true(system_changed(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_modules_for_hosts_are_found_and_nothing_else),
        cmocka_unit_test(the_same_files_have_not_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
