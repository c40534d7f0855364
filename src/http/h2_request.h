/* HTTP/2 request heads: fields as HPACK gave them become the same struct request that HTTP/1.1
 * makes (RFC 9113 section 8). Pure: no session, no I/O.
 *
 * A head is held to what an HTTP/1.1 head is held to, and to what HTTP/2 adds: names in lower case,
 * pseudo headers once, first and complete, nothing that speaks of the connection, no blank around a
 * value. A request that breaks the version's own rules is malformed (section 8.1.1): its stream is
 * reset. One that is well-formed but not served gets an answer, the one HTTP/1.1 would get. */
#ifndef HTTP_H2_REQUEST_H
#define HTTP_H2_REQUEST_H

#include "http/h1.h"

enum h2_pseudo {
    H2_METHOD,
    H2_SCHEME,
    H2_AUTHORITY,
    H2_PATH,
    H2_PROTOCOL,
    H2_PSEUDO_COUNT,
};

/* One field section while it arrives. A connection needs one of them, because sections do not
 * interleave. */
struct h2_head {
    struct h1_limits limits;
    struct buf text; /* names and values */
    struct buf rows; /* struct h2_row, in h2_request.c */
    size_t count;    /* fields that are no pseudo headers */
    uint64_t bytes;  /* with 32 for each field (RFC 9113 section 6.5.2), kept or not */
    bool has[H2_PSEUDO_COUNT];
    struct {
        uint32_t at, len; /* in text */
    } pseudo[H2_PSEUDO_COUNT];
    bool too_large;        /* more than the limits allow: nothing further is kept */
    const char *malformed; /* why it is, or NULL; a static sentence */
};

void h2_head_init(struct h2_head *h);
void h2_head_fini(struct h2_head *h);
/* Forgets what was there: another section begins. */
void h2_head_begin(struct h2_head *h, const struct h1_limits *limits);
/* The next field. Never fails: what is wrong with it is said by h2_request_make. */
void h2_head_add(struct h2_head *h, struct span name, struct span value);

struct h2_request_more {
    bool end;       /* the request has no body (END_STREAM) */
    bool websocket; /* extended CONNECT is offered (RFC 8441) */
    /* For the Sec-WebSocket-Key that an HTTP/1.1 upstream is given; random. */
    uint8_t nonce[16];
};

/* Copies the section into the arena as a request. 0, or a negative fault with *status and *why as
 * h1_request_parse gives them; when h->malformed is set afterwards the stream is to be reset, and
 * *status is 400 for the record.
 *
 * Without Content-Length and END_STREAM the framing is BODY_CHUNKED: a body whose length nobody
 * knows. Cookie fields become one, joined by "; " (section 8.2.3). An extended CONNECT for a
 * WebSocket becomes the GET that opens one in HTTP/1.1, with a key of ours. */
must_check int h2_request_make(struct h2_head *h, const struct h2_request_more *more,
                               struct arena *a, struct request *ret, unsigned *status,
                               const char **why);
/* The same judgement for a trailer section: true when nothing is wrong with it. */
bool h2_trailers_ok(struct h2_head *h);
/* Appends one that is good as the lines that a chunked body would end with. FAULT_LIMIT. */
must_check int h2_trailers_lines(const struct h2_head *h, struct buf *out);

#endif
