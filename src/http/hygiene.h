/* Which headers may cross the gateway (systems.md section 0.4, expectations.md section 5). */
#ifndef HTTP_HYGIENE_H
#define HTTP_HYGIENE_H

#include "http/request.h"

/* What becomes of a client's header on its way to the upstream. */
enum passage {
    PASS,    /* as it is */
    DROP,    /* hop-by-hop, forwarding, identity or own: any case, any of - _ . spelling */
    REWRITE, /* Host, Cookie, Connection, Content-Length, Transfer-Encoding, …: the proxy makes it
              */
};

/* Names in Connection (already validated list) make further headers hop-by-hop; only standard
 * hop-by-hop names may stand there, anything else makes the request malformed, see
 * hygiene_connection_ok. strip_authorization: when the route injects its own credential or the
 * header carried our token. */
enum passage hygiene_request(const struct header *h, bool strip_authorization);
/* May a route let this header of clients pass although it is dropped otherwise (lower case)? Not
 * what is ours, what postern itself says of the client and the way, what would change the path that
 * was decided on, and what a part of postern looks at. */
bool hygiene_may_except(struct span name);
/* Is it one of these names, and may be? */
bool hygiene_excepted(const struct header *h, const char *const *names, size_t count);
enum passage hygiene_response(const struct header *h);
/* Connection may list close, keep-alive, upgrade, te (with "trailers") and standard hop-by-hop
 * names only. */
bool hygiene_connection_ok(const struct headers *h);

#endif
