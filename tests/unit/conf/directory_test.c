#include "conf/directory.h"

#include "../unit.h"
#include "base/fault.h"

static void there_is_no_server_without_tls(void **state)
{
    struct directory_server s;
    (void)state;
    assert_int_equal(directory_server_parse(SPAN("ldaps://dc1.example.com"), &s), 0);
    assert_string_equal(s.host, "dc1.example.com");
    assert_int_equal(s.port, 636);
    assert_false(s.start_tls);
    assert_int_equal(directory_server_parse(SPAN("ldap://dc1.example.com"), &s), 0);
    assert_int_equal(s.port, 389);
    assert_true(s.start_tls);
    assert_int_equal(directory_server_parse(SPAN("ldaps://[2001:db8::1]:3269"), &s), 0);
    assert_string_equal(s.host, "2001:db8::1");
    assert_int_equal(s.port, 3269);
    assert_int_equal(directory_server_parse(SPAN("ldaps://127.0.0.1:1636"), &s), 0);
    assert_string_equal(s.host, "127.0.0.1");
}

static void anything_else_is_no_server(void **state)
{
    static const char *const BAD[] = {
        "",
        "ldap:",
        "ldaps://",
        "ldapi:///run/slapd",
        "dc1.example.com",
        "ldaps://DC1.example.com",
        "ldaps://dc1.example.com/",
        "ldaps://dc1.example.com:0",
        "ldaps://dc1.example.com:65536",
        "ldaps://dc1.example.com:",
        "ldaps://a@b",
        "ldaps://[::1",
        "ldaps://[::1]x",
        "ldaps://[dc1]:636",
        "ldaps://a b",
        "ldaps://169.254.169.254",
    };
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++)
        if (directory_server_is_text(span_str(BAD[i])))
            fail_msg("%s", BAD[i]);
}

static void a_group_of_ours_is_one_of_the_directorys(void **state)
{
    struct directory_mapping m;
    (void)state;
    assert_int_equal(directory_mapping_parse(SPAN("ops=cn=Ops,dc=example,dc=com"), &m), 0);
    assert_true(span_is(m.group, "ops"));
    assert_true(span_is(m.dn, "cn=Ops,dc=example,dc=com"));
    assert_false(directory_mapping_is_text(SPAN("cn=Ops")));
    assert_false(directory_mapping_is_text(SPAN("Ops=cn=a")));
    assert_false(directory_mapping_is_text(SPAN("=cn=a")));
    assert_false(directory_mapping_is_text(SPAN("ops")));
    assert_false(directory_mapping_is_text(SPAN("ops=")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_no_server_without_tls),
        cmocka_unit_test(anything_else_is_no_server),
        cmocka_unit_test(a_group_of_ours_is_one_of_the_directorys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
