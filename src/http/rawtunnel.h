/* Our own upgrade: HTTP/1.1 becomes two byte streams (RFC 9110 section 7.8).
 *
 *   GET /.postern/tunnel HTTP/1.1        HTTP/1.1 101 Switching Protocols
 *   Host: esx.gw.example:9443            Upgrade: postern-tunnel
 *   Connection: Upgrade                  Connection: Upgrade
 *   Upgrade: postern-tunnel
 *   Postern-Token: pst_…
 *
 * Behind the empty lines each direction carries the bytes of a TCP service, and ends by itself: TLS
 * close_notify stands for the end of that half. Any other status is a refusal, with its reason as
 * problem+json, and ends the connection. */
#ifndef HTTP_RAWTUNNEL_H
#define HTTP_RAWTUNNEL_H

#include "http/request.h"

#define RAWTUNNEL_PROTOCOL "postern-tunnel"
#define RAWTUNNEL_PATH "/.postern/tunnel"

/* Does r ask for it? Needs method, minor, framing and headers. Returns as websocket_request(). */
must_check int rawtunnel_request(const struct request *r);
/* Does this answer grant it? */
bool rawtunnel_granted(const struct response *r);

#endif
