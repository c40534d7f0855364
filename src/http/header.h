/* Headers: names, values, and the ids of those that postern treats in a special way. */
#ifndef HTTP_HEADER_H
#define HTTP_HEADER_H

#include "base/span.h"

/* id, name. The list is in http/headers.def: HEADER(HOST, "host") …; HEADER_OTHER is 0. */
enum header_id {
    HEADER_OTHER = 0,
#define HEADER(ID, name) HEADER_##ID,
#include "http/headers.def"
#undef HEADER
    HEADER_COUNT
};

struct header {
    struct span name;  /* as sent */
    struct span value; /* without surrounding blanks */
    enum header_id id;
};

struct headers {
    struct header *at;
    size_t count;
};

/* Case is ignored; any other spelling ("content_length") is HEADER_OTHER. Constant time in the
 * number of known names. */
enum header_id header_find_id(struct span name);
/* Lower case, static; "" for HEADER_OTHER. */
const char *header_id_name(enum header_id id);
/* The first with this id, or NULL. */
const struct header *headers_find(const struct headers *h, enum header_id id);
size_t headers_count(const struct headers *h, enum header_id id);
/* Does the comma-separated list in value hold this token (case ignored)? */
bool header_has_token(struct span value, const char *token);
/* The same over every header with this id: repeated list headers are one list (RFC 9110
 * section 5.3). */
bool headers_have_token(const struct headers *h, enum header_id id, const char *token);

#endif
