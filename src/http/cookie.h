/* Cookie and Set-Cookie (RFC 6265), as much as a gateway needs. */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include "base/buf.h"
#include "http/header.h"

/* The value of the cookie `name` over all Cookie headers. FAULT_ABSENT; FAULT_FORMAT when the name
 * occurs more than once (cookie tossing: neither can be trusted). */
must_check int cookie_find(const struct headers *h, struct span name, struct span *ret);
/* Appends the Cookie value without any cookie whose name begins with `own_prefix` (case ignored,
 * leading blanks and quotes tolerated). Returns the number of pairs that stayed. */
must_check int cookie_strip(struct span value, struct span own_prefix, struct buf *out);
/* Every cookie of postern begins with this. */
#define COOKIE_OWN_PREFIX "__Host-postern-"
/* An upstream's Set-Cookie: false when it must be dropped (it names one of ours, or has no clean
 * name). */
bool cookie_may_set(struct span set_cookie);
/* Appends the upstream's Set-Cookie as the client may see it: Domain and empty attributes removed,
 * Secure added when absent, SameSite=Lax when the console does not say, everything else as it was.
 * prefix: goes before its Path, unless it stands there or the name demands the root ("__Host-",
 * RFC 6265bis section 4.1.3.2); may be empty.
 * Lax costs a console nothing here: postern's own cookie is Lax, so that a request of another site
 * which the attribute would hold back has no session anyway. */
must_check int cookie_rewrite(struct span set_cookie, struct span prefix, struct buf *out);

#endif
