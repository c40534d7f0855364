/* The account page: what a person signs in with, where he is on, what he has handed out, what
 * happened; and the forms that change it. One page of plain forms, without scripts. */
#include <errno.h>

#include "audit/record.h"
#include "base/fault.h"
#include "base/text.h"
#include "identity/session.h"
#include "keeper/account.h"
#include "keeper/html.h"
#include "keeper/json.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/passkeys.h"
#include "store/tokens.h"

#define ACTIVITY_ROWS 30u
#define ROWS_MAX 50u

static void hint(struct buf *page, const char *text)
{
    html_raw(page, "<p class=\"muted\">");
    html_str(page, text);
    html_raw(page, "</p>");
}

/* ---- what signs in ---- */

struct rows {
    struct call *call;
    size_t shown;
};

static int each_passkey(void *context, const struct passkey *p)
{
    struct rows *rows = context;
    struct buf *page = &rows->call->page;
    char id[PASSKEYS_SHORT_SIZE];
    int r = passkeys_short(span_of(p->id, p->id_len), id);
    if (r < 0) {
        return r;
    }
    rows->shown++;
    html_raw(page, "<tr><td><form class=\"inline\" method=\"post\" action=\"/account/passkeys/");
    html_str(page, id);
    html_raw(page, "/name\"><input name=\"name\" required maxlength=\"63\" aria-label=\"Name of "
                   "this key\" value=\"");
    html_str(page, p->name);
    html_raw(page, "\"> <button class=\"button\" type=\"submit\">Rename</button></form></td><td>");
    html_raw(page, p->synced ? "synced between devices" : "bound to one device");
    html_raw(page, p->verified ? ", checks who you are" : ", needs your password beside it");
    html_raw(page, p->disabled ? ", <strong>disabled</strong>" : "");
    html_raw(page, "</td><td>");
    html_time(page, p->made * 1000);
    html_raw(page, "</td><td>");
    if (p->last_used > 0) {
        html_time(page, p->last_used * 1000);
    } else {
        html_raw(page, "never");
    }
    html_raw(page, "</td><td>");
    html_button(page, "/account/passkeys/", span_str(id), "/remove", "Remove", true);
    html_raw(page, "</td></tr>");
    return 0;
}

static int passkeys(struct call *c)
{
    struct buf *page = &c->page;
    html_raw(page, "<section><h2 id=\"passkeys\">Passkeys and security keys</h2>"
                   "<table class=\"table\"><thead><tr><th>Name</th><th>Kind</th><th>Made</th>"
                   "<th>Last used</th><th></th></tr></thead><tbody>");
    struct rows rows = {c, 0};
    int r = passkeys_list(c->keeper->store, c->actor.user, each_passkey, &rows);
    html_raw(page, "</tbody></table>");
    if (rows.shown == 0) {
        hint(page, "None yet. A passkey signs you in without a password, and other sites cannot "
                   "ask for it.");
    }
    html_raw(page, "<p><a class=\"button\" href=\"/account/passkeys/add\">Add a "
                   "passkey</a></p></section>");
    return r;
}

static void field(struct buf *page, const char *name, const char *label, const char *complete)
{
    (void)buf_printf(page,
                     "<div class=\"field\"><label for=\"%s\">%s</label><input id=\"%s\" "
                     "name=\"%s\" type=\"password\" autocomplete=\"%s\" maxlength=\"256\" "
                     "required></div>",
                     name, label, name, name, complete);
}

static void password(struct buf *page, const struct user *u)
{
    html_raw(page, "<section class=\"card\"><h2 id=\"password\">Password</h2>");
    if (u->password_set == 0) {
        hint(page, "This account has no password of its own here.");
        html_raw(page, "</section>");
        return;
    }
    html_raw(page, "<p>Set ");
    html_time(page, u->password_set * 1000);
    html_raw(page, u->password_disabled ? "; disabled after too many failures.</p>" : ".</p>");
    html_raw(page, "<form method=\"post\" action=\"/account/password\"><input type=\"hidden\" "
                   "name=\"username\" autocomplete=\"username\" value=\"");
    html_str(page, u->name);
    html_raw(page, "\">");
    field(page, "current", "Present password", "current-password");
    field(page, "fresh", "New password (at least 8 characters)", "new-password");
    field(page, "again", "The new password again", "new-password");
    html_raw(page, "<div class=\"field\"><label><input type=\"checkbox\" name=\"others\" "
                   "value=\"end\" checked> End all my other sessions</label></div>"
                   "<button class=\"button\" type=\"submit\">Change password</button></form>"
                   "</section>");
}

static void codes(struct buf *page, const struct user *u)
{
    html_raw(page, "<section class=\"card\"><h2 id=\"codes\">One-time codes</h2><dl><dt>"
                   "Authenticator application</dt><dd>");
    html_raw(page, !u->totp           ? "none"
                   : u->totp_disabled ? "disabled after too many failures"
                                      : "in use");
    html_raw(page, "</dd><dt>Recovery codes left</dt><dd>");
    html_num(page, u->recovery_left);
    html_raw(page, "</dd></dl>");
    if (u->password_set != 0) {
        hint(page, "A new application is confirmed with a code before the old one is dropped. "
                   "Afterwards you log in anew, with new recovery codes.");
        html_button(page, "/account/totp", SPAN_NONE, "",
                    u->totp ? "Use a new application" : "Use an application", false);
    }
    if (u->totp) {
        html_button(page, "/account/totp/remove", SPAN_NONE, "", "Use no application", true);
    }
    html_button(page, "/account/recovery", SPAN_NONE, "", "Make new recovery codes", false);
    html_raw(page, "</section>");
}

/* ---- sessions and tokens ---- */

static int each_session(void *context, const struct session *s)
{
    struct rows *rows = context;
    struct call *c = rows->call;
    struct buf *page = &c->page;
    if (!session_is_live(s, c->now_ms / 1000) || rows->shown >= ROWS_MAX) {
        return 0;
    }
    char id[2 * STORE_ID_SIZE + 1], source[ADDR_TEXT_SIZE];
    struct addr a;
    bool own = memcmp(s->id, c->actor.session, sizeof(s->id)) == 0;
    text_hex(id, span_of(s->id, sizeof(s->id)));
    memcpy(a.byte, s->source, sizeof(a.byte));
    addr_format(&a, source);
    rows->shown++;
    html_raw(page, "<tr><td>");
    html_str(page, s->agent);
    html_raw(page, own ? " <span class=\"badge ok\">this one</span>" : "");
    html_raw(page, "</td><td>");
    html_str(page, s->child ? s->host : "portal");
    html_raw(page, "</td><td>");
    html_str(page, source);
    html_raw(page, "</td><td>");
    html_time(page, s->created * 1000);
    html_raw(page, "</td><td>");
    html_time(page, s->last_seen * 1000);
    html_raw(page, "</td><td>");
    html_button(page, "/account/sessions/", span_str(id), "/end", "End", true);
    html_raw(page, "</td></tr>");
    return 0;
}

static int sessions(struct call *c)
{
    struct rows rows = {c, 0};
    struct page page = {.newest_first = true};
    html_raw(&c->page, "<section><h2 id=\"sessions\">Where you are logged in</h2>"
                       "<table class=\"table\"><thead><tr><th>Browser</th><th>On</th><th>From</th>"
                       "<th>Since</th><th>Last seen</th><th></th></tr></thead><tbody>");
    int r = sessions_list(c->keeper->store, c->actor.user, &page, each_session, &rows);
    html_raw(&c->page, "</tbody></table>");
    html_button(&c->page, "/account/sessions/end", SPAN_NONE, "", "End all others", true);
    html_raw(&c->page, "</section>");
    return r;
}

static void lines(struct buf *page, struct span text)
{
    struct span line;
    bool first = true;
    while (span_cut(&text, '\n', &line)) {
        html_raw(page, first ? "" : ", ");
        html_text(page, line);
        first = false;
    }
}

static int each_token(void *context, const struct token *t)
{
    struct rows *rows = context;
    struct buf *page = &rows->call->page;
    rows->shown++;
    html_raw(page, "<tr><td>");
    html_str(page, t->name);
    html_raw(page, "</td><td>");
    lines(page, t->routes);
    html_raw(page, "</td><td>");
    if (t->expires > 0) {
        html_time(page, t->expires * 1000);
    } else {
        html_raw(page, "never");
    }
    html_raw(page, "</td><td>");
    if (t->last_used > 0) {
        html_time(page, t->last_used * 1000);
    } else {
        html_raw(page, "never");
    }
    html_raw(page, "</td><td>");
    html_button(page, "/account/tokens/", span_str(t->name), "/revoke", "Revoke", true);
    html_raw(page, "</td></tr>");
    return 0;
}

static int tokens(struct call *c)
{
    struct rows rows = {c, 0};
    struct page page = {.limit = ROWS_MAX, .newest_first = true};
    html_raw(&c->page, "<section><h2 id=\"tokens\">API tokens</h2><table class=\"table\"><thead>"
                       "<tr><th>Name</th><th>Good on</th><th>Ends</th><th>Last used</th><th></th>"
                       "</tr></thead><tbody>");
    int r = tokens_list(c->keeper->store, c->actor.user, &page, each_token, &rows);
    html_raw(&c->page, "</tbody></table>");
    if (rows.shown == 0) {
        hint(&c->page, "You answer for none.");
    }
    html_raw(&c->page, "</section>");
    return r;
}

/* ---- what happened ---- */

static int each_record(void *context, const struct record *r)
{
    struct call *c = context;
    struct buf *page = &c->page;
    char source[ADDR_TEXT_SIZE];
    struct addr a;
    static const uint8_t NOWHERE[16] = {0};
    memcpy(a.byte, r->source, sizeof(a.byte));
    addr_format(&a, source);
    html_raw(page, "<tr><td>");
    html_time(page, r->wall_ms);
    html_raw(page, "</td><td>");
    html_str(page, audit_event_text(audit_event_find(r->event)));
    if (r->outcome != AUDIT_DONE) {
        html_raw(page, " <span class=\"badge bad\">");
        html_str(page, audit_outcome_name(r->outcome));
        html_raw(page, "</span>");
    }
    html_raw(page, "</td><td>");
    if (!span_is(r->target, c->actor.user)) {
        html_text(page, r->target);
    }
    html_raw(page, "</td><td>");
    if (span_is(r->actor, c->actor.user)) {
        html_raw(page, "you");
    } else {
        html_text(page, r->actor.len > 0 ? r->actor : span_str(audit_actor_name(r->actor_kind)));
    }
    html_raw(page, "</td><td>");
    html_str(page, memcmp(a.byte, NOWHERE, sizeof(NOWHERE)) == 0 ? "" : source);
    html_raw(page, "</td></tr>");
    return 0;
}

static int activity(struct call *c)
{
    html_raw(&c->page, "<section><h2 id=\"activity\">Recent activity</h2><table class=\"table\">"
                       "<thead><tr><th>When</th><th>What</th><th>About</th><th>By</th><th>From</th>"
                       "</tr></thead><tbody>");
    int r = account_activity(c, ACTIVITY_ROWS, each_record, c);
    html_raw(&c->page, "</tbody></table></section>");
    return r;
}

/* ---- the page ---- */

int page_account(struct call *c)
{
    struct user u;
    struct buf *page = &c->page;
    if (c->actor.kind != CREDENTIAL_CONSOLE) {
        return call_problem(c, 403, NULL, "the account page is for people in a browser");
    }
    int r = users_find(c->keeper->store, c->actor.user, &u);
    if (r < 0) {
        return r;
    }
    html_open(page, "Your account", span_str(c->actor.user));
    html_raw(page, "<p><a href=\"/\">Back to the console</a></p>");
    html_raw(page, "<p>Notices of what happens to this account go to <strong>");
    html_str(page, u.mail[0] != '\0' ? u.mail : "no address");
    html_raw(page, "</strong>. An administrator can change that.</p>");
    if (!passkeys_recent(c)) {
        html_raw(page, "<p role=\"status\">To change anything here, prove first who you are: your "
                       "last proof is more than ten minutes old.</p><p><a class=\"button\" "
                       "href=\"/signin/stepup?need=mfa&amp;age=600&amp;place=%2Faccount\">Prove "
                       "who you are</a></p>");
    }
    r = passkeys(c);
    password(page, &u);
    codes(page, &u);
    r = r < 0 ? r : sessions(c);
    r = r < 0 ? r : tokens(c);
    r = r < 0 ? r : activity(c);
    html_close(page);
    c->status = 200;
    return r;
}

/* ---- the forms ---- */

static int back(struct call *c, int fault, bool done)
{
    return fault < 0 || !done ? fault : call_redirect(c, "/account");
}

int page_account_password(struct call *c)
{
    struct span current, fresh, again, others;
    bool done;
    if (call_form(c, "current", &current) < 0 || call_form(c, "fresh", &fresh) < 0 ||
        call_form(c, "again", &again) < 0 || call_form(c, "others", &others) < 0) {
        return call_problem(c, 400, NULL, "This is not a form of this gateway.");
    }
    if (!secret_eq(fresh, again)) {
        return call_problem(c, 422, NULL, "The two new passwords are not the same.");
    }
    int r = account_password(c, current, fresh, others.len > 0, &done);
    return back(c, r, done);
}

int page_account_totp(struct call *c)
{
    const char *link = NULL;
    bool done;
    int r = account_totp(c, &link, &done);
    const char *path = link == NULL ? NULL : strstr(link, "/enrol?");
    return r < 0 || !done ? r : path == NULL ? -ENOMEM : call_redirect(c, path);
}

int page_account_totp_remove(struct call *c)
{
    bool done;
    int r = account_remove_totp(c, &done);
    return back(c, r, done);
}

int page_account_recovery(struct call *c)
{
    json_t *list = NULL;
    bool done;
    struct buf *page = &c->page;
    int r = account_recovery(c, &list, &done);
    if (r == 0 && done) {
        html_open(page, "New recovery codes", span_str(c->actor.user));
        html_raw(page, "<section class=\"card\"><p>These are shown this once; the old ones are "
                       "void. Each stands in for the authenticator application one time; keep them "
                       "on paper.</p><ol class=\"codes\">");
        for (size_t i = 0; i < json_array_size(list); i++) {
            html_raw(page, "<li><code>");
            html_text(page, json_span(json_array_get(list, i)));
            html_raw(page, "</code></li>");
        }
        html_raw(page, "</ol><p><a class=\"button\" href=\"/account\">Done</a></p></section>");
        html_close(page);
        c->status = 200;
    }
    json_decref(list);
    return r;
}

int page_account_session_end(struct call *c)
{
    bool done;
    uint8_t id[STORE_ID_SIZE];
    int r = account_end(c, &c->param[0], &done);
    bool own = text_unhex(c->param[0], id, sizeof(id)) == 0 &&
               memcmp(id, c->actor.session, sizeof(id)) == 0;
    return done && own ? call_redirect(c, "/login") : back(c, r, done);
}

int page_account_sessions_end(struct call *c)
{
    bool done;
    int r = account_end(c, NULL, &done);
    return back(c, r, done);
}

int page_account_token_revoke(struct call *c)
{
    bool done;
    int r = account_revoke(c, c->param[0], &done);
    return back(c, r, done);
}

int page_account_passkey_name(struct call *c)
{
    struct span name;
    bool done;
    if (call_form(c, "name", &name) < 0) {
        return call_problem(c, 400, NULL, "This is not a form of this gateway.");
    }
    int r = account_rename(c, c->param[0], name, &done);
    return back(c, r, done);
}

int page_account_passkey_remove(struct call *c)
{
    bool done;
    int r = account_remove(c, c->param[0], &done);
    return back(c, r, done);
}
