/* Is this CBOR (RFC 8949) that may be handed to a library?
 *
 * libcbor and libfido2 believe the length that an array or a map announces and allocate room for
 * it, and follow nesting as deep as it goes: nine bytes can ask for gigabytes. So everything from
 * outside is walked here first, without allocating: each announced length must be covered by bytes
 * that are there, and depth and number of items are bounded. What authenticators make (the CTAP2
 * canonical form) has neither indefinite lengths nor tags; both are refused. */
#ifndef IDENTITY_CBORSHAPE_H
#define IDENTITY_CBORSHAPE_H

#include "base/macros.h"
#include "base/span.h"

#define CBORSHAPE_DEPTH 5u
#define CBORSHAPE_ITEMS 256u

/* The length of the one item at the start of bytes, at least 1. FAULT_FORMAT: it is cut short, or
 * uses a form that is refused; FAULT_LIMIT: too deep or too many items. */
must_check int cborshape_item(struct span bytes);

#endif
