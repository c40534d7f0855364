#include <errno.h>

#include "base/fault.h"
#include "base/text.h"
#include "conf/mailserver.h"
#include "identity/token.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"

/* ---- what waits ---- */

static int each_notice(void *context, const struct notice *n)
{
    struct op_rows *rows = context;
    char source[ADDR_TEXT_SIZE];
    struct addr a;
    rows->seen++;
    rows->last = n->seq;
    memcpy(a.byte, n->source, sizeof(a.byte));
    addr_format(&a, source);
    return json_push(rows->items,
                     json_pack("{s:I,s:s,s:s,s:s,s:s,s:o,s:o,s:i,s:i,s:o}", "seq",
                               (json_int_t)n->seq, "user", n->user, "event", n->event, "by",
                               n->channel == NOTICE_MAIL ? "mail" : "webhook", "source", source,
                               "made", json_time(n->made), "due", json_time(n->due), "attempts",
                               (int)n->attempts, "folded", (int)n->folded, "error",
                               json_text(span_str(n->error))));
}

int op_notices_list(struct call *c)
{
    struct page page;
    if (!op_page(c, &page)) {
        return 0;
    }
    struct op_rows rows = {.call = c, .items = json_array(), .limit = page.limit};
    int r = notices_list(c->keeper->store, &page, each_notice, &rows);
    return op_list_done(&rows, r, "notices", true);
}

/* ---- a test ---- */

/* A notice that is in no outbox. false: the call has ended. */
static bool make_test(struct call *c, struct notice *n, int *fault)
{
    struct span by = call_string(c, "by");
    bool mail = span_is(by, "mail");
    *fault = 0;
    *n = (struct notice){.channel = mail ? NOTICE_MAIL : NOTICE_WEBHOOK, .made = c->now_ms / 1000};
    if (!mail && !span_is(by, "webhook")) {
        (void)call_problem(c, 400, "by", "expected mail or webhook");
        return false;
    }
    struct user user;
    struct span name = call_string(c, "user");
    if (!text_is_name(name)) {
        (void)call_problem(c, 400, "user", "expected the name of a user");
        return false;
    }
    (void)snprintf(n->user, sizeof(n->user), "%.*s", SPAN_FMT(name));
    int r = users_find(c->keeper->store, n->user, &user);
    if (r < 0) {
        *fault = call_fault(c, r, "user");
        return false;
    }
    if (mail && user.mail[0] == '\0') {
        (void)call_problem(c, 409, "user", "this user has no address; postern user mail sets one");
        return false;
    }
    (void)snprintf(n->address, sizeof(n->address), "%s", user.mail);
    (void)snprintf(n->event, sizeof(n->event), "%s", audit_event_name(AUDIT_NOTICE_TESTED));
    memcpy(n->source, c->in.source.byte, sizeof(n->source));
    *fault = token_new_id(n->id);
    return *fault == 0;
}

static int ask(struct call *c, const struct notice *n)
{
    enum msg_type type;
    struct span payload;
    char why[300];
    int r = notices_question(c->keeper, n, &type, &payload, why, sizeof(why));
    if (r == -ENOMEM) {
        return r;
    }
    if (r < 0) {
        return call_problem(c, 409, NULL, "%s", why);
    }
    r = call_ask(c, 0, type, payload, NOTICE_PATIENCE_MS + 2000);
    secret_wipe(c->keeper->scratch, payload.len);
    return r;
}

int op_notices_test(struct call *c)
{
    struct notice n;
    int fault;
    char why[300] = "";
    if (!make_test(c, &n, &fault)) {
        return fault;
    }
    const struct call_errand *e = call_told(c, 0);
    if (e == NULL) {
        return ask(c, &n);
    }
    if (e->fault == FAULT_ABSENT || e->fault == FAULT_BUSY) {
        c->retry_after = 1;
        return call_problem(c, 503, NULL, "the courier is %s; try again",
                            e->fault == FAULT_BUSY ? "busy" : "not running");
    }
    bool taken = notices_taken(n.channel, e->fault, buf_view(&e->answer), why, sizeof(why));
    json_t *detail =
        json_pack("{s:o,s:b}", "channel", json_text(call_string(c, "by")), "taken", taken);
    int r = call_audit(c, AUDIT_NOTICE_TESTED, span_str(n.user), detail);
    return r < 0 ? r
                 : call_answer(c, 200,
                               json_pack("{s:b,s:o}", "taken", taken, "text",
                                         json_text(span_str(taken ? "" : why))));
}

/* ---- the address ---- */

int op_users_mail(struct call *c)
{
    const char *name = op_name(c, 0, "user");
    struct span mail = call_string(c, "mail");
    struct user user;
    if (name == NULL) {
        return 0;
    }
    if (mail.len > 0 && !mailserver_is_mailbox(mail)) {
        return call_problem(c, 400, "mail", "expected one mail address such as ann@example.org");
    }
    int r = users_find(c->keeper->store, name, &user);
    if (r < 0) {
        return call_fault(c, r, "user");
    }
    /* Recorded first: the notice goes to the address that was. */
    r = call_audit(c, AUDIT_USER_MAIL, span_str(name), NULL);
    r = r < 0 ? r : users_set_mail(c->keeper->store, name, arena_string(&c->arena, mail));
    r = r < 0 ? r : users_find(c->keeper->store, name, &user);
    return r < 0 ? r : call_answer(c, 200, op_user_json(c, &user));
}
