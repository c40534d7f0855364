/* Secrets: bytes that must not be swapped, dumped, compared early or left behind.
 *
 * A struct secret lives in memory of its own that is locked, left out of core dumps and wiped at
 * the end. There is no copy function on purpose. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/macros.h"
#include "base/span.h"

struct secret {
    uint8_t *at; /* mmap'ed, locked when the system allows it */
    size_t len;
    size_t mapped;
};

/* len zero bytes. 0 or -ENOMEM. */
must_check int secret_init(struct secret *s, size_t len);
/* Wipes and unmaps; safe on a zeroed struct and twice. */
void secret_fini(struct secret *s);
static inline struct span secret_view(const struct secret *s)
{
    return span_of(s->at, s->len);
}

/* Zeroes memory in a way that the compiler may not leave out. */
void secret_wipe(void *at, size_t len);
/* Compares in time that depends on the lengths only. */
bool secret_eq(struct span a, struct span b);
/* Reads a whole file of at most max bytes, one final newline removed. Refuses a file that others
 * can read or write, or that belongs to a stranger: its mode may give nothing to others, and to the
 * group at most reading of a file that root owns. Root itself reads anybody's. FAULT_DENIED. */
must_check int secret_read_file(struct secret *s, const char *path, size_t max);

#endif
