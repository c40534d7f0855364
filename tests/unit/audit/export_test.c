#include "tests/unit/store/scratch.h"

#include "audit/export.h"

static struct record hostile(void)
{
    static const uint8_t SOURCE[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7};
    struct record r = {.seq = 3,
                       .wall_ms = 1700000000123,
                       .actor_kind = AUDIT_PERSON,
                       .actor = SPAN("=cmd|' /C calc'!A0"),
                       .event = SPAN("login.refused"),
                       .target = SPAN("a \"quoted\"\r\nline, and more"),
                       .outcome = AUDIT_REFUSED,
                       .detail = SPAN("{\"why\":\"code\"}")};
    memcpy(r.source, SOURCE, sizeof(SOURCE));
    return r;
}

static void json_is_one_line_with_everything_escaped(void **state)
{
    struct record r = hostile();
    struct buf out;
    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(export_json(&out, &r), 0);
    static const char START[] =
        "{\"seq\":3,\"time\":\"2023-11-14T22:13:20Z\",\"time_ms\":1700000000123,"
        "\"actor_kind\":\"person\",\"actor\":\"=cmd|' /C calc'!A0\",\"source\":\"192.0.2.7\","
        "\"event\":\"login.refused\","
        "\"target\":\"a \\\"quoted\\\"\\u000d\\u000aline, and more\",\"outcome\":\"refused\","
        "\"request_id\":\"\",\"detail\":\"{\\\"why\\\":\\\"code\\\"}\",\"prev\":\"0000";
    assert_true(span_starts(buf_view(&out), span_str(START)));
    assert_int_equal(span_find(buf_view(&out), '\n'), SIZE_MAX);
    buf_fini(&out);
}

static void csv_cells_are_quoted_and_are_no_formulas(void **state)
{
    struct record r = hostile();
    struct buf out;
    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(export_csv(&out, &r), 0);
    static const char START[] =
        "3,\"2023-11-14T22:13:20Z\",\"person\",\"'=cmd|' /C calc'!A0\",\"192.0.2.7\","
        "\"login.refused\",\"a \"\"quoted\"\"  line, and more\",\"refused\",\"\","
        "\"{\"\"why\"\":\"\"code\"\"}\",\"0000";
    assert_true(span_starts(buf_view(&out), span_str(START)));
    buf_fini(&out);
}

static void every_sign_that_begins_a_formula_is_neutralised(void **state)
{
    static const char *const SIGNS[] = {"=1", "+1", "-1", "@x", "\tx", "\rx"};
    (void)state;
    for (size_t i = 0; i < countof(SIGNS); i++) {
        struct record r = hostile();
        struct buf out;
        buf_init(&out, 4096);
        r.target = span_str(SIGNS[i]);
        assert_int_equal(export_csv(&out, &r), 0);
        char expect[32];
        (void)snprintf(expect, sizeof(expect), ",\"'%c", SIGNS[i][0] < ' ' ? ' ' : SIGNS[i][0]);
        assert_non_null(memmem(out.at, out.tail, expect, strlen(expect)));
        buf_fini(&out);
    }
}

static void a_buffer_that_is_too_small_is_a_limit(void **state)
{
    struct record r = hostile();
    (void)state;
    for (size_t max = 0; max < 300; max += 7) {
        struct buf out;
        buf_init(&out, max);
        assert_int_equal(export_json(&out, &r), FAULT_LIMIT);
        buf_fini(&out);
    }
}

static int take(void *context, struct span line)
{
    return buf_append(context, line);
}

static int refuse(void *context, struct span line)
{
    (void)line;
    ++*(int *)context;
    return -9;
}

static void the_whole_trail_is_exported_line_by_line(void **state)
{
    struct store *s = ((struct scratch *)*state)->store;
    struct buf out;
    int calls = 0;
    buf_init(&out, 1 << 20);
    const struct audit_draft d = {.event = AUDIT_LOGIN, .wall_ms = 1, .actor = SPAN("ann")};
    for (int i = 0; i < 3; i++)
        assert_int_equal(audit_append(s, &d, NULL), 0);
    assert_int_equal(export_trail(s, EXPORT_JSON_LINES, take, &out), 0);
    unsigned lines = 0;
    struct span rest = buf_view(&out), line;
    while (span_cut(&rest, '\n', &line))
        lines += span_starts(line, SPAN("{\"seq\":")) && span_ends(line, SPAN("}"));
    assert_int_equal(lines, 3);
    buf_clear(&out);
    assert_int_equal(export_trail(s, EXPORT_CSV, take, &out), 0);
    assert_true(span_starts(buf_view(&out), SPAN("seq,time,")));
    assert_true(span_ends(buf_view(&out), SPAN("\r\n")));
    buf_fini(&out);
    assert_int_equal(export_trail(s, EXPORT_JSON_LINES, refuse, &calls), -9);
    assert_int_equal(calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_one_line_with_everything_escaped),
        cmocka_unit_test(csv_cells_are_quoted_and_are_no_formulas),
        cmocka_unit_test(every_sign_that_begins_a_formula_is_neutralised),
        cmocka_unit_test(a_buffer_that_is_too_small_is_a_limit),
        with_store(the_whole_trail_is_exported_line_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
