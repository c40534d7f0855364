/* Bytes we do not own: a pointer and a length, not terminated, possibly hostile.
 *
 * A span borrows; whoever gave it says how long it lives. The empty span is {NULL, 0}. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *at;
    size_t len;
};

#define SPAN(literal) ((struct span){(const uint8_t *)("" literal), sizeof(literal) - 1})
#define SPAN_NONE ((struct span){NULL, 0})
/* For printf("%.*s", SPAN_FMT(s)); only for bytes known to be printable. */
#define SPAN_FMT(s) (int)(s).len, (const char *)(s).at

static inline struct span span_of(const void *at, size_t len)
{
    return (struct span){at, len};
}

/* The bytes of a terminated string, without the terminator. NULL gives the empty span. */
static inline struct span span_str(const char *text)
{
    return text == NULL ? SPAN_NONE : (struct span){(const uint8_t *)text, strlen(text)};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool span_is(struct span a, const char *text)
{
    return span_eq(a, span_str(text));
}

/* ASCII case is ignored; other bytes compare as they are. */
bool span_eq_nocase(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);
bool span_starts_nocase(struct span s, struct span prefix);

/* Index of the first such byte, or SIZE_MAX. */
size_t span_find(struct span s, uint8_t byte);

/* The part from `from` on, at most `len` bytes; clamped, never outside s. */
struct span span_sub(struct span s, size_t from, size_t len);

/* Without leading and trailing spaces and tabs. */
struct span span_trim(struct span s);

/* Cuts s at the first `byte`: *head gets what stands before it, *s what stands after. Without the
 * byte *head gets everything and *s becomes empty. Returns false when *s was empty already. */
bool span_cut(struct span *s, uint8_t byte, struct span *head);

/* For hash tables inside one process; keyed per process, so that outsiders cannot build collisions.
 */
uint64_t span_hash(struct span s);

#endif
