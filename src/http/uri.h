/* One canonical path per request (architecture section 8, systems.md 2.5).
 *
 * Decode once, strip ";params" per segment, resolve dot segments, collapse "//". Refused, because
 * known servers read them differently: encoded slash, backslash (raw or encoded), NUL and control
 * bytes, dot segments hidden by encoding or by ";", "%" that is not an escape, double encoding of
 * any of these (%25 followed by 2e, 2f, 5c, 00, 3b …), raw bytes outside RFC 3986, non-ASCII raw
 * bytes, a fragment, a path that climbs above the root. ";jsessionid=…" and other plain parameters
 * pass. */
#ifndef HTTP_URI_H
#define HTTP_URI_H

#include "base/arena.h"
#include "base/macros.h"

/* path: as sent, begins with "/". *ret lives in the arena: decoded bytes, UTF-8 or not. 0, or
 * FAULT_FORMAT with *why. The original may be forwarded exactly when this succeeds. */
must_check int uri_canonical(struct span path, struct arena *a, struct span *ret, const char **why);
/* Is `path` in canonical form already (for rules and prefixes in configuration)? */
bool uri_is_canonical(struct span path);
/* "host", "host:port", "[v6]:port"; lower-cases into the arena. No userinfo, comma, empty or
 * out-of-range port. FAULT_FORMAT. */
must_check int uri_authority(struct span text, struct arena *a, struct span *authority,
                             struct span *host, uint16_t *port);
/* The value of one key of a query or form ("a=b&c=d"), percent- and plus-decoded into the arena.
 * The first occurrence counts, a second is FAULT_FORMAT; absent is FAULT_ABSENT. */
must_check int uri_form_value(struct span form, const char *key, struct arena *a, struct span *ret);

#endif
