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

/* A longer request target is a 414. */
#define H1_TARGET_MAX 8192

struct h1_limits {
    size_t head_bytes; /* whole head: 431 past it */
    size_t header_count;
};

/* Looks for the end of a head in `in`. *scanned remembers how far earlier calls looked (start at 0;
 * `in` must begin with the same bytes each time). Returns the length of the head including its
 * empty line, 0 when more bytes are needed, or a negative fault when it is already clear that this
 * cannot become a valid head (bare CR or LF, NUL or another control byte, too large). On a fault
 * *status is the answer to give (400, 431, 414). One empty line before the head counts as part of
 * it (RFC 9112 section 2.2); requests may begin so, responses may not. */
must_check int h1_head_find(struct span in, size_t *scanned, const struct h1_limits *limits,
                            unsigned *status);
/* Parses a complete head. Copies it into the arena; the request's spans point there. 0, or a
 * negative fault with *status and *why (a static sentence for the log). The canonical path is
 * computed here. After a fault *ret holds what was read so far and is good for nothing but the log.
 *
 *   400  no single meaning, or none. Also: no Host (in HTTP/1.0 too), Connection that names an
 *        end-to-end header, a WebSocket handshake that is not well-formed
 *   405  CONNECT, TRACE      501  a method that is not registered      505  not HTTP/1.0 or 1.1
 *   414  target too long     417  Expect other than 100-continue       431  too large, too many
 * headers 503  no memory
 *
 * OPTIONS * (and OPTIONS with an absolute-form target without a path) has "*" as target, path and
 * canonical: no rule can name it, so it is never proxied. */
must_check int h1_request_parse(struct span head, const struct h1_limits *limits, struct arena *a,
                                struct request *ret, unsigned *status, const char **why);
/* method: of the request that this answers (HEAD changes the framing). A fault means that the
 * upstream is not to be trusted with this connection: 502. 1xx answers are parsed like others:
 * status tells them, and a final one follows, but for 101. */
must_check int h1_response_parse(struct span head, struct span method, struct arena *a,
                                 struct response *ret, const char **why);

/* ---- bodies ---- */

/* Takes the framing off a body. Feed bytes in; take data out; nothing is buffered. */
struct h1_body {
    enum body_framing framing;
    uint64_t left; /* of the length or of the present chunk */
    int state;     /* private; negative: broken */
    uint32_t line; /* bytes of the present size, extension or trailer section */
    bool done;
    uint64_t total; /* data bytes so far */
    uint8_t *kept;  /* the trailer section, when somebody wants it; or NULL */
    uint32_t kept_len;
};

/* The greatest trailer section. */
#define H1_TRAILERS_MAX 4096u

void h1_body_init(struct h1_body *b, enum body_framing framing, uint64_t length);
/* Consumes from *in and gives at most one run of data in *data (borrowed from in; may be empty).
 * Call until *in is empty or b->done. Bytes after the end stay in *in. 0, or a negative fault: the
 * framing is broken (bad chunk size, overflow, extension over 64 bytes, trailers over 4 KiB or not
 * well-formed, bare CR or LF). Trailers are checked, and dropped unless kept. BODY_UNTIL_CLOSE
 * never sets done; the end of the connection does. */
must_check int h1_body_feed(struct h1_body *b, struct span *in, struct span *data);
/* Takes the framing off everything in *in, moving the runs of data together where they lie (most
 * often there is one and nothing moves), so *in must be the caller's to change. Bytes after the end
 * stay in *in. As above otherwise. */
must_check int h1_body_unframe(struct h1_body *b, struct span *in, struct span *data);
/* Keeps the lines of the trailer section in room (H1_TRAILERS_MAX bytes), which must live as long
 * as b is fed: "name: value" CRLF for each, without the empty line. */
void h1_body_keep(struct h1_body *b, uint8_t *room);
static inline struct span h1_body_trailers(const struct h1_body *b)
{
    return span_of(b->kept, b->kept_len);
}
/* Appends the last chunk with a trailer section, lines as they are. FAULT_LIMIT */
must_check int h1_last_chunk_write(struct buf *out, struct span trailers);
/* Appends one chunk (head, data, CRLF); an empty span appends the last chunk "0\r\n\r\n". */
must_check int h1_chunk_write(struct buf *out, struct span data); /* FAULT_LIMIT */

/* ---- writing heads ---- */

/* "name: value" CRLF. FAULT_FORMAT, and nothing written, when the name is not a token or the value
 * has a control byte: no answer can be split here. FAULT_LIMIT. */
must_check int h1_write_header(struct buf *out, struct span name, struct span value);
/* The reason phrase; "Unknown" for a status without one. */
const char *h1_status_text(unsigned status);

#endif
