#include "keeper/html.h"

#include "base/clock.h"
#include "base/text.h"

/* A failed append marks the buffer bad and leaves it bad; whoever sends the page asks once. */

void html_raw(struct buf *page, const char *constant)
{
    (void)buf_text(page, constant);
}

void html_text(struct buf *page, struct span text)
{
    (void)text_html(page, text);
}

void html_str(struct buf *page, const char *text)
{
    (void)text_html(page, span_str(text));
}

void html_url(struct buf *page, struct span segment)
{
    (void)text_urlencode(page, segment);
}

void html_num(struct buf *page, uint64_t number)
{
    (void)buf_printf(page, "%llu", (unsigned long long)number);
}

void html_time(struct buf *page, uint64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ms, text);
    (void)buf_printf(page, "<time datetime=\"%s\">%.10s %.8s UTC</time>", text, text, text + 11);
}

void html_open_again(struct buf *page, const char *title, struct span user, unsigned seconds)
{
    html_raw(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                   "<title>");
    html_str(page, title);
    html_raw(page, " · postern</title>");
    if (seconds > 0) {
        (void)buf_printf(page, "<meta http-equiv=\"refresh\" content=\"%u\">", seconds);
    }
    html_raw(page, "<link rel=\"stylesheet\" href=\"/assets/style.css\">"
                   "</head>\n<body><header><a class=\"name\" href=\"/\">postern</a>");
    if (user.len > 0) {
        html_raw(page, "<a class=\"user\" href=\"/account\" title=\"Your account\">");
        html_text(page, user);
        html_raw(page, "</a><form method=\"post\" action=\"/logout\">"
                       "<button class=\"button\" type=\"submit\">Log out</button></form>");
    }
    html_raw(page, "</header>\n<main>\n<h1>");
    html_str(page, title);
    html_raw(page, "</h1>\n");
}

void html_open(struct buf *page, const char *title, struct span user)
{
    html_open_again(page, title, user, 0);
}

void html_close(struct buf *page)
{
    html_raw(page, "</main>\n<footer class=\"muted\">postern " POSTERN_VERSION "</footer>"
                   "</body></html>\n");
}

void html_button(struct buf *page, const char *path, struct span segment, const char *tail,
                 const char *label, bool danger)
{
    html_raw(page, "<form method=\"post\" action=\"");
    html_raw(page, path);
    html_url(page, segment);
    html_raw(page, tail);
    html_raw(page, danger ? "\"><button class=\"button danger\" type=\"submit\">"
                          : "\"><button class=\"button\" type=\"submit\">");
    html_str(page, label);
    html_raw(page, "</button></form>");
}

void html_said(struct buf *page, bool good, const char *text)
{
    if (text == NULL) {
        return;
    }
    html_raw(page, good ? "<p role=\"status\">" : "<p class=\"error\" role=\"alert\">");
    html_str(page, text);
    html_raw(page, "</p>");
}
