#include "tests/unit/unit.h"

#include "base/fault.h"
#include "identity/letter.h"

static struct letter sample(void)
{
    return (struct letter){.id = "00ff",
                           .event = "password.set",
                           .what = "a password was set",
                           .user = "ann",
                           .gateway = "gw.example.org",
                           .account = "https://gw.example.org:9443/account",
                           .source = "10.0.0.1",
                           .detail = "agent: Firefox",
                           .at_ms = 1772368496000,
                           .sent_ms = 1772368497000,
                           .from = "postern@example.org",
                           .to = "ann@example.org"};
}

static int mail(const struct letter *l, char *into, size_t size)
{
    struct buf out;
    buf_init(&out, LETTER_MAX);
    int r = letter_mail(l, &out);
    (void)snprintf(into, size, "%.*s", (int)buf_len(&out),
                   buf_len(&out) > 0 ? (const char *)buf_view(&out).at : "");
    buf_fini(&out);
    return r;
}

static void a_mail_says_what_happened_when_and_from_where(void **state)
{
    char text[LETTER_MAX];
    struct letter l = sample();
    (void)state;
    assert_int_equal(mail(&l, text, sizeof(text)), 0);
    assert_non_null(strstr(text, "Date: Sun, 01 Mar 2026 12:34:57 +0000\r\n"));
    assert_non_null(strstr(text, "To: <ann@example.org>\r\n"));
    assert_non_null(strstr(text, "Subject: gw.example.org: a password was set (ann)\r\n"));
    assert_non_null(strstr(text, "Message-ID: <00ff@gw.example.org>\r\n"));
    assert_non_null(strstr(text, "\r\n\r\nAccount ann on gw.example.org: a password was set."));
    assert_non_null(strstr(text, "  When: 2026-03-01T12:34:56Z\r\n  From: 10.0.0.1\r\n"));
    assert_non_null(strstr(text, "  agent: Firefox\r\n"));
    l.folded = 7;
    assert_int_equal(mail(&l, text, sizeof(text)), 0);
    assert_non_null(strstr(text, "7 more things happened to the account ann"));
}

static void nothing_can_end_a_line_of_the_head(void **state)
{
    static const char *const EVIL[] = {"a\r\nBcc: x@y.z", "a\nb", "a\rb", "\x01",
                                       "\xe2\x80\xa8",    ""};
    char text[LETTER_MAX];
    (void)state;
    for (size_t i = 0; i < countof(EVIL); i++) {
        for (size_t field = 0; field < 7; field++) {
            struct letter l = sample();
            const char **at[] = {&l.from, &l.to, &l.user, &l.what, &l.gateway, &l.id, &l.event};
            *at[field] = EVIL[i];
            assert_int_equal(mail(&l, text, sizeof(text)), FAULT_FORMAT);
        }
    }
    struct letter l = sample();
    l.to = "a@b.c>,<d@e.f";
    assert_int_equal(mail(&l, text, sizeof(text)), FAULT_FORMAT);
}

static void what_comes_from_outside_stays_text_in_the_body(void **state)
{
    char text[LETTER_MAX];
    struct letter l = sample();
    (void)state;
    l.detail = "agent: \x1b[31m\r\n.\r\nRCPT TO:<x@y.z>\xc3\xa4";
    assert_int_equal(mail(&l, text, sizeof(text)), 0);
    assert_non_null(strstr(text, "agent: ?[31m?\r\n  .?\r\n  RCPT TO:<x@y.z>??\r\n"));
    /* No line of it begins with what came from outside. */
    assert_null(strstr(text, "\r\n."));
}

static void a_letter_that_is_too_long_is_refused(void **state)
{
    static char text[LETTER_MAX], longest[LETTER_MAX];
    struct letter l = sample();
    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    l.detail = longest;
    assert_int_equal(mail(&l, text, sizeof(text)), FAULT_LIMIT);
}

static void a_webhook_gets_one_object_and_its_signature(void **state)
{
    char signature[LETTER_SIGNATURE_SIZE];
    struct letter l = sample();
    struct buf out;
    (void)state;
    l.detail = "\"x\"\n";
    buf_init(&out, LETTER_MAX);
    assert_int_equal(letter_json(&l, &out), 0);
    assert_true(span_is(buf_view(&out),
                        "{\"id\":\"00ff\",\"event\":\"password.set\",\"what\":\"a password was "
                        "set\",\"user\":\"ann\",\"gateway\":\"gw.example.org\",\"time\":\"2026-03-"
                        "01T12:34:56Z\",\"source\":\"10.0.0.1\",\"detail\":\"\\\"x\\\"\\u000a\","
                        "\"folded\":0}"));
    buf_fini(&out);
    assert_int_equal(letter_sign(SPAN("key"), 1, SPAN("body"), signature), 0);
    assert_string_equal(signature,
                        "t=1,v1="
                        "91b5374b153842ad05b2c4eab9349b8321b14703165bd3fb8b034dfb8be98ae5");
    assert_int_equal(letter_sign(SPAN_NONE, 1, SPAN("body"), signature), FAULT_CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_says_what_happened_when_and_from_where),
        cmocka_unit_test(nothing_can_end_a_line_of_the_head),
        cmocka_unit_test(what_comes_from_outside_stays_text_in_the_body),
        cmocka_unit_test(a_letter_that_is_too_long_is_refused),
        cmocka_unit_test(a_webhook_gets_one_object_and_its_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
