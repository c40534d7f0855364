/* A sentence that a person typed, for others to read: a reason, a comment.
 *
 * It is shown in pages, mails and terminals beside what postern itself says, so that nothing in it
 * may look like more than its text: no line ends, no control characters, nothing that turns the
 * direction of writing or is not seen. Pure. */
#ifndef KEEPER_SENTENCE_H
#define KEEPER_SENTENCE_H

#include "base/macros.h"
#include "base/span.h"

/* The longest, in bytes. */
#define SENTENCE_MAX 1024u
#define SENTENCE_SIZE (SENTENCE_MAX + 1u)

/* Copies it into out, with one space for every run of what is left out. The length, 0 when nothing
 * is left; FAULT_FORMAT: not UTF-8; FAULT_LIMIT: longer than SENTENCE_MAX. */
must_check int sentence_read(struct span in, char out[SENTENCE_SIZE]);

#endif
