/* Trailer fields (RFC 9110 section 6.5): what may stand behind a chunked body and still count.
 *
 * A trailer that a server folds into the head would be an identity, a length or a cookie that
 * nobody has judged. So only fields of a short list pass, those that describe the body or its
 * making; and only when the message has announced them in Trailer. Pure. */
#ifndef HTTP_TRAILERS_H
#define HTTP_TRAILERS_H

#include "base/buf.h"
#include "http/header.h"

bool trailers_may(struct span name);
/* Appends the names that the message announces and that may pass, with commas between. How many. */
int trailers_announced(const struct headers *h, struct buf *out);
/* section: "name: value" CRLF …, as h1_body_keep() kept it. Appends the fields that may pass and
 * that h announces. FAULT_DENIED, nothing more appended, for a field that may not be a trailer,
 * when `strict`; it is left out otherwise. FAULT_LIMIT. */
must_check int trailers_write(const struct headers *h, struct span section, bool strict,
                              struct buf *out);

#endif
