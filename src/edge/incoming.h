/* By which interface did a connection come in?
 *
 * The kernel remembers it of the packet that completed the connection, for listening sockets that
 * were asked to (ip(7) IP_PKTINFO; RFC 3542 section 6.2 and its predecessor for IPv6). It remembers
 * a number; the name comes from binding the connection to that device, which also sees to it that
 * the rest of it comes in there, and needs neither files nor netlink. */
#ifndef EDGE_INCOMING_H
#define EDGE_INCOMING_H

#include "base/addr.h"
#include "conf/snapshot.h"

/* Connections of this listening socket will tell, or not. Those that are waiting to be accepted do
 * not. */
void incoming_ask(int listening, bool on);
/* Of an accepted connection of this peer; "" when it cannot be told. Once for each connection. */
void incoming_interface(int fd, const struct addr *peer, char out[INTERFACE_SIZE]);

#endif
