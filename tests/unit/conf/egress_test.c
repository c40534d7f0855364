#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "conf/egress.h"

static const char *judge(const char *text)
{
    struct addr a;
    if (addr_parse(span_str(text), &a) < 0)
        fail_msg("%s is no address", text);
    return egress_refusal(&a);
}

static void where_consoles_live_is_allowed(void **state)
{
    (void)state;
    static const char *const GOOD[] = {
        "127.0.0.1",       "::1",         "10.0.0.1",      "172.16.3.4",  "192.168.0.9",
        "fd12:3456::1",    "192.0.2.1",   "203.0.113.255", "2001:db8::1", "100.64.0.1",
        "100.100.100.201", "169.253.1.1", "169.255.0.1",   "fec0::1",     "64:ff9b::a00:1",
        "2002:a00:1::1",   "::10.0.0.1",  "223.255.255.1", "fd00:ec3::1", "168.63.129.17",
    };
    for (size_t i = 0; i < countof(GOOD); i++)
        if (judge(GOOD[i]) != NULL)
            fail_msg("%s: %s", GOOD[i], judge(GOOD[i]));
}

static void what_no_console_has_is_refused_with_its_kind(void **state)
{
    (void)state;
    static const struct {
        const char *address, *what;
    } BAD[] = {
        {"0.0.0.0", "an address of no host"},
        {"0.1.2.3", "an address of no host"},
        {"::", "an address of no host"},
        {"169.254.169.254", "a link-local address"},
        {"169.254.0.1", "a link-local address"},
        {"fe80::1", "a link-local address"},
        {"febf::1", "a link-local address"},
        {"224.0.0.1", "a multicast address"},
        {"239.255.255.255", "a multicast address"},
        {"ff02::1", "a multicast address"},
        {"255.255.255.255", "a reserved address"},
        {"240.0.0.1", "a reserved address"},
        {"fd00:ec2::254", "a cloud's metadata service"},
        {"fd20:ce::254", "a cloud's metadata service"},
        {"fd00:c1::a9fe:a9fe", "a cloud's metadata service"},
        {"100.100.100.200", "a cloud's metadata service"},
        {"168.63.129.16", "a cloud's metadata service"},
    };
    for (size_t i = 0; i < countof(BAD); i++) {
        const char *what = judge(BAD[i].address);
        if (what == NULL || strcmp(what, BAD[i].what) != 0)
            fail_msg("%s: %s", BAD[i].address, what == NULL ? "allowed" : what);
    }
}

static void an_address_inside_an_address_is_judged_as_what_it_reaches(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "64:ff9b::e000:1",
        "2002:0:1::",
        "64:ff9b::",
        "64:ff9b::6464:64c8",
    };
    for (size_t i = 0; i < countof(BAD); i++)
        if (judge(BAD[i]) == NULL)
            fail_msg("%s is allowed", BAD[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_consoles_live_is_allowed),
        cmocka_unit_test(what_no_console_has_is_refused_with_its_kind),
        cmocka_unit_test(an_address_inside_an_address_is_judged_as_what_it_reaches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
