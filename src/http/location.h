/* Location, Content-Location and Refresh: the upstream's own origin becomes ours.
 *
 * A console builds absolute addresses from what it knows of itself: its address and port, the Host
 * it was given, plain http because that is how it was asked. Such addresses would lead browsers
 * past the gateway, or nowhere, and tell what stands behind it. Relative and foreign ones stay as
 * they are. */
#ifndef HTTP_LOCATION_H
#define HTTP_LOCATION_H

#include "base/addr.h"
#include "base/buf.h"

struct location_map {
    const struct addr *upstream; /* NULL: it has none */
    uint16_t upstream_port;
    struct span upstream_host; /* the Host that the upstream was given; empty when it was ours */
    struct span authority;     /* ours, as the client knows it */
};

/* Appends the value of a Location or Content-Location as the client may see it. 1 when it changed,
 * 0 when it is as it was, FAULT_LIMIT. */
must_check int location_rewrite(const struct location_map *m, struct span value, struct buf *out);
/* The same for Refresh: "5; url=…". */
must_check int location_rewrite_refresh(const struct location_map *m, struct span value,
                                        struct buf *out);

#endif
