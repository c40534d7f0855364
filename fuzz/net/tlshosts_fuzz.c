/* The server_name extension of a stranger, and what is found by it.
 *
 * The invariant: whatever is found has a name that the certificates have, equal but for case, or a
 * wildcard that stands for exactly one label of what was asked. */
#include <stdlib.h>

#include "net/tlshosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool fact)
{
    if (!fact)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tlshosts *h = tlshosts_new();
    insist(h != NULL && tlshosts_add(h, SPAN("a.test"), 0) == 0 &&
           tlshosts_add(h, SPAN("*.b.test"), 1) == 0 && tlshosts_add(h, SPAN("x.b.test"), 2) == 0);
    struct span name = tlshosts_asked(span_of(data, size));
    insist(name.len == 0 || (name.len + 5 == size && name.at + name.len == data + size));
    const struct tlshost *host = tlshosts_find(h, name);
    if (host != NULL && host->pairs == 2)
        insist(name.len > 7 && span_find(name, '.') == name.len - 7 &&
               span_eq_nocase(span_sub(name, name.len - 7, SIZE_MAX), SPAN(".b.test")));
    else if (host != NULL)
        insist(span_eq_nocase(name, host->pairs == 1 ? SPAN("a.test") : SPAN("x.b.test")));
    /* A certificate's names are foreign, too. */
    insist(tlshosts_add(h, span_of(data, size), 3) == 0);
    size_t at = 0, count = 0;
    while (tlshosts_next(h, &at) != NULL)
        count++;
    insist(count == 3 || count == 4);
    tlshosts_free(h);
    return 0;
}
