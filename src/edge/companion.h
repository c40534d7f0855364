/* The companion: what a plain listener answers.
 *
 * It exists so that somebody who forgets the "s" arrives, and a health probe without TLS has an
 * answer. A browser that opens a page of a host that we serve is led to the same page over TLS, at
 * the port of a TLS listener where that host answers; a program is told so, because one that
 * follows a redirect has already sent its credentials in the clear, and would go on doing it. A
 * name that is no host of ours leads nowhere: it would be an open redirect. Nothing else is here:
 * no console, no portal, no cookie, no challenge of a certificate authority.
 *
 * TLS spoken to the same port is understood, since browsers that were told to insist on TLS keep
 * the port when they upgrade (RFC 6797 section 8.3): the answers are the same. */
#ifndef EDGE_COMPANION_H
#define EDGE_COMPANION_H

#include "edge/exchange.h"

/* Instead of the gate, for every request of a connection that came to a plain listener. */
void companion_enter(struct exchange *x);

#endif
