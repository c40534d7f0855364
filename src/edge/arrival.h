/* A connection that came through a proxy, before anybody knows whose it is.
 *
 * On a listener with proxy_protocol every connection begins with a PROXY header (net/proxyproto.h),
 * and only addresses of trusted_proxies may send one. Whatever is otherwise is closed without an
 * answer: a peer that is not trusted, a header that is none or does not say whose the connection
 * is, one that does not come within the time of a handshake. With the client's address the
 * connection goes through the early gate like one that came directly; not a byte behind the header
 * has been taken from the socket by then.
 *
 * It counts among the connections of the edge and the listener. */
#ifndef EDGE_ARRIVAL_H
#define EDGE_ARRIVAL_H

#include "edge/edge.h"

struct listener;

/* Takes fd. The listener serves (listener_serves). */
void arrival_open(struct listener *l, int fd, const struct addr *peer);
/* Closes all of them. */
void arrivals_close(struct edge *e);

#endif
