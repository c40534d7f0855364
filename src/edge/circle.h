/* A console that answers by sending the browser to the very address it has just asked for.
 *
 * Most often it was asked over plain HTTP, wants TLS, and does not know that TLS ends in front of
 * it. The browser would go round until it gives up and blame the gateway. The rounds are counted in
 * a cookie of ten seconds, so that a page can say it instead. Pure. */
#ifndef EDGE_CIRCLE_H
#define EDGE_CIRCLE_H

#include "base/arena.h"
#include "http/request.h"

/* So many such answers in a row are passed on: a console may wait for itself in this way. */
#define CIRCLE_ROUNDS 5u

/* Does this answer lead where the request came from? location: as the client would get it. One that
 * sets a cookie changes what is asked next, and is none. */
bool circle_is(const struct request *r, const struct response *answer, struct span location);
/* How many came before this request, as the browser counts. */
unsigned circle_count(const struct headers *h, uint16_t port);
/* The Set-Cookie value that counts them, in the arena; SPAN_NONE without memory. */
struct span circle_cookie(struct arena *a, unsigned count, uint16_t port);

#endif
