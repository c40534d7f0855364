/* Frames on a control socket: a big-endian u32 length and that many bytes.
 *
 * The length comes from outside and sizes nothing: the input buffer was born with its maximum, and
 * a frame that does not fit into it is refused as soon as its four length bytes are there. An empty
 * frame means nothing and is refused too. */
#ifndef KEEPER_FRAME_H
#define KEEPER_FRAME_H

#include "base/buf.h"

#define FRAME_HEADER 4u
/* A request: a whole policy and room for method, path and query around it. */
#define FRAME_REQUEST_MAX (4u * 1024 * 1024 + 32u * 1024)
/* An answer: the largest page of records and its JSON. */
#define FRAME_ANSWER_MAX (4u * 1024 * 1024)

/* 1: *payload is the first complete frame in `in` (borrowed, good until `in` is touched), and
 * *taken says how many bytes to consume afterwards. 0: more bytes are needed. FAULT_FORMAT: an
 * empty frame. FAULT_LIMIT: longer than max. */
must_check int frame_next(const struct buf *in, size_t max, struct span *payload, size_t *taken);

/* Appends one frame. 0, FAULT_LIMIT or -ENOMEM. */
must_check int frame_put(struct buf *out, struct span payload);

#endif
