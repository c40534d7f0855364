#include "pki/certname.h"

#include "base/fault.h"
#include "tests/unit/unit.h"

static char out[CERTNAME_SIZE];

static int read_as(enum certname_kind kind, const char *text)
{
    return certname_read(kind, span_str(text), out);
}

static void letters_of_hosts_have_no_case(void **state)
{
    (void)state;
    assert_int_equal(read_as(CERTNAME_DNS, "Robot.Example.COM"), 0);
    assert_string_equal(out, "robot.example.com");
    assert_int_equal(read_as(CERTNAME_EMAIL, "Bob.B@Example.COM"), 0);
    assert_string_equal(out, "Bob.B@example.com");
}

static void what_is_not_said_to_have_no_case_keeps_it(void **state)
{
    (void)state;
    assert_int_equal(read_as(CERTNAME_URI, "spiffe://Example/Robot"), 0);
    assert_string_equal(out, "spiffe://Example/Robot");
    assert_int_equal(read_as(CERTNAME_SUBJECT, "CN=Robot One,O=Example"), 0);
    assert_string_equal(out, "CN=Robot One,O=Example");
}

static void a_name_that_could_be_read_in_two_ways_is_none(void **state)
{
    static const struct {
        enum certname_kind kind;
        struct span text;
    } rows[] = {
        {CERTNAME_DNS, SPAN("good.example\0.evil.example")},
        {CERTNAME_EMAIL, SPAN("bob@example.com\0.evil.example")},
        {CERTNAME_URI, SPAN("spiffe://a\0/b")},
        {CERTNAME_SUBJECT, SPAN("CN=a\nO=b")},
        {CERTNAME_DNS, SPAN("*.example.com")},
        {CERTNAME_DNS, SPAN("a.*.example.com")},
        {CERTNAME_DNS, SPAN(".example.com")},
        {CERTNAME_DNS, SPAN("example.com.")},
        {CERTNAME_DNS, SPAN("a..b")},
        {CERTNAME_DNS, SPAN("a b")},
        {CERTNAME_DNS, SPAN("ex\xc3\xa4mple.com")},
        {CERTNAME_EMAIL, SPAN("bob")},
        {CERTNAME_EMAIL, SPAN("@example.com")},
        {CERTNAME_EMAIL, SPAN("bob@")},
        {CERTNAME_EMAIL, SPAN("bob@a@b")},
        {CERTNAME_EMAIL, SPAN("\"a@b\"@example.com")},
        {CERTNAME_EMAIL, SPAN("a,b@example.com")},
        {CERTNAME_EMAIL, SPAN("bob@*")},
        {CERTNAME_URI, SPAN("nothing")},
        {CERTNAME_URI, SPAN("a: b")},
        {CERTNAME_SUBJECT, SPAN("=a")},
        {CERTNAME_SPKI, SPAN("abcd")},
        {CERTNAME_SPKI, SPAN("")},
    };
    (void)state;
    for (size_t i = 0; i < countof(rows); i++)
        assert_int_equal(certname_read(rows[i].kind, rows[i].text, out), FAULT_FORMAT);
}

static void a_name_has_a_greatest_length(void **state)
{
    char text[CERTNAME_SIZE + 1] = "a:";
    (void)state;
    memset(text + 2, 'b', CERTNAME_MAX - 2);
    assert_int_equal(certname_read(CERTNAME_URI, span_of(text, CERTNAME_MAX), out), 0);
    assert_int_equal(certname_read(CERTNAME_URI, span_of(text, CERTNAME_MAX + 1), out),
                     FAULT_LIMIT);
}

static void kinds_are_found_by_name(void **state)
{
    enum certname_kind kind;
    (void)state;
    for (unsigned i = CERTNAME_SPKI; i <= CERTNAME_SUBJECT; i++) {
        const char *name = certname_kind_name((enum certname_kind)i);
        assert_non_null(name);
        assert_int_equal(certname_kind_parse(span_str(name), &kind), 0);
        assert_int_equal(kind, i);
    }
    assert_int_equal(certname_kind_parse(SPAN("ip"), &kind), FAULT_FORMAT);
    assert_null(certname_kind_name((enum certname_kind)0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_of_hosts_have_no_case),
        cmocka_unit_test(what_is_not_said_to_have_no_case_keeps_it),
        cmocka_unit_test(a_name_that_could_be_read_in_two_ways_is_none),
        cmocka_unit_test(a_name_has_a_greatest_length),
        cmocka_unit_test(kinds_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
