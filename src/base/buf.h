/* A growing run of bytes with a hard maximum that is part of its type.
 *
 * Append at the end, consume at the front. A failed append leaves the contents as they were and
 * marks the buffer bad, so that a builder may append freely and ask once. buf_fini wipes when the
 * buffer was made secret. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/macros.h"
#include "base/span.h"

struct buf {
    uint8_t *at; /* heap, or NULL */
    size_t head; /* bytes before this index are consumed */
    size_t tail; /* one past the last byte */
    size_t cap;  /* allocated */
    size_t max;  /* never hold more than this */
    bool bad;    /* an append failed: FAULT_LIMIT or no memory */
    bool wipe;   /* zero the memory before it is given back */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
static inline size_t buf_len(const struct buf *b)
{
    return b->tail - b->head;
}
static inline struct span buf_view(const struct buf *b)
{
    return span_of(b->at == NULL ? NULL : b->at + b->head, b->tail - b->head);
}
/* Room for at least len more bytes; the pointer is good until the next call. NULL when not
 * possible. */
uint8_t *buf_reserve(struct buf *b, size_t len);
/* len bytes were written at the reserved place. */
void buf_commit(struct buf *b, size_t len);
int buf_append(struct buf *b, struct span bytes);
int buf_text(struct buf *b, const char *text);
int buf_byte(struct buf *b, uint8_t byte);
int buf_printf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
/* Drops len bytes from the front. */
void buf_consume(struct buf *b, size_t len);
void buf_clear(struct buf *b);
/* Gives the memory back when the buffer is empty: an idle connection holds none. */
void buf_release_idle(struct buf *b);
/* Terminates and hands over the heap string; the buffer is empty afterwards. NULL when bad. */
char *buf_take_string(struct buf *b);

#endif
