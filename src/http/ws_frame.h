/* Where WebSocket frames begin and end (RFC 6455 section 5.2), in one direction of a tunnel.
 *
 * A gateway that must end a tunnel may say so with a close frame of its own, but only between two
 * frames: inside one it would be taken for payload. So the headers are read as the bytes pass,
 * split wherever they are; payload is counted, never looked at, and nothing is kept. Extensions
 * (the RSV bits) do not move frame boundaries and are not judged.
 *
 * What is not WebSocket framing ends the tracking for good: the bytes still pass, as they did
 * before, but nothing may be put between them any more. Pure; owns nothing. */
#ifndef HTTP_WS_FRAME_H
#define HTTP_WS_FRAME_H

#include "base/span.h"

/* Begin as {0}: between two frames. */
struct ws_frame {
    uint8_t state;   /* private */
    uint8_t op;      /* of the present frame */
    uint8_t width;   /* of its length field, when that is longer than a byte */
    uint8_t missing; /* bytes that the present part of the header still needs */
    bool masked;     /* the present frame has a masking key */
    bool fragmented; /* inside a message whose last fragment has not come */
    bool closed;     /* a close frame began: its sender may send nothing behind it */
    bool lost;       /* not WebSocket framing */
    uint64_t length; /* of the payload, as far as the header has told; then what has not passed */
};

/* These bytes pass. */
void ws_frame_feed(struct ws_frame *f, struct span bytes);
/* May a frame be put here? */
bool ws_frame_between(const struct ws_frame *f);
/* At least so many bytes must pass before a frame may be put here; 0: it may be now, or never will.
 * Reading just that many never goes past the end of the present frame. */
uint64_t ws_frame_rest(const struct ws_frame *f);

/* The greatest close frame: header, masking key, code, reason (section 5.5.1). */
#define WS_CLOSE_MAX 131
/* Writes a close frame with this code and reason (at most 123 bytes of UTF-8; a longer one is left
 * out) and returns its length. mask: 4 unpredictable bytes, for the direction towards a server;
 * NULL towards a client (section 5.3). */
size_t ws_frame_close(uint8_t out[WS_CLOSE_MAX], uint16_t code, const char *reason,
                      const uint8_t mask[4]);

#endif
