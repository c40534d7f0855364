#include "edge/pages.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "edge/exchange.h"

#define PORTAL_STYLE "/assets/style.css"

static void begin(struct buf *out, const char *title, const char *style, const char *head)
{
    (void)buf_printf(out,
                     "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"robots\" content=\"noindex\">\n%s"
                     "<title>%s · postern</title>\n"
                     "<link rel=\"icon\" href=\"data:,\">\n"
                     "<link rel=\"stylesheet\" href=\"%s\">\n</head>\n<body>\n"
                     "<header><span class=\"name\">postern</span></header>\n"
                     "<main class=\"narrow\">\n",
                     head, title, style);
}

static int end(struct buf *out)
{
    (void)buf_text(out, "</main>\n<footer>Access is logged.</footer>\n</body>\n</html>\n");
    return out->bad ? FAULT_LIMIT : 0;
}

struct span pages_csp(struct arena *a, const struct handover *h)
{
    if (h == NULL)
        return SPAN(PAGES_CSP_SCRIPT);
    return span_str(arena_printf(a,
                                 "default-src 'none'; style-src 'self'; img-src 'self' data:; "
                                 "form-action 'self' https://%.*s; frame-ancestors 'none'; "
                                 "base-uri 'none'; script-src 'self'; connect-src 'self'",
                                 SPAN_FMT(h->to)));
}

static void time_of(struct buf *out, uint64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(wall_ms, text);
    (void)buf_printf(out, "<time datetime=\"%s\">%.10s %.8s UTC</time>", text, text, text + 11);
}

static void login_error(struct buf *out, const struct login_page *p)
{
    (void)buf_text(out, "<div class=\"error\" id=\"error\" role=\"alert\"><strong>");
    (void)text_html(out, span_str(p->error));
    (void)buf_text(out, "</strong>");
    if (p->server_time != 0) {
        (void)buf_text(out, "<p>This server's time is ");
        time_of(out, p->server_time * 1000);
        (void)buf_text(out, ". A one-time code is only good when the clock of your device "
                            "agrees.</p>");
    }
    (void)buf_text(out, "</div>\n");
}

/* The hand-over travels as one field: the keeper does not look into it. */
static void certificate_form(struct buf *out, const struct handover *h)
{
    struct buf back;
    buf_init(&back, 14000);
    (void)buf_text(out, "<form method=\"post\" action=\"/signin/certificate\">\n");
    if (h != NULL) {
        (void)handover_query(&back, h);
        (void)buf_text(out, "<input type=\"hidden\" name=\"back\" value=\"");
        (void)text_html(out, buf_view(&back));
        (void)buf_text(out, "\">\n");
    }
    out->bad |= back.bad;
    (void)buf_text(out,
                   "<button class=\"button wide\" type=\"submit\">Use my certificate</button>\n"
                   "<p class=\"muted\">A one-time code is asked for on the next page.</p>\n"
                   "</form>\n");
    buf_fini(&back);
}

/* A plain link: form-action would hold back a form that leads to another site. */
static void login_provider(struct buf *out, const struct login_page *p,
                           const struct provider_def *provider)
{
    const char *title = provider->title[0] != 0 ? provider->title : provider->name;
    (void)buf_text(out, "<p><a class=\"button wide\" href=\"/signin/provider/");
    (void)text_urlencode(out, span_str(provider->name));
    if (p->handover != NULL) {
        struct buf query;
        buf_init(&query, 4096);
        (void)buf_byte(out, '?');
        if (handover_query(&query, p->handover) == 0)
            (void)text_html(out, buf_view(&query));
        buf_fini(&query);
    }
    (void)buf_text(out, "\">Log in with ");
    (void)text_html(out, span_str(title));
    (void)buf_text(out, "</a></p>\n");
}

int pages_login(struct buf *out, const struct login_page *p)
{
    begin(out, "Log in", PORTAL_STYLE, "<script src=\"" PAGES_SCRIPT "\" defer></script>\n");
    (void)buf_text(out, "<section class=\"card\">\n<h1>Log in</h1>\n");
    if (p->error != NULL)
        login_error(out, p);
    if (p->handover != NULL) {
        (void)buf_text(out, "<p>You will be taken to <strong>");
        (void)text_html(out, p->handover->to);
        (void)buf_text(out, "</strong>.</p>\n");
    }
    (void)buf_text(out, "<form method=\"post\" action=\"/login\">\n");
    if (p->handover != NULL)
        (void)handover_fields(out, p->handover);
    const char *invalid = p->error != NULL ? " aria-describedby=\"error\"" : "";
    (void)buf_printf(out,
                     "<div class=\"field\"><label for=\"user\">User name</label>\n"
                     "<input id=\"user\" name=\"user\" type=\"text\" autocomplete=\"username\" "
                     "autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"64\" required%s%s "
                     "value=\"",
                     invalid, p->user.len == 0 ? " autofocus" : "");
    (void)text_html(out, p->user);
    (void)buf_printf(
        out,
        "\"></div>\n"
        "<div class=\"field\"><label for=\"password\">Password</label>\n"
        "<input id=\"password\" name=\"password\" type=\"password\" "
        "autocomplete=\"current-password\" maxlength=\"1024\" required%s%s></div>\n"
        "<div class=\"field\"><label for=\"code\">One-time code</label>\n"
        "<input id=\"code\" name=\"code\" type=\"text\" autocomplete=\"one-time-code\" "
        "autocapitalize=\"none\" spellcheck=\"false\" maxlength=\"64\"%s>\n"
        "<p class=\"muted\">Six digits from your authenticator, or a recovery "
        "code. Leave it empty to be asked on the next page.</p></div>\n"
        "<button class=\"button wide\" type=\"submit\">Log in</button>\n"
        "</form>\n",
        invalid, p->user.len == 0 ? "" : " autofocus", invalid);
    (void)buf_text(out, "<form data-passkey=\"/signin/passkey\" hidden>\n");
    if (p->handover != NULL)
        (void)handover_fields(out, p->handover);
    (void)buf_text(
        out, "<button class=\"button wide\" type=\"submit\">Use a passkey</button>\n"
             "<p class=\"muted\">If your key does not know your name, type it in above first.</p>\n"
             "</form>\n");
    if (p->certificate)
        certificate_form(out, p->handover);
    for (size_t i = 0; i < p->provider_count; i++)
        login_provider(out, p, &p->providers[i]);
    (void)buf_text(out, "</section>\n");
    return end(out);
}

static void anchor(struct buf *out, struct span href, const char *text)
{
    (void)buf_text(out, "<p><a class=\"button\" href=\"");
    (void)text_html(out, href);
    (void)buf_printf(out, "\">%s</a></p>\n", text);
}

int pages_logout(struct buf *out, bool logged_out, struct span console, struct span portal)
{
    const char *style = console.len > 0 ? PAGES_STYLE : PORTAL_STYLE;
    begin(out, logged_out ? "Logged out" : "Log out", style, "");
    (void)buf_text(out, "<section class=\"card\">\n");
    if (logged_out) {
        (void)buf_text(out, "<h1>Logged out</h1>\n<p>Your session has ended, and with it every "
                            "connection to every console that was open under it.</p>\n");
        anchor(out, portal, "Log in again");
    } else {
        (void)buf_text(out, "<h1>Log out?</h1>\n<p>You are at <strong>");
        (void)text_html(out, console);
        (void)buf_text(out, "</strong>. Logging out ends your session here and at every other "
                            "console.</p>\n<form method=\"post\" action=\"/.postern/logout\">\n"
                            "<button class=\"button wide\" type=\"submit\">Log out</button>\n"
                            "</form>\n");
    }
    (void)buf_text(out, "</section>\n");
    return end(out);
}

/* Each cause with what can be looked at to tell it from the others; the likeliest comes first. */
static const struct {
    const char *seen;
    const char *causes[4];
} LOOPS[] = {
    [LOOP_NO_COOKIE] =
        {"The browser does not send back the session cookie that this gateway has set.",
         {"The browser, or an extension, blocks or clears cookies: allow them for this address.",
          "A proxy in front of this gateway takes Cookie or Set-Cookie away, or the browser holds "
          "so "
          "many cookies for this name that it drops the newest.",
          "This page is shown inside another one: open it in a tab of its own.",
          "The console itself sends the browser to another name or port: the address in the "
          "browser must be the one below."}},
    [LOOP_UNKNOWN_COOKIE] =
        {"The browser sends a session cookie that this gateway does not know for this address.",
         {"The address is not the one that the session was made for: a proxy in front changes host "
          "or port. What this gateway was asked for stands below.",
          "The session is ended as soon as it is made: by somebody, or because the clock of this "
          "gateway was set. Its time stands below.",
          "Several gateways answer under this name, and do not share their sessions.",
          "An old cookie is kept by the browser: clear the cookies of this address."}},
    [LOOP_PROOF] =
        {"The portal has accepted what you proved, but this console asks for it again.",
         {"The clock of this gateway was set. Its time stands below.",
          "The rules were changed while you were at the portal.",
          "The rule asks for a proof that is newer than a few seconds: no way back is that quick.",
          "The browser kept the old cookie of this address: clear the cookies of this address."}},
};

int pages_loop(struct buf *out, const struct loop_page *p)
{
    begin(out, "Login goes in circles", PAGES_STYLE, "");
    (void)buf_printf(out,
                     "<section class=\"card\">\n<h1>Login goes in circles</h1>\n"
                     "<div class=\"error\" role=\"alert\"><strong>%s</strong></div>\n"
                     "<p>You logged in, but the session did not hold, several times in a row. "
                     "Usual reasons, the likeliest first:</p>\n<ol>\n",
                     LOOPS[p->cause].seen);
    for (size_t i = 0; i < countof(LOOPS[p->cause].causes); i++)
        (void)buf_printf(out, "<li>%s</li>\n", LOOPS[p->cause].causes[i]);
    (void)buf_text(out, "</ol>\n<p>Asked for: <code>");
    (void)text_html(out, p->address);
    (void)buf_printf(out, "</code><br>Time here: %s<br>Request %s</p>\n", p->date, p->request_id);
    anchor(out, p->again, "Try once more");
    (void)buf_text(out, "</section>\n");
    return end(out);
}

int pages_prove(struct buf *out, const struct prove_page *p)
{
    begin(out, "Not sent yet", PAGES_STYLE, "");
    (void)buf_printf(out,
                     "<section class=\"card\">\n<h1>Not sent yet</h1>\n"
                     "<div class=\"error\" role=\"alert\"><strong>Nothing of what you sent has "
                     "reached the console.</strong></div>\n<p>For this, %s",
                     p->cause);
    if (!p->grant)
        (void)buf_printf(out, ": <code>%s</code>", p->assurance);
    if (p->max_age > 0 && !p->grant) {
        (void)buf_text(out, ", proven within ");
        (void)text_duration(out, p->max_age);
    }
    (void)buf_text(out, ".</p>\n<ol>\n<li><a class=\"button\" target=\"_blank\" "
                        "rel=\"noopener\" href=\"");
    (void)text_html(out, p->url);
    (void)buf_printf(out,
                     "\">%s</a> (in a new tab)</li>\n"
                     "<li>Come back to this tab and load it again. Your browser has kept what you "
                     "sent, asks whether to send it once more, and the console gets it then."
                     "</li>\n</ol>\n<p class=\"muted\">Request %s</p>\n</section>\n",
                     p->grant ? "Ask for access" : "Prove who you are", p->request_id);
    return end(out);
}

int pages_proven(struct buf *out)
{
    begin(out, "Proven", PAGES_STYLE, "");
    (void)buf_text(out, "<section class=\"card\">\n<h1>Proven</h1>\n"
                        "<p>Go back to the tab that you came from and load it again: what you sent "
                        "there goes to the console now. This one can be closed.</p>\n</section>\n");
    return end(out);
}

int pages_no_console(struct buf *out)
{
    begin(out, "No web console", PORTAL_STYLE, "");
    (void)buf_text(
        out, "<section class=\"card\">\n<h1>No web console</h1>\n"
             "<p>You are logged in, but this build of postern was made without its web console. "
             "<code>./dev build</code> makes it; the command line and the API do all of it.</p>\n"
             "<p><a class=\"button\" href=\"/account\">Your account</a></p>\n"
             "<form method=\"post\" action=\"/logout\"><button class=\"button\" "
             "type=\"submit\">Log out</button></form>\n</section>\n");
    return end(out);
}

int pages_bounce(struct buf *out, struct span to)
{
    struct buf head;
    buf_init(&head, 8192);
    (void)buf_text(&head, "<meta http-equiv=\"refresh\" content=\"0; url=");
    (void)text_html(&head, to);
    (void)buf_text(&head, "\">\n");
    char *text = buf_take_string(&head);
    buf_fini(&head);
    if (text == NULL)
        return FAULT_LIMIT;
    begin(out, "One moment", PORTAL_STYLE, text);
    free(text);
    (void)buf_text(out, "<section class=\"card\">\n<h1>One moment</h1>\n");
    anchor(out, to, "Continue");
    (void)buf_text(out, "</section>\n");
    return end(out);
}

/* What a person can do about it, by status. The sentence about what happened comes with the error.
 */
static const struct {
    unsigned status;
    const char *title, *advice;
} ADVICE[] = {
    {400, "This request makes no sense", "Go back and try again; if it persists, report it."},
    {401, "You are not logged in",
     "Open the page anew to log in. What you have just sent was not passed on."},
    {403, "Not allowed", "If you need this, ask whoever runs this gateway, and name the request."},
    {404, "Nothing here", "Check the address."},
    {405, "This cannot be done here", "Check the address."},
    {408, "That took too long", "Try again."},
    {411, "The length is missing",
     "The program that sent this has to name the length of its data."},
    {413, "Too large", "The limit is set by whoever runs this gateway."},
    {415, "This form of data is not accepted here", "Use the form of this page."},
    {421, "No such console", "Check the host name in the address."},
    {429, "Too many attempts", "Wait a moment, then try again."},
    {431, "Too many or too large headers", "Deleting the cookies of this host may help."},
    {502, "The console does not answer",
     "The gateway works; the console behind it does not. Try "
     "again, or tell whoever runs the console."},
    {503, "Not available at the moment", "Try again in a few seconds."},
    {504, "The console does not answer in time",
     "The gateway works; the console behind it is slow. What you sent may have been carried out."},
};

static void error_page(const struct exchange *x, unsigned status, const char *cause,
                       const char *detail, struct buf *out)
{
    const char *title = "This did not work", *advice = "Try again.";
    for (size_t i = 0; i < countof(ADVICE); i++) {
        if (ADVICE[i].status == status) {
            title = ADVICE[i].title;
            advice = ADVICE[i].advice;
        }
    }
    begin(out, title, PAGES_STYLE, "");
    (void)buf_printf(out, "<section class=\"card\">\n<h1>%s</h1>\n<p>", title);
    (void)text_html(out, span_str(cause));
    (void)buf_printf(out, "</p>\n<p>%s</p>\n<dl class=\"muted\">\n<dt>Status</dt><dd>%u", advice,
                     status);
    if (detail != NULL) {
        (void)buf_text(out, " <code>");
        (void)text_html(out, span_str(detail));
        (void)buf_text(out, "</code>");
    }
    (void)buf_printf(out, "</dd>\n<dt>Request</dt><dd><code>%s</code></dd>\n<dt>Time</dt><dd>",
                     x->id_text);
    time_of(out, clock_wall_ms());
    (void)buf_text(out, "</dd>\n</dl>\n</section>\n");
    if (end(out) < 0)
        out->bad = true;
}

int portal_error_page(struct exchange *x, unsigned status, const char *cause, const char *detail,
                      struct answer *a)
{
    struct buf page;
    buf_init(&page, PAGES_MAX);
    error_page(x, status, cause, detail, &page);
    struct span copy = page.bad ? SPAN_NONE : arena_copy(&x->arena, buf_view(&page));
    buf_fini(&page);
    if (copy.len == 0)
        return FAULT_LIMIT;
    a->type = "text/html; charset=utf-8";
    a->body = copy;
    answer_add(a, "Content-Security-Policy", SPAN(PAGES_CSP));
    return 0;
}
