#include "../unit.h"

#include "base/fault.h"
#include "conf/mailserver.h"

static void a_mail_server_is_reached_by_tls_only(void **state)
{
    struct mailserver m;
    (void)state;
    assert_int_equal(mailserver_parse(SPAN("smtps://mail.example.org"), &m), 0);
    assert_string_equal(m.host, "mail.example.org");
    assert_int_equal(m.port, 465);
    assert_false(m.start_tls);
    assert_int_equal(mailserver_parse(SPAN("smtp://10.0.0.1:2525"), &m), 0);
    assert_int_equal(m.port, 2525);
    assert_true(m.start_tls);
    static const char *const BAD[] = {
        "",
        "mail.example.org",
        "http://mail.example.org",
        "smtp://",
        "smtp://Mail.example.org",
        "smtp://a:0",
        "smtp://a:65536",
        "smtp://a:25/",
        "smtp://user@a",
        "smtp://a b",
        "smtps://a\r\nb",
        "smtp://a:25:26",
    };
    for (size_t i = 0; i < countof(BAD); i++)
        assert_int_equal(mailserver_parse(span_str(BAD[i]), &m), FAULT_FORMAT);
    assert_int_equal(mailserver_parse(SPAN("smtp://169.254.169.254"), &m), FAULT_DENIED);
}

static void a_mailbox_is_one_address_and_nothing_else(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"a@b.c", "first.last+tag@mail.example.org", "x_y@127.0.0.1",
                                       "O'Neil@example.org"};
    static const char *const BAD[] = {
        "",
        "a",
        "@b.c",
        "a@",
        "a@b@c",
        ".a@b.c",
        "a.@b.c",
        "a..b@c.d",
        "a b@c.d",
        "\"a b\"@c.d",
        "a@b.c\r\nBcc: d@e.f",
        "a\n@b.c",
        "a@b.c,d@e.f",
        "<a@b.c>",
        "a@B.c",
        "\xc3\xa4@b.c",
        "a@b .c",
    };
    for (size_t i = 0; i < countof(GOOD); i++)
        assert_true(mailserver_is_mailbox(span_str(GOOD[i])));
    for (size_t i = 0; i < countof(BAD); i++)
        assert_false(mailserver_is_mailbox(span_str(BAD[i])));
    assert_false(mailserver_is_mailbox(span_of("a\0b@c.d", 7)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_server_is_reached_by_tls_only),
        cmocka_unit_test(a_mailbox_is_one_address_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
