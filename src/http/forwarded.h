/* What the upstream is told about the client: X-Forwarded-* and Forwarded (RFC 7239).
 *
 * The client's own headers of these names are dropped (http/hygiene.h), so each name occurs once
 * and carries one hop: the source that postern itself saw. */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "base/addr.h"
#include "base/buf.h"

struct forwarded {
    const struct addr *source;
    bool https;
    struct span authority; /* as uri_authority gave it: "host", "host:port", "[::1]:port" */
    uint16_t port;         /* of the authority; 0 when it names none: the scheme's own */
};

/* Appends the lines X-Forwarded-For, -Proto, -Host, -Port and Forwarded. FAULT_FORMAT, and nothing
 * written, when the authority holds anything but host characters; FAULT_LIMIT. */
must_check int forwarded_write(const struct forwarded *f, struct buf *out);

#endif
