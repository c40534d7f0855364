/* Connections to sockets in the file system, made for edges.
 *
 * An edge runs under the account that the control sockets belong to, and Landlock does not say
 * which sockets a process may reach by path. So an edge has no such sockets at all: it asks, and
 * gets a connection to what stands in the snapshot in force. */
#ifndef SUPERVISOR_DIAL_H
#define SUPERVISOR_DIAL_H

#include "supervisor/supervisor.h"

/* DIAL. */
must_check int dial_asked(struct child *c, struct message *m);

#endif
