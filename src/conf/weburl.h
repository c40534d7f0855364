/* An address of the web that postern itself goes to: https, and nothing that could mean two things.
 *
 *   https://HOST[:PORT][/path][?query]
 *
 * HOST is a name in lower case or an IPv4 address. No user, no fragment, no other scheme, no byte
 * outside printable ASCII, no backslash. Pure. */
#ifndef CONF_WEBURL_H
#define CONF_WEBURL_H

#include "base/macros.h"
#include "base/span.h"

#define WEBURL_MAX 2048u

struct weburl {
    struct span host;
    uint16_t port;      /* 443 when none is written */
    struct span target; /* path and query as they stand; empty: none */
};

/* The parts borrow from text. FAULT_FORMAT, FAULT_LIMIT. */
must_check int weburl_parse(struct span text, struct weburl *ret);
bool weburl_is_text(struct span text);
/* The same scheme, host and port. */
bool weburl_same_origin(const struct weburl *a, const struct weburl *b);

#endif
