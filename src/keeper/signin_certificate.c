/* Signing in with the certificate that the browser has shown the portal: one factor, so it leads to
 * the page that asks for the second. Whose it is, the table says; nobody types a name. */
#include "base/fault.h"
#include "base/secret.h"
#include "keeper/clientid.h"
#include "keeper/html.h"
#include "keeper/keeper.h"
#include "keeper/op.h"
#include "keeper/signin.h"

static int nobodys(struct call *c)
{
    struct buf *page = &c->page;
    html_open(page, "Not known", SPAN_NONE);
    html_raw(page,
             "<section class=\"card\"><div class=\"error\" role=\"alert\"><strong>Your browser's "
             "certificate stands for nobody who signs in here.</strong></div>"
             "<p><a class=\"button\" href=\"/login\">Log in</a></p></section>");
    html_close(page);
    c->status = 403;
    return 0;
}

static int begin(struct call *c, const struct certificate *who, struct span back)
{
    struct signin s = signin_of(c);
    s.user = who->user;
    s.proofs.factors = factor_bit(FACTOR_CERTIFICATE);
    s.back = back;
    int r = signin_finish(c->keeper, &s, c);
    if (r == 0 && s.result == SIGNIN_REFUSED) {
        c->keep = true;
        r = nobodys(c);
    } else if (r == 0) {
        r = signin_arrive(c, &s, back);
    }
    secret_wipe(&s, sizeof(s));
    return r;
}

int page_certificate_submit(struct call *c)
{
    struct certificate who;
    uint64_t until;
    struct span back = SPAN_NONE;
    int r = call_form(c, "back", &back);
    if ((r < 0 && r != FAULT_ABSENT) || back.len > FLOW_BACK_MAX) {
        return call_problem(c, 400, NULL, "This is not a login form of this gateway.");
    }
    r = clientid_find(c->keeper, c->in.certificate, c->in.host, c->now_ms / 1000, &who, &until);
    if (r == FAULT_ABSENT || (r == 0 && who.user_kind != USER_PERSON)) {
        return nobodys(c);
    }
    return r < 0 ? r : begin(c, &who, back);
}
