/* Headers that name an origin, and what crosses of them: the console's own names become ours on the
 * way to the client, ours become the console's on the way back (systems.md 2.3).
 *
 * A console builds absolute addresses from what it knows of itself: its address and port, the Host
 * it was given, a name from its configuration, plain http because that is how it was asked. Such
 * addresses would lead browsers past the gateway, or nowhere, and tell what stands behind it. A
 * name counts with the port it was given with, with any port that the console is known to listen
 * on, and, given without a port, with the scheme's own. Relative and foreign addresses stay as they
 * are, and so does what cannot be read: an address with user information, an escape in its host or
 * a port that is none names nothing of ours.
 *
 * Where a prefix of our paths is taken off before the console sees them, its addresses and the
 * paths of its cookies get it back, unless it has put it there itself.
 *
 * One table row per header, see rewrite.c. Pure: bytes in, bytes out, in one pass. */
#ifndef HTTP_REWRITE_H
#define HTTP_REWRITE_H

#include "base/addr.h"
#include "base/buf.h"
#include "http/header.h"

/* One place where the console listens. */
struct rewrite_place {
    const struct addr *addr; /* or NULL, and … */
    struct span host;        /* … this name */
    uint16_t port;
};

struct rewrite_map {
    const struct rewrite_place *places;
    size_t place_count;
    struct span host;         /* the fixed Host that the console is given, or empty */
    const char *const *names; /* further names of the console, with port or without */
    size_t name_count;
    struct span authority; /* ours, as the client knows it */
    struct span prefix;    /* of our paths, unknown to the console ("/redis"), or empty */
    bool https;            /* the console is spoken to over TLS */
};

/* Has this header of a response a row in the table? Set-Cookie is one of them. */
bool rewrite_knows(enum header_id id);
/* Appends the value of such a header as the client may see it. 1 when it changed, 0 when it is as
 * it was, FAULT_LIMIT when it does not fit. */
must_check int rewrite_response(const struct rewrite_map *m, enum header_id id, struct span value,
                                struct buf *out);
/* Appends an Origin or Referer as a console with a fixed Host expects it: ours becomes its own.
 * Consoles compare the two to tell requests of their own pages from those of others. Without a
 * fixed Host nothing changes. Returns as above. */
must_check int rewrite_request(const struct rewrite_map *m, struct span value, struct buf *out);

/* The path and query of a Destination (RFC 4918 section 10.3) that lies on the authority: what
 * stands behind "https://AUTHORITY", or the whole of a value that begins with "/". FAULT_DENIED
 * when it lies elsewhere, FAULT_FORMAT when it is neither. Borrowed from value. */
must_check int rewrite_destination(struct span authority, struct span value, struct span *path,
                                   struct span *query);

#endif
