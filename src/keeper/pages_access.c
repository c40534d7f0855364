/* Where somebody asks for access who met a rule that has to be granted, waits, and goes on.
 *
 *   console ──303──▶ GET /signin/access?rule=…&to=…&back=…   nothing asked yet: a form
 *                      │   ▲ again every few seconds         asked: the page waits
 *                      │   └──────────┘                      granted: 303 to https://TO BACK
 *                    POST /signin/access  asks, or takes back
 *
 * The first request comes from another site, so that the cookie which administers does not come
 * along: what this page shows needs the one for handing over, what it does needs the other. The way
 * back is no hand-over: the console's session is there already. */
#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "base/text.h"
#include "keeper/actor.h"
#include "keeper/asking.h"
#include "keeper/html.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/sentence.h"
#include "keeper/signin.h"
#include "keeper/stepup.h"

#define HERE "/signin/access"
#define AGAIN_SECONDS 5u
/* How a request of a moment ago ended is told so long. */
#define TOLD_SECONDS 3600u

struct errand_place {
    const struct rule_def *rule; /* that the person could ask for, or NULL */
    struct span name;            /* of the rule, as it came */
    struct span to, back;        /* of the console, or empty */
};

static int field(struct call *c, const char *name, struct span *ret)
{
    int r = span_is(c->in.method, "POST") ? call_form(c, name, ret) : call_query(c, name, ret);
    if (r == FAULT_ABSENT) {
        *ret = SPAN_NONE;
        r = 0;
    }
    return r;
}

/* Only consoles of ours are led back to. false: the call has ended. */
static bool read_place(struct call *c, struct errand_place *p)
{
    *p = (struct errand_place){.rule = NULL};
    bool good = field(c, "rule", &p->name) == 0 && field(c, "to", &p->to) == 0 &&
                field(c, "back", &p->back) == 0 && text_is_name(p->name) &&
                (p->to.len == 0 || live_handover(c->keeper->live, p->to) != NULL) &&
                (p->back.len == 0 || signin_is_place(p->back));
    const char *name = good ? arena_string(&c->arena, p->name) : NULL;
    if (name == NULL) {
        (void)call_problem(c, 400, NULL, "This address is only good when a console leads to it.");
        return false;
    }
    p->rule = snapshot_rule(live_snapshot(c->keeper->live), name);
    return true;
}

/* This page's own address, encoded for a query once more when `inside`. In the arena. */
static const char *own_address(struct call *c, const struct errand_place *p)
{
    struct buf out;
    buf_init(&out, 12288);
    (void)buf_text(&out, HERE "?rule=");
    (void)text_urlencode(&out, p->name);
    if (p->to.len > 0) {
        (void)buf_text(&out, "&to=");
        (void)text_urlencode(&out, p->to);
        (void)buf_text(&out, "&back=");
        (void)text_urlencode(&out, p->back);
    }
    const char *text = out.bad ? NULL : arena_string(&c->arena, buf_view(&out));
    buf_fini(&out);
    return text;
}

/* tail: what stands before the place in the address of the portal. */
static int by_way_of(struct call *c, const struct errand_place *p, const char *head)
{
    const char *own = own_address(c, p);
    struct buf out;
    buf_init(&out, 16000);
    (void)buf_text(&out, head);
    (void)text_urlencode(&out, span_str(own == NULL ? "/" : own));
    const char *text = out.bad ? NULL : arena_string(&c->arena, buf_view(&out));
    buf_fini(&out);
    return own == NULL || text == NULL ? -ENOMEM : call_redirect(c, text);
}

/* The person behind the cookies that came. *found false: nobody, or not for doing something. */
static int find_person(struct call *c, bool *found)
{
    struct session s;
    int r = actor_find(c, found);
    if (r < 0 || *found || span_is(c->in.method, "POST")) {
        return r;
    }
    r = stepup_session(c, &s, found);
    return r < 0 || !*found ? r : actor_be(c, &s);
}

/* ---- the page ---- */

static void hidden(struct buf *page, const char *name, struct span value)
{
    html_raw(page, "<input type=\"hidden\" name=\"");
    html_str(page, name);
    html_raw(page, "\" value=\"");
    html_text(page, value);
    html_raw(page, "\">");
}

static void open_form(struct buf *page, const struct errand_place *p, const char *what)
{
    html_raw(page, "<form method=\"post\" action=\"" HERE "\">");
    hidden(page, "do", span_str(what));
    hidden(page, "rule", p->name);
    if (p->to.len > 0) {
        hidden(page, "to", p->to);
        hidden(page, "back", p->back);
    }
}

static void put_durations(struct buf *page, uint32_t most)
{
    static const uint32_t CHOICES[] = {900, 1800, 3600, 7200, 14400, 28800, 86400, 604800};
    html_raw(page, "<div class=\"field\"><label for=\"duration\">For how long</label>"
                   "<select id=\"duration\" name=\"duration\">");
    for (size_t i = 0; i < countof(CHOICES) && CHOICES[i] < most; i++) {
        (void)buf_printf(page, "<option value=\"%u\">", CHOICES[i]);
        (void)text_duration(page, CHOICES[i]);
        html_raw(page, "</option>");
    }
    (void)buf_printf(page, "<option value=\"%u\">", most);
    (void)text_duration(page, most);
    html_raw(page, "</option></select></div>");
}

static void put_ask(struct buf *page, const struct errand_place *p, struct span reason)
{
    html_raw(page, "<p>");
    if (p->to.len > 0) {
        html_raw(page, "<strong>");
        html_text(page, p->to);
        html_raw(page, "</strong> is ");
    } else {
        html_raw(page, "This is ");
    }
    html_raw(page, "open to you only for a time, when ");
    html_num(page, p->rule->approvals);
    html_raw(page, p->rule->approvals == 1 ? " member of <strong>" : " members of <strong>");
    html_str(page, p->rule->approvers);
    html_raw(page, p->rule->approvals == 1 ? "</strong> agrees.</p>" : "</strong> agree.</p>");
    open_form(page, p, "ask");
    html_raw(page, "<div class=\"field\"><label for=\"reason\">Why do you need it?</label>"
                   "<textarea id=\"reason\" name=\"reason\" rows=\"3\" maxlength=\"1000\" "
                   "required>");
    html_text(page, reason);
    html_raw(page, "</textarea></div>");
    put_durations(page, p->rule->grant_max);
    html_raw(page, "<button class=\"button wide\" type=\"submit\">Ask for access</button></form>");
}

static void put_reason(struct buf *page, const struct request *r)
{
    html_raw(page, "<dl><dt>Reason</dt><dd>");
    html_str(page, r->reason);
    html_raw(page, "</dd><dt>For</dt><dd>");
    (void)text_duration(page, r->duration);
    html_raw(page, "</dd></dl>");
}

static void put_waiting(struct buf *page, const struct errand_place *p, const struct request *r)
{
    html_raw(page, "<p role=\"status\"><strong>You have asked; ");
    html_num(page, r->votes);
    html_raw(page, " of ");
    html_num(page, p->rule->approvals);
    html_raw(page, " have agreed.</strong> Members of <strong>");
    html_str(page, p->rule->approvers);
    html_raw(page, "</strong> decide. This page looks again by itself and leads on.</p>");
    put_reason(page, r);
    html_raw(page, "<p>Asked ");
    html_time(page, r->created * 1000);
    html_raw(page, ", expires ");
    html_time(page, r->expires * 1000);
    html_raw(page, ".</p>");
    open_form(page, p, "drop");
    html_raw(page, "<button class=\"button danger\" type=\"submit\">Take it back</button></form>");
}

static void put_running(struct buf *page, const struct errand_place *p, const struct request *r)
{
    html_raw(page, "<p role=\"status\"><strong>You have access until ");
    html_time(page, r->ends * 1000);
    html_raw(page, ".</strong></p>");
    put_reason(page, r);
    open_form(page, p, "drop");
    html_raw(page, "<button class=\"button danger\" type=\"submit\">End it now</button></form>");
}

/* How the last one for this rule ended, if that was a moment ago. */
struct last {
    const char *rule;
    uint64_t since;
    bool found;
    struct request request;
};

static int each_own(void *context, const struct request *r)
{
    struct last *l = context;
    if (strcmp(r->subject, l->rule) != 0) {
        return 0;
    }
    l->found = r->decided >= l->since || r->ends >= l->since;
    l->request = *r;
    return 1;
}

static int put_last(struct call *c, const struct errand_place *p)
{
    struct last l = {.rule = p->rule->name, .since = grants_now(c->keeper) - TOLD_SECONDS};
    const struct request_filter own = {.user = c->actor.user, .kind = REQUEST_ACCESS};
    struct buf *page = &c->page;
    int r = requests_list(c->keeper->store, &own, &(struct page){.limit = 50}, each_own, &l);
    if (r < 0 || !l.found) {
        return r < 0 ? r : 0;
    }
    html_raw(page, "<p class=\"error\" role=\"alert\">Your last request is ");
    html_str(page, asking_state_name(l.request.state));
    if (l.request.note[0] != '\0') {
        html_raw(page, ": ");
        html_str(page, l.request.note);
    }
    html_raw(page, "</p>");
    return 0;
}

static int show(struct call *c, const struct errand_place *p, const struct request *open,
                unsigned status, const char *error, struct span reason)
{
    struct buf *page = &c->page;
    bool waits = open != NULL && open->state == REQUEST_PENDING;
    int r = 0;
    buf_clear(page);
    if (waits) {
        html_open_again(page, "Waiting for access", span_str(c->actor.user), AGAIN_SECONDS);
    } else {
        html_open(page, "Ask for access", span_str(c->actor.user));
    }
    html_raw(page, "<section class=\"card\">");
    if (error != NULL) {
        html_raw(page, "<p class=\"error\" role=\"alert\">");
        html_str(page, error);
        html_raw(page, "</p>");
    }
    if (waits) {
        put_waiting(page, p, open);
    } else if (open != NULL) {
        put_running(page, p, open);
    } else {
        r = error == NULL ? put_last(c, p) : 0;
        put_ask(page, p, reason);
    }
    html_raw(page, "<p><a href=\"/account/requests\">All requests</a></p></section>");
    html_close(page);
    c->status = status;
    return r;
}

/* Back to where it was needed. */
static int lead_on(struct call *c, const struct errand_place *p)
{
    c->status = 303;
    c->away = arena_printf(&c->arena, "https://%.*s%.*s", SPAN_FMT(p->to),
                           SPAN_FMT(p->back.len > 0 ? p->back : SPAN("/")));
    return c->away == NULL ? -ENOMEM : 0;
}

/* false: the call has ended, or *fault. */
static bool enter(struct call *c, struct errand_place *p, int *fault)
{
    bool found = false;
    *fault = 0;
    if (!read_place(c, p)) {
        return false;
    }
    *fault = find_person(c, &found);
    if (*fault == 0 && !found) {
        *fault = by_way_of(c, p, "/login?place=");
        return false;
    }
    if (*fault == 0 &&
        (p->rule == NULL || !asking_eligible(p->rule, c->actor.user, c->actor.groups))) {
        *fault = call_problem(c, 404, NULL, "No rule of this name admits you when others agree.");
        return false;
    }
    return *fault == 0;
}

int page_access_show(struct call *c)
{
    struct errand_place p;
    struct request open;
    int r = 0;
    if (!enter(c, &p, &r)) {
        return r;
    }
    r = requests_find_open(c->keeper->store, c->actor.user, p.rule->name, &open);
    bool is = r == 0;
    if (r < 0 && r != FAULT_ABSENT) {
        return r;
    }
    if (is && open.state == REQUEST_APPROVED && p.to.len > 0) {
        return lead_on(c, &p);
    }
    if (!is && !stepup_satisfied(&c->actor.proven, p.rule->assurance, 0, c->now_ms / 1000)) {
        char head[80];
        (void)snprintf(head, sizeof(head),
                       "/signin/stepup?need=%s&age=0&place=", assurance_name(p.rule->assurance));
        return by_way_of(c, &p, head);
    }
    return show(c, &p, is ? &open : NULL, 200, NULL, SPAN_NONE);
}

static int drop(struct call *c, const struct errand_place *p)
{
    struct request open;
    int r = requests_find_open(c->keeper->store, c->actor.user, p->rule->name, &open);
    return r == FAULT_ABSENT ? 0 : r < 0 ? r : asking_drop(c, open.seq);
}

int page_access_submit(struct call *c)
{
    struct errand_place p;
    struct span what, reason, duration;
    int r = 0;
    if (!enter(c, &p, &r)) {
        return r;
    }
    if (field(c, "do", &what) < 0 || field(c, "reason", &reason) < 0 ||
        field(c, "duration", &duration) < 0) {
        return call_problem(c, 400, NULL, "This is not a form of this page.");
    }
    r = span_is(what, "drop") ? drop(c, &p) : asking_access(c, p.name, reason, duration);
    if (r < 0 || c->status == 401) {
        return r;
    }
    json_decref(c->answer);
    c->answer = NULL;
    if (c->status >= 400) {
        char why[sizeof(c->detail)];
        (void)snprintf(why, sizeof(why), "%s", c->detail);
        return show(c, &p, NULL, c->status, why, span_sub(reason, 0, SENTENCE_MAX));
    }
    const char *own = own_address(c, &p);
    return own == NULL ? -ENOMEM : call_redirect(c, own);
}
