/* The field lines of a head, shared by requests and responses. Private to h1_*.c. */
#ifndef HTTP_H1_FIELDS_H
#define HTTP_H1_FIELDS_H

#include "base/arena.h"
#include "http/request.h"

struct h1_fields {
    struct headers headers;
    uint64_t seen;  /* bit id: a header with this id occurred */
    uint64_t twice; /* … more than once */
    uint16_t first[HEADER_COUNT];
    size_t room; /* allocated headers */
};

_Static_assert(HEADER_COUNT <= 64, "the sets of h1_fields have one bit for each known header");

#define H1_BIT(id) (UINT64_C(1) << (id))

static inline bool h1_seen(const struct h1_fields *f, enum header_id id)
{
    return (f->seen & H1_BIT(id)) != 0;
}

/* The first value with this id; only when seen. */
static inline struct span h1_value(const struct h1_fields *f, enum header_id id)
{
    return f->headers.at[f->first[id]].value;
}

/* Adds one; the spans are kept as they are. FAULT_LIMIT past `max`, or -ENOMEM. */
must_check int h1_fields_add(struct h1_fields *f, struct span name, struct span value, size_t max,
                             struct arena *a);
/* Reads lines from `text` up to and with the empty line, which must be its end. At most `max`
 * headers. The spans borrow from text. FAULT_FORMAT, FAULT_LIMIT (too many) or -ENOMEM, with *why.
 */
must_check int h1_fields_parse(struct span text, size_t max, struct arena *a, struct h1_fields *ret,
                               const char **why);

/* What Content-Length, Transfer-Encoding and Connection say, by the rules that both directions
 * share: one Content-Length of digits, or one Transfer-Encoding that is "chunked", never both, and
 * no Transfer-Encoding before HTTP/1.1. *framing is BODY_NONE when neither is there. */
must_check int h1_fields_framing(const struct h1_fields *f, unsigned minor,
                                 enum body_framing *framing, uint64_t *length, const char **why);
bool h1_fields_keep_alive(const struct h1_fields *f, unsigned minor);

#endif
