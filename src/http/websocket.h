/* The WebSocket handshake (RFC 6455 section 4), seen from a gateway.
 *
 * What is inside the connection afterwards is none of its business: subprotocols and extensions
 * pass untouched, and after the 101 there are two byte streams. */
#ifndef HTTP_WEBSOCKET_H
#define HTTP_WEBSOCKET_H

#include "http/request.h"

/* Does r ask for a WebSocket? Needs method, minor, framing and headers. 1: a well-formed handshake;
 * 0: it asks for none (no Upgrade to websocket, or none that Connection names: RFC 9110 section 7.8
 * lets that be ignored, as in HTTP/1.0); FAULT_FORMAT: it asks in a way that two servers could
 * answer differently (not GET, a body, a key or version that is none, several protocols at once).
 */
must_check int websocket_request(const struct request *r);

/* SHA-1 of data into out, from whoever links a library that has it. 0 or a negative fault. */
typedef int (*websocket_sha1)(struct span data, uint8_t out[20]);

/* May this 101 be passed on, and the connection become a tunnel? FAULT_FORMAT with *why when the
 * request asked for none, or the answer is not a WebSocket's. sha1: proves that the upstream read
 * this very handshake; NULL leaves the value of Sec-WebSocket-Accept to the client, who checks it
 * in any case. */
must_check int websocket_answer(const struct request *r, const struct response *answer,
                                websocket_sha1 sha1, const char **why);

#endif
