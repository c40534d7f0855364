/* A request, whatever HTTP version brought it: from here on nothing knows the version.
 *
 * Filled by h1_request_parse or h2_request_make. Everything lives in the request's arena. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/arena.h"
#include "http/header.h"

enum body_framing {
    BODY_NONE = 0,
    BODY_LENGTH,
    BODY_CHUNKED,
    BODY_UNTIL_CLOSE /* responses only */
};

struct request {
    struct span method; /* a token, as sent */
    struct span target; /* as sent: origin-form (or the path part of an absolute-form) and query */
    struct span path;   /* the target's path, as sent */
    struct span query;  /* without '?', as sent; has_query tells "/a?" from "/a" */
    bool has_query;
    struct span canonical; /* the one path that policy sees (http/uri.h) */
    struct span authority; /* the Host header, lower case: "host", "host:port", "[::1]:port" */
    struct span host;      /* authority without ":port"; an IPv6 address keeps its brackets */
    uint16_t port;         /* of authority, or 0 */
    unsigned minor;        /* HTTP/1.minor: 0 or 1; 1 in HTTP/2 */
    bool h2;               /* HTTP/2: its frames end bodies, and nothing in a head does */
    bool keep_alive;
    bool expect_continue;
    bool upgrade_websocket; /* a well-formed RFC 6455 handshake; … */
    bool upgrade_tunnel; /* … or one of our own (http/rawtunnel.h); other upgrades are ignored */
    enum body_framing framing;
    uint64_t length; /* with BODY_LENGTH */
    struct headers headers;
};

struct response {
    unsigned status; /* 100–599 */
    struct span reason;
    unsigned minor;
    bool keep_alive;
    enum body_framing framing;
    /* Content-Length, also where the framing is BODY_NONE because HEAD or 304 answers have no body
     * but say how long it would be. */
    bool has_length;
    uint64_t length;
    struct headers headers;
};

#endif
