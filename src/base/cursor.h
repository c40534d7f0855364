/* A reader over bytes we do not trust, and the writer that makes such bytes.
 *
 * The first short read marks the cursor bad and every later read yields zero, so a decoder reads
 * straight through and asks once, at the end, whether the whole message made sense. All integers
 * are big-endian. Borrows the bytes; owns nothing; needs no release. */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/macros.h"
#include "base/span.h"

struct cursor {
    struct span rest;
    bool bad;
};

struct cursor cursor_over(struct span bytes);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
/* Exactly len bytes; the empty span when there are fewer. */
struct span cursor_take(struct cursor *c, size_t len);
/* A u32 length and that many bytes; a length over cap marks the cursor bad. */
struct span cursor_bytes(struct cursor *c, size_t cap);
void cursor_fixed(struct cursor *c, void *into, size_t len);
/* 0 when every read succeeded and nothing is left over, or FAULT_FORMAT. */
must_check int cursor_finish(const struct cursor *c);

/* Writes into memory that the caller owns. The first write that does not fit marks it bad. */
struct writer {
    uint8_t *at;
    size_t cap;
    size_t len;
    bool bad;
};

struct writer writer_into(void *memory, size_t cap);
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_fixed(struct writer *w, const void *from, size_t len);
/* A u32 length and the bytes; bytes over cap mark the writer bad. */
void writer_bytes(struct writer *w, struct span bytes, size_t cap);
/* The number of bytes written, or FAULT_LIMIT. */
must_check int writer_finish(const struct writer *w);

#endif
