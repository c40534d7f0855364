/* A sorted file of passwords that are known to attackers, of any size, searched where it lies.
 *
 * Two forms, told apart by the first line:
 *   - SHA-1 of a password in hexadecimal, whatever follows a ':' is ignored: the form in which the
 *     well-known collections of breached passwords are given away ("ordered by hash");
 *   - the passwords themselves, in the order of their bytes (LC_ALL=C sort).
 *
 * Nothing is loaded: a search reads about two dozen blocks, with pread and not through a mapping,
 * so that a file which is cut while it is used is a fault and no signal. A line that is longer than
 * WORDLIST_LINE_MAX is a fault. Opening it for each search costs nothing beside that, and a file
 * that was replaced is in force at once. */
#ifndef IDENTITY_WORDLIST_H
#define IDENTITY_WORDLIST_H

#include "base/macros.h"
#include "base/span.h"

#define WORDLIST_LINE_MAX 1024u
#define WORDLIST_BYTES_MAX (UINT64_C(1) << 40)

enum wordlist_form { WORDLIST_SHA1, WORDLIST_WORDS };

struct wordlist {
    int fd;
    uint64_t size;
    enum wordlist_form form;
};

/* -errno; FAULT_FORMAT: not a regular file, or empty; FAULT_LIMIT. Follows symbolic links. */
must_check int wordlist_open(const char *path, struct wordlist *ret);
void wordlist_close(struct wordlist *w);
/* As it was typed, and in lower-case letters (ASCII). -errno; FAULT_FORMAT, FAULT_LIMIT: not such a
 * file; FAULT_CRYPTO. */
must_check int wordlist_has(const struct wordlist *w, struct span password, bool *ret);
/* Is it in order? Looks at WORDLIST_SAMPLES places, or at all lines with `all` or when there are
 * few. *ret_lines (with all) and, on FAULT_FORMAT, *ret_at: the byte at which it is not. */
#define WORDLIST_SAMPLES 256u
must_check int wordlist_check(const struct wordlist *w, bool all, uint64_t *ret_lines,
                              uint64_t *ret_at);

#endif
