/* The portal: login, logout, hand-over, enrolment, and the few paths of postern on consoles' hosts.
 *
 * A request that comes here has passed the gate's checks of host and place. Each form becomes one
 * typed message to the keeper, which alone knows what is right. portal_enter and api_enter are in
 * exchange.h: api_enter has what is left of the portal's host, the console and the API. */
#ifndef EDGE_PORTAL_H
#define EDGE_PORTAL_H

#include "edge/exchange.h"
#include "edge/pages.h"

struct handover;

/* "https://PORTAL[:port]" and rest, in the arena; SPAN_NONE without memory. In gate.c. */
struct span gate_portal_url(struct exchange *x, struct span rest);
/* Whoever opened this page of the portal has no session there: says so to a program, leads a person
 * to the login page, and a link from another site once round, because browsers then keep the Strict
 * cookie back. stale: the cookie came and is worth nothing. */
void portal_login_first(struct exchange *x, bool stale);
/* The keeper's answer as the client gets it. */
void portal_send_page(struct exchange *x, const struct msg_page *page, bool cookie);
/* A request without a body goes to the keeper; the gate has nothing against it. In api.c. */
void api_ask(struct exchange *x);
/* 503, 500 or 413 for a fault of a question or of collecting a body. */
void portal_send_fault(struct exchange *x, int fault);
/* A page of ours. csp may be empty: PAGES_CSP. */
void portal_send_html(struct exchange *x, struct answer *a, struct buf *page, struct span csp);
/* The page for a browser that goes round in circles; again: where it may try once more. */
void portal_send_loop(struct exchange *x, struct answer *a, enum loop_cause cause,
                      struct span again);
/* Content-Type says that the body is an HTML form. */
bool portal_has_form(const struct exchange *x);

#endif
