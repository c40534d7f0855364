/* JSON as the API accepts it (RFC 8259, narrowed): one object, no duplicate keys, bounded depth.
 *
 * Two readers of one document must never see two different things, so a repeated key is refused.
 * The depth is counted before the library parses, because its own bound is the stack's, not ours.
 */
#ifndef KEEPER_JSON_H
#define KEEPER_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "base/macros.h"

#define JSON_BODY_MAX (64u * 1024)
/* Over the control socket a whole policy comes at once. */
#define JSON_HOST_MAX (4u * 1024 * 1024)
#define JSON_DEPTH_MAX 16u

/* Parses text into *ret, which must be an object. 0, FAULT_LIMIT (size or depth) or FAULT_FORMAT;
 * in the latter cases why (NULL or why_len bytes) says it in a sentence. */
must_check int json_read(struct span text, json_t **ret, char *why, size_t why_len);
/* The same of at most `most` bytes. */
must_check int json_read_most(struct span text, size_t most, json_t **ret, char *why,
                              size_t why_len);
/* Appends the compact text. 0, FAULT_LIMIT or -ENOMEM. */
must_check int json_write(const json_t *value, struct buf *out);
/* The bytes of a JSON string, or the empty span. Borrowed from the value. */
struct span json_span(const json_t *value);
/* A JSON string from bytes; what is not UTF-8 becomes '?'. NULL without memory. */
json_t *json_text(struct span bytes);
/* object[key] = value; takes the value even on failure. A NULL value is a failure: -ENOMEM. */
int json_put(json_t *object, const char *key, json_t *value);
int json_push(json_t *array, json_t *value);
/* "2026-03-01T12:34:56Z" from wall milliseconds; null for 0. */
json_t *json_time_ms(uint64_t wall_ms);
json_t *json_time(uint64_t wall_seconds);
/* The items of text with one item a line, as an array of strings. */
json_t *json_lines(struct span lines);

static inline void json_release(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}

#endif
