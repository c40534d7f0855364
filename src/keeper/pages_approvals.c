/* Where an approver says that somebody who has lost everything is that person.
 *
 * The person reads a short code to the approver, who types it: that the two speak with each other,
 * and about the same request, is what this page is for. It therefore never shows the code. */
#include <errno.h>

#include "base/fault.h"
#include "keeper/html.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/recover.h"
#include "keeper/stepup.h"
#include "store/credentials.h"

static int each_row(void *context, const struct enrolment *e)
{
    struct buf *page = context;
    struct addr source;
    char from[ADDR_TEXT_SIZE];
    memcpy(source.byte, e->source, sizeof(source.byte));
    addr_format(&source, from);
    html_raw(page, "<tr><td><strong>");
    html_str(page, e->user);
    html_raw(page, "</strong></td><td>");
    html_time(page, e->asked * 1000);
    html_raw(page, "</td><td>");
    html_str(page, from);
    html_raw(page, "</td><td>");
    html_str(page, e->maker[0] != '\0' ? e->maker : "host");
    html_raw(page, "</td><td><form method=\"post\" action=\"/account/approvals/");
    html_url(page, span_str(e->user));
    html_raw(page, "\"><input name=\"word\" required maxlength=\"16\" autocomplete=\"off\" "
                   "aria-label=\"Code that the person tells you\"> "
                   "<button class=\"button\" type=\"submit\">It is this person</button></form></td>"
                   "<td>");
    html_button(page, "/account/approvals/", span_str(e->user), "/refuse", "Refuse", true);
    html_raw(page, "</td></tr>");
    return 0;
}

static int show(struct call *c, unsigned status, const char *text)
{
    struct buf *page = &c->page;
    buf_clear(page);
    html_open(page, "Approvals", span_str(c->actor.user));
    html_raw(page, "<section class=\"card\"><p>These people have lost everything that could prove "
                   "who they are. Speak with each of them, make sure that it is this person, and "
                   "type the code that you are told.</p>");
    html_said(page, status < 400, text);
    stepup_offer(c, "/account/approvals");
    html_raw(page, "<table class=\"table\"><thead><tr><th>Who</th><th>Asked</th><th>From</th>"
                   "<th>Link made by</th><th>Code</th><th></th></tr></thead><tbody>");
    int r = enrolments_waiting(c->keeper->store, c->now_ms / 1000, each_row, page);
    html_raw(page, "</tbody></table><p><a href=\"/\">Back</a></p></section>");
    html_close(page);
    c->status = status;
    return r;
}

int page_approvals(struct call *c)
{
    bool may;
    int r = recover_may_approve(c, &may);
    if (r < 0) {
        return r;
    }
    return may ? show(c, 200, NULL) : call_problem(c, 403, NULL, "only approvers see this page");
}

static int as_page(struct call *c, int fault, const char *done)
{
    if (fault < 0 || c->status == 403) {
        return fault;
    }
    const char *said = op_said(c, done);
    return said == NULL ? -ENOMEM : show(c, c->status, said);
}

int page_approvals_approve(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    struct span word;
    if (name == NULL) {
        return 0;
    }
    if (call_form(c, "word", &word) < 0 || word.len > 64) {
        return call_problem(c, 400, NULL, "This is not a form of this page.");
    }
    return as_page(c, recover_approve(c, name, word),
                   "Done. The person can take the last step now.");
}

int page_approvals_refuse(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    return name == NULL ? 0 : as_page(c, recover_refuse(c, name), "Refused; the link is void.");
}
