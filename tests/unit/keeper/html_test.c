#include "tests/unit/unit.h"

#include <stdlib.h>

#include "keeper/html.h"

static void nothing_that_goes_in_as_text_comes_out_as_markup(void **state)
{
    static const char HOSTILE[] = "\"'><script>alert(1)</script><img src=x onerror=y>&amp;\x01";
    struct buf page;
    (void)state;
    buf_init(&page, HTML_PAGE_MAX);
    html_open(&page, HOSTILE, span_str(HOSTILE));
    html_str(&page, HOSTILE);
    html_text(&page, span_of(HOSTILE, sizeof(HOSTILE)));
    html_button(&page, "/x/", span_str(HOSTILE), "/end", HOSTILE, true);
    html_close(&page);
    assert_false(page.bad);
    char *text = buf_take_string(&page);
    assert_non_null(text);
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<img"));
    assert_null(strstr(text, "\"'>"));
    assert_non_null(strstr(text, "&lt;script&gt;"));
    free(text);
}

static void a_page_that_is_too_long_is_marked_bad(void **state)
{
    struct buf page;
    (void)state;
    buf_init(&page, 64);
    html_open(&page, "A title", SPAN_NONE);
    assert_true(page.bad);
    buf_fini(&page);
}

static void a_time_reads_as_people_write_it(void **state)
{
    struct buf page;
    (void)state;
    buf_init(&page, 256);
    html_time(&page, 1772368496000u);
    assert_true(span_is(buf_view(&page),
                        "<time datetime=\"2026-03-01T12:34:56Z\">2026-03-01 12:34:56 UTC</time>"));
    buf_fini(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_goes_in_as_text_comes_out_as_markup),
        cmocka_unit_test(a_page_that_is_too_long_is_marked_bad),
        cmocka_unit_test(a_time_reads_as_people_write_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
