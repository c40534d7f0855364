/* Pages that the edge makes: whole, and nothing from outside gets out of its place. */
#include "edge/pages.h"

#include <stdlib.h>

#include "edge/assets.h"
#include "edge/exchange.h"
#include "tests/unit/unit.h"

#define SCRIPT "<script src=\"/assets/passkey.js\" defer></script>"
#define HOSTILE "<script>\"'&</script>"

/* The one thing of the answering side that a page needs. */
void answer_add(struct answer *a, const char *name, struct span value)
{
    a->header[a->header_count++] = (struct answer_header){name, value};
}

static char *text_of(struct buf *b)
{
    char *text = buf_take_string(b);
    assert_non_null(text);
    assert_non_null(strstr(text, "</html>"));
    const char *script = strstr(text, "<script");
    if (script != NULL) { /* the one that is a file of ours */
        assert_int_equal(strncmp(script, SCRIPT, strlen(SCRIPT)), 0);
        assert_null(strstr(script + 1, "<script"));
    }
    assert_null(strstr(text, "onclick"));
    return text;
}

static void a_login_page_escapes_what_was_typed(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, PAGES_MAX);
    struct handover h = {
        .to = SPAN("a.example:9443"), .flow = SPAN("F"), .back = SPAN("/" HOSTILE)};
    struct login_page p = {
        .handover = &h, .user = SPAN(HOSTILE), .error = "No <b>.", .server_time = 1772368496};
    assert_int_equal(pages_login(&b, &p), 0);
    char *text = text_of(&b);
    assert_non_null(strstr(text, "value=\"&lt;script&gt;&quot;&#39;&amp;&lt;/script&gt;\""));
    assert_non_null(strstr(text, "No &lt;b&gt;."));
    assert_non_null(strstr(text, "2026-03-01T12:34:56Z"));
    assert_non_null(strstr(text, "autocomplete=\"current-password\""));
    assert_non_null(strstr(text, "autocomplete=\"one-time-code\""));
    assert_non_null(strstr(text, "autocomplete=\"username\""));
    free(text);
}

static void a_login_page_for_the_portal_has_no_hidden_fields(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, PAGES_MAX);
    struct login_page p = {0};
    assert_int_equal(pages_login(&b, &p), 0);
    char *text = text_of(&b);
    assert_null(strstr(text, "type=\"hidden\""));
    assert_null(strstr(text, "class=\"error\""));
    free(text);
}

static void the_form_may_lead_to_its_console_and_nowhere_else(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 8192);
    struct handover h = {.to = SPAN("a.example:9443")};
    char *csp = arena_string(&a, pages_csp(&a, &h));
    assert_non_null(strstr(csp, "form-action 'self' https://a.example:9443;"));
    assert_non_null(strstr(csp, "default-src 'none'"));
    assert_non_null(strstr(csp, "frame-ancestors 'none'"));
    assert_non_null(strstr(csp, "script-src 'self'; connect-src 'self'"));
    assert_true(span_is(pages_csp(&a, NULL), PAGES_CSP_SCRIPT));
    arena_fini(&a);
}

static void a_page_that_does_not_fit_is_a_fault(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 300);
    struct login_page p = {0};
    assert_true(pages_login(&b, &p) < 0);
    buf_fini(&b);
}

static void logout_loop_and_bounce_are_escaped(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, PAGES_MAX);
    assert_int_equal(pages_logout(&b, true, SPAN(HOSTILE), SPAN("https://x/\"" HOSTILE)), 0);
    free(text_of(&b));
    assert_int_equal(pages_logout(&b, false, SPAN(HOSTILE), SPAN_NONE), 0);
    free(text_of(&b));
    for (int cause = LOOP_NO_COOKIE; cause <= LOOP_UNKNOWN_COOKIE; cause++) {
        struct loop_page p = {.cause = (enum loop_cause)cause,
                              .address = SPAN("gw.example:9443" HOSTILE),
                              .again = SPAN("/" HOSTILE),
                              .date = "Wed, 25 Nov 2026 03:00:00 GMT",
                              .request_id = "00112233445566778899aabbccddeeff"};
        assert_int_equal(pages_loop(&b, &p), 0);
        char *text = text_of(&b);
        assert_non_null(strstr(text, "gw.example:9443&lt;"));
        assert_non_null(strstr(text, p.date));
        assert_non_null(strstr(text, p.request_id));
        free(text);
    }
    assert_int_equal(pages_bounce(&b, SPAN("/?a=1;url=//e\"" HOSTILE)), 0);
    free(text_of(&b));
    buf_fini(&b);
}

static void an_error_page_names_cause_and_request(void **state)
{
    (void)state;
    struct exchange x = {.id_text = "00112233445566778899aabbccddeeff"};
    struct answer a = {.status = 403};
    arena_init(&x.arena, 8192, 65536);
    assert_int_equal(portal_error_page(&x, 403, "Not from " HOSTILE, "zo<ne", &a), 0);
    char *text = arena_string(&x.arena, a.body);
    const char *script = strstr(text, "<script");
    if (script != NULL) { /* the one that is a file of ours */
        assert_int_equal(strncmp(script, SCRIPT, strlen(SCRIPT)), 0);
        assert_null(strstr(script + 1, "<script"));
    }
    assert_non_null(strstr(text, x.id_text));
    assert_non_null(strstr(text, "zo&lt;ne"));
    assert_non_null(strstr(text, "Not allowed"));
    assert_int_equal(a.header_count, 1);
    assert_int_equal(portal_error_page(&x, 418, NULL, NULL, &a), 0);
    arena_fini(&x.arena);
}

static void an_error_page_without_memory_is_a_fault(void **state)
{
    (void)state;
    struct exchange x = {0};
    struct answer a = {0};
    arena_init(&x.arena, 64, 128);
    assert_true(portal_error_page(&x, 500, "x", NULL, &a) < 0);
    arena_fini(&x.arena);
}

static void the_style_sheet_is_inside_and_loads_nothing(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 1 << 20);
    char *css = arena_string(&a, asset_style);
    assert_non_null(strstr(css, "prefers-color-scheme"));
    assert_null(strstr(css, "url("));
    assert_null(strstr(css, "@import"));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_page_escapes_what_was_typed),
        cmocka_unit_test(a_login_page_for_the_portal_has_no_hidden_fields),
        cmocka_unit_test(the_form_may_lead_to_its_console_and_nowhere_else),
        cmocka_unit_test(a_page_that_does_not_fit_is_a_fault),
        cmocka_unit_test(logout_loop_and_bounce_are_escaped),
        cmocka_unit_test(an_error_page_names_cause_and_request),
        cmocka_unit_test(an_error_page_without_memory_is_a_fault),
        cmocka_unit_test(the_style_sheet_is_inside_and_loads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
