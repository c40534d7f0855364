#include "edge/console.h"

#include "edge/assets.h"
#include "edge/pages.h"
#include "edge/portal.h"

bool console_is_place(struct span canonical)
{
    return span_is(canonical, "/") || span_is(canonical, "/console") ||
           span_starts(canonical, SPAN("/console/"));
}

void console_send_page(struct exchange *x)
{
    const struct console_file *f = console_file_find(SPAN("index.html"));
    struct answer a = {.status = 200};
    if (f != NULL) {
        a.type = f->type;
        a.body = console_file_body(f);
        answer_add(&a, "Content-Security-Policy", SPAN(CONSOLE_CSP));
        answer_send(x, &a);
        return;
    }
    struct buf page;
    buf_init(&page, PAGES_MAX);
    if (pages_no_console(&page) < 0)
        page.bad = true;
    portal_send_html(x, &a, &page, SPAN_NONE);
}

void console_send_asset(struct exchange *x)
{
    struct span name = span_sub(x->request.canonical, sizeof(CONSOLE_ASSETS) - 1, SIZE_MAX);
    const struct console_file *f = console_file_find(name);
    if (f == NULL || !f->gzip) {
        x->outcome = ACCESS_DENIED;
        answer_error(x, 404, "There is nothing under this address.", "path");
        return;
    }
    struct answer a = {.status = 200, .type = f->type, .body = console_file_body(f)};
    x->is_file = true;
    answer_add(&a, "Content-Encoding", SPAN("gzip"));
    answer_add(&a, "Cache-Control", SPAN("public, max-age=31536000, immutable"));
    answer_send(x, &a);
}
