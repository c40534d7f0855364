/* What waits for this person's decision, and what this person has asked for. */
#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "keeper/asking.h"
#include "keeper/html.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/stepup.h"

/* So much of a page is for each of the lists; the API shows everything. */
#define LIST_MAX (48u * 1024)

struct rows {
    struct call *call;
    size_t from; /* where the list begins in the page */
    unsigned shown;
};

static bool is_full(const struct rows *rows)
{
    return buf_len(&rows->call->page) - rows->from > LIST_MAX;
}

static void put_what(struct buf *page, const struct request *r)
{
    html_raw(page, "<td><strong>");
    html_str(page, r->user);
    html_raw(page, "</strong></td><td>");
    html_str(page, r->kind == REQUEST_ACCESS ? "access by rule " : "change of ");
    html_str(page, r->subject);
    if (r->duration > 0) {
        html_raw(page, " for ");
        (void)text_duration(page, r->duration);
    }
    html_raw(page, "</td><td>");
    html_str(page, r->reason);
    html_raw(page, "</td><td>");
    html_time(page, r->created * 1000);
    html_raw(page, "</td>");
}

static void number(const struct request *r, char text[24])
{
    (void)snprintf(text, 24, "%llu", (unsigned long long)r->seq);
}

static int each_waiting(void *context, const struct request *r)
{
    struct rows *rows = context;
    struct call *c = rows->call;
    struct buf *page = &c->page;
    struct matter m;
    const char *why = NULL;
    char id[24];
    int rc = voices_matter(c->keeper, r, &m);
    rc = rc < 0 ? rc : voices_may(c, r, &m, &why);
    if (rc < 0 || why != NULL || r->expires <= grants_now(c->keeper) || is_full(rows)) {
        return rc == FAULT_ABSENT ? 0 : rc;
    }
    number(r, id);
    html_raw(page, "<tr>");
    put_what(page, r);
    html_raw(page, "<td>");
    html_num(page, r->votes);
    html_raw(page, " of ");
    html_num(page, m.needed);
    html_raw(page, "</td><td><form method=\"post\" action=\"/account/requests/");
    html_str(page, id);
    html_raw(page, "/approve\"><input name=\"comment\" maxlength=\"1000\" autocomplete=\"off\" "
                   "aria-label=\"Comment\" placeholder=\"Comment\"> "
                   "<button class=\"button\" type=\"submit\">Agree</button> "
                   "<button class=\"button danger\" type=\"submit\" formaction=\""
                   "/account/requests/");
    html_str(page, id);
    html_raw(page, "/deny\">Refuse</button></form></td></tr>");
    rows->shown++;
    return 0;
}

static int each_own(void *context, const struct request *r)
{
    struct rows *rows = context;
    struct buf *page = &rows->call->page;
    bool runs = r->kind == REQUEST_ACCESS && r->state == REQUEST_APPROVED;
    char id[24];
    if (is_full(rows)) {
        return 0;
    }
    number(r, id);
    html_raw(page, "<tr>");
    put_what(page, r);
    html_raw(page, "<td>");
    html_str(page, asking_state_name(r->state));
    if (runs) {
        html_raw(page, " until ");
        html_time(page, r->ends * 1000);
    }
    if (r->note[0] != '\0') {
        html_raw(page, ": ");
        html_str(page, r->note);
    }
    html_raw(page, "</td><td>");
    if (runs || r->state == REQUEST_PENDING) {
        html_button(page, "/account/requests/", span_str(id), "/drop",
                    runs ? "End it" : "Take it back", true);
    }
    html_raw(page, "</td></tr>");
    rows->shown++;
    return 0;
}

static int put_list(struct call *c, const char *heading, const char *last,
                    const struct request_filter *filter, const char *none,
                    int (*each)(void *context, const struct request *r))
{
    struct rows rows = {.call = c, .from = buf_len(&c->page)};
    struct buf *page = &c->page;
    html_raw(page, "<section><h2>");
    html_raw(page, heading);
    html_raw(page, "</h2><table class=\"table\"><thead><tr><th>Who</th><th>What</th>"
                   "<th>Why</th><th>Asked</th><th>");
    html_raw(page, last);
    html_raw(page, "</th><th></th></tr></thead><tbody>");
    int r = requests_list(c->keeper->store, filter, &(struct page){.limit = 0}, each, &rows);
    html_raw(page, "</tbody></table>");
    if (rows.shown == 0) {
        html_raw(page, "<p class=\"muted\">");
        html_raw(page, none);
        html_raw(page, "</p>");
    }
    html_raw(page, "</section>");
    return r < 0 ? r : 0;
}

static void put_requestable(struct call *c)
{
    const struct snapshot *s = live_snapshot(c->keeper->live);
    struct buf *page = &c->page;
    size_t from = buf_len(page);
    bool any = false;
    html_raw(page, "<section><h2>Ask for access</h2><ul>");
    for (size_t i = 0; i < s->rule_count && buf_len(page) - from < LIST_MAX / 4; i++) {
        if (!asking_eligible(&s->rules[i], c->actor.user, c->actor.groups)) {
            continue;
        }
        html_raw(page, "<li><a href=\"/signin/access?rule=");
        html_url(page, span_str(s->rules[i].name));
        html_raw(page, "\">");
        html_str(page, s->rules[i].name);
        html_raw(page, "</a>, decided by ");
        html_str(page, s->rules[i].approvers);
        html_raw(page, "</li>");
        any = true;
    }
    html_raw(page, any ? "</ul></section>"
                       : "</ul><p class=\"muted\">There is nothing that you would have to ask "
                         "for.</p></section>");
}

static int show(struct call *c, unsigned status, const char *text)
{
    const struct request_filter pending = {.state = REQUEST_PENDING};
    const struct request_filter own = {.user = c->actor.user};
    struct buf *page = &c->page;
    buf_clear(page);
    html_open(page, "Requests", span_str(c->actor.user));
    html_said(page, status < 400, text);
    stepup_offer(c, "/account/requests");
    int r = put_list(c, "Waiting for your decision", "Agreed", &pending,
                     "Nothing waits for your decision.", each_waiting);
    r = r < 0 ? r
              : put_list(c, "Yours", "State", &own, "You have asked for nothing yet.", each_own);
    put_requestable(c);
    html_raw(page, "<p><a href=\"/\">Back</a></p>");
    html_close(page);
    c->status = status;
    return r;
}

int page_requests(struct call *c)
{
    return c->actor.user[0] == '\0' ? call_problem(c, 403, NULL, "This page is for people.")
                                    : show(c, 200, NULL);
}

static int as_page(struct call *c, int fault, const char *done)
{
    if (fault < 0 || c->need != CALL_ANSWER || c->actor.user[0] == '\0') {
        return fault;
    }
    const char *said = op_said(c, done);
    return said == NULL ? -ENOMEM : show(c, c->status, said);
}

static int decide(struct call *c, int (*step)(struct call *c, uint64_t seq, struct span comment),
                  const char *done)
{
    uint64_t seq;
    struct span comment;
    if (!op_request_number(c, &seq)) {
        return 0;
    }
    if (call_form(c, "comment", &comment) < 0) {
        return call_problem(c, 400, NULL, "This is not a form of this page.");
    }
    return as_page(c, step(c, seq, comment), done);
}

int page_requests_approve(struct call *c)
{
    return decide(c, asking_approve, "You have agreed.");
}

int page_requests_deny(struct call *c)
{
    return decide(c, asking_deny, "Refused.");
}

int page_requests_drop(struct call *c)
{
    uint64_t seq;
    return op_request_number(c, &seq) ? as_page(c, asking_drop(c, seq), "Done.") : 0;
}
