/* The addresses of a hand-over, as strangers would like them. */
#include "edge/handover.h"

#include <stdlib.h>

#include "base/fault.h"
#include "tests/unit/unit.h"

#define FLOW "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const char *const EVIL_BACKS[] = {
    "//evil.example/",
    "/\\evil.example/",
    "\\/evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "evil",
    " /x",
    "/x\r\nSet-Cookie: a=b",
    "/\t/evil.example",
    "/\n/evil.example",
    "/a\\b",
    "/a#b",
    "/a b",
    "/\"onmouseover=x",
    "/<script>",
    "/\x7f",
    "/\xc3\xa9",
};

static void places_elsewhere_are_not_safe(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(EVIL_BACKS); i++)
        if (handover_back_is_safe(span_str(EVIL_BACKS[i])))
            fail_msg("%s", EVIL_BACKS[i]);
    assert_false(handover_back_is_safe(SPAN_NONE));
    assert_false(handover_back_is_safe(span_of("/\0x", 3)));
    char long_one[HANDOVER_BACK_MAX + 2];
    memset(long_one, 'a', sizeof(long_one));
    long_one[0] = '/';
    assert_false(handover_back_is_safe(span_of(long_one, HANDOVER_BACK_MAX + 1)));
    assert_true(handover_back_is_safe(span_of(long_one, HANDOVER_BACK_MAX)));
}

static void places_on_the_console_are_safe(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"/",         "/manager/html",   "/a;jsessionid=1?x=%2F%2F",
                                       "/?u=//x",   "/a//b",           "/?a=\\b",
                                       "/%2f/evil", "/.//evil.example"};
    for (size_t i = 0; i < countof(GOOD); i++)
        if (!handover_back_is_safe(span_str(GOOD[i])))
            fail_msg("%s", GOOD[i]);
}

struct row {
    const char *form;
    int rc;
};

static const struct row ROWS[] = {
    {"", FAULT_ABSENT},
    {"flow=" FLOW "&back=/", FAULT_ABSENT},
    {"to=&flow=" FLOW, FAULT_ABSENT},
    {"to=a.example:9443", FAULT_FORMAT},
    {"to=a.example:9443&flow=", FAULT_FORMAT},
    {"to=a.example:9443&flow=AAAA", FAULT_FORMAT},
    {"to=a.example:9443&flow=" FLOW "B", FAULT_FORMAT},
    {"to=a.example:9443&to=b.example&flow=" FLOW, FAULT_FORMAT},
    {"to=a.example:9443&flow=" FLOW "&flow=" FLOW, FAULT_FORMAT},
    {"to=user@a.example&flow=" FLOW, FAULT_FORMAT},
    {"to=a.example/x&flow=" FLOW, FAULT_FORMAT},
    {"to=a.example%0d%0aX&flow=" FLOW, FAULT_FORMAT},
    {"to=a.example;%20script-src%20*&flow=" FLOW, FAULT_FORMAT},
    {"to=a.example:0&flow=" FLOW, FAULT_FORMAT},
    {"to=a.example:99999&flow=" FLOW, FAULT_FORMAT},
    {"to=https://a.example&flow=" FLOW, FAULT_FORMAT},
    {"to=a.example%00.evil&flow=" FLOW, FAULT_FORMAT},
    {"to=a.example&flow=" FLOW "&back=//evil", FAULT_FORMAT},
    {"to=a.example&flow=" FLOW "&back=%2f%2fevil", FAULT_FORMAT},
    {"to=a.example&flow=" FLOW "&back=%2F%5Cevil", FAULT_FORMAT},
    {"to=a.example&flow=" FLOW "&back=/x%0d%0aY:z", FAULT_FORMAT},
    {"to=a.example&flow=" FLOW "&back=/x%zz", FAULT_FORMAT},
    {"to=a.example&flow=" FLOW, 0},
    {"to=A.Example:9443&flow=" FLOW "&back=%2Fx%3Fy%3D1", 0},
    {"to=[::1]:9443&flow=" FLOW, 0},
};

static void only_what_a_console_wrote_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(ROWS); i++) {
        struct arena a;
        struct handover h;
        arena_init(&a, 1024, 65536);
        int rc = handover_parse(span_str(ROWS[i].form), &a, &h);
        arena_fini(&a);
        if (rc != ROWS[i].rc)
            fail_msg("%s: %d", ROWS[i].form, rc);
    }
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    struct arena a;
    struct buf out;
    struct handover h, again;
    arena_init(&a, 1024, 65536);
    buf_init(&out, 8192);
    assert_int_equal(
        handover_parse(SPAN("to=A.Example:9443&flow=" FLOW "&back=%2Fx%3Fy%3D1%26to%3Devil&need=x"),
                       &a, &h),
        0);
    assert_true(span_is(h.to, "a.example:9443"));
    assert_true(span_is(h.host, "a.example"));
    assert_int_equal(h.port, 9443);
    assert_true(span_is(h.back, "/x?y=1&to=evil"));
    assert_int_equal(h.need, ASSURANCE_NONE);
    h.need = ASSURANCE_PHISHING_RESISTANT;
    h.age = 600;
    assert_int_equal(handover_query(&out, &h), 0);
    assert_int_equal(handover_parse(buf_view(&out), &a, &again), 0);
    assert_true(span_eq(h.to, again.to));
    assert_true(span_eq(h.back, again.back));
    assert_true(span_eq(h.flow, again.flow));
    assert_true(span_ends(buf_view(&out), SPAN("&need=phishing-resistant&age=600")));
    buf_fini(&out);
    arena_fini(&a);
}

static void hidden_fields_cannot_be_broken_out_of(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 8192);
    struct handover h = {
        .to = SPAN("a.example"), .flow = SPAN(FLOW), .back = SPAN("/'\"><script>&")};
    assert_int_equal(handover_fields(&out, &h), 0);
    char *text = buf_take_string(&out);
    assert_null(strstr(text, "<script"));
    assert_non_null(strstr(text, "value=\"/&#39;&quot;&gt;&lt;script&gt;&amp;\""));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_elsewhere_are_not_safe),
        cmocka_unit_test(places_on_the_console_are_safe),
        cmocka_unit_test(only_what_a_console_wrote_is_taken),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(hidden_fields_cannot_be_broken_out_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
