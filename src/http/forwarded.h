/* X-Forwarded-* and Forwarded (RFC 7239): what the upstream is told about the client, and what a
 * trusted proxy in front says about him.
 *
 * What came of these names is dropped (http/hygiene.h), so towards the upstream each occurs once
 * and carries one hop: the client's address as postern knows it. */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "base/addr.h"
#include "base/buf.h"
#include "http/header.h"

/* Most hops that may be named. */
#define FORWARDED_HOPS_MAX 64u

struct forwarded {
    const struct addr *source;
    bool https;
    struct span authority; /* as uri_authority gave it: "host", "host:port", "[::1]:port" */
    uint16_t port;         /* of the authority; 0 when it names none: the scheme's own */
};

/* Appends the lines X-Forwarded-For, -Proto, -Host, -Port and Forwarded. FAULT_FORMAT, and nothing
 * written, when the authority holds anything but host characters; FAULT_LIMIT. */
must_check int forwarded_write(const struct forwarded *f, struct buf *out);

/* Whose request is this, according to the headers with this id, HEADER_X_FORWARDED_FOR or
 * HEADER_FORWARDED, on a connection of `peer`, who is a trusted proxy?
 *
 * Each proxy has written at the end whom it got the request from; what stands before that came
 * along and may be anybody's invention. So the list is walked from its end, over all lines as one
 * list, as long as the hops are trusted; the first that is not is the client, and nothing before
 * him is believed or even read. When all of them are trusted, the first is the client.
 *
 * A hop on that way that has no address ("unknown", "_hidden", an empty entry, anything else)
 * leaves nobody to judge: FAULT_FORMAT. So does a loopback address of another machine than this,
 * named by a proxy that is not on loopback itself, and any mistake in the form of a Forwarded
 * header: its quoted strings may hold no comma, semicolon or backslash, so that no reading of it
 * splits it otherwise. No such header: FAULT_ABSENT. More than FORWARDED_HOPS_MAX hops:
 * FAULT_LIMIT. */
must_check int forwarded_client(const struct headers *h, enum header_id id, const struct addr *peer,
                                const struct cidr *trusted, size_t count, struct addr *ret);

#endif
