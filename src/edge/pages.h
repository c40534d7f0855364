/* The pages that the edge makes itself: login, logout, errors. They work without scripts. The error
 * page is portal_error_page of exchange.h.
 *
 * Everything from outside is escaped where it is written. Pages of a console's host take the style
 * sheet from PAGES_STYLE on that same host, since everything else there is the console's. */
#ifndef EDGE_PAGES_H
#define EDGE_PAGES_H

#include "base/arena.h"
#include "base/buf.h"
#include "conf/snapshot.h"
#include "edge/handover.h"

/* Served on every host, before anything else is asked. */
#define PAGES_STYLE "/.postern/style.css"
/* The Content-Security-Policy of every page that is not a login to a console. */
#define PAGES_CSP                                                                                  \
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "             \
    "frame-ancestors 'none'; base-uri 'none'"
#define PAGES_MAX (64u * 1024)

/* The only script there is: it asks the browser for a passkey. Pages that carry it have
 * PAGES_CSP_SCRIPT: no other script runs, none that stands in a page, and it talks to the portal
 * alone. */
#define PAGES_SCRIPT "/assets/passkey.js"
#define PAGES_CSP_SCRIPT PAGES_CSP "; script-src 'self'; connect-src 'self'"

/* PAGES_CSP_SCRIPT whose form-action also admits the console that the form leads to: browsers apply
 * it to the redirects after the form too. SPAN_NONE without memory. */
struct span pages_csp(struct arena *a, const struct handover *h);

/* In the place of the web console, in a build that was made without it. 0, or FAULT_LIMIT. */
must_check int pages_no_console(struct buf *out);

struct login_page {
    const struct handover *handover;      /* NULL: the portal itself */
    struct span user;                     /* to be shown again after an error */
    bool certificate;                     /* the browser has shown one */
    const char *error;                    /* one sentence, or NULL */
    uint64_t server_time;                 /* wall seconds, shown with the error; 0: not */
    const struct provider_def *providers; /* that people can sign in with as well */
    size_t provider_count;
};
/* Each appends a whole page. 0, or FAULT_LIMIT. */
must_check int pages_login(struct buf *out, const struct login_page *p);
/* logged_out: it is done; else the question whether to. console: the host's name, empty for the
 * portal. portal: address of the portal, for the way back. */
must_check int pages_logout(struct buf *out, bool logged_out, struct span console,
                            struct span portal);
/* The same login has been made again and again: says why, as far as it can be seen from here. */
enum loop_cause { LOOP_NO_COOKIE, LOOP_UNKNOWN_COOKIE, LOOP_PROOF };
struct loop_page {
    enum loop_cause cause;
    struct span address; /* that the browser says it is at */
    struct span again;   /* where to try once more */
    const char *date;    /* of this gateway */
    const char *request_id;
};
must_check int pages_loop(struct buf *out, const struct loop_page *p);
/* A form was sent for which more has to be proven: what was not done, and how it can be sent again
 * without typing it again. */
struct prove_page {
    const char *cause, *assurance;
    uint32_t max_age; /* 0: however old */
    struct span url;  /* where to prove it, or … */
    bool grant;       /* … to ask for access */
    const char *request_id;
};
must_check int pages_prove(struct buf *out, const struct prove_page *p);
must_check int pages_proven(struct buf *out);
/* Loads `to` once more, this time from this site itself: only then do browsers send a Strict
 * cookie. */
must_check int pages_bounce(struct buf *out, struct span to);
#endif
