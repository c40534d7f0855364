/* The way to a place on the network: a name becomes addresses, and one of them a connection.
 * Blocks; runs on a thread of the pool. */
#ifndef COURIER_REACH_H
#define COURIER_REACH_H

#include "base/addr.h"
#include "base/macros.h"

struct reach {
    /* What is asked. */
    const char *host; /* a name or an address */
    uint16_t port;
    uint64_t until_ms; /* monotonic */
    /* What was found. */
    struct addr address; /* that was tried last */
    char text[320];      /* why not, for a person */
};

/* A connected descriptor that does not block, or a fault with a text. Several addresses of a name
 * share the time. An address that nobody may be sent to (conf/egress.h) is FAULT_DENIED. */
must_check int reach_open(struct reach *r);
/* Until the descriptor is ready for these events of poll: 0, or FAULT_TIMEOUT. */
must_check int reach_wait(int fd, short events, uint64_t until_ms);

#endif
