/* HTTP/1.1, strictly: bytes in, meaning out, no I/O (RFC 9112, RFC 9110).
 *
 * One meaning or none: whatever two readers could understand differently is refused, never
 * repaired. */
#ifndef HTTP_H1_H
#define HTTP_H1_H

#include "base/arena.h"
#include "base/buf.h"
#include "http/request.h"

/* ---- heads ---- */

struct h1_limits {
    size_t head_bytes; /* whole head: 431 past it; a request line past 8 KiB of target is 414 */
    size_t header_count;
};

/* Looks for the end of a head in `in`. *scanned remembers how far earlier calls looked (start at 0).
 * Returns the length of the head including its empty line, 0 when more bytes are needed, or a
 * negative fault when it is already clear that this cannot become a valid head (bare CR or LF, NUL,
 * too large). On a fault *status is the answer to give (400, 431, 414). */
must_check int h1_head_find(struct span in, size_t *scanned, const struct h1_limits *limits,
                            unsigned *status);
/* Parses a complete head. Copies it into the arena; the request's spans point there. 0, or a negative
 * fault with *status (400, 414, 431, 501, 505, 417) and *why (a static sentence for the log). The
 * canonical path is computed here; a target with no single meaning is a 400. */
must_check int h1_request_parse(struct span head, const struct h1_limits *limits, struct arena *a,
                                struct request *ret, unsigned *status, const char **why);
/* method: of the request that this answers (HEAD and CONNECT change the framing). A fault means that
 * the upstream is not to be trusted with this connection: 502. */
must_check int h1_response_parse(struct span head, struct span method, struct arena *a,
                                 struct response *ret, const char **why);

/* ---- bodies ---- */

/* Takes the framing off a body. Feed bytes in; take data out; nothing is buffered. */
struct h1_body {
    enum body_framing framing;
    uint64_t left;      /* of the length or of the present chunk */
    int state;          /* private */
    uint32_t line;      /* bytes of the present chunk line or trailer section */
    bool done;
    uint64_t total;     /* data bytes so far */
};

void h1_body_init(struct h1_body *b, enum body_framing framing, uint64_t length);
/* Consumes from *in and gives at most one run of data in *data (borrowed from in; may be empty).
 * Call until *in is empty or b->done. Bytes after the end stay in *in. 0, or a negative fault: the
 * framing is broken (bad chunk size, overflow, extension over 64 bytes, trailers over 4 KiB or not
 * well-formed, bare CR or LF). Trailers are checked and dropped. BODY_UNTIL_CLOSE never sets done;
 * the end of the connection does. */
must_check int h1_body_feed(struct h1_body *b, struct span *in, struct span *data);
/* Appends one chunk (head, data, CRLF); an empty span appends the last chunk "0\r\n\r\n". */
must_check int h1_chunk_write(struct buf *out, struct span data);

/* ---- writing heads ---- */

must_check int h1_write_header(struct buf *out, struct span name, struct span value);
const char *h1_status_text(unsigned status);

#endif
