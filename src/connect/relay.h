/* Two byte streams between a local socket and a tunnel, until both have ended.
 *
 * Each half ends by itself: the end of the local stream becomes close_notify and the other way
 * round. A stream that was cut is never made to look complete: the other side is cut as well. */
#ifndef CONNECT_RELAY_H
#define CONNECT_RELAY_H

#include <openssl/ssl.h>

#include "base/buf.h"

/* Both non-blocking. early: bytes that came with the tunnel's answer; consumed. 0 when both halves
 * ended in good order; a fault when either was cut (the caller resets the local side). */
must_check int relay_run(int local, SSL *tunnel, struct buf *early);

#endif
