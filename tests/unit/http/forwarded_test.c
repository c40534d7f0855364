#include "tests/unit/unit.h"

#include "base/fault.h"
#include "http/forwarded.h"

static int forward(const char *source, bool https, struct span authority, uint16_t port,
                   const char *expected)
{
    struct addr a;
    struct buf b;
    assert_int_equal(addr_parse(span_str(source), &a), 0);
    buf_init(&b, 2048);
    struct forwarded f = {&a, https, authority, port};
    int rc = forwarded_write(&f, &b);
    if (rc == 0)
        assert_true(span_is(buf_view(&b), expected));
    else
        assert_int_equal(buf_len(&b), 0);
    buf_fini(&b);
    return rc;
}

static void the_upstream_is_told_where_a_request_came_from(void **state)
{
    (void)state;
    assert_int_equal(forward("192.0.2.7", true, SPAN("gw.example:9443"), 9443,
                             "X-Forwarded-For: 192.0.2.7\r\n"
                             "X-Forwarded-Proto: https\r\n"
                             "X-Forwarded-Host: gw.example:9443\r\n"
                             "X-Forwarded-Port: 9443\r\n"
                             "Forwarded: for=192.0.2.7;proto=https;host=\"gw.example:9443\"\r\n"),
                     0);
    assert_int_equal(
        forward("2001:db8::1", true, SPAN("gw.example"), 0,
                "X-Forwarded-For: 2001:db8::1\r\n"
                "X-Forwarded-Proto: https\r\n"
                "X-Forwarded-Host: gw.example\r\n"
                "X-Forwarded-Port: 443\r\n"
                "Forwarded: for=\"[2001:db8::1]\";proto=https;host=\"gw.example\"\r\n"),
        0);
    assert_int_equal(forward("::ffff:10.0.0.1", false, SPAN("[::1]"), 0,
                             "X-Forwarded-For: 10.0.0.1\r\n"
                             "X-Forwarded-Proto: http\r\n"
                             "X-Forwarded-Host: [::1]\r\n"
                             "X-Forwarded-Port: 80\r\n"
                             "Forwarded: for=10.0.0.1;proto=http;host=\"[::1]\"\r\n"),
                     0);
}

static void an_authority_can_not_add_lines_or_leave_its_quotes(void **state)
{
    (void)state;
    assert_int_equal(forward("::1", true, SPAN("a\r\nX: y"), 0, ""), FAULT_FORMAT);
    assert_int_equal(forward("::1", true, SPAN("a\";for=1.2.3.4"), 0, ""), FAULT_FORMAT);
    assert_int_equal(forward("::1", true, SPAN("a, b"), 0, ""), FAULT_FORMAT);
    assert_int_equal(forward("::1", true, SPAN("a\0"), 0, ""), FAULT_FORMAT);
    assert_int_equal(forward("::1", true, SPAN(""), 0, ""), FAULT_FORMAT);
}

static void a_full_buffer_takes_no_half_headers(void **state)
{
    (void)state;
    struct addr a;
    struct buf b;
    assert_int_equal(addr_parse(SPAN("::1"), &a), 0);
    buf_init(&b, 100);
    struct forwarded f = {&a, true, SPAN("gw"), 0};
    assert_int_equal(forwarded_write(&f, &b), FAULT_LIMIT);
    assert_int_equal(buf_len(&b), 0);
    buf_fini(&b);
}

/* ---- reading ---- */

#define TRUSTED "10.0.0.0/24", "2001:db8:f::/64", "127.0.0.1", "::1"

/* lines: of one scheme, in their order, NULL at the end. expected: the client, or NULL and `fault`.
 */
static void read_from(const char *file, int line, enum header_id id, const char *peer,
                      const char *const *lines, const char *expected, int fault)
{
    static const char *const TRUST[] = {TRUSTED};
    struct cidr trusted[countof(TRUST)];
    struct header at[80];
    struct headers all = {at, 0};
    struct addr from, client;
    for (size_t i = 0; i < countof(TRUST); i++)
        assert_int_equal(cidr_parse(span_str(TRUST[i]), &trusted[i]), 0);
    assert_int_equal(addr_parse(span_str(peer), &from), 0);
    /* The other scheme says something else, and is not heard. */
    bool rfc = id == HEADER_FORWARDED;
    at[all.count++] = (struct header){SPAN("x"), rfc ? SPAN("192.0.2.66") : SPAN("for=192.0.2.66"),
                                      rfc ? HEADER_X_FORWARDED_FOR : HEADER_FORWARDED};
    for (; *lines != NULL; lines++)
        at[all.count++] = (struct header){SPAN("x"), span_str(*lines), id};
    int rc = forwarded_client(&all, id, &from, trusted, countof(trusted), &client);
    char text[ADDR_TEXT_SIZE] = "";
    if (rc == 0)
        addr_format(&client, text);
    if (rc != fault || (rc == 0 && strcmp(text, expected) != 0))
        fail_msg("%s:%d: %d %s", file, line, rc, text);
}

#define XFF(peer, expected, ...)                                                                   \
    read_from(__FILE__, __LINE__, HEADER_X_FORWARDED_FOR, peer,                                    \
              (const char *const[]){__VA_ARGS__, NULL}, expected, 0)
#define NO_XFF(peer, fault, ...)                                                                   \
    read_from(__FILE__, __LINE__, HEADER_X_FORWARDED_FOR, peer,                                    \
              (const char *const[]){__VA_ARGS__, NULL}, NULL, fault)
#define RFC(peer, expected, ...)                                                                   \
    read_from(__FILE__, __LINE__, HEADER_FORWARDED, peer,                                          \
              (const char *const[]){__VA_ARGS__, NULL}, expected, 0)
#define NO_RFC(peer, fault, ...)                                                                   \
    read_from(__FILE__, __LINE__, HEADER_FORWARDED, peer,                                          \
              (const char *const[]){__VA_ARGS__, NULL}, NULL, fault)

static void the_client_is_the_last_whom_no_trusted_proxy_vouches_for(void **state)
{
    (void)state;
    XFF("10.0.0.1", "192.0.2.7", "192.0.2.7");
    XFF("10.0.0.1", "192.0.2.7", "192.0.2.7, 10.0.0.9");
    XFF("10.0.0.1", "192.0.2.7", "127.0.0.1,192.0.2.7,10.0.0.9,\t10.0.0.8");
    XFF("10.0.0.1", "192.0.2.7", "127.0.0.1", "192.0.2.7", "10.0.0.9");
    XFF("10.0.0.1", "192.0.2.7", "garbage, , unknown, 192.0.2.7");
    XFF("10.0.0.1", "192.0.2.7", "10.0.0.200, 192.0.2.7, 10.0.0.9");
    XFF("10.0.0.1", "10.0.0.9", "10.0.0.9");
    XFF("10.0.0.1", "10.0.0.9", "10.0.0.9, 10.0.0.8");
    XFF("2001:db8:f::1", "2001:db8::7", "2001:db8::7");
    RFC("10.0.0.1", "192.0.2.7", "for=192.0.2.7");
    RFC("10.0.0.1", "192.0.2.7",
        "for=127.0.0.1, for=192.0.2.7;proto=https;by=10.0.0.9, FOR=10.0.0.9");
    RFC("10.0.0.1", "192.0.2.7", "for=127.0.0.1", "for=192.0.2.7", "for=10.0.0.9");
    RFC("10.0.0.1", "192.0.2.7", "for=_hidden, for=unknown, host=a, for=192.0.2.7");
}

static void who_is_no_trusted_proxy_is_the_client_himself(void **state)
{
    (void)state;
    XFF("192.0.2.99", "192.0.2.99", "127.0.0.1");
    RFC("192.0.2.99", "192.0.2.99", "for=127.0.0.1");
}

static void ports_brackets_and_quotes_are_read(void **state)
{
    (void)state;
    XFF("10.0.0.1", "192.0.2.7", "192.0.2.7:4711");
    XFF("10.0.0.1", "2001:db8::7", "[2001:db8::7]");
    XFF("10.0.0.1", "2001:db8::7", "[2001:db8::7]:65535");
    XFF("10.0.0.1", "192.0.2.7", "::ffff:192.0.2.7, ::ffff:10.0.0.2");
    RFC("10.0.0.1", "192.0.2.7", "for=\"192.0.2.7:4711\"");
    RFC("10.0.0.1", "192.0.2.7", "for=\"192.0.2.7:_port\";proto=https");
    RFC("10.0.0.1", "2001:db8::7", "proto=https; for=\"[2001:db8::7]:4711\";host=\"gw.test:9443\"");
    RFC("10.0.0.1", "2001:db8::7", "for=\"[2001:db8::7]\";;secret=_a.b");
}

static void a_hop_without_an_address_leaves_nobody_to_judge(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"unknown",
                                        "_hidden",
                                        "",
                                        ",",
                                        "192.0.2.7,",
                                        "192.0.2.7, ",
                                        "gw.test",
                                        "192.0.2.07",
                                        "192.0.2",
                                        "192.0.2.7:",
                                        "192.0.2.7:65536",
                                        "192.0.2.7:a",
                                        "[::1",
                                        "[192.0.2.7]",
                                        "[2001::7]x",
                                        "[]",
                                        "2001:db8::7%eth0",
                                        "\"192.0.2.7\"",
                                        "unix:",
                                        "0x7f.0.0.1",
                                        "2130706433",
                                        "192.0.2.7 192.0.2.8"};
    for (size_t i = 0; i < countof(WRONG); i++)
        NO_XFF("10.0.0.1", FAULT_FORMAT, WRONG[i]);
    NO_XFF("10.0.0.1", FAULT_FORMAT, "127.0.0.1, unknown");
    NO_XFF("10.0.0.1", FAULT_FORMAT, "192.0.2.7", "");
    static const char *const WRONG_RFC[] = {"for=unknown",
                                            "for=_hidden",
                                            "for=\"_hidden:80\"",
                                            "",
                                            "host=a",
                                            "proto=https",
                                            "for=192.0.2.7,",
                                            "for=192.0.2.7, by=10.0.0.9",
                                            "for=2001:db8::7",
                                            "for=\"2001:db8::7\"",
                                            "for=[2001:db8::7]",
                                            "for=192.0.2.7:80",
                                            "for=\"\"",
                                            "for=",
                                            "for",
                                            "=192.0.2.7",
                                            "for =192.0.2.7",
                                            "for= 192.0.2.7",
                                            "192.0.2.7"};
    for (size_t i = 0; i < countof(WRONG_RFC); i++)
        NO_RFC("10.0.0.1", FAULT_FORMAT, WRONG_RFC[i]);
}

static void a_forwarded_header_that_two_readers_could_split_otherwise_is_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = {
        "for=\"192.0.2.7",
        "for=192.0.2.7\"",
        "for=\"a, for=192.0.2.7",
        "for=192.0.2.7;host=\",for=127.0.0.1;a=\"\"",
        "for=192.0.2.7;host=\",for=127.0.0.1\"",
        "for=192.0.2.7;host=\"a;for=127.0.0.1;b=\"",
        "for=192.0.2.7;host=\"a\\\",for=127.0.0.1;b=\\\"\"",
        "for=192.0.2.7;host=\"a\";for=\"127.0.0.1\"",
        "for=\"\";for=192.0.2.7",
        "for=192.0.2.7;for=192.0.2.7",
        "for=127.0.0.1, for=\", for=192.0.2.7",
        "for=\"192.0.2.7\"x",
        "x\"y=z, for=192.0.2.7",
    };
    for (size_t i = 0; i < countof(WRONG); i++)
        NO_RFC("10.0.0.1", FAULT_FORMAT, WRONG[i]);
}

static void loopback_is_believed_on_this_machine_only(void **state)
{
    (void)state;
    XFF("127.0.0.1", "127.0.0.1", "127.0.0.1");
    XFF("127.0.0.1", "::1", "::1");
    XFF("127.0.0.1", "127.0.0.9", "127.0.0.9");
    NO_XFF("10.0.0.1", FAULT_FORMAT, "127.0.0.1");
    NO_XFF("127.0.0.1", FAULT_FORMAT, "127.0.0.1, 10.0.0.9");
    NO_XFF("10.0.0.1", FAULT_FORMAT, "192.0.2.7, ::1");
    NO_RFC("10.0.0.1", FAULT_FORMAT, "for=127.0.0.1");
}

static void a_proxy_that_names_nobody_or_a_crowd_is_refused(void **state)
{
    (void)state;
    char many[66 * 11];
    size_t len = 0;
    read_from(__FILE__, __LINE__, HEADER_X_FORWARDED_FOR, "10.0.0.1", (const char *const[]){NULL},
              NULL, FAULT_ABSENT);
    read_from(__FILE__, __LINE__, HEADER_FORWARDED, "10.0.0.1", (const char *const[]){NULL}, NULL,
              FAULT_ABSENT);
    for (size_t i = 0; i < FORWARDED_HOPS_MAX; i++, len += 11)
        memcpy(many + len, "192.0.2.7 ,", 11);
    many[len - 1] = 0;
    XFF("10.0.0.1", "192.0.2.7", many);
    many[len - 1] = ',';
    many[len] = 0;
    NO_XFF("10.0.0.1", FAULT_LIMIT, many);
    const char *lines[67] = {0};
    for (size_t i = 0; i < 66; i++)
        lines[i] = "for=192.0.2.7";
    read_from(__FILE__, __LINE__, HEADER_FORWARDED, "10.0.0.1", lines, NULL, FAULT_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_upstream_is_told_where_a_request_came_from),
        cmocka_unit_test(an_authority_can_not_add_lines_or_leave_its_quotes),
        cmocka_unit_test(a_full_buffer_takes_no_half_headers),
        cmocka_unit_test(the_client_is_the_last_whom_no_trusted_proxy_vouches_for),
        cmocka_unit_test(who_is_no_trusted_proxy_is_the_client_himself),
        cmocka_unit_test(ports_brackets_and_quotes_are_read),
        cmocka_unit_test(a_hop_without_an_address_leaves_nobody_to_judge),
        cmocka_unit_test(a_forwarded_header_that_two_readers_could_split_otherwise_is_refused),
        cmocka_unit_test(loopback_is_believed_on_this_machine_only),
        cmocka_unit_test(a_proxy_that_names_nobody_or_a_crowd_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
