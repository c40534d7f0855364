/* Who asks, as headers of the request to a console that is to be told.
 *
 *   Postern-Assertion   signed by the keeper (identity/assertion.h)
 *   Postern-User        name of the person, or "token:NAME"
 *   Postern-Groups      of a person, with commas between
 *   Postern-Assurance   none, password, mfa, phishing-resistant, hardware; token
 *   Postern-Auth-Time   of a person: when the login was proven, seconds since 1970
 *
 * The signed form proves itself. The plain ones are worth what the way to the console is worth: it
 * must accept requests from postern alone. Clients cannot send any of them, see http/hygiene.h.
 * Pure. */
#ifndef EDGE_IDENTITY_H
#define EDGE_IDENTITY_H

#include "base/buf.h"
#include "conf/snapshot.h"
#include "ipc/message.h"

/* Bytes of Postern-Groups. What does not fit is counted in Postern-Groups-Omitted, so that the list
 * is never taken for a complete one. */
#define IDENTITY_GROUPS_MAX 1024u

/* Appends the header lines that the route asks for. assertion: empty when there is none. A name
 * that is no header value marks the buffer bad. */
void identity_write(const struct route_def *route, const struct msg_view *who,
                    struct span assertion, struct buf *out);

#endif
