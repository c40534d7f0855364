#include "sample.h"

#include <stdlib.h>

#include "conf/upstream.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 4096, 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/* Longer than a socket's address holds. */
#define LONG_PATH                                                                                  \
    "unix:/0123456789012345678901234567890123456789012345678901234567890123456789"                 \
    "0123456789012345678901234567890123456789"

static void every_good_text_is_written_as_it_was_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum upstream_scheme scheme;
        const char *host;
        unsigned port;
        bool named;
    } GOOD[] = {
        {"http://127.0.0.1:8080", UPSTREAM_HTTP, "127.0.0.1", 8080, false},
        {"https://127.0.0.1:8443", UPSTREAM_HTTPS, "127.0.0.1", 8443, false},
        {"https://[2001:db8::7]:443", UPSTREAM_HTTPS, "2001:db8::7", 443, false},
        {"https://vcenter.example.com:443", UPSTREAM_HTTPS, "vcenter.example.com", 443, true},
        {"http://tomcat:1", UPSTREAM_HTTP, "tomcat", 1, true},
        {"unix:/run/app/app.sock", UPSTREAM_UNIX, "", 0, false},
        {"tcp://192.0.2.9:902", UPSTREAM_TCP, "192.0.2.9", 902, false},
        {"tcp://esx.example.com:902", UPSTREAM_TCP, "esx.example.com", 902, true},
    };
    for (size_t i = 0; i < countof(GOOD); i++) {
        struct upstream_def u;
        struct complaint c = {.hint = ""};
        struct buf out;
        buf_init(&out, 4096);
        assert_int_equal(upstream_def_parse(span_str(GOOD[i].text), &arena, &u, &c), 0);
        assert_int_equal(u.scheme, GOOD[i].scheme);
        assert_string_equal(u.host, GOOD[i].host);
        assert_int_equal(u.port, GOOD[i].port);
        assert_int_equal(u.named, GOOD[i].named);
        assert_int_equal(u.addr_count, u.scheme != UPSTREAM_UNIX && !u.named);
        assert_true(upstream_def_ok(&u));
        assert_true(upstream_def_same(&u, &u));
        assert_int_equal(upstream_def_write(&u, &out), 0);
        assert_true(span_is(buf_view(&out), GOOD[i].text));
        buf_fini(&out);
    }
}

static void what_is_no_endpoint_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "http://",
        "https://",
        "unix:",
        "unix:relative",
        "unix://",
        "unix:@abstract",
        "HTTP://127.0.0.1:80",
        "https://127.0.0.1",
        "https://127.0.0.1:0",
        "https://127.0.0.1:65536",
        "https://127.0.0.1:+1",
        "https://127.0.0.1:443/",
        "https://127.0.0.1:443?x",
        "https://127.0.0.1:443#x",
        "https://user@h:443",
        "https://h:443:443",
        "https://H:443",
        "https://h.:443",
        "https://-h:443",
        "https://127.1:443",
        "https://[::]:443",
        "https://[fe80::1]:443",
        "https://[ff02::1]:443",
        "https://[::1%eth0]:443",
        "https://0.0.0.0:443",
        "https://255.255.255.255:443",
        "https://169.254.169.254:80",
        "http://a b:80",
        "http://a\n:80",
        "unix:/a\nb",
        LONG_PATH,
    };
    for (size_t i = 0; i < countof(BAD); i++) {
        struct upstream_def u;
        struct complaint c = {.hint = ""};
        /* "//" is a path like any other to the kernel, so to us. */
        int want = strcmp(BAD[i], "unix://") == 0 ? 0 : FAULT_FORMAT;
        if (upstream_def_parse(span_str(BAD[i]), &arena, &u, &c) != want)
            fail_msg("%s", BAD[i]);
        if (want < 0)
            assert_true(c.expected[0] != 0);
    }
}

static void what_does_not_hold_together_is_found(void **state)
{
    (void)state;
    struct addr a = {{0}};
    assert_int_equal(addr_parse(SPAN("127.0.0.1"), &a), 0);
    struct upstream_def good = {
        .scheme = UPSTREAM_HTTPS, .host = "h", .path = "", .port = 1, .addrs = &a, .addr_count = 1};
    assert_true(upstream_def_ok(&good));
    struct upstream_def bad = good;
    bad.port = 0;
    assert_false(upstream_def_ok(&bad));
    bad = good;
    bad.addr_count = 0;
    assert_false(upstream_def_ok(&bad));
    bad.named = true;
    assert_true(upstream_def_ok(&bad));
    bad.host = "A";
    assert_false(upstream_def_ok(&bad));
    bad = good;
    bad.addr_count = UPSTREAM_ADDRS_MAX + 1;
    assert_false(upstream_def_ok(&bad));
    bad = good;
    bad.scheme = (enum upstream_scheme)4;
    assert_false(upstream_def_ok(&bad));
    bad = good;
    a = (struct addr){{0}};
    assert_false(upstream_def_ok(&bad));
    bad = (struct upstream_def){.scheme = UPSTREAM_UNIX, .host = "", .path = "x"};
    assert_false(upstream_def_ok(&bad));
    assert_false(upstream_def_same(&good, &bad));
}

static void one_endpoint_may_stand_without_brackets(void **state)
{
    (void)state;
    static const char *const SAME[] = {
        "portal: {host: p.test}\nroutes: {t: {host: t.test, upstream: 'http://127.0.0.1:1'}}\n",
        "portal: {host: p.test}\nroutes: {t: {host: t.test, upstream: ['http://127.0.0.1:1']}}\n",
    };
    char *dumps[countof(SAME)];
    for (size_t i = 0; i < countof(SAME); i++) {
        struct snapshot *s = sample_parse(SAME[i]);
        assert_int_equal(s->routes[0].upstream_count, 1);
        dumps[i] = sample_dump(s);
        snapshot_free(s);
    }
    assert_string_equal(dumps[0], dumps[1]);
    assert_non_null(strstr(dumps[0], "upstream: \"http://127.0.0.1:1\""));
    free(dumps[0]);
    free(dumps[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_good_text_is_written_as_it_was_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_endpoint_is_refused, setup, teardown),
        cmocka_unit_test(what_does_not_hold_together_is_found),
        cmocka_unit_test(one_endpoint_may_stand_without_brackets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
